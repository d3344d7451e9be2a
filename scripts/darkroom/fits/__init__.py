"""Reading, verifying and writing FITS files."""
