"""Figures of NIRCam's superbias and read noise."""
