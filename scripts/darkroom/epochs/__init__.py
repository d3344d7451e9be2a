"""Series of epochs: what changed and when, and from which day a file should serve."""
