"""The superbias: the level of each pixel after its reset."""
