"""The dark rate of a CCD from frames of several exposure times, and the pixels that stand out."""
