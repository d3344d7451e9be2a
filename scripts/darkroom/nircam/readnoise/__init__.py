"""The read noise of each pixel."""
