"""A campaign: its settings, lock and pins, and which exposures were accepted."""
