"""NIRCam: superbias, read noise, 1/f noise, reference pixels of dark exposures."""
