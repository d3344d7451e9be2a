"""Simulated NIRCam darks whose truth is known."""
