"""Gates of the NIRCam products."""
