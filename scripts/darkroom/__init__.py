"""Detector exposures to calibration products: pure functions over arrays, no workflow in them."""

__version__ = "0.2.0"
