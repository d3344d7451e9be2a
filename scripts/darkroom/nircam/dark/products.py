"""HDUs of DARK reference files and of the files of details beside them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.stream import write_cubes
from darkroom.gates import units as unit_tables
from darkroom.nircam import products
from darkroom.nircam.dark.flags import MEANING, Flag
from darkroom.nircam.dark.unusual import hot, noisy, unstable, warm
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.placing import cut_out
from darkroom.nircam.superbias.units import of_ramps

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.dark.cube import Cube
    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.dark.run import DarkResult
    from darkroom.nircam.dark.settings import DarkSettings
    from darkroom.nircam.products import ReferenceMetadata
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

_USED = {
    Pixel.HOT: "hot pixel",
    Pixel.WARM: "warm pixel",
    Pixel.UNRELIABLE_DARK: "no rate, rate of one integration, or unstable",
}


def reasons(found: DarkRates, classes: Classes, choices: DarkSettings) -> np.ndarray:
    """Return the flags of the file of details, (ny, nx) int32 in the bits of `Flag`."""
    dq = np.zeros(found.rate.shape, np.int32)
    active = ~classes.reference
    is_hot = hot(found, choices.hot)
    for flag, where in (
        (Flag.NO_VALUE, found.nint == 0),
        (Flag.FEW, found.nint == 1),
        (Flag.HOT, is_hot),
        (Flag.WARM, warm(found, classes, choices.warm) & ~is_hot),
        (Flag.UNSTABLE, unstable(found, classes)),
        (Flag.NOISY, noisy(found, classes)),
    ):
        dq[where & active] |= flag
    dq[classes.reference] |= Flag.REFERENCE_PIXEL
    return dq


def dq_of(flags: np.ndarray) -> np.ndarray:
    """Return the DQ of the reference file, (ny, nx) uint32; DO_NOT_USE is the mask's business."""
    dq = np.zeros(flags.shape, np.uint32)
    dq[(flags & Flag.HOT) > 0] |= np.uint32(Pixel.HOT)
    dq[(flags & Flag.WARM) > 0] |= np.uint32(Pixel.WARM)
    doubtful = Flag.NO_VALUE | Flag.FEW | Flag.UNSTABLE
    dq[(flags & doubtful) > 0] |= np.uint32(Pixel.UNRELIABLE_DARK)
    return dq


def _primary(ramps, metadata, provenance, ngroups):
    """Return the primary header with the cards by which CRDS and the pipeline choose a dark."""
    hdu = products.reference_primary("DarkModel", "DARK", metadata, ramps, provenance)
    given = ramps.files[0].header
    for card, value, comment in (
        # With NRC_DARK only darks would get the file: science exposures match N/A.
        ("EXP_TYPE", "N/A", "type of data it applies to: all"),
        ("READPATT", given.get("READPATT", "ANY"), "readout pattern of the exposures"),
        ("NOUTPUTS", ramps.readout.noutputs, "number of amplifiers"),
        ("NFRAMES", given.get("NFRAMES", 1), "frames per group"),
        ("NGROUPS", ngroups, "groups"),
        ("GROUPGAP", given.get("GROUPGAP", 0), "frames dropped between groups"),
        ("TFRAME", given.get("TFRAME"), "[s] time between frames"),
        ("TGROUP", given.get("TGROUP"), "[s] time between groups"),
        ("GAINFACT", 1.0, "gain factor"),
    ):
        hdu.header[card] = (value, comment)
    return hdu


def reference(
    result: DarkResult, cube: Cube, metadata: ReferenceMetadata, choices: DarkSettings
) -> tuple[fits.Header, list]:
    """Return the primary header of a DarkModel, and the HDUs after its cubes."""
    header = _primary(result.ramps, metadata, result.provenance, cube.ngroups).header
    good = result.classes.usable & np.isfinite(result.found.rate)
    current = float(np.median(result.found.rate[good])) if good.any() else 0.0
    header["AVDRKCUR"] = (current, "[e-/s] median dark current of active pixels")
    superbias = result.ramps.files[0].header.get("R_SUPERB", "unknown")
    origin = (
        "0 at group 0, whose dark the superbias holds"
        if choices.origin != "reset"
        else f"rate x {cube.start:.6g} s at group 0: the superbias is at the reset"
    )
    header.add_history(f"superbias of the exposures: {superbias}; the dark is {origin}")
    if choices.cube == "fit":
        observed = len(result.found.settling)
        header.add_history(
            f"SCI = rate x time + settling of the amplifier, from {observed} observed groups; "
            + (
                f"groups from {observed} on are extrapolated"
                if cube.ngroups > observed
                else "it may be extrapolated"
            )
        )
    else:
        header.add_history("SCI = cumulated mean differences; do not extrapolate it: too noisy")
    return header, [products.image("DQ", result.dq), products.dq_table(_USED)]


