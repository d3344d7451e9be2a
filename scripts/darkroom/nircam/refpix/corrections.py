"""Comparison of reference-pixel corrections: residual noise of the same exposures after each."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.campaign.exposure import read_exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam import products
from darkroom.nircam.chain.ramp import Job
from darkroom.nircam.chain.recipe import is_recipe, read_recipe
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.refpix.predict import white_noise
from darkroom.nircam.refpix.residual import residual_noise
from darkroom.nircam.spectrum.products import write_csv
from darkroom.nircam.spectrum.source import RampSource
from darkroom.nircam.spectrum.written import read_fit
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.refpix.sides import RowSums

#: Units of the columns of the table.
UNITS = dict.fromkeys(("row_noise", "total", "row_floor", "white"), "DN")
_SIRS_CARD = "R_SIRSKL"  # the pipeline's card for the kernel file it used


def compare(
    raw: Sequence[StrPath],
    corrected: Sequence[tuple[str, Sequence[StrPath]]],
    spectrum: StrPath,
) -> tuple[RampSet, list[dict[str, Any]]]:
    """Measure the noise of exposures before and after corrections.

    Parameters
    ----------
    raw : sequence of path-like
        Exposures before any correction, or their status files.
    corrected : sequence of (str, sequence of path-like)
        Name of each correction, and the same exposures in the same order after it.
    spectrum : path-like
        Noise spectrum of the exposures, written by ``noise_spectrum.py``.

    Returns
    -------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        Ramps of the exposures before correction.
    rows : list of dict
        A row for each correction (``none`` first) and amplifier. ``row_noise`` of row means and
        ``total`` of pixels, in differences of two groups (DN); ``row_floor`` and ``white``, the
        same from white noise alone (DN); ``over_floor`` and ``over_white``, the ratios;
        ``kernel``, name of the file of SIRS kernels if they were used.

    Raises
    ------
    DarkroomError
        When the numbers of exposures differ, or none is accepted under every correction.
    InputError
        When an exposure after a correction does not match the one before.
    """
    sets = [("none", raw), *corrected]
    for name, paths in sets:
        if len(paths) != len(raw):
            raise DarkroomError(
                f"correction {name}: {len(paths)} exposure(s), {len(raw)} before the correction"
            )
    exposures = [[read_exposure(path) for path in paths] for _, paths in sets]
    usable = [k for k in range(len(raw)) if all(some[k]["accepted"] for some in exposures)]
    if not usable:
        reasons = {e["reason"] for some in exposures for e in some if not e["accepted"]}
        raise DarkroomError(
            f"no exposure is accepted under every correction: {'; '.join(reasons)}; use more "
            "exposures (reference_pixels.exposures)"
        )
    files = [[some[k]["path"] for k in usable] for some in exposures]
    # All corrections are measured in one reading of the raw files.
    job = Job()
    recipes = [path for paths in files for path in paths if is_recipe(path)]
    job.keep_raw(read_recipe(path).raw.path for path in recipes)
    before, *others = (
        RampSet(paths, f"correction {name}", keep=True, whole=True, job=job)
        for (name, _), paths in zip(sets, files, strict=True)
    )
    for (name, _), ramps in zip(corrected, others, strict=True):
        _check_match(name, ramps, before)
    _keep_common([before, *others])
    white = white_noise(read_fit(spectrum, before.readout))
    sources = [RampSource(ramps) for ramps in (before, *others)]
    rows = []
    for (name, _), ramps, source, found in zip(
        sets, (before, *others), sources, residual_noise(sources, white), strict=True
    ):
        white_alone = math.sqrt(2 / source.nframes) * white
        kernel = str(ramps.files[0].header.get(_SIRS_CARD, ""))
        for a, (row, total, floor) in enumerate(zip(*found, strict=True)):
            values = {"row_noise": row, "total": total, "row_floor": floor, "white": white_alone[a]}
            values |= {"over_floor": row / floor, "over_white": total / white_alone[a]}
            numbers = {key: float(value) for key, value in values.items()}
            rows.append({"correction": name, "amplifier": a, **numbers, "kernel": kernel})
    job.forget()
    return before, rows


def _check_match(name, ramps, before):
    """Refuse exposures after a correction that are not those before it."""
    if ramps.readout != before.readout:
        raise InputError(
            ramps.files[0].path, f"correction {name} is of another detector or subarray"
        )
    for file, other in zip(ramps.files, before.files, strict=True):
        if file.sci.shape != other.sci.shape:
            raise InputError(
                file.path,
                f"correction {name} has {_size(file)}, {other.path.name} has {_size(other)}",
            )


def _keep_common(sets):
    """Leave the integrations that have data in every group of every set."""
    common = [ramp for ramp in sets[0].ramps if all(ramp in other.ramps for other in sets)]
    if not common:
        raise DarkroomError(
            "no integration has data in every group under every correction; use more exposures "
            "(reference_pixels.exposures)"
        )
    for ramps in sets:
        ramps.ramps = common


def _size(file):
    nints, ngroups = file.sci.shape[:2]
    return f"{nints} integration(s) of {ngroups} groups"


def write(
    ramps: RampSet,
    rows: Sequence[dict[str, Any]],
    output: StrPath,
    table: StrPath,
    quantities: StrPath | None = None,
    not_possible: Iterable[tuple[str, str]] = (),
) -> None:
    """Write the comparison as FITS and CSV, and log its quantities.

    Parameters
    ----------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        Ramps before correction, see `compare`.
    rows : sequence of dict
        Rows of the table, see `compare`.
    output : path-like
        FITS file.
    table : path-like
        CSV file.
    quantities : path-like, optional
        JSON file of the quantities for the report.
    not_possible : iterable of (str, str)
        Corrections that cannot be applied to such exposures, and why.
    """
    primary = products.primary(
        (
            ("INSTRUME", "NIRCAM", "instrument"),
            ("DETECTOR", ramps.readout.detector, "detector"),
            ("SUBARRAY", ramps.readout.subarray, "subarray"),
            ("NRAMPS", len(ramps.ramps), "integrations"),
        )
    )
    products.Provenance.from_ramps("compare_corrections", ramps, {}).stamp(primary.header)
    hdus = [primary, products.table("CORRECTIONS", rows, UNITS)]
    lacking = [{"correction": name, "why": why} for name, why in not_possible]
    if lacking:
        hdus.append(products.table("NOT_POSSIBLE", lacking))
    products.save(output, hdus)
    write_csv(table, rows)
    entries = []
    for name in dict.fromkeys(row["correction"] for row in rows):
        here = [row for row in rows if row["correction"] == name]
        noise, total, floor = (
            math.sqrt(sum(row[key] ** 2 for row in here) / len(here))
            for key in ("row_noise", "total", "row_floor")
        )
        text = (
            f"scatter of row means of differences of two groups; white noise alone: {floor:.3g} DN"
        )
        entries.append(quantity(f"row noise, correction {name}", noise, "DN", text))
        white = math.sqrt(sum(row["white"] ** 2 for row in here) / len(here))
        text = (
            "robust scatter of the pixels in differences of two groups; white noise alone: "
            f"{white:.3g} DN"
        )
        entries.append(quantity(f"pixel noise, correction {name}", total, "DN", text))
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)


def write_best_side(path: StrPath, rows: RowSums | None) -> None:
    """Write the best correction by side pixels as parameters of the JWST pipeline's steps.

    Parameters
    ----------
    path : path-like
        JSON file of one line.
    rows : darkroom.nircam.refpix.sides.RowSums or None
        Row means of side and active pixels; None without side pixels, for the pipeline's defaults.
    """
    chosen = {}
    if rows is not None:
        width, gain = rows.best()
        chosen = {"refpix": {"side_smoothing_length": width, "side_gain": round(gain, 4)}}
    write_text(path, json.dumps(chosen) + "\n")
