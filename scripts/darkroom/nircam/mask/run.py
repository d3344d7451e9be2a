"""From the details of a dark to a mask: what the program `mask` does after parsing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.errors import InputError
from darkroom.nircam import products
from darkroom.nircam.dark.measure import DarkRates
from darkroom.nircam.dark.model import Timing, Usual
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.readout import SIZE, Readout
from darkroom.nircam.mask import classify, compare, injection
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.readnoise.measure import Flag as NoiseFlag
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.mask.settings import MaskSettings
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_BLIND = "DEAD, LOW_QE, OPEN, ADJ_OPEN and NONLINEAR"


@dataclass(frozen=True)
class Measured:
    """A dark as its file of details tells it, with what a reference header needs.

    Attributes
    ----------
    found : DarkRates
    classes : Classes
    readout : Readout
    shape : (int, int)
        Rows and columns.
    mjd : (2,) float64 array
        Middle of the first and of the last integration, days.
    nramps : int
    limits : (float, float)
        Rates above which a pixel is hot, and warm, e-/s: one limit for the dark and its mask.
    """

    found: DarkRates
    classes: Classes
    readout: Readout
    shape: tuple[int, int]
    mjd: np.ndarray
    nramps: int
    limits: tuple[float, float]


@dataclass(frozen=True)
class _Origin:
    """Provenance of a mask: products, not ramps."""

    inputs: tuple[Path, ...]
    settings: dict[str, Any]

    def stamp(self, header: fits.Header) -> None:
        """Write it into a primary header."""
        provenance.stamp(header, made_by="mask", inputs=self.inputs, settings=self.settings)


def read_details(path: StrPath) -> Measured:
    """Read the details of a dark.

    Raises
    ------
    InputError
        When they are of another product or method.
    """
    with fits.open(path, memmap=False) as hdus:
        header = hdus[0].header
        if "RATE" not in hdus or "LEVELS" not in hdus:
            raise InputError(
                path,
                "holds no dark current (RATE and LEVELS)",
                "give the details of a dark of method gls",
            )
        # Images of numpy's own byte order, as compiled code and medians want them.
        image = {
            hdu.name: hdu.data.astype(hdu.data.dtype.newbyteorder("="))
            for hdu in hdus
            if hdu.is_image and hdu.data is not None
        }
        levels = hdus["LEVELS"].data
    readout = Readout.from_header(header)
    nramps, nout = header["NRAMPS"], readout.noutputs
    empty = np.zeros((header["NGROUPS"], nout))
    found = DarkRates(
        rate=image["RATE"], error=image["ERR"], nint=image["NINT"], nhits=image["NHITS"],
        chi2=image["CHI2"], info=image["INFO"], noise=image["NOISE"], down=image["DOWN"],
        pedestal=image["PEDVAR"], saturated=image["NSAT"], gain=np.ones(nout),
        usual=[
            Usual(float(row["MEDIAN"]), float(row["READ"]) ** 2, np.ones(1), 1.0) for row in levels
        ],
        factor=np.asarray(levels["FACTOR"], np.float64), by_ramp=np.zeros((nramps, nout)),
        by_ramp_error=np.zeros((nramps, nout)), timing=Timing(1, 0, float(header["TGROUP"])),
        settling=empty, settling_error=empty,
    )  # fmt: skip
    mjd = np.array([header.get("MJDFIRST", np.nan), header.get("MJDLAST", np.nan)], float)
    classes = Classes.of_layout(readout)
    limits = float(header["HOTLIM"]), float(header["WARMLIM"])
    return Measured(found, classes, readout, readout.shape, mjd, nramps, limits)


def make(
    details: StrPath,
    metadata: ReferenceMetadata,
    choices: MaskSettings,
    output: StrPath,
    reasons_path: StrPath,
    *,
    readnoise: StrPath | None = None,
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
    previous : path-like, optional
        MASK reference file.
    quantities : path-like, optional
        JSON file for the numbers of the report.
    """
    measured = read_details(details)
    found, classes = measured.found, measured.classes
    telegraph = None if readnoise is None else _telegraph(readnoise, measured.shape)
    limits = measured.limits
    reasons = classify.classify(found, classes, *limits, telegraph=telegraph)
    bits = classify.bits_of(reasons, choices.do_not_use)
    updated, warnings = None, []
    if previous is None:
        warnings.append(
            f"no previous mask: {_BLIND} pixels look perfect in darks, and are not in this one"
        )
    else:
        old = _previous(previous, measured)
        updated = compare.update(reasons, bits, old, found, limits, keep=choices.policy == "keep")
        bits = updated.bits
    rows = []
    if choices.injected:
        conditions = injection.conditions_of(found, measured.nramps, classes.usable)
        rows = injection.inject(conditions, choices.injected, limits)
    files = [Path(path) for path in (details, readnoise, previous) if path is not None]
    origin = _Origin(tuple(files), choices.effective_settings)
    products.save(output, _reference(bits, measured, metadata, origin, updated))
    products.save(reasons_path, _reasons(reasons, measured, origin, updated, rows))
    entries = _entries(reasons, classes, rows, updated, bits)
    for warning in warnings:
        log.warning(warning)
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)


