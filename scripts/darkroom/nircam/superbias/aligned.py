"""Method ``aligned`` of the program `superbias`, from ramps to what is written."""

from __future__ import annotations

from functools import partial

import numpy as np

from darkroom.nircam.compare import compare
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.products import Provenance
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.drift import drifts
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.superbias import products as files
from darkroom.nircam.superbias.intercept import InterceptStack
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.noise import coupling, mean_variance, pair_variances, split_noise
from darkroom.nircam.superbias.run import SuperbiasResult, filled_superbias

_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


def aligned(ramps, facts, choices, before, threads):
    """Make a superbias of aligned ramps.

    Parameters
    ----------
    ramps : RampSet
    facts : darkroom.nircam.products.ReferenceMetadata
    choices : darkroom.nircam.superbias.settings.SuperbiasSettings
    before : darkroom.nircam.compare.Previous or None
    threads : int

    Returns
    -------
    darkroom.nircam.superbias.run.SuperbiasResult
    """
    classes = Classes.from_ramps(ramps)
    stack = first = GroupStack(ramps, 0, flags=_UNUSABLE)
    read_share = 1.0
    if choices.sample == "intercept":
        stack = InterceptStack(ramps, classes, choices.intercept_groups, _UNUSABLE)
        read_share = stack.read_share
    found = make_superbias(stack, classes, ramps.mjd, ramps.label, choices, threads=threads)
    numbers, tables = _measure(found, first, read_share, ramps, classes, choices)
    difference = None
    if before is not None:
        difference, numbers["compared"] = compare(found.mean, found.error, before, classes)
        tables["COMPARE"] = (numbers["compared"], {})
    provenance = Provenance.from_ramps("superbias", ramps, choices.effective_settings, before)
    dq = files.aligned_dq(found.dq)
    reference = partial(files.reference_hdus, found.mean, found.error, dq, facts, ramps, provenance)
    details = partial(files.aligned_details, found, ramps, classes, tables, provenance, difference)
    filled = filled_superbias(found.mean, ramps, choices)
    return SuperbiasResult(ramps, reference, details, found.mean, dq, filled, numbers)


def _measure(found, first, read_share, ramps, classes, choices):
    """Return the numbers and tables of what the superbias's noise and offsets are.

    `read_share` is the read noise of a sample over that of one group.
    """
    read, read_error = np.full((2, classes.noutputs, 2), np.nan)
    if all(file.sci.shape[1] > 1 for file in ramps.files):
        second = GroupStack(ramps, 1, flags=_UNUSABLE)
        read, read_error = mean_variance(pair_variances(first, second, classes))
    noise = split_noise(
        found.std,
        found.count,
        classes,
        read_share * np.sqrt(read),
        read_share**2 * read_error,
    )
    integration = np.array([i for _, i in ramps.ramps])
    drifting = drifts(found.offsets.value, ramps.mjd, integration, classes)
    tables = {
        "NOISE": (noise, dict.fromkeys(("scatter", "read", "ktc", "ktc_error"), "DN")),
        "DRIFT": (drifting, {"slope": "DN/d", "slope_error": "DN/d", "median_slope": "DN/d"}),
    }
    numbers = {
        "nramps": len(ramps.ramps),
        "error": found.error,
        "offsets": found.offsets,
        "noise": noise,
        "drifts": drifting,
        "compared": [],
        "coupling": coupling(found.error, found.mean, classes, choices.coupling),
    }
    return numbers, tables
