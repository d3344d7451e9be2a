"""Gates of the combined visit."""
