"""Gates of the CCD products."""
