"""Stacking of frames: clipped mean, median, standard deviation and counts of each pixel.

Light to import: the compiled code is loaded at the first use.
"""

from darkroom.combine.block import Combined, clip_block
from darkroom.combine.clip import Clip
from darkroom.combine.engine import combine_array, combine_stack

__all__ = ["Clip", "Combined", "clip_block", "combine_array", "combine_stack"]
