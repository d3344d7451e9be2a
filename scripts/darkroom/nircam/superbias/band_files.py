"""From two lists of ramps to the file of bands: what the program `superbias_bands` does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from darkroom.campaign.exposure import read_exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam import judging, products
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias.bands import Bands, find_bands, sentence
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath

log = logging.getLogger(__name__)
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


def compare_files(
    with_side: Sequence[StrPath],
    without: Sequence[StrPath],
    output: StrPath,
    *,
    quantities: StrPath | None = None,
    keep: bool = False,
) -> Bands:
    """Compare the rows of two corrections of the same exposures, and write the result.

    Parameters
    ----------
    with_side, without : sequence of path-like
        Ramps after the step refpix, with and without side reference pixels, or their status files,
        in the same order; an exposure that was refused in one of the lists is left out of both.
    output : path-like
        FITS file to write.
    quantities : path-like, optional
        JSON file for the numbers of the report.
    keep : bool
        Use exposures that are refused when they are judged.

    Returns
    -------
    Bands

    Raises
    ------
    DarkroomError
        For fewer than three ramps; `InputError` for ramps that do not belong together.
    """
    if len(with_side) != len(without):
        raise DarkroomError(
            f"{len(with_side)} exposures with side reference pixels, {len(without)} without: give "
            "the same exposures twice, in the same order"
        )
    pairs = [tuple(map(read_exposure, pair)) for pair in zip(with_side, without, strict=True)]
    usable = [pair for pair in pairs if all(exposure["accepted"] for exposure in pair)]
    if not usable:
        raise DarkroomError(
            "no exposure is accepted with and without side reference pixels; use more exposures "
            "(reference_pixels.exposures)"
        )
    one, other = (
        RampSet([exposure["path"] for exposure in side], judging.READNOISE, keep=keep)
        for side in zip(*usable, strict=True)
    )
    if one.ramps != other.ramps or one.shape != other.shape:
        raise InputError(
            other.files[0].path,
            f"and the others have {len(other.ramps)} ramps of {other.shape} pixels, those with "
            f"side reference pixels {len(one.ramps)} of {one.shape}",
            "give the same exposures twice, in the same order",
        )
    for first, second in zip(one.files, other.files, strict=True):
        if first.header.get("EXPSTART") != second.header.get("EXPSTART"):
            raise InputError(
                second.path,
                f"began at {second.header.get('EXPSTART')}, {first.path.name} in its place at "
                f"{first.header.get('EXPSTART')}",
                "give the same exposures twice, in the same order",
            )
    classes = Classes.from_ramps(one)
    stacks = [GroupStack(ramps, 0, flags=_UNUSABLE) for ramps in (one, other)]
    try:
        found = find_bands(*stacks, classes)
    except ValueError as error:
        raise DarkroomError(
            f"{one.files[0].path.name} and the others: {error}; use more exposures "
            "(reference_pixels.exposures)"
        ) from error
    provenance = products.Provenance.from_ramps("superbias_bands", one, {})
    primary = products.primary((
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", one.readout.detector, "detector"),
        ("SUBARRAY", one.readout.subarray, "subarray"),
        ("NRAMPS", len(one.ramps), "ramps"),
        ("NBANDS", len(found.bands), "bands"),
    ))  # fmt: skip
    provenance.stamp(primary.header)
    rows = [
        {"row": y, "difference": float(d), "error": float(e), "significance": float(s)}
        for y, (d, e, s) in enumerate(
            zip(found.difference, found.error, found.significance, strict=True)
        )
    ]
    units = {"difference": "DN", "error": "DN"}
    hdus = [primary, products.table("ROWS", rows, units)]
    if found.bands:
        hdus.append(products.table("BANDS", found.bands, units))
    products.save(output, hdus)
    entries = [
        quantity("bands by side reference pixels", len(found.bands), "", sentence(found)),
        *(
            quantity(
                f"rows {band.first} to {band.last}",
                band.difference,
                "DN",
                "with side reference pixels minus without",
                uncertainty=band.error,
            )
            for band in found.bands
        ),
    ]
    log.info(sentence(found))
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)
    return found
