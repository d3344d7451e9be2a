"""Where exposures come from: a local folder, MAST, or the simulators."""
