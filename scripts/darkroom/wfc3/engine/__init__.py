"""The calibration of a WFC3/IR ramp, bit for bit as calwf3's."""
