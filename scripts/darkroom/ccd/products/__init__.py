"""The CCD products as files: images, tables, provenance."""
