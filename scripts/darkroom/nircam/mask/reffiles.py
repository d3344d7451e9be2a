"""Bad pixels in darks as jwst_reffiles 1.0.1 finds them, reproduced to the last bit.

It is what the original gives when it is called first in a process: at every further call its lists
of flags grow, and DO_NOT_USE turns into other bits. Three of its settings are never used by it
(the number of jumps, their ratio and the early part of a ramp), and are constants here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.dq import Group, Pixel

MANY_JUMPS, JUMP_RATIO, EARLY_PART = 10, 5, 0.25
#: Integrations without a jump that a standard deviation takes, and exposures that are needed.
FEWEST_RAMPS = FEWEST_EXPOSURES = 5
_NO_JUMPS_LATE = 1e-6
_PEDESTAL_CLIP = 3.0
_FLAGS = {
    "hot": Pixel.HOT,
    "rc": Pixel.RC,
    "low_pedestal": Pixel.OTHER_BAD_PIXEL,
    "high_cr": Pixel.TELEGRAPH,
}


@dataclass(frozen=True)
class ReffilesLimits:
    """Settings of the original, with its names and defaults.

    Attributes
    ----------
    clipping_sigma, max_clipping_iters : float, int
        Clip of the scatters of all pixels, from which the limit for noisy ones follows.
    noisy_threshold : float
        That limit, standard deviations above the mean.
    max_saturated_fraction : float
        Share of integrations, saturated from the first group on, that makes a pixel hot.
    pedestal_sigma_threshold : float
        Limit for a pedestal that is high or low, standard deviations.
    rc_fraction_threshold, low_pedestal_fraction, high_cr_fraction : float
        Share of integrations above which a trait belongs to the pixel.
    do_not_use : tuple of str
        Kinds that are flagged DO_NOT_USE as well.
    """

    clipping_sigma: float = 5
    max_clipping_iters: int = 5
    noisy_threshold: float = 5
    max_saturated_fraction: float = 0.5
    pedestal_sigma_threshold: float = 5
    rc_fraction_threshold: float = 0.8
    low_pedestal_fraction: float = 0.8
    high_cr_fraction: float = 0.8
    do_not_use: tuple[str, ...] = tuple(_FLAGS)


@dataclass
class ReffilesMask:
    """Sums over integrations, to which exposures are added one by one; then `flags`.

    Parameters
    ----------
    limits : ReffilesLimits

    Attributes
    ----------
    nexposures, nramps : int
        What has been added so far.
    """

    limits: ReffilesLimits
    nexposures: int = 0
    nramps: int = 0
    _counts: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    _clean: list[np.ndarray] = field(default_factory=list, repr=False)
    _unhit: np.ndarray | None = field(default=None, repr=False)

    def add(self, rates: np.ndarray, groupdq: np.ndarray, pedestals: np.ndarray) -> None:
        """Add an exposure; arrays cover the active pixels, without the reference pixels around.

        Parameters
        ----------
        rates : (nints, ny, nx) float32 array
            Rate of each integration, DN/s.
        groupdq : (nints, ngroups, ny, nx) uint8 array
            After the step jump.
        pedestals : (nints, ny, nx) float32 array
            Plane PEDESTAL of the optional results of the ramp fit, DN.

        Raises
        ------
        DarkroomError
            For ramps of fewer than four groups, of which the original makes a division by 0.
        """
        ngroups = groupdq.shape[1]
        early = int(EARLY_PART * ngroups)
        if early == 0:
            raise DarkroomError(
                f"method reffiles of the mask needs 4 groups, these ramps have {ngroups}: "
                "its early part of a ramp is a quarter of the groups"
            )
        late = ngroups - int(ngroups - EARLY_PART * ngroups)
        for rate, flags, pedestal in zip(rates, groupdq, pedestals, strict=True):
            self._pedestal(pedestal, (flags[0] & np.uint8(Group.SATURATED)) != 0)
            hit = (flags & np.uint8(Group.JUMP_DET)) != 0
            jumps = hit.sum(axis=0)
            many = jumps >= MANY_JUMPS
            first = hit[:early].sum(axis=0) / early
            last = hit[ngroups - late :].sum(axis=0) / late
            ratio = first / np.where(last == 0, _NO_JUMPS_LATE, last)
            self._count("many", many)
            self._count("rc", (ratio >= JUMP_RATIO) & many)
            self._clean.append(np.where(jumps == 0, rate, np.float32(np.nan)))
            self._unhit = (jumps == 0) + (0 if self._unhit is None else self._unhit)
            self.nramps += 1
        self.nexposures += 1

    def _count(self, name, found):
        self._counts[name] = self._counts.get(name, 0) + found.astype(np.int64)

    def _pedestal(self, pedestal, saturated):
        middle, scatter = _clipped_moments(pedestal)
        reach = scatter * self.limits.pedestal_sigma_threshold
        self._count("high", pedestal > middle + reach)
        self._count("low", (pedestal < middle - reach) & ~saturated)
        self._count("saturated", (pedestal == 0) & saturated)

    def flags(self) -> np.ndarray:
        """Return the flags of the active pixels, (ny, nx) uint32.

        Raises
        ------
        DarkroomError
            For fewer than five exposures.
        """
        if self.nexposures < FEWEST_EXPOSURES:
            raise DarkroomError(
                f"method reffiles of the mask needs {FEWEST_EXPOSURES} exposures, there are "
                f"{self.nexposures}: give more, or use method classes"
            )
        limits = self.limits
        share = {name: count / self.nramps for name, count in self._counts.items()}
        kinds = {
            "hot": share["saturated"] >= limits.max_saturated_fraction,
            "rc": (share["high"] > limits.rc_fraction_threshold)
            | (share["rc"] > limits.rc_fraction_threshold),
            "low_pedestal": share["low"] > limits.low_pedestal_fraction,
            "high_cr": self._noisy() | (share["many"] > limits.high_cr_fraction),
        }
        return combined(kinds, limits.do_not_use)

    def _noisy(self):
        """Return which pixels scatter more than others; those with few clean ramps count so."""
        from astropy.stats import sigma_clip

        scatter = _scatter(self._clean)
        scatter[self._unhit < FEWEST_RAMPS] = np.nan
        kept = sigma_clip(
            scatter[np.isfinite(scatter)],
            sigma=self.limits.clipping_sigma,
            maxiters=self.limits.max_clipping_iters,
            masked=False,
        )
        mean, spread = np.mean(kept), np.std(kept)
        scatter[np.isnan(scatter)] = mean + spread * 50
        return scatter > mean + spread * self.limits.noisy_threshold


def _scatter(ramps):
    """Return the standard deviation over ramps, NaN left out; row by row, to spare memory."""
    scatter = np.empty(ramps[0].shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pixels without any ramp
        for row, values in enumerate(scatter):
            values[:] = np.nanstd([ramp[row].astype(np.float64) for ramp in ramps], axis=0)
    return scatter


def _clipped_moments(values):
    """Return mean and standard deviation after a clip at 3 sigma about the mean, to convergence."""
    kept = values.ravel()
    while True:
        mean, reach = kept.mean(), kept.std() * _PEDESTAL_CLIP
        inside = (kept >= mean - reach) & (kept <= mean + reach)
        if inside.all() or not inside.any():
            return mean, kept.std()
        kept = kept[inside]


def combined(kinds: Mapping[str, np.ndarray], do_not_use: Iterable[str]) -> np.ndarray:
    """Return the bits of pixels from their kinds.

    Parameters
    ----------
    kinds : dict
        ``{kind: (ny, nx) bool array}``.
    do_not_use : iterable of str
        Kinds that are flagged DO_NOT_USE as well.

    Returns
    -------
    (ny, nx) uint32 array
    """
    flags = np.zeros(next(iter(kinds.values())).shape, np.uint32)
    for kind, where in kinds.items():
        bits = _FLAGS[kind] | (Pixel.DO_NOT_USE if kind in do_not_use else 0)
        flags[where] |= np.uint32(bits)
    return flags
