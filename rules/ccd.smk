# CCD: bias, read noise, dark, hot pixels, dark-subtracted science frames.


def ccd_products(item):
    """Products of a CCD item."""
    return []
