"""Pixels within the coronagraph's inner working angle, which corgidrp ignores for cosmic rays.

Only frames with the coronagraph's mask in the beam and a filter other than DARK have such pixels:
darks should have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.cgi.stacks.frame import Headers

# Central wavelength of each filter [nm], from the thermal-vacuum test where it was measured there.
_WAVELENGTH = {
    "1": 573.8, "2": 659.4, "3": 729.3, "4": 825.5, "1A": 554.8, "1B": 574.5, "1C": 594.7,
    "2A": 614.2, "2B": 639.4, "2C": 655.65, "3A": 680.37, "3B": 702.04, "3C": 726.0, "3G": 752.5,
    "3D": 753.83, "3E": 776.44, "4A": 791.7, "4B": 823.9, "4C": 856.5,
}  # fmt: skip
# Inner working angle in units of wavelength over diameter, by the name of the Lyot stop.
_RADIUS = {"NFOV": 3.0, "WFOV": 5.9}
_DIAMETER = 2.36  # of the telescope [m]
_ARCSECONDS, _PIXEL = 206265, 0.0218  # arcseconds per radian and per pixel
_SEPARATION = 7.5  # of the two polarized beams [arcsec]
# Position angle of the beams by the name of the polarizing prism [rad].
_BEAMS = {"POL0": 0.0, "POL45": np.pi / 4}
_CENTRE = (512, 512)  # column and row of the star where the header has none


def inside_inner_working_angle(headers: Headers, shape: tuple[int, int]) -> np.ndarray | None:
    """Return which pixels lie within the inner working angle, or None when there are none.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
    shape : tuple of int
        Rows and columns of the frame.

    Returns
    -------
    (ny, nx) bool array or None

    Raises
    ------
    InputError
        When the filter is unknown.
    """
    image = headers.image
    stop, colour = (str(image.get(card, "")).strip() for card in ("LSAMNAME", "CFAMNAME"))
    if stop in ("OPEN", "") or colour in ("DARK", ""):
        return None
    name = colour.upper()
    name = name[0] if name.endswith("F") else name
    if name not in _WAVELENGTH:
        raise InputError(headers.path, f"CFAMNAME is {colour!r}, which is not a known filter")
    angle = _RADIUS.get(stop, 0) * (_WAVELENGTH[name] * 1e-9 / _DIAMETER) * _ARCSECONDS
    radius = round(angle / _PIXEL)
    column, row = image.get("EACQ_COL"), image.get("EACQ_ROW")
    x, y = (column, row) if column and row else _CENTRE
    prism = str(image.get("DPAMNAME", "")).strip()
    if prism == "IMAGING":
        return _disc(shape, x, y, radius)
    if prism in _BEAMS:
        dx, dy = (round(_SEPARATION * f(_BEAMS[prism]) / (2 * _PIXEL)) for f in (np.cos, np.sin))
        return _disc(shape, x - dx, y + dy, radius) | _disc(shape, x + dx, y - dy, radius)
    return None


def _disc(shape, x, y, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.sqrt((rows - y) ** 2 + (columns - x) ** 2) < radius
