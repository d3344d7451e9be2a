"""Dark current of jwst_reffiles 1.0.1, reproduced to the last bit.

The sample is the absolute level of a group, of all integrations. The group with a jump and all
later ones of its integration are left out, and no other flag is looked at. The scatter of the
samples that survive a clip stands in ERR: it is not the error of the mean. A pixel without a sample
is 0 ± 0, as if it had been measured; `DarkLevels.good` tells it apart.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.detector.dq import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Rounds of rejection at most, as the original's sigma clip has by default.
ROUNDS = 5


@dataclass(frozen=True)
class DarkLevels:
    """Levels of the groups of a dark.

    Attributes
    ----------
    sci : (ngroups, ny, nx) float32 array
        Mean of the samples that are left, DN; 0 where there is none.
    err : (ngroups, ny, nx) float32 array
        Their standard deviation (n in its denominator), DN; 0 where there is none.
    good : (ngroups, ny, nx) int64 array
        Samples without a jump before the clip.
    """

    sci: np.ndarray
    err: np.ndarray
    good: np.ndarray


def before_jump(groupdq: np.ndarray) -> np.ndarray:
    """Return which samples lie before the first jump of their integration.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8 array

    Returns
    -------
    (nints, ngroups, ny, nx) bool array
    """
    hit = (groupdq & np.uint8(Group.JUMP_DET)) != 0
    return ~np.logical_or.accumulate(hit, axis=1)


def levels(
    exposures: Sequence[tuple[np.ndarray, np.ndarray]], sigma_threshold: float
) -> DarkLevels:
    """Combine the levels of groups over all integrations.

    Parameters
    ----------
    exposures : sequence of (ramps, groupdq)
        (nints, ngroups, ny, nx) float32 array of each exposure, DN, after the step jump; and its
        flags, uint8. May be a part of the image.
    sigma_threshold : float
        Rejection limit, standard deviations from the median.

    Returns
    -------
    DarkLevels
    """
    from astropy.stats import sigma_clip

    ngroups, *shape = exposures[0][0].shape[1:]
    sci, err = np.zeros((2, ngroups, *shape), np.float32)
    good = np.zeros((ngroups, *shape), np.int64)
    usable = [before_jump(groupdq) for _, groupdq in exposures]
    for group in range(ngroups):
        samples = np.concatenate([
            np.where(keep[:, group], ramps[:, group], np.float32(np.nan))
            for (ramps, _), keep in zip(exposures, usable, strict=True)
        ])  # fmt: skip
        good[group] = sum(keep[:, group].sum(axis=0) for keep in usable)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pixels without any sample
            kept = sigma_clip(
                samples, sigma=sigma_threshold, maxiters=ROUNDS, axis=0, masked=False
            ).astype(np.float32)
            mean, scatter = np.nanmean(kept, axis=0), np.nanstd(kept, axis=0)
        sci[group], err[group] = np.nan_to_num(mean), np.nan_to_num(scatter)
    return DarkLevels(sci, err, good)
