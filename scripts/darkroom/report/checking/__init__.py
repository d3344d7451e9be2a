"""Checking every file of a campaign against what is recorded of it."""
