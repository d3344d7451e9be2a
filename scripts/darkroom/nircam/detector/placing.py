"""The part of an earlier file that covers the pixels of a readout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.nircam.detector.readout import SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from darkroom.hints import StrPath
    from darkroom.nircam.detector.readout import Readout


def cut_out(
    path: StrPath, header: Mapping[str, Any], image: np.ndarray, layout: Readout
) -> np.ndarray:
    """Return the pixels of a readout from an image of them, or of more of the detector.

    Subarrays of one size lie at several places of a detector, so the place is taken from the cards.

    Parameters
    ----------
    path : path-like
        The file, named in messages.
    header : mapping
        Its primary header: SUBSTRT1 and SUBSTRT2; without them it is of the whole detector or, with
        an image of the readout's shape, of the same place.
    image : (..., ny, nx) array
        DMS frame.
    layout : Readout

    Raises
    ------
    InputError
        When it does not cover the pixels, or is of another subarray of unknown place.
    """
    ny, nx = image.shape[-2:]
    column, row = header.get("SUBSTRT1"), header.get("SUBSTRT2")
    if column is None or row is None:
        same = (ny, nx) != (SIZE, SIZE)
        if same and header.get("SUBARRAY", layout.subarray) != layout.subarray:
            raise InputError(
                path,
                f"is of the subarray {header['SUBARRAY']} and says not where that lies (SUBSTRT1, "
                f"SUBSTRT2); the exposures are of {layout.subarray}",
            )
        column, row = (layout.xstart, layout.ystart) if same else (1, 1)
    x, y = layout.xstart - int(column), layout.ystart - int(row)
    part = image[..., y : y + layout.ny, x : x + layout.nx]
    if x < 0 or y < 0 or part.shape[-2:] != layout.shape:
        raise InputError(
            path,
            f"has {nx} x {ny} pixels from {int(column)}, {int(row)} on and does not cover the "
            f"{layout.nx} x {layout.ny} pixels of the exposures from {layout.xstart}, "
            f"{layout.ystart} on",
        )
    return part
