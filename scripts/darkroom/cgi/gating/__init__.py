"""Gates of the noise maps."""
