"""A dark or a flat of WFC3/IR against the one in use, on the exposures of a visit."""
