"""WFC3/IR superdarks: the dark current of each read, from many darks of one sample sequence."""
