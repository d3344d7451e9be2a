"""Reads spoiled by time-variable background: measured, chosen, treated."""
