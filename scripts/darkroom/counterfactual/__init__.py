"""A candidate file against the current one, through what consumes it, on exposures held out."""
