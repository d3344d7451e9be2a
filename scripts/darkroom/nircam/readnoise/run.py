"""From dark ramps to read noise files: what the program `readnoise` does after parsing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.compare import compare, read_previous
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.frames import frames_per_group
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
from darkroom.nircam.readnoise.units import change_table, units_table
from darkroom.nircam.superbias.offsets import check_ramps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from darkroom.hints import StrPath
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED
_NOISE = dict.fromkeys(("mode", "median", "mean", "p5", "p95", "p99"), "DN")


@dataclass
class ReadnoiseResult:
    """Everything that a run produces.

    Attributes
    ----------
    ramps : RampSet
    reference, details : callable
        Return the HDUs of the reference file and of the file of details.
    cds : (ny, nx) float32 array
        Noise of the difference of two frames (CDS), DN: the image of the reference file.
    numbers : dict
        Results by name, for `darkroom.nircam.readnoise.quantities.report`.
    """

    ramps: RampSet
    reference: Callable[[], list]
    details: Callable[[], list]
    cds: np.ndarray
    numbers: dict[str, Any] = field(default_factory=dict)


def run(
    paths: Iterable[StrPath],
    metadata: ReferenceMetadata,
    choices: ReadnoiseSettings,
    *,
    previous: StrPath | None = None,
    threads: int = 1,
    keep: bool = False,
) -> ReadnoiseResult:
    """Measure the read noise.

    Parameters
    ----------
    paths : sequence of path-like
        Ramp files, one per exposure.
    metadata : darkroom.nircam.products.ReferenceMetadata
        For the header of the reference file.
    choices : ReadnoiseSettings
    previous : path-like, optional
        Read noise reference file to compare with.
    threads : int
    keep : bool
        Use exposures that are refused when they are judged.

    Returns
    -------
    ReadnoiseResult

    Raises
    ------
    DarkroomError
        When no read noise can be measured in these exposures; `InputError` when one file is the
        cause.
    """
    ramps = RampSet(paths, "read noise", keep=keep, whole=choices.method != "line")
    subarray = check_subarray(metadata, ramps)
    _, warning = full_pedigree(metadata, ramps.mjd)
    if warning:
        log.warning(warning)
    _check_ngroups(ramps)
    readnoise.check_groups(ramps, readnoise.MIN_GROUPS if choices.method == "line" else 2)
    nframes = frames_per_group(ramps)
    if nframes > 1:
        log.info(
            "groups are means of %d frames: the noise of a frame is that of a group times %.4g, "
            "the square root of their number",
            nframes,
            np.sqrt(nframes),
        )
    earlier = None if previous is None else read_previous(previous, ramps)
    classes = Classes.from_ramps(ramps)
    flags = _UNUSABLE if choices.method == "line" else 0
    check_ramps(GroupStack(ramps, flags=flags), classes, ramps.label, threads)
    blocks = RampBlocks(ramps, flags)
    if choices.method == "line":
        noise, further = _line(blocks, classes, choices, threads)
    else:
        noise, further = _reffiles(blocks, choices, threads)
    if choices.single_value:
        noise = np.full(
            ramps.shape,
            readnoise_reffiles.single_value(
                noise, ramps.readout, subarray, readnoise_reffiles.clip_of(choices)
            ),
        )
    cds = noise.astype(np.float32)
    return _assemble(cds, further, metadata, choices, earlier, ramps, classes)


def _check_ngroups(ramps):
    """Refuse exposures of different length, which would have different weights."""
    usual = ramps.files[0].sci.shape[1]
    for file in ramps.files:
        if file.sci.shape[1] != usual:
            raise InputError(
                file.path,
                f"{file.sci.shape[1]} groups, {ramps.files[0].path.name} has {usual}",
                "one read noise is made of exposures of one kind",
            )


@dataclass
class _Further:
    """Results of a method beyond the CDS noise."""

    found: readnoise.ReadNoise | None = None
    cards: tuple = ()
    tables: dict[str, Any] = field(default_factory=dict)
    images: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    units: list[Any] = field(default_factory=list)


def _line(blocks, classes, choices, threads):
    """Return the CDS noise of method ``line`` and its further results."""
    found = readnoise.measure(blocks, classes, choices, threads=threads)
    rows, drifts = stability(found, blocks.ramps, classes)
    further = _Further(found)
    further.tables = {
        "STABILITY": (rows, {"mjd": "d", "noise": "DN", "error": "DN"}),
        "DRIFT": (drifts, {"slope": "DN/d", "slope_error": "DN/d", "median_slope": "DN/d"}),
    }
    further.numbers = {"found": found, "drifts": drifts}
    further.units.append(units_table(found, blocks.ramps, classes))
    if choices.spatial_pairs > 0:
        spatial = readnoise_spatial.check(
            blocks.ramps, classes, found.single, choices.spatial_pairs, blocks.flags
        )
        further.tables["SPATIAL"] = (spatial.rows, dict.fromkeys(("spatial", "temporal"), "DN"))
        further.images["BOXES"] = (spatial.boxes, "DN")
        further.numbers["spatial"] = spatial.rows
    return np.sqrt(2) * found.single.astype(np.float64), further


def _reffiles(blocks, choices, threads):
    """Return the CDS noise of jwst_reffiles and its further results."""
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
            "scatter; give longer ramps, or use method stack with several exposures"
        )
    cards = (("NPAIRS", found.npairs, "differences of groups of a pixel"),)
    # Of single frames, as for method line; jwst_reffiles leaves it the noise of group means.
    noise = found.noise * np.sqrt(frames_per_group(blocks.ramps))
    return noise, _Further(cards=cards, numbers={"pairs": found})


def _assemble(cds, further, metadata, choices, previous, ramps, classes):
    """Compare the CDS noise with the previous one, and prepare the files."""
    table = amplifier_table(cds, classes)
    tables = {"AMPS": (table, _NOISE)} | further.tables
    numbers = further.numbers | {"amplifiers": table, "compared": [], "classes": classes}
    if previous is not None:
        error = None if further.found is None else np.float32(np.sqrt(2)) * further.found.error
        difference, compared = compare(cds, error, previous, classes)
        tables["COMPARE"] = (compared, {})
        further.images["DIFF"] = (difference, "DN")
        numbers["compared"] = compared
        if further.found is not None:
            further.units.append(change_table(cds, previous.image, classes))
    provenance = Provenance.from_ramps("readnoise", ramps, choices.effective_settings, previous)
    reference = partial(files.reference_hdus, cds, metadata, ramps, provenance)
    method, cards, found = choices.method, further.cards, further.found
    details = partial(
        files.details,
        cds, ramps, method, cards, tables, provenance, found, further.images, further.units,
    )  # fmt: skip
    return ReadnoiseResult(ramps, reference, details, cds, numbers)


def write(result: ReadnoiseResult, output: StrPath, details: StrPath) -> None:
    """Write the reference file and the file of details.

    Parameters
    ----------
    result : ReadnoiseResult
    output, details : path-like
        Reference file, and file of details.
    """
    save(output, result.reference())
    save(details, result.details())
