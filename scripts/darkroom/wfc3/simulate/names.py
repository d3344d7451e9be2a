"""Subarrays, sample sequences, filters and kinds of light of the WFC3/IR simulator."""

from __future__ import annotations

#: Pixels a side inside the border of 5, and seconds of a read, by SUBTYPE.
SUBARRAYS = {
    "FULLIMAG": (1014, 2.932),
    "SQ512SUB": (512, 0.853),
    "SQ256SUB": (256, 0.278),
    "SQ128SUB": (128, 0.113),
    "SQ64SUB": (64, 0.061),
}
BORDER = 5
FULL_SIDE = 1014
_SPARS, _STEP = (5, 10, 25, 50, 100, 200), (25, 50, 100, 200, 400)
#: Sample sequences by name.
SEQUENCES = ("RAPID", *(f"SPARS{n}" for n in _SPARS), *(f"STEP{n}" for n in _STEP))
MOST_READS = 16
#: What may happen to the light during an exposure.
LIGHTS = ("nominal", "start", "end", "airglow", "trail", "none")
#: What an aborted exposure has in the place of reads that were not taken.
LEFTOVERS = ("frozen", "zeros")
#: Pivot wavelength (A), inverse sensitivity (erg/cm2/A/e-) and width (A) of the filters, about.
FILTERS = {
    "F098M": (9864.1, 6.04e-20, 500.9),
    "F105W": (10551.0, 3.03e-20, 845.6),
    "F110W": (11534.0, 1.53e-20, 1428.5),
    "F125W": (12486.0, 2.25e-20, 866.3),
    "F140W": (13923.0, 1.47e-20, 1132.4),
    "F160W": (15370.0, 1.93e-20, 826.3),
}