def details(
    result: DarkResult,
    flags: np.ndarray,
    cube: Cube,
    choices: DarkSettings,
    difference: np.ndarray | None,
) -> list:
    """Make the HDUs of the details of a dark."""
    found, ramps = result.found, result.ramps
    header = ramps.files[0].header
    primary = products.primary((
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", ramps.readout.detector, "detector"),
        ("SUBARRAY", ramps.readout.subarray, "subarray"),
        ("READPATT", header.get("READPATT", ""), "readout pattern of the exposures"),
        ("SUBSTRT1", ramps.readout.xstart, "first pixel along axis 1"),
        ("SUBSTRT2", ramps.readout.ystart, "first pixel along axis 2"),
        ("SUBSIZE1", ramps.readout.nx, "pixels along axis 1"),
        ("SUBSIZE2", ramps.readout.ny, "pixels along axis 2"),
        ("FASTAXIS", ramps.readout.fastaxis, "fast readout axis"),
        ("SLOWAXIS", ramps.readout.slowaxis, "slow readout axis"),
        ("NOUTPUTS", ramps.readout.noutputs, "number of amplifiers"),
        ("MJDFIRST", float(ramps.mjd.min()), "[d] middle of the first integration"),
        ("MJDLAST", float(ramps.mjd.max()), "[d] middle of the last integration"),
        ("METHOD", choices.method, "how the dark was measured"),
        ("CUBE", choices.cube, "what the reference file holds"),
        ("NFILES", len(ramps.files), "exposures"),
        ("NRAMPS", len(ramps.ramps), "integrations"),
        ("NGROUPS", len(found.settling), "groups of an integration"),
        ("TGROUP", found.timing.tgroup, "[s] time between groups"),
        ("STEPSIG", choices.step_sigma, "[sigma] limit of the test for cosmic rays"),
        ("HOTLIM", choices.hot, "[e-/s] limit for hot pixels"),
        ("WARMLIM", choices.warm, "[e-/s] limit for warm pixels"),
    ))  # fmt: skip
    if len(ramps.ramps) == 1:
        primary.header["FSOURCE"] = ("residuals", "scatter of rates: one ramp has none")
    result.provenance.stamp(primary.header)
    images: dict[str, tuple[Any, str]] = {
        "RATE": (found.rate, "electron/s"),
        "ERR": (found.error, "electron/s"),
        "NINT": (found.nint, ""),
        "NHITS": (found.nhits, ""),
        "CHI2": (found.chi2, ""),
        "INFO": (found.info, "s2/electron2"),
        "NOISE": (found.noise, "electron"),
        "DOWN": (found.down, ""),
        "PEDVAR": (found.pedestal, ""),
        "NSAT": (found.saturated, ""),
        "DQ": (flags, ""),
    }
    if difference is not None:
        images["DIFF"] = (difference, "electron/s")
    hdus = [products.image(name, data, unit) for name, (data, unit) in images.items()]
    hdus.append(products.dq_table(MEANING))
    rows = [
        {"group": g, "amplifier": a, "measured": s, "error": e, "used": u}
        for g, values in enumerate(
            zip(found.settling, found.settling_error, cube.settling, strict=True)
        )
        for a, (s, e, u) in enumerate(zip(*values, strict=True))
    ]
    made = dict(result.tables) | {"RAMP": rows}
    hdus += [products.table(name, data) for name, data in made.items() if data]
    return [primary, *hdus, units_table(found, ramps)]


def units_table(found: DarkRates, ramps: RampSet) -> fits.BinTableHDU:
    """Return the table UNITS: the median rate of each integration and amplifier, e-/s."""
    values = {"rate": found.by_ramp, "rate_error": found.by_ramp_error}
    units = of_ramps(ramps, found.by_ramp.shape[1], values)
    return unit_tables.table(units, "electron/s", numbers=dict.fromkeys(values, "sample"))


def write_levels(
    result: DarkResult, metadata: ReferenceMetadata, output: StrPath, details_path: StrPath
) -> None:
    """Write the dark of method ``reffiles``, and a file with the number of samples."""
    found, ramps = result.found, result.ramps
    primary = _primary(ramps, metadata, result.provenance, len(found.sci))
    primary.header.add_history("method reffiles: SCI 0 with 0 samples is no measurement")
    primary.header["FILENAME"] = (Path(output).name, "name of this file")
    cubes = {
        name: (data.shape, partial(iter, data), "DN")
        for name, data in (("SCI", found.sci), ("ERR", found.err))
    }
    hdus = [products.image("DQ", result.dq), products.dq_table(_USED)]
    write_cubes(output, primary.header, cubes, hdus)
    counted = products.primary((("METHOD", "reffiles", "how the dark was measured"),))
    result.provenance.stamp(counted.header)
    products.save(details_path, [counted, products.image("COUNT", found.good.astype(np.int32))])


def previous_rate(path: StrPath, ramps: RampSet, classes: Classes, gain: np.ndarray) -> np.ndarray:
    """Return the rate of a previous dark: (last - first group) / time, (ny, nx) float32, e-/s.

    Raises
    ------
    InputError
        When it is of another detector or shape, or says no time between groups.
    """
    with fits.open(path, memmap=True) as hdus:
        header, sci = hdus[0].header, hdus["SCI"].data
        if header.get("DETECTOR") != ramps.readout.detector or sci.shape[1:] != ramps.shape:
            raise InputError(
                path,
                f"is of {header.get('DETECTOR')} with {sci.shape[1:]} pixels, the exposures are of "
                f"{ramps.readout.detector} with {ramps.shape}",
            )
        sci = cut_out(path, header, sci, ramps.readout)
        nframes, gap = header.get("NFRAMES", 1), header.get("GROUPGAP", 0)
        tgroup = header.get("TGROUP") or (nframes + gap) * ramps.readout.frame_time
        steps = sci[-1].astype(np.float32) - sci[0].astype(np.float32)
        rate = steps / (tgroup * max(len(sci) - 1, 1))
    return rate * gain[classes.amplifier].astype(np.float32)
