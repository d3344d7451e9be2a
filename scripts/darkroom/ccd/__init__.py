"""CCD calibration: bias, read noise, dark rate, hot pixels, dark-subtracted science frames."""
