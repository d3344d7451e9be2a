"""From dark ramps to read noise files: the work between options and exit of `readnoise`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.compare import compare, read_previous
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.products import Provenance, check_subarray, full_pedigree, save
from darkroom.nircam.ramps.blocks import RampBlocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.readnoise import measure as readnoise
from darkroom.nircam.readnoise import products as files
from darkroom.nircam.readnoise import reffiles as readnoise_reffiles
from darkroom.nircam.readnoise import spatial as readnoise_spatial
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.readnoise.tables import amplifier_table, stability
from darkroom.nircam.superbias.offsets import check_ramps

log = logging.getLogger(__name__)
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED
_NOISE = dict.fromkeys(("mode", "median", "mean", "p5", "p95", "p99"), "DN")


@dataclass
class ReadnoiseResult:
    """What a run made.

    Attributes
    ----------
    ramps : RampSet
    reference, details : callable
        Give the HDUs of the reference file and of the product beside it.
    cds : (ny, nx) float32 array
        Noise of the difference of two groups, DN: what the reference file holds.
    numbers : dict
        Results by name, for quantities.
    """

    ramps: RampSet
    reference: Callable
    details: Callable
    cds: np.ndarray
    numbers: dict = field(default_factory=dict)


def run(paths, facts, choices: ReadnoiseSettings, *, previous=None, threads=1):
    """Measure the read noise.

    Parameters
    ----------
    paths : sequence of path-like
    facts : darkroom.nircam.products.ReferenceMetadata
    choices : ReadnoiseSettings
    previous : path-like, optional
        Read noise file to compare with.
    threads : int

    Returns
    -------
    ReadnoiseResult
    """
    ramps = RampSet(paths, "read noise")
    subarray = check_subarray(facts, ramps)
    _, doubt = full_pedigree(facts, ramps.mjd)
    if doubt:
        log.warning(doubt)
    _check_ngroups(ramps)
    readnoise.check_groups(ramps, readnoise.LEAST_GROUPS if choices.method == "line" else 2)
    before = None if previous is None else read_previous(previous, ramps)
    classes = Classes.from_ramps(ramps)
    flags = _UNUSABLE if choices.method == "line" else 0
    check_ramps(GroupStack(ramps, flags=flags), classes, ramps.label, threads)
    blocks = RampBlocks(ramps, flags)
    if choices.method == "line":
        noise, rest = _line(blocks, classes, choices, threads)
    else:
        noise, rest = _reffiles(blocks, choices, threads)
    if choices.single_value:
        noise = np.full(
            ramps.shape,
            readnoise_reffiles.single_value(
                noise, ramps.readout, subarray, readnoise_reffiles.clip_of(choices)
            ),
        )
    return _made(noise.astype(np.float32), rest, facts, choices, before, ramps, classes)


def _check_ngroups(ramps):
    """Refuse exposures of different lengths: they would not count alike."""
    usual = ramps.files[0].sci.shape[1]
    for file in ramps.files:
        if file.sci.shape[1] != usual:
            raise InputError(
                file.path,
                f"{file.sci.shape[1]} groups, {ramps.files[0].path.name} has {usual}",
                "one read noise is made of exposures of one kind",
            )


@dataclass
class _Rest:
    """What a method gives beside the CDS noise."""

    found: readnoise.ReadNoise | None = None
    cards: tuple = ()
    tables: dict = field(default_factory=dict)
    images: dict = field(default_factory=dict)
    numbers: dict = field(default_factory=dict)


def _line(blocks, classes, choices, threads):
    """Return the CDS noise of method ``line`` and the rest."""
    found = readnoise.measure(blocks, classes, choices, threads=threads)
    rows, drifts = stability(found, blocks.ramps, classes)
    rest = _Rest(found)
    rest.tables = {
        "STABILITY": (rows, {"mjd": "d", "noise": "DN", "error": "DN"}),
        "DRIFT": (drifts, {"slope": "DN/d", "slope_error": "DN/d", "median_slope": "DN/d"}),
    }
    rest.numbers = {"found": found, "drifts": drifts}
    if choices.spatial_pairs > 0:
        spatial = readnoise_spatial.check(
            blocks.ramps, classes, found.single, choices.spatial_pairs, blocks.flags
        )
        rest.tables["SPATIAL"] = (spatial.rows, dict.fromkeys(("spatial", "temporal"), "DN"))
        rest.images["BOXES"] = (spatial.boxes, "DN")
        rest.numbers["spatial"] = spatial.rows
    return np.sqrt(2) * found.single.astype(np.float64), rest


def _reffiles(blocks, choices, threads):
    """Return the CDS noise of jwst_reffiles and the rest."""
    found = readnoise_reffiles.measure(
        blocks,
        choices.method,
        choices.group_diff_type,
        readnoise_reffiles.clip_of(choices),
        threads=threads,
    )
    if max(found.per_file) < 2 and (choices.method == "ramp" or len(found.per_file) == 1):
        raise DarkroomError(
            f"{blocks.ramps.files[0].path.name}: one difference of groups per exposure has no "
            "scatter; give longer ramps, or several exposures to method stack"
        )
    cards = (("NPAIRS", found.npairs, "differences of groups of a pixel"),)
    return found.noise, _Rest(cards=cards, numbers={"pairs": found})


def _made(cds, rest, facts, choices, before, ramps, classes):
    table = amplifier_table(cds, classes)
    tables = {"AMPS": (table, _NOISE)} | rest.tables
    numbers = rest.numbers | {"amplifiers": table, "compared": [], "classes": classes}
    if before is not None:
        error = None if rest.found is None else np.float32(np.sqrt(2)) * rest.found.error
        difference, compared = compare(cds, error, before, classes)
        tables["COMPARE"] = (compared, {})
        rest.images["DIFF"] = (difference, "DN")
        numbers["compared"] = compared
    provenance = Provenance.from_ramps("readnoise", ramps, choices.effective_settings, before)
    reference = partial(files.reference_hdus, cds, facts, ramps, provenance)
    details = partial(
        files.details,
        *(cds, ramps, choices.method, rest.cards, tables, provenance, rest.found, rest.images),
    )
    return ReadnoiseResult(ramps, reference, details, cds, numbers)


def write(made, output, details):
    """Write what a run made."""
    save(output, made.reference())
    save(details, made.details())
