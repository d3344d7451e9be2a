"""The figures of a CCD item and the text beside them."""
