"""The exposures of a visit combined with AstroDrizzle."""