def _telegraph(path, shape):
    with fits.open(path, memmap=False) as hdus:
        if "DQ" not in hdus or hdus["DQ"].data.shape != shape:
            raise InputError(path, "holds no flags of the pixels of the dark", "use method line")
        return (hdus["DQ"].data & NoiseFlag.TELEGRAPH) > 0


def _previous(path, measured):
    """Return the bits of a mask at the pixels of the exposures, by the names in its DQ_DEF."""
    layout = measured.readout
    with fits.open(path, memmap=False) as hdus:
        header, stored = hdus[0].header, hdus["DQ"].data.astype(np.uint32)
        if header.get("DETECTOR") != layout.detector:
            raise InputError(
                path, f"is of {header.get('DETECTOR')}, the exposures are of {layout.detector}"
            )
        if "DQ_DEF" in hdus:
            names = {pixel.name: pixel for pixel in Pixel}
            bits = np.zeros(stored.shape, np.uint32)
            for row in hdus["DQ_DEF"].data:
                if (name := str(row["NAME"]).strip()) in names and row["VALUE"]:
                    bits[(stored & np.uint32(row["VALUE"])) > 0] |= np.uint32(names[name])
            stored = bits
    if stored.shape != measured.shape:
        y, x = layout.ystart - 1, layout.xstart - 1
        stored = stored[y : y + layout.ny, x : x + layout.nx]
    if stored.shape != measured.shape:
        raise InputError(path, f"does not cover the {measured.shape} pixels of the exposures")
    return stored


def _reference(bits, measured, metadata, origin, updated):
    subarray = metadata.subarray
    if subarray is None and measured.shape == (SIZE, SIZE):
        # CRDS has GENERIC masks only, from which the pipeline cuts subarrays.
        metadata = type(metadata)(**vars(metadata) | {"subarray": "GENERIC"})
    primary = products.reference_primary(
        "MaskModel", "MASK", metadata, measured, origin  # type: ignore[arg-type]
    )  # fmt: skip
    primary.header.remove("READPATT")
    primary.header["FLATPIX"] = (updated is not None, "flags that only flats show are in")
    words = (
        f"flags that darks cannot test are those of the previous mask ({updated.carried} pixels)"
        if updated is not None
        else f"made of darks alone: {_BLIND} pixels are not in it"
    )
    primary.header.add_history(words)
    primary.header.add_history(
        "REFERENCE_PIXEL: the border of 4 pixels of the detector"
        + (", and the previous mask" if updated is not None else "")
    )
    used = {flag: flag.name.replace("_", " ").lower() for flag in Pixel if (bits & flag).any()}
    return [primary, products.image("DQ", bits), products.dq_table(used)]


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
            quantity("pixels carried over", updated.carried, "pixels", "flags darks cannot test")
        )
    return entries
