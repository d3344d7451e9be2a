"""The figures of a WFC3/IR item and the text beside them."""
