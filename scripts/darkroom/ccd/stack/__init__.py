"""Stacks of like CCD frames: survey, master frames, read noise."""
