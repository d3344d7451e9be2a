"""A superdark against the truth of simulated darks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.wfc3.dq import BAD_ZEROTH_READ, HOT, UNSTABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def against_truth(
    sci: np.ndarray,
    err: np.ndarray,
    dq: np.ndarray,
    seconds: float,
    truths: Sequence[Mapping[str, np.ndarray]],
    hot: float,
) -> dict[str, Any]:
    """Compare the last read of a superdark with the truth of its darks.

    Parameters
    ----------
    sci, err, dq : (rows, columns) arrays
        The last read inside the border, DN.
    seconds : float
        Its time since the zeroth read.
    truths : sequence of mapping
        Truth of each dark that was used, see `darkroom.wfc3.simulate.dark.Dark.truth`.
    hot : float
        Rate above which pixels are flagged as hot, e-/s.

    Returns
    -------
    dict
        ``pull`` (standard deviation of the deviations of good pixels in units of their errors),
        ``offset`` (their median, e-/s), and of hot pixels (that are not unstable) and of unstable
        ones ``true`` (number), ``found`` (number of these that are flagged) and ``false`` (number
        of others).
    """
    first = truths[0]
    level = float(np.mean([truth["level"] for truth in truths]))
    true = ((first["dark"] + level) * seconds + first["settling"][-1]) / first["gain"]
    unstable = (first["flags"] & UNSTABLE) != 0
    good = ~unstable & ((first["flags"] & BAD_ZEROTH_READ) == 0)
    deviation = (sci - true)[good]
    return {
        "pull": float((deviation / err[good]).std()),
        "offset": float(np.median(deviation * first["gain"][good]) / seconds),
        "hot": _found((first["dark"] > hot) & ~unstable, ((dq & HOT) != 0) & ~unstable),
        "unstable": _found(unstable, (dq & UNSTABLE) != 0),
    }


def _found(true, flagged):
    return {
        "true": int(true.sum()),
        "found": int((true & flagged).sum()),
        "false": int((flagged & ~true).sum()),
    }
