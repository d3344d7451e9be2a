"""NIRCam's detectors: read-out clock, subarrays, data-quality flags."""
