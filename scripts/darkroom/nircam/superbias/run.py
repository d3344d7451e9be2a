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
from darkroom.nircam.compare import compare, read_previous
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.products import (
    Provenance,
    ReferenceMetadata,
    check_subarray,
    full_pedigree,
    save,
)
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet, read_pixeldq
from darkroom.nircam.superbias import products as files
from darkroom.nircam.superbias.offsets import check_ramps
from darkroom.nircam.superbias.reffiles import Threshold, clipped_mean, fill_high, find_unreliable
from darkroom.nircam.superbias.settings import SuperbiasSettings

log = logging.getLogger(__name__)


@dataclass
class SuperbiasResult:
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
        Bits of `darkroom.nircam.superbias.products.Bit`.
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


def run(paths, facts: ReferenceMetadata, choices: SuperbiasSettings, *, previous=None, threads=1):
    """Make a superbias.

    Parameters
    ----------
    paths : sequence of path-like
    facts : ReferenceMetadata
    choices : SuperbiasSettings
    previous : path-like, optional
        Superbias to compare with.
    threads : int

    Returns
    -------
    SuperbiasResult
    """
    ramps = RampSet(paths, "superbias")
    check_subarray(facts, ramps)
    _, doubt = full_pedigree(facts, ramps.mjd)
    if doubt:
        log.warning(doubt)
    before = None if previous is None else read_previous(previous, ramps, choices.previous_ramps)
    if choices.method == "reffiles":
        return _reffiles(ramps, facts, choices, before, threads)
    # Here, since the other method need not wait for its imports.
    from darkroom.nircam.superbias.aligned import aligned

    return aligned(ramps, facts, choices, before, threads)


def _clip(choices: SuperbiasSettings) -> Clip:
    """Return the clip of method ``reffiles``."""
    return Clip("sigma", choices.sigma, choices.max_clipping_iters)


def _rule(choices: SuperbiasSettings) -> Threshold:
    """Return the rule by which method ``reffiles`` flags and `fill_high` fills."""
    clip = Clip("sigma", choices.bad_clipping_sigma, choices.bad_max_clipping_iters)
    return Threshold(clip, choices.bad_sigma_threshold)


def _reffiles(ramps, facts, choices, before, threads):
    if len(ramps.files) < 2:
        raise DarkroomError(
            f"one exposure only, {ramps.files[0].path.name}: method reffiles takes one sample of "
            "each and needs at least 2 for a scatter; method aligned uses every integration"
        )
    classes = Classes.from_ramps(ramps)
    stack = GroupStack(ramps, 0, [(k, 0) for k in range(len(ramps.files))])
    check_ramps(stack, classes, lambda k: f"{ramps.files[k].path} integration 1", threads)
    found = clipped_mean(stack, _clip(choices), threads=threads)
    bad, threshold = find_unreliable(found.std064, _rule(choices))
    filled = filled_superbias(found.mean64, ramps, choices)
    mean, std = found.mean64.astype(np.float32), found.std064.astype(np.float32)
    count, dq = found.count, files.reffiles_dq(bad)
    del found  # its images are twice as large as the rounded ones
    tables, difference = {}, None
    if before is not None:
        error = std / np.sqrt(np.maximum(count, 1), dtype=np.float32)
        difference, compared = compare(mean, error, before, classes)
        tables["COMPARE"] = (compared, {})
    provenance = Provenance.from_ramps("superbias", ramps, choices.effective_settings, before)
    reference = partial(
        files.reference_hdus, mean, std, dq, facts, ramps, provenance, files.REFFILES_BITS
    )
    details = partial(
        files.reffiles_details, count, threshold, ramps, tables, provenance, difference
    )
    numbers = {"threshold": threshold, "nramps": len(ramps.files), "error": std}
    numbers["compared"] = tables.get("COMPARE", ((), {}))[0]
    return SuperbiasResult(ramps, reference, details, mean, dq, filled, numbers)


def filled_superbias(mean, ramps, choices):
    """Return the superbias with high pixels smoothed away, when it is wanted."""
    if not choices.save_filled:
        return None
    pixeldq = read_pixeldq(ramps.files[0])
    reference = np.zeros(mean.shape, bool)
    if pixeldq is not None:
        reference = (pixeldq & Pixel.REFERENCE_PIXEL) != 0
    return fill_high(mean.astype(np.float64), reference, _rule(choices), choices.box_width)


def write(made, output, details, filled):
    """Write what a run made; `output` None leaves the reference file out."""
    if output is not None:
        save(output, made.reference())
    save(details, made.details())
    if made.filled is not None:
        save(filled, [fits.PrimaryHDU(made.filled)])
