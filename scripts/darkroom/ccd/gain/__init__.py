"""Gain, full well and linearity from pairs of flats."""
