"""The dark rate of a CCD from frames of several exposure times, and hot and unstable pixels."""
