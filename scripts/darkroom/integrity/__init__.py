"""Bytes that are read are those that were written: records of files, and their comparison."""
