"""Figures: one style, pure drawing functions, and the set of figures each road shows."""
