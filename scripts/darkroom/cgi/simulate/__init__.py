"""A simulated EXCAM camera whose truth is known."""
