"""Parts shared by the simulators of all instruments: seeded raw exposures with known truth."""
