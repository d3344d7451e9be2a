"""Amplifiers of a frame: which part is the image, which the overscan, and what is subtracted."""
