"""WFC3/IR: reads, masks, the calibration of ramps."""
