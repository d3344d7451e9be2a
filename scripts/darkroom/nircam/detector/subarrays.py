"""Where NIRCam's subarrays lie on each detector, in the DMS frame.

The corners follow from the reference points of the observatory's public aperture file (SIAF). The
header of a real exposure gives its own corner; this table serves simulated exposures.
"""

from __future__ import annotations

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import ORIENTATION, OUTPUTS, SIZE, Readout

_SQUARE = {"SUB160": 160, "SUB320": 320, "SUB640": 640}
# The corner of each detector that is nearest to the centre of its module: (right, top).
_INNER_CORNER = {
    "NRCA1": (True, True),
    "NRCA2": (True, False),
    "NRCA3": (False, True),
    "NRCA4": (False, False),
    "NRCB1": (False, False),
    "NRCB2": (False, True),
    "NRCB3": (True, False),
    "NRCB4": (True, True),
}
# One long-wave detector covers the whole module: its square subarrays lie near the centre.
_LONG_CENTRE = {"NRCALONG": (1025, 1025), "NRCBLONG": (1013, 1021)}
# Subarrays for point sources: first column and first row, counted from 1.
_POINT = {
    ("NRCA3", "SUB64P"): (1, 101),
    ("NRCA3", "SUB160P"): (1889, 1),
    ("NRCA3", "SUB400P"): (1649, 1),
    ("NRCALONG", "SUB64P"): (1046, 1),
    ("NRCALONG", "SUB160P"): (1889, 1),
    ("NRCALONG", "SUB400P"): (1649, 1),
    ("NRCB1", "SUB64P"): (1851, 1817),
    ("NRCB1", "SUB160P"): (1803, 1769),
    ("NRCB1", "SUB400P"): (1649, 1649),
    ("NRCBLONG", "SUB64P"): (1944, 1931),
    ("NRCBLONG", "SUB160P"): (1889, 1889),
    ("NRCBLONG", "SUB400P"): (1649, 1649),
}
_POINT_SIZE = {"SUB64P": 64, "SUB160P": 160, "SUB400P": 400}
# Full-width stripes from the bottom row up, read through all four outputs; they contain no
# reference rows at the top.
_STRIPE = {"SUBGRISM64": 64, "SUBGRISM128": 128, "SUBGRISM256": 256}


def readout(detector: str, subarray: str = "FULL") -> Readout:
    """Return the readout of a detector by the name of its subarray.

    Parameters
    ----------
    detector : str
        As in the header, e.g. ``NRCALONG``.
    subarray : str
        ``FULL``, ``SUB160``, ``SUB320``, ``SUB640``; ``SUB64P``, ``SUB160P``, ``SUB400P`` on the
        detectors that have them; ``SUBGRISM64``, ``SUBGRISM128``, ``SUBGRISM256``.

    Returns
    -------
    Readout

    Raises
    ------
    DarkroomError
        When there is no such detector, or no such subarray on it.
    """
    full = Readout.full(detector)
    if subarray == "FULL":
        return full
    if subarray in _STRIPE:
        return Readout(
            detector, subarray, *ORIENTATION[detector], 1, 1, SIZE, _STRIPE[subarray], OUTPUTS
        )
    if subarray in _SQUARE:
        size = _SQUARE[subarray]
        x, y = _square_corner(detector, size)
    elif (detector, subarray) in _POINT:
        size = _POINT_SIZE[subarray]
        x, y = _POINT[detector, subarray]
    else:
        known = sorted({"FULL", *_SQUARE, *_STRIPE} | {s for d, s in _POINT if d == detector})
        raise DarkroomError(
            f"{detector} has no subarray {subarray!r}{nearest(str(subarray), known)}; "
            f"known here: {', '.join(known)}"
        )
    return Readout(detector, subarray, *ORIENTATION[detector], x, y, size, size, 1)


def _square_corner(detector, size):
    if detector in _LONG_CENTRE:
        return tuple(centre - size // 2 for centre in _LONG_CENTRE[detector])
    right, top = _INNER_CORNER[detector]
    return (SIZE - size if right else 0) + 1, (SIZE - size if top else 0) + 1
