"""Whether the file in use can be what it is taken for: of this detector, in this unit, and whole.

A new file is better than one that is damaged or of another unit, which says nothing for it. The
score cannot tell that from a file in use that is merely poor, but their sizes do.
"""

from __future__ import annotations

import numpy as np

_MAD = 1.4826
# Share of the pixels that the file in use may lack, of those that the new one has.
_LACKING = 0.1
# Noises of a frame by which files of one detector differ from pixel to pixel, or in level; and the
# ratio of levels or of noises beyond which the unit is another. Single for pairs of reads is 1.41,
# of which a comparison can tell.
_PIXELS, _LEVEL, _RATIO = 3.0, 10.0, 1.6


def doubt_of_image(new: np.ndarray, old: np.ndarray, noise: float) -> str:
    """Return why a file that is subtracted cannot be the one in use; empty: it can.

    Parameters
    ----------
    new, old : arrays
        What is subtracted from an exposure with the new file and with that in use; NaN without a
        value.
    noise : float
        Of a pixel of an exposure.
    """
    lacking = _lacking(new, old)
    if lacking:
        return lacking
    known = np.isfinite(new) & np.isfinite(old)
    if not known.any() or not noise > 0:
        return ""
    new, old = new[known], old[known]
    step = new - old
    middle = float(np.median(step))
    spread = _MAD * float(np.median(np.abs(step - middle)))
    if spread > _PIXELS * noise:
        return (
            f"the file in use differs from the new one by {spread:.3g} from pixel to pixel, "
            f"{spread / noise:.3g} times the noise of an exposure: it is damaged, or of another "
            "detector or unit"
        )
    levels = float(np.median(new)), float(np.median(old))
    if abs(middle) > _LEVEL * noise and _apart(*levels):
        return (
            f"the file in use has a level of {levels[1]:.4g}, the new one of {levels[0]:.4g}: it "
            "is damaged, or of another detector or unit"
        )
    return ""


def doubt_of_noise(new: np.ndarray, old: np.ndarray) -> str:
    """Return why a file of noise cannot be the one in use; empty: it can.

    Parameters
    ----------
    new, old : arrays
        Noise of the pixels with the new file and with that in use; NaN or not above 0 without a
        value.
    """
    new, old = (np.where(one > 0, one, np.nan) for one in (new, old))
    lacking = _lacking(new, old)
    known = np.isfinite(new) & np.isfinite(old)
    if lacking or not known.any():
        return lacking
    noises = float(np.median(new[known])), float(np.median(old[known]))
    if _apart(*noises):
        return (
            f"the noise of the file in use is {noises[1]:.3g}, that of the new one "
            f"{noises[0]:.3g}: it is damaged, or of another detector or unit"
        )
    return ""


def _lacking(new, old):
    has = np.isfinite(new)
    share = float((has & ~np.isfinite(old)).sum() / max(has.sum(), 1))
    if share <= _LACKING:
        return ""
    return (
        f"the file in use has no value in {100 * share:.3g} % of the pixels of the new one, so "
        "that it cannot be compared"
    )


def _apart(new, old):
    """Whether two sizes differ by more than a factor, or in sign."""
    if new * old <= 0:
        return True
    return max(abs(new), abs(old)) > _RATIO * min(abs(new), abs(old))
