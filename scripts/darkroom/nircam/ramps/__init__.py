"""Ramps of NIRCam darks: reading, classes of pixels, robust statistics, tests for drift."""
