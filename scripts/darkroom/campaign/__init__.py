"""A campaign: its settings, lock, pins, and what came of each exposure."""
