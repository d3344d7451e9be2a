"""Judging exposures before they count: by header, by structure, and against their siblings."""
