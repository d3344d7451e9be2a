"""Best references, and a verified cache of them (CRDS)."""
