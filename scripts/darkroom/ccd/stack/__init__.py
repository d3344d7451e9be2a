"""Stacks of CCD frames of one exposure time: offsets, master frames, read noise."""
