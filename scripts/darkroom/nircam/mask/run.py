"""From the details of a dark to a mask: what the program `mask` does after parsing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam import products
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.mask import classify, compare, injection
from darkroom.nircam.mask.inputs import (
    bad_reference_pixels,
    previous_bits,
    read_details,
    telegraph_pixels,
)
from darkroom.nircam.mask.reference import Origin, reference_primary, used_flags
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.mask.settings import MaskSettings
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_BLIND = "DEAD, LOW_QE, OPEN, ADJ_OPEN and NONLINEAR"


def make(
    details: StrPath,
    metadata: ReferenceMetadata,
    choices: MaskSettings,
    output: StrPath,
    reasons_path: StrPath,
    *,
    readnoise: StrPath | None = None,
    reference_pixels: StrPath | None = None,
    previous: StrPath | None = None,
    quantities: StrPath | None = None,
) -> None:
    """Make the mask, and the file of reasons beside it.

    Parameters
    ----------
    details : path-like
        Details of a dark.
    metadata : darkroom.nircam.products.ReferenceMetadata
        Without a subarray that of the exposures is written, of full frames GENERIC.
    choices : MaskSettings
    output, reasons_path : path-like
        Files to write.
    readnoise : path-like, optional
        Details of a read noise: its telegraph pixels are flagged too.
    reference_pixels : path-like, optional
        File of the reference pixels: those found bad are flagged too.
    previous : path-like, optional
        MASK reference file.
    quantities : path-like, optional
        JSON file for the numbers of the report.
    """
    measured = read_details(details)
    found, classes = measured.found, measured.classes
    layout, limits = measured.readout, measured.limits
    reasons = classify.classify(
        found, classes, *limits,
        telegraph=None if readnoise is None else telegraph_pixels(readnoise, layout),
        bad_reference=(
            None if reference_pixels is None else bad_reference_pixels(reference_pixels, layout)
        ),
    )  # fmt: skip
    bits = classify.bits_of(reasons, choices.do_not_use)
    updated, warnings = None, []
    if previous is None:
        warnings.append(
            f"no previous mask: {_BLIND} pixels look perfect in darks, and are not in this one"
        )
    else:
        old = previous_bits(previous, layout)
        updated = compare.update(reasons, bits, old, found, limits, keep=choices.policy == "keep")
        bits = updated.bits
    rows = []
    if choices.injected:
        conditions = injection.conditions_of(
            found, measured.nramps, classes.usable, measured.step_sigma
        )
        rows = injection.inject(conditions, choices.injected, limits)
    files = [
        Path(path) for path in (details, readnoise, reference_pixels, previous) if path is not None
    ]
    origin = Origin(tuple(files), choices.effective_settings)
    products.save(output, _reference(bits, measured, metadata, origin, updated))
    products.save(reasons_path, _reasons(reasons, measured, origin, updated, rows))
    entries = _entries(reasons, classes, rows, updated, bits)
    for warning in warnings:
        log.warning(warning)
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)


def _reference(bits, measured, metadata, origin, updated):
    primary = reference_primary(measured, metadata, origin)
    primary.header["FLATPIX"] = (updated is not None, "flags that only flats show are in")
    if updated is not None:
        flags = ", ".join(f"{name} {count}" for name, count in updated.carried.items()) or "none"
        words = f"flags that darks cannot test are those of the previous mask: {flags}"
    else:
        words = f"made of darks alone: {_BLIND} pixels are not in it"
    primary.header.add_history(words)
    primary.header.add_history(
        "REFERENCE_PIXEL: the border of 4 pixels of the detector"
        + (", and the previous mask" if updated is not None else "")
    )
    return [primary, products.image("DQ", bits), used_flags(bits)]


def _reasons(reasons, measured, origin, updated, rows):
    layout = measured.readout
    primary = products.primary((
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", layout.detector, "detector"),
        ("SUBARRAY", layout.subarray, "subarray"),
        ("NRAMPS", measured.nramps, "integrations"),
    ))  # fmt: skip
    origin.stamp(primary.header)
    hdus = [primary, products.image("DQ", reasons), products.dq_table(classify.MEANING)]
    if updated is not None:
        hdus.append(products.image("CHANGE", updated.change))
        hdus[-1].header["COMMENT"] = "0 the same, 1 new, 2 healed, 3 undecided"
        if updated.rows:
            hdus.append(products.table("COMPARE", updated.rows))
    if rows:
        hdus.append(products.table("INJECTED", rows))
    return hdus


def _entries(reasons, classes, rows, updated, bits):
    active = int((~classes.reference).sum())
    by_class = {row["class"]: row for row in rows}
    entries = []
    for kind, flag in (
        ("saturated", classify.Class.SATURATED_FIRST),
        ("hot", classify.Class.HOT),
        ("warm", classify.Class.WARM),
        ("noisy", classify.Class.NOISY),
        ("telegraph", classify.Class.RTN),
        ("unstable", classify.Class.UNSTABLE),
        ("bias", classify.Class.UNREL_BIAS),
        ("stuck", classify.Class.STUCK),
        ("bad_ref", classify.Class.BAD_REF),
    ):
        count, words = int((reasons & flag > 0).sum()), classify.MEANING[flag]
        if row := by_class.get(kind):
            expected = row["false_rate"] * active
            less = "" if row["false"] else "fewer than "
            purity = max(0.0, 1 - expected / count) if count else 0.0
            words += (
                f"; of injected pixels ({row['injected']}) {row['share']:.1%} are found, "
                f"{less}{row['false_rate'] * 1e6:.3g} of 1e6 good pixels are called so: {less}"
                f"{expected:.3g} false ones expected, purity {purity:.0%}"
                + ("" if row["false"] else " or more")
            )
        entries.append(quantity(f"pixels classed {flag.name}", count, "pixels", words))
    share = float(((bits & np.uint32(Pixel.DO_NOT_USE)) > 0).mean())
    entries.append(quantity("pixels flagged DO_NOT_USE", share, "", "fraction of all pixels"))
    if updated is not None:
        for change, words in (
            (compare.Change.NEW, "bad now, good before; by rate at 5 standard errors"),
            (compare.Change.HEALED, "hot or warm before, good now at 5 standard errors"),
            (compare.Change.UNDECIDED, "they differ, but not significantly: kept"),
        ):
            count = int((updated.change == change).sum())
            entries.append(quantity(f"{change.name.lower()} pixels", count, "pixels", words))
        entries.append(
            quantity(
                "flags carried over", sum(updated.carried.values()), "",
                "darks cannot test them: "
                + (", ".join(f"{n} {k}" for k, n in updated.carried.items()) or "none"),
            )
        )  # fmt: skip
    return entries
