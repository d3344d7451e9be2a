"""Reference pixels: stability, and the corrections that use them."""
