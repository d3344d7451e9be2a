"""From dark ramps to superbias files: the work between options and exit of `superbias`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from astropy.io import fits

from darkroom.combine import Clip
from darkroom.errors import DarkroomError
from darkroom.nircam import superbias_products as files
from darkroom.nircam.classes import Classes
from darkroom.nircam.compare import compare, read_previous
from darkroom.nircam.dq import Group, Pixel
from darkroom.nircam.drift import drifts
from darkroom.nircam.products import Facts, Provenance, check_subarray, full_pedigree, save
from darkroom.nircam.ramps import GroupStack, RampSet, read_pixeldq, samples_digest
from darkroom.nircam.superbias import Settings, make_superbias
from darkroom.nircam.superbias_intercept import InterceptStack
from darkroom.nircam.superbias_noise import coupling, pair_noise, split_noise
from darkroom.nircam.superbias_offsets import check_ramps
from darkroom.nircam.superbias_reffiles import (
    Threshold,
    clipped_mean,
    fill_high,
    find_unreliable,
)

log = logging.getLogger(__name__)
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


@dataclass(frozen=True)
class Choices:
    """Every choice that shapes a superbias; names and defaults are those of the program."""

    method: str = "aligned"
    sample: str = "group0"
    intercept_groups: int = 5
    clipping_sigma: float | None = None
    max_clipping_iters: int = 3
    bad_clipping_sigma: float = 3.0
    bad_max_clipping_iters: int = 3
    bad_sigma_threshold: float = 5.0
    save_filled: bool = False
    box_width: int = 3
    drift_p: float = 1e-5
    hot_sigma: float = 5.0
    coupling: float = 0.005
    previous_ramps: int = 0

    @property
    def clip(self):
        """Clip of method ``reffiles``."""
        return Clip("sigma", self._sigma(3.0), self.max_clipping_iters)

    @property
    def rule(self):
        """Rule by which method ``reffiles`` flags and `fill_high` fills."""
        clip = Clip("sigma", self.bad_clipping_sigma, self.bad_max_clipping_iters)
        return Threshold(clip, self.bad_sigma_threshold)

    @property
    def settings(self):
        """Settings of method ``aligned``."""
        return Settings(
            nsigma=self._sigma(4.0),
            iterations=self.max_clipping_iters,
            noisy_sigma=self.bad_sigma_threshold,
            drift_p=self.drift_p,
            hot_sigma=self.hot_sigma,
        )

    def _sigma(self, usual):
        return usual if self.clipping_sigma is None else self.clipping_sigma


@dataclass
class Made:
    """What a run made.

    Attributes
    ----------
    ramps : RampSet
    reference, details : callable
        Give the HDUs of the reference file and of the product beside it. Made when written:
        both at once would take twice the memory.
    mean : (ny, nx) float32 array
        Superbias, DN.
    flagged : (ny, nx) int array
        Bits of `darkroom.nircam.superbias_products.Bit`.
    filled : (ny, nx) float64 array or None
        Superbias with high pixels smoothed away.
    numbers : dict
        Results by name, for quantities.
    """

    ramps: RampSet
    reference: Callable
    details: Callable
    mean: np.ndarray
    flagged: np.ndarray
    filled: np.ndarray | None = None
    numbers: dict = field(default_factory=dict)


def run(paths, facts: Facts, choices, *, previous=None, threads=1):
    """Make a superbias.

    Parameters
    ----------
    paths : sequence of path-like
    facts : Facts
    choices : Choices
    previous : path-like, optional
        Superbias to compare with (method ``aligned``).
    threads : int

    Returns
    -------
    Made
    """
    ramps = RampSet(paths, "superbias")
    check_subarray(facts, ramps)
    _, doubt = full_pedigree(facts, ramps.mjd)
    if doubt:
        log.warning(doubt)
    if choices.method == "reffiles":
        return _reffiles(ramps, facts, choices, threads)
    before = None if previous is None else read_previous(previous, ramps, choices.previous_ramps)
    return _aligned(ramps, facts, choices, before, threads)


def _provenance(ramps, choices, groups, first_only=False):
    inputs = tuple(
        (file.path.name, samples_digest(file, groups, (0,) if first_only else None))
        for file in ramps.files
    )
    names = _MEANT[choices.method]
    settings = {name: getattr(choices, name) for name in names}
    return Provenance("superbias", inputs, settings)


_MEANT = {
    "reffiles": (
        *("method", "clipping_sigma", "max_clipping_iters", "bad_clipping_sigma"),
        *("bad_max_clipping_iters", "bad_sigma_threshold"),
    ),
    "aligned": (
        *("method", "sample", "intercept_groups", "clipping_sigma", "max_clipping_iters"),
        *("bad_sigma_threshold", "drift_p", "hot_sigma", "coupling", "previous_ramps"),
    ),
}


def _reffiles(ramps, facts, choices, threads):
    if len(ramps.files) < 2:
        raise DarkroomError(
            f"one exposure only, {ramps.files[0].path.name}: method reffiles takes one sample of "
            "each and needs at least 2 for a scatter; method aligned uses every integration"
        )
    stack = GroupStack(ramps, 0, [(k, 0) for k in range(len(ramps.files))])
    check_ramps(stack, Classes.of(ramps), lambda k: f"{ramps.files[k].path} integration 1", threads)
    found = clipped_mean(stack, choices.clip, threads=threads)
    bad, threshold = find_unreliable(found.std, choices.rule)
    filled = _filled(found.mean, ramps, choices)
    found = found.rounded()
    dq = files.reffiles_dq(bad)
    provenance = _provenance(ramps, choices, (0,), first_only=True)
    reference = partial(
        files.reference_hdus,
        *(found.mean, found.std, dq, facts, ramps, provenance, files.REFFILES_BITS),
    )
    details = partial(files.reffiles_details, found, dq, threshold, ramps, provenance)
    numbers = {"threshold": threshold, "nramps": len(ramps.files), "error": found.std}
    return Made(ramps, reference, details, found.mean, dq, filled, numbers)


def _aligned(ramps, facts, choices, before, threads):
    classes = Classes.of(ramps)
    first = GroupStack(ramps, 0, flags=_UNUSABLE)
    groups, stack = (0,), first
    if choices.sample == "intercept":
        stack = InterceptStack(ramps, classes, choices.intercept_groups, _UNUSABLE)
        groups = range(choices.intercept_groups)
    found = make_superbias(
        stack, classes, ramps.mjd, ramps.label, choices.settings, threads=threads
    )
    read = np.full((classes.noutputs, 2), np.nan)
    if all(file.sci.shape[1] > 1 for file in ramps.files):
        read = pair_noise(first, GroupStack(ramps, 1, flags=_UNUSABLE), classes)
    noise = split_noise(found.std, found.count, classes, read)
    integration = np.array([i for _, i in ramps.ramps])
    drifting = drifts(found.offsets.value, ramps.mjd, integration, classes)
    tables = {
        "NOISE": (noise, dict.fromkeys(("scatter", "read", "ktc", "ktc_error"), "DN")),
        "DRIFT": (drifting, {"slope": "DN/d", "slope_error": "DN/d", "median_slope": "DN/d"}),
    }
    difference, compared = None, []
    if before is not None:
        difference, compared = compare(found.mean, found.error, before, classes)
        tables["COMPARE"] = (compared, {})
    provenance = _provenance(ramps, choices, groups)
    dq = files.aligned_dq(found.dq)
    reference = partial(files.reference_hdus, found.mean, found.error, dq, facts, ramps, provenance)
    details = partial(files.aligned_details, found, ramps, classes, tables, provenance, difference)
    filled = _filled(found.mean, ramps, choices)
    numbers = {
        "nramps": len(ramps.ramps),
        "error": found.error,
        "active": classes.usable,
        "offsets": found.offsets,
        "noise": noise,
        "drifts": drifting,
        "compared": compared,
        "coupling": coupling(found.error, found.mean, classes, choices.coupling),
    }
    return Made(ramps, reference, details, found.mean, dq, filled, numbers)


def _filled(mean, ramps, choices):
    """Return the superbias with high pixels smoothed away, when it is wanted."""
    if not choices.save_filled:
        return None
    pixeldq = read_pixeldq(ramps.files[0])
    reference = np.zeros(mean.shape, bool)
    if pixeldq is not None:
        reference = (pixeldq & Pixel.REFERENCE_PIXEL) != 0
    return fill_high(mean.astype(np.float64), reference, choices.rule, choices.box_width)


def write(made, output, details, filled):
    """Write what a run made; `output` None leaves the reference file out."""
    if output is not None:
        save(output, made.reference())
    save(details, made.details())
    if made.filled is not None:
        save(filled, [fits.PrimaryHDU(made.filled)])
