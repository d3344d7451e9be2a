"""The dark current of NIRCam's pixels, from dark ramps."""
