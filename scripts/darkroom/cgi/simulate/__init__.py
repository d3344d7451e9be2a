"""Simulated frames of the coronagraph's camera (EXCAM) with known truth."""
