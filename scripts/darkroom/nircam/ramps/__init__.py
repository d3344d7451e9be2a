"""Ramps of NIRCam darks: reading, sorting pixels into classes, robust statistics."""
