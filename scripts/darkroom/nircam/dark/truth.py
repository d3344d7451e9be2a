"""Dark current and mask of simulated darks, compared with the truth of the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from darkroom.nircam.dark.measure import PRIOR
from darkroom.nircam.dark.unusual import CHANCE
from darkroom.nircam.mask.classify import Class
from darkroom.nircam.truth import CLEAR_TELEGRAPH, odd_pixels, row, spread_row

if TYPE_CHECKING:
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes

# A pixel is expected to be found when its rate is so many standard errors beyond the limit, and an
# unstable one when the scatter of its rates is so many times that at which it is called so.
_CLEAR = 6.0
_CLEAR_SCATTER = 2.0


def compare_dark(
    details: Product,
    truth: dict[str, np.ndarray],
    classes: Classes,
    gain: float,
    *,
    independent: bool,
) -> list[dict[str, Any]]:
    """Compare a dark with the truth.

    Parameters
    ----------
    details : darkroom.nircam.figures.inputs.Product
        File of details of method ``gls``.
    truth : dict
        See `darkroom.nircam.truth.read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    gain : float
        e-/DN.
    independent : bool
        Noise is white: pixels of a row are independent.

    Returns
    -------
    list of dict
        See `darkroom.nircam.truth.row`: rates of amplifiers, with the error that their pixels
        share, and the spread of the pulls of pixels.
    """
    rate, error, nint = (details.image(name) for name in ("RATE", "ERR", "NINT"))
    true = truth["dark_rate"] * gain
    normal = np.isfinite(rate) & ~(
        truth["reference"] | (truth["telegraph"] > 0) | (truth["unstable"] > 0)
    )
    levels, rows, pulls = details.table("LEVELS"), [], np.full(rate.shape, np.nan)
    for a in range(classes.noutputs):
        here = normal & (classes.amplifier == a)
        usual = here & ~truth["hot"]
        with np.errstate(invalid="ignore"):
            shared = np.nanmax([levels[n][a] for n in ("ERROR", "ROW_ERROR", "RAMP_ERROR")])
        middle = float(np.median(rate[usual]))
        label = f"dark current of amplifier {a}"
        rows.append(row(label, float(np.median(true[usual])), middle, float(shared), "e-/s"))
        # What all pixels of an amplifier share belongs to the error above.
        apart = (rate - true)[here] - np.median((rate - true)[usual])
        free = PRIOR + np.maximum(nint[here] - 1, 0)
        pulls[here] = stats.norm.ppf(stats.t.cdf(apart / error[here], free))
    found = pulls[np.isfinite(pulls)]
    return [*rows, spread_row("dark current, pulls of pixels", found, independent)]


def compare_mask(
    dark: Product,
    mask: Product,
    truth: dict[str, np.ndarray],
    gain: float,
) -> list[dict[str, Any]]:
    """Compare the classes of bad pixels with the truth.

    Parameters
    ----------
    dark, mask : darkroom.nircam.figures.inputs.Product
        Files of details of the dark and of the mask that is made of it.
    truth : dict
        See `darkroom.nircam.truth.read_truth`.
    gain : float
        e-/DN.

    Returns
    -------
    list of dict
        Shares found of the pixels that are clearly hot, warm, telegraph and unstable for the errors
        of the dark, and the share of normal pixels in any class.
    """
    reasons, error, nint = mask.image("DQ"), dark.image("ERR"), dark.image("NINT")
    true, hot = truth["dark_rate"] * gain, dark.header["HOTLIM"]
    usual = np.median(true[~truth["reference"] & ~truth["hot"]])
    distance = _CLEAR * error
    single = error * np.sqrt(np.maximum(nint, 1))
    free = np.maximum(nint - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scatter = 1 + (truth["unstable"] * gain / single) ** 2 / 4
        kinds = {
            "hot": (true - hot > distance, Class.HOT | Class.SATURATED_FIRST),
            "warm": (
                (true < hot)
                & (true - usual > distance)
                & (true - dark.header["WARMLIM"] > distance),
                Class.WARM,
            ),
            "telegraph": (
                truth["telegraph"] * gain > 2 * CLEAR_TELEGRAPH * dark.image("NOISE"),
                Class.RTN | Class.NOISY | Class.UNSTABLE,
            ),
            "unstable": (
                (truth["unstable"] > 0)
                & (free * scatter > _CLEAR_SCATTER * 1.2 * stats.chi2.isf(CHANCE, free)),
                Class.UNSTABLE | Class.RTN,
            ),
        }
    rows = [
        row(f"mask, clearly {name} pixels found", 1, ((reasons & bits) > 0)[where].mean(), None, "")
        for name, (where, bits) in kinds.items()
        if where.any()
    ]
    normal = ~odd_pixels(truth) & np.isfinite(error)
    return [*rows, row("mask, normal pixels flagged", 0, (reasons != 0)[normal].mean(), None, "")]
