"""Method ``aligned`` of the program `superbias`, from ramps to the HDUs that are written."""

from __future__ import annotations

import logging
import tempfile
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.compare import compare
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.products import Provenance
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.drift import drifts
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import median
from darkroom.nircam.superbias import products as files
from darkroom.nircam.superbias.cycle import find_cycles
from darkroom.nircam.superbias.intercept import InterceptStack
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.noise import coupling, mean_variance, pair_variances, split_noise
from darkroom.nircam.superbias.pedestal import PedestalStack
from darkroom.nircam.superbias.phases import phase_superbiases, significant
from darkroom.nircam.superbias.reffiles import rule_of
from darkroom.nircam.superbias.result import SuperbiasResult, filled_superbias
from darkroom.nircam.superbias.units import change_table, units_table

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.compare import Previous
    from darkroom.nircam.products import ReferenceMetadata
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.superbias.settings import SuperbiasSettings

log = logging.getLogger(__name__)
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


def aligned(
    ramps: RampSet,
    metadata: ReferenceMetadata,
    choices: SuperbiasSettings,
    previous: Previous | None,
    threads: int,
    folder: StrPath | None = None,
) -> SuperbiasResult:
    """Make a superbias from ramps whose offsets are solved for and subtracted.

    Parameters
    ----------
    ramps : RampSet
    metadata : darkroom.nircam.products.ReferenceMetadata
        For the header of the reference file.
    choices : darkroom.nircam.superbias.settings.SuperbiasSettings
    previous : darkroom.nircam.compare.Previous or None
        Superbias to compare with.
    threads : int
    folder : path-like, optional
        Where the samples of ``pedestal`` are kept while the superbias is made.

    Returns
    -------
    SuperbiasResult

    Raises
    ------
    DarkroomError
        See `make_superbias`, `InterceptStack` and `PedestalStack`.
    """
    classes = Classes.from_ramps(ramps)
    first = GroupStack(ramps, 0, flags=_UNUSABLE)
    with tempfile.TemporaryFile(dir=folder) as file:
        stack, read_share = _samples(ramps, classes, choices, first, file, threads)
        found = make_superbias(stack, classes, ramps.mjd, ramps.label, choices, threads=threads)
        numbers, tables = _measure(found, first, read_share, ramps, classes, choices)
        phases = None
        if cycle := significant(numbers["cycles"]):
            clip = choices.sigma, choices.max_clipping_iters
            phases = phase_superbiases(
                stack, classes, ramps.integrations, cycle.period, found, clip, threads=threads
            )
            tables["PHASES"] = (phases.rows, {"level": "DN", "error": "DN"})
    difference = None
    units = [units_table(found, ramps, classes)]
    if previous is not None:
        difference, numbers["compared"] = compare(found.mean, found.error, previous, classes)
        tables["COMPARE"] = (numbers["compared"], {})
        units.append(change_table(found.mean - previous.image, classes))
    provenance = Provenance.from_ramps("superbias", ramps, choices.effective_settings, previous)
    dq = files.aligned_dq(found.dq)
    reference = partial(
        files.reference_hdus, found.mean, found.error, dq, metadata, ramps, provenance
    )
    details = partial(
        files.aligned_details,
        found,
        ramps,
        classes,
        tables,
        provenance,
        difference,
        units,
        phases,
    )
    refusal = cycle.warning if cycle and choices.on_cycle == "stop" else ""
    filled = None
    if choices.save_filled:
        filled = filled_superbias(found.mean, ramps, rule_of(choices), choices.box_width)
    return SuperbiasResult(ramps, reference, details, found.mean, dq, filled, numbers, refusal)


def _samples(ramps, classes, choices, first, file, threads):
    """Return the samples of the ramps, and their read noise over that of a group."""
    if choices.sample == "intercept":
        stack = InterceptStack(ramps, classes, choices.intercept_groups, _UNUSABLE)
        return stack, stack.read_share
    if choices.sample == "pedestal":
        stack = PedestalStack(ramps, classes, choices.pedestal, file, threads=threads)
        return stack, stack.read_share
    return first, 1.0


def _measure(found, first, read_share, ramps, classes, choices):
    """Return numbers and tables that describe the noise and the offsets of the ramps.

    `first` is the stack of group 0, `read_share` the read noise of a sample over that of a group.
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
    error = found.error[classes.usable & np.isfinite(found.error)]
    cycles = find_cycles(first, ramps, classes, float(median(error)) if error.size else np.nan)
    for row in cycles:
        if row.warning:
            log.warning(row.warning)
    integration = ramps.integrations
    drifting = drifts(found.offsets.value, ramps.mjd, integration, classes)
    tables = {
        "NOISE": (noise, dict.fromkeys(("scatter", "read", "ktc", "ktc_error"), "DN")),
        "DRIFT": (drifting, {"slope": "DN/d", "slope_error": "DN/d", "median_slope": "DN/d"}),
        "CYCLE": (cycles, {"amplitude": "DN"}),
    }
    numbers = {
        "nramps": len(ramps.ramps),
        "error": found.error,
        "offsets": found.offsets,
        "noise": noise,
        "drifts": drifting,
        "cycles": cycles,
        "compared": [],
        "coupling": coupling(found.error, found.mean, classes, choices.coupling),
    }
    return numbers, tables
