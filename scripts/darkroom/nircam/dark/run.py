"""From dark ramps to dark files: what the program `dark` does after parsing."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.stream import write_cubes
from darkroom.nircam import judging
from darkroom.nircam.dark import measure as gls
from darkroom.nircam.dark import products, reffiles, tables
from darkroom.nircam.dark.cube import Cube
from darkroom.nircam.detector.placing import cut_out
from darkroom.nircam.products import Provenance, check_subarray, full_pedigree, save
from darkroom.nircam.ramps.blocks import RampBlocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath
    from darkroom.nircam.dark.settings import DarkSettings
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_NEEDED = {"S_SUPERB": "superbias", "S_REFPIX": "refpix", "S_LINEAR": "linearity"}
_BAND = 64  # rows of all ramps in memory for method reffiles


@dataclass
class DarkResult:
    """Everything that a run produces.

    Attributes
    ----------
    ramps : RampSet
    classes : Classes
    found : DarkRates or DarkLevels
    dq : (ny, nx) uint32 array
        Flags of the reference file.
    provenance : Provenance
    entries : list
        Key quantities.
    tables : dict
        ``{name: rows}`` of the file of details.
    warnings : list of str
    """

    ramps: RampSet
    classes: Classes
    found: Any
    dq: np.ndarray
    provenance: Provenance
    entries: list = field(default_factory=list)
    tables: dict = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def run(
    paths: Iterable[StrPath],
    metadata: ReferenceMetadata,
    choices: DarkSettings,
    output: StrPath,
    details: StrPath,
    *,
    gain: StrPath | None = None,
    previous: StrPath | None = None,
    threads: int = 1,
    keep: bool = False,
) -> DarkResult:
    """Measure the dark current, and write the reference file and the details.

    Parameters
    ----------
    paths : sequence of path-like
        Ramps, one per exposure.
    metadata : darkroom.nircam.products.ReferenceMetadata
    choices : DarkSettings
    output, details : path-like
        Files to write.
    gain : path-like, optional
        GAIN reference file, used unless the settings give the gain.
    previous : path-like, optional
        DARK reference file to compare with.
    threads : int
    keep : bool
        Use exposures that are refused when they are judged.

    Returns
    -------
    DarkResult

    Raises
    ------
    DarkroomError
        When no dark can be made of these exposures; `InputError` when one file is the cause.
    """
    ramps = RampSet(paths, judging.DARK, keep=keep)
    check_subarray(metadata, ramps)
    full_pedigree(metadata, ramps.mjd)
    classes = Classes.from_ramps(ramps)
    warnings = [*ramps.warnings, *_lacking(ramps)]
    provenance = Provenance.from_ramps("dark", ramps, choices.effective_settings)
    if choices.method == "reffiles":
        result = _reffiles(ramps, classes, choices, provenance)
        result.warnings += warnings
        products.write_levels(result, metadata, output, details)
        return result
    ramps.leave_out_first(choices.skip_integrations)
    gains = gain_of(classes, ramps, choices.gain, gain)
    blocks = RampBlocks(ramps, gls.UNUSABLE)
    with tempfile.TemporaryDirectory(dir=Path(output).parent) as folder:
        measured = None
        if choices.cube == "measured":
            shape = (2, int(np.diff(blocks.starts).max()) - 1, *ramps.shape)
            measured = np.memmap(Path(folder, "steps"), np.float32, "w+", shape=shape)
        found = gls.measure(
            blocks, classes, gains, step_sigma=choices.step_sigma, threads=threads,
            measured=measured, scratch=folder,
        )  # fmt: skip
        ramps.forget()
        reasons = products.reasons(found, classes, choices)
        result = DarkResult(ramps, classes, found, products.dq_of(reasons), provenance)
        result.warnings = warnings
        result.tables = {"LEVELS": tables.levels(found, classes)}
        result.tables["SETTLING"] = tables.settling(found, ramps)
        difference = None
        if previous is not None:
            earlier = products.previous_rate(previous, ramps, classes, gains)
            result.tables["COMPARE"] = tables.compared(found, earlier, classes)
            difference = found.rate - earlier
        result.entries = _entries(result, reasons)
        cube = Cube(found, classes, choices.cube, choices.origin, _groups(choices, blocks))
        header, hdus = products.reference(result, cube, metadata, choices)
        shape = (cube.ngroups, *ramps.shape)
        cubes = {"SCI": (shape, cube.sci, "DN"), "ERR": (shape, cube.err, "DN")}
        header["FILENAME"] = (Path(output).name, "name of this file")
        write_cubes(output, header, cubes, hdus)
        save(details, products.details(result, reasons, cube, choices, difference))
    return result


def _groups(choices, blocks):
    observed = int(np.diff(blocks.starts).max())
    if choices.cube == "measured" and choices.groups not in (None, observed):
        raise DarkroomError(
            f"groups {choices.groups}: a measured cube has the {observed} groups of the exposures; "
            "use cube fit for another length"
        )
    return choices.groups or observed


def _lacking(ramps):
    """Return warnings of steps that the ramps lack."""
    header = ramps.files[0].header
    return [
        f"the step {name} was not made ({card} is {header.get(card)!r}): the dark holds its effect"
        for card, name in _NEEDED.items()
        if header.get(card) != "COMPLETE"
    ]


def gain_of(
    classes: Classes, ramps: RampSet, gain: float | None, path: StrPath | None
) -> np.ndarray:
    """Return the gain of each amplifier, (noutputs,) float64, e-/DN.

    Parameters
    ----------
    classes : Classes
    ramps : RampSet
    gain : float, optional
        That of all amplifiers.
    path : path-like, optional
        GAIN reference file; larger than the exposures, the pixels of their subarray are cut out.

    Raises
    ------
    DarkroomError
        When neither is given, or the file does not fit.
    """
    if gain is not None:
        return np.full(classes.noutputs, float(gain))
    if path is None:
        raise DarkroomError("the gain is not known: give a GAIN reference file, or the number")
    with fits.open(path, memmap=False) as hdus:
        image = np.asarray(hdus["SCI"].data, np.float64)
        image = cut_out(path, hdus[0].header, image, ramps.readout)
    found = np.empty(classes.noutputs)
    for a in range(classes.noutputs):
        values = image[classes.usable & (classes.amplifier == a)]
        values = values[np.isfinite(values) & (values > 0)]
        if not values.size:
            raise InputError(path, f"has no gain in amplifier {a}")
        found[a] = np.median(values)
    return found


def _reffiles(ramps, classes, choices, provenance):
    """Make the dark of jwst_reffiles, in bands of rows."""
    for file in ramps.files:
        if file.header.get("S_JUMP") != "COMPLETE" or file.groupdq is None:
            raise InputError(
                file.path,
                "has no flags of the step jump (S_JUMP), which method reffiles needs",
                "give ramps after jump, or use method gls",
            )
    shape = file.sci.shape[1], *ramps.shape
    sci, err = np.zeros((2, *shape), np.float32)
    good = np.zeros(shape, np.int64)
    for first in range(0, ramps.shape[0], _BAND):
        rows = slice(first, min(first + _BAND, ramps.shape[0]))
        parts = [_stored(file, rows) for file in ramps.files]
        found = reffiles.levels(parts, choices.sigma_threshold)
        sci[:, rows], err[:, rows], good[:, rows] = found.sci, found.err, found.good
    found = reffiles.DarkLevels(sci, err, good)
    entries = [
        quantity("exposures", len(ramps.files), "", "input files"),
        quantity("samples without any data", int((good == 0).sum()), "", "0 ± 0 in the file"),
    ]
    dq = np.zeros(ramps.shape, np.uint32)
    return DarkResult(ramps, classes, found, dq, provenance, entries)


def _stored(file, rows):
    """Return rows of all groups of a file as they are stored, and their flags."""
    nints, ngroups, _, nx = file.sci.shape
    values = np.empty((nints, ngroups, rows.stop - rows.start, nx), np.float32)
    flags = np.empty(values.shape, np.uint8)
    for i in range(nints):
        for g in range(ngroups):
            file.sci.plane(i, g).read_into(values[i, g], rows.start, file.path)
            bits = file.groupdq.plane(i, g).stored(rows.start, values.shape[2], file.path)
            flags[i, g] = bits
    return values, flags


def _entries(result, reasons):
    ramps, found = result.ramps, result.found
    entries = [
        quantity("exposures", len(ramps.files), "", "input files"),
        quantity("ramps", len(ramps.ramps), "", "integrations of all files"),
    ]
    for row in result.tables["LEVELS"]:
        entries.append(
            quantity(
                f"dark current, amplifier {row['amplifier']}",
                row["median"],
                "e-/s",
                f"median of {row['npixels']} pixels; 5 to 95 % {row['p5']:.3g} to "
                f"{row['p95']:.3g}; scatter of rates {row['factor']:.3g} times the noise model's",
                uncertainty=float(np.nanmax([row["error"], row["row_error"], row["ramp_error"]])),
            )
        )
    for flag, meaning in products.MEANING.items():
        if flag is not products.Flag.REFERENCE_PIXEL:
            count = int((reasons & flag > 0).sum())
            entries.append(quantity(f"pixels flagged {flag.name}", count, "pixels", meaning))
    hits = int(found.nhits[result.classes.usable].sum())
    entries.append(quantity("cosmic rays found", hits, "", "steps up, where ramps are cut"))
    for row in result.tables["SETTLING"]:
        if row["integration"] == 1 and np.isfinite(row["first_p"]):
            entries.append(
                quantity(
                    f"first integrations, amplifier {row['amplifier']}",
                    row["difference"],
                    "e-/s",
                    "minus the median of all: what skip_integrations: 1 leaves out; p = "
                    f"{row['first_p']:.2g} against the third and later",
                    uncertainty=row["error"],
                )
            )
    for row in result.tables.get("COMPARE", ()):
        entries.append(
            quantity(
                f"change since the previous dark, amplifier {row['amplifier']}",
                row["shift"],
                "e-/s",
                f"median of new - previous; scatter {row['pull']:.3g} times the error",
            )
        )
    return entries


def report(result: DarkResult, path: StrPath | None) -> None:
    """Log warnings and key quantities of a dark, and write them to a file when one is named."""
    for warning in result.warnings:
        log.warning(warning)
    log_quantities(result.entries)
    if path:
        write_quantities(path, result.entries)
