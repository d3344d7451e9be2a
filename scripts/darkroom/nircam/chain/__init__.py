"""The detector steps of the JWST pipeline on raw ramps, bit for bit, by bands of rows.

Written from a description of the steps in words and formulas, see ``docs/nircam-engine.md``.
"""
