"""WFC3/IR files: image sets, reads, and masks of reads."""
