"""The numbered faults of the attack on darkroom, each with its tests and a reproduction."""
