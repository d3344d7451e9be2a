"""A simulated CCD or CMOS camera whose truth is known."""
