"""The clipped median of a sky, as stsci.imagestats computes it for skypac, to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom import order
from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

# The only statistic that is computed here; skypac always asks for the number of pixels, too.
_FIELDS = "npix,median"


class ClippedMedian:
    """The median of pixels after clipping, and their number.

    Parameters
    ----------
    image : array
        Of any shape and type; taken as float32.
    nclip : int
        How often limits are set anew.
    lsig, usig : float
        Limits below and above the mean, in standard deviations.

    Attributes
    ----------
    npix : int
        Pixels between the last limits.
    median : numpy.float32
        Of these, in the unit of `image`.

    Raises
    ------
    ValueError
        When there is no pixel.

    Notes
    -----
    The order and precision of the sums are those of stsci.imagestats 1.8.4, found by comparing.
    """

    def __init__(self, image: np.ndarray, *, nclip: int, lsig: float, usig: float) -> None:
        values = np.ascontiguousarray(image, np.float32).reshape(-1)
        if not values.size:
            raise ValueError("there is no pixel")
        moments = load_kernel("darkroom.wfc3.visit.clipped_kernel").moments
        lowest, highest = values.min(), values.max()
        low, high = lowest, highest
        for clip in range(nclip + 1):
            self.npix, mean, spread = moments(values, low, high)
            if self.npix <= 0:
                raise ValueError("there is no pixel between the limits")
            if clip == nclip:
                break
            low = np.float32(max(lowest, mean - lsig * spread))
            high = np.float32(min(highest, mean + usig * spread))
        kept = values[(values <= high) & (values >= low)] if nclip else values
        # What is not finite counts, too, where the limits let it in.
        finite = np.isfinite(lowest) and np.isfinite(highest)
        self.median = np.float32((order.median if finite else np.median)(kept))


def statistics(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes clipped medians here, and all else by stsci.imagestats.

    Parameters
    ----------
    original : callable
        ``stsci.imagestats.ImageStats``.
    """

    def _statistics(image: np.ndarray, fields: str, **settings: Any) -> Any:
        limits = {name: settings.get(name) for name in ("lower", "upper")}
        asked = {name: settings[name] for name in ("nclip", "lsig", "usig") if name in settings}
        if fields != _FIELDS or limits != {"lower": None, "upper": None} or len(asked) < 3:
            return original(image, fields, **settings)
        return ClippedMedian(image, **asked)

    return _statistics
