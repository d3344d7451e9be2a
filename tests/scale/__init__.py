"""Thousands of jobs."""
