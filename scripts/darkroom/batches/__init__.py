"""Exposures that travel through a step many at a time, each with a job and a result of its own."""
