"""Figures of the WFC3/IR road."""
