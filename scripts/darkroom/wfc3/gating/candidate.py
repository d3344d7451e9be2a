"""The gates of a new dark or flat of WFC3/IR: what can be told from the file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.gates.gate import exact

if TYPE_CHECKING:
    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

# Share of the pixels that may lack a value.
_EMPTY = 0.01


def candidate(kind: str, path: StrPath) -> list[Gate]:
    """Return the gates of the values and errors of every image of a file.

    Parameters
    ----------
    kind : str
        ``dark``: e- or DN of every read; ``flat``: about 1.
    path : path-like
        The file.
    """
    empty, wrong, level = 0.0, 0.0, []
    with fits.open(path) as hdus:
        images = [(hdu, hdus["ERR", hdu.ver]) for hdu in hdus if hdu.name == "SCI"]
        for image, error in images:
            values = np.asarray(image.data, float)
            empty = max(empty, float((~np.isfinite(values)).mean()))
            wrong = max(wrong, float((np.asarray(error.data, float) < 0).mean()))
            level.append(float(np.nanmedian(values)))
    gates = [
        exact("values", "values", "99 % of the pixels of every read have a value",
              f"{100 * empty:.3g} % have none" if empty > _EMPTY else "",
              "a pixel without a value is not corrected"),
        exact("errors", "values", "no error is negative",
              f"{100 * wrong:.3g} % are negative" if wrong else "",
              "ERR of every image that is made with it is wrong"),
    ]  # fmt: skip
    if kind == "flat":
        far = level and abs(level[0] - 1) > 0.1
        gates.append(
            exact("size", "scale", "a flat is about 1",
                  f"its median is {level[0]:.4g}" if far else "",
                  "every count rate is scaled by it")
        )  # fmt: skip
    return gates
