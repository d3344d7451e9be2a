"""Figures: one style, and functions that draw images, histograms and series from arrays."""
