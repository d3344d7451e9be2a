"""Campaigns that bring exposures and references from servers on the same machine."""
