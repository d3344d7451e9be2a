"""Superbias and read noise against the current files, through the steps of the JWST pipeline."""
