"""The CCD products as FITS files: images, tables, provenance."""
