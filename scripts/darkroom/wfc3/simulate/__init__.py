"""Simulated WFC3/IR exposures whose truth is known."""
