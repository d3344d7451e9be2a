"""Gates: is a product sound, judged by the exposures it was made of, and what would have been seen.

The unit of chance is one reset of the detector: a ramp, a frame. Pixels of one unit share noise, so
their number says little about how well a mean over them is known.
"""
