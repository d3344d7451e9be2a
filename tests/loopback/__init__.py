"""Archives on this machine that speak the protocols of the real ones, for tests."""
