"""The bad pixels of NIRCam's detectors, from dark ramps."""
