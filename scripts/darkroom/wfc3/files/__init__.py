"""WFC3/IR files: image sets, reads, masks."""
