"""Reference-pixel product of dark ramps: measurement, files, quantities, changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.verify import verify
from darkroom.nircam import products
from darkroom.nircam.detector.placing import cut_out
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.refpix import levels as refpix
from darkroom.nircam.refpix import numbers as refpix_numbers
from darkroom.nircam.refpix import pixels as refpix_pixels
from darkroom.nircam.refpix import stored
from darkroom.nircam.refpix import tables as refpix_tables
from darkroom.nircam.refpix.trends import ramp_table, read_temperatures, trend_table
from darkroom.nircam.spectrum.products import write_csv
from darkroom.nircam.spectrum.source import RampSource, check_uncorrected
from darkroom.nircam.spectrum.written import read_fit
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath


@dataclass
class ReferencePixelResult:
    """Result of `run`.

    Attributes
    ----------
    ramps : RampSet
        The ramps measured.
    levels : darkroom.nircam.refpix.levels.Levels
        Levels of reference and active pixels.
    pixels : darkroom.nircam.refpix.pixels.Pixels
        Properties and flags of the reference pixels.
    tables : dict
        Tables of the product as lists of rows, by name.
    provenance : darkroom.nircam.products.Provenance
    """

    ramps: RampSet
    levels: refpix.Levels
    pixels: refpix_pixels.Pixels
    tables: dict[str, list[dict[str, Any]]]
    provenance: products.Provenance


def run(
    paths: Sequence[StrPath],
    spectrum: StrPath,
    previous: StrPath | None = None,
    temperature_cards: Sequence[str] = (),
    keep: bool = False,
) -> ReferencePixelResult:
    """Measure the stability of the reference pixels.

    Parameters
    ----------
    paths : sequence of path-like
        Dark ramps of one detector before any reference-pixel correction.
    spectrum : path-like
        Their noise spectrum, written by ``noise_spectrum.py``. When it is of the same ramps, the
        sums over their frames are taken from it; else the ramps are read.
    previous : path-like, optional
        Reference-pixel product of another epoch to compare with.
    temperature_cards : sequence of str
        Cards of the primary headers with temperatures, for the trends of ramp levels.
    keep : bool
        Use exposures that are refused when they are judged.

    Returns
    -------
    ReferencePixelResult
    """
    ramps = RampSet(paths, "reference-pixel product", keep=keep, whole=True)
    check_uncorrected(ramps)
    readout = ramps.readout
    _check_complete(spectrum)
    fit = read_fit(spectrum, readout)
    before = None if previous is None else _read_previous(previous, readout)
    temperatures = read_temperatures(ramps, temperature_cards)
    settings = {"spectrum": Path(spectrum).name, "temperature_cards": list(temperature_cards)}
    earlier = None if previous is None else Path(previous)
    provenance = products.Provenance.from_ramps("reference_pixels", ramps, settings, earlier)
    levels, pixels = stored.read(spectrum, ramps, provenance) or _measured(ramps)
    sigma = float(np.nanmedian(pixels.sigma))
    found = refpix_numbers.instabilities(levels, readout, fit, sigma)
    tables = {
        "INSTABILITY": [asdict(row) for row in found],
        "SCATTER": [asdict(row) for row in refpix_numbers.scatters(levels)],
        "ROWS": refpix_tables.row_table(levels, fit, readout, sigma),
        "COHERENCE": refpix_tables.coherence_table(levels, ramps),
        **refpix_tables.sirs_tables(levels.sirs),
        "RAMPS": ramp_table(levels, ramps, temperatures),
        "TRENDS": trend_table(levels, ramps, temperatures),
        "PIXELS": refpix_tables.pixel_table(levels.regions, pixels, readout),
        "MASK": refpix_tables.mask_table(levels.regions, pixels, ramps),
    }
    if before is not None:
        bad = _image(ramps, levels.regions, pixels.bad)
        tables["CHANGES"] = refpix_tables.change_table(tables, bad, before)
    return ReferencePixelResult(ramps, levels, pixels, tables, provenance)


def _measured(ramps):
    levels = refpix.measure(RampSource(ramps))
    return levels, refpix_pixels.measure(levels)


def _check_complete(path):
    """Refuse a truncated product; a file that is not FITS is refused when it is read."""
    if Path(path).is_file():
        verify(path)


def _read_previous(path, readout):
    """Return `before` of `refpix_tables.change_table`, from the product of another epoch."""
    tables = {}
    _check_complete(path)
    try:
        with fits.open(path) as hdus:
            header, bad = hdus[0].header, hdus["BAD_REF_PIXEL"].data
            names = [hdu.name for hdu in hdus]
            for name in ("INSTABILITY", "SCATTER"):
                rows = hdus[name].data if name in names else []
                tables[name] = [
                    {column.lower(): row[column] for column in rows.names} for row in rows
                ]
    except (OSError, KeyError) as error:
        raise InputError(path, f"is no reference-pixel product ({error})") from error
    if header.get("DETECTOR") != readout.detector:
        raise InputError(
            path,
            f"DETECTOR is {header.get('DETECTOR')}, the exposures' is {readout.detector}",
        )
    if bad.shape != readout.shape:
        raise InputError(
            path, "is of another subarray", "give a product of the same detector and subarray"
        )
    bad = cut_out(path, header, bad, readout)
    values = {
        name: (float(value), float(error))
        for name, (value, error) in refpix_tables.stability(tables).items()
    }
    return {"values": values, "bad": bad}


_DN = (
    *("value", "error", "predicted", "predicted_error", "excess", "left", "before", "mean"),
    *("sigma", "level", "jump", "reference", "active", "scatter"),
)
_UNITS = dict.fromkeys(_DN, "DN") | {
    "slope": "DN/group",
    "frequency": "Hz",
    "mjd": "d",
    "time": "s",
}
# The unit of a slope depends on its axis; changes have a column for the unit.
_UNITS_OF = {"TRENDS": {"scatter": "DN"}, "CHANGES": {}}


def write(made: ReferencePixelResult, output: StrPath, table: StrPath) -> None:
    """Write the product as FITS, and the flagged pixels as CSV.

    Parameters
    ----------
    made : ReferencePixelResult
        Result of `run`.
    output : path-like
        FITS file.
    table : path-like
        CSV file; without flagged pixels it has one row of reason ``none``.
    """
    ramps, regions = made.ramps, made.levels.regions
    header = ramps.files[0].header
    primary = products.primary(
        (
            ("INSTRUME", "NIRCAM", "instrument"),
            ("DETECTOR", ramps.readout.detector, "detector"),
            ("SUBARRAY", ramps.readout.subarray, "subarray"),
            ("SUBSTRT1", ramps.readout.xstart, "first pixel along axis 1"),
            ("SUBSTRT2", ramps.readout.ystart, "first pixel along axis 2"),
            ("READPATT", header.get("READPATT", ""), "readout pattern"),
            ("NRAMPS", len(ramps.ramps), "integrations"),
            ("NREF", regions.y.size, "reference pixels"),
            ("NBAD", int((made.pixels.bad > 0).sum()), "of them bad"),
        )
    )
    made.provenance.stamp(primary.header)
    hdus = [
        primary,
        products.image("BAD_REF_PIXEL", _image(ramps, regions, made.pixels.bad)),
        products.image("SIGMA", _image(ramps, regions, made.pixels.sigma.astype(np.float32)), "DN"),
        products.dq_table(refpix_pixels.MEANING),
        products.table("LEVELS", refpix_tables.level_table(made.levels, ramps), _UNITS),
    ]
    hdus += [
        products.table(name, rows, _UNITS_OF.get(name, _UNITS))
        for name, rows in made.tables.items()
        if rows
    ]
    products.save(output, hdus)
    empty = [{"x": "", "y": "", "edge": "", "amplifier": "", "reasons": "none"}]
    write_csv(table, made.tables["PIXELS"] or empty)


def _image(ramps, regions, values):
    """Return values of the reference pixels as an image, DMS frame, 0 elsewhere."""
    image = np.zeros(ramps.shape, values.dtype)
    image[regions.y, regions.x] = values
    return np.ascontiguousarray(ramps.readout.flip(image))


def report(made: ReferencePixelResult, path: StrPath | None = None) -> None:
    """Log the quantities of the product, and write them when a path is given."""
    entries = [quantity("ramps", len(made.ramps.ramps), "", "integrations of all files")]
    for row in made.tables["INSTABILITY"]:
        text = (
            "active - reference pixels from frame to frame / sqrt(2); predicted for perfect "
            f"reference pixels from 1/f and white noise: {row['predicted']:.3g} ± "
            f"{row['predicted_error']:.2g} DN (p = {row['p']:.2g})"
        )
        name = f"instability, amplifier {row['amplifier']}"
        entries.append(quantity(name, row["value"], "DN", text, uncertainty=row["error"]))
        text, excess = "excess over the prediction, in quadrature; flagged at p < 0.001: ", None
        if row["judged"]:
            text, excess = text + ("yes" if row["flagged"] else "no"), row["excess"]
        else:
            text += "undetermined, since the spectrum does not tell the noise below 8 Hz"
        name = f"instability of the reference pixels, amplifier {row['amplifier']}"
        entries.append(quantity(name, excess, "DN", text))
    for row in made.tables["SCATTER"]:
        text = f"frame to frame / sqrt(2), {row['ndiff']} differences"
        name = f"scatter of frames, {row['name']}"
        entries.append(quantity(name, row["value"], "DN", text, uncertainty=row["error"]))
    for row in made.tables["TRENDS"]:
        if row["against"] == "mjd" and row["amplifier"] < 0:
            name = f"slope of ramps in time, {row['quantity']}"
            text = f"mean of the amplifiers; scatter {row['scatter']:.3g} DN, p = {row['p']:.2g}"
            entries.append(quantity(name, row["slope"], "DN/d", text, uncertainty=row["error"]))
    text = f"of {made.levels.regions.y.size}"
    for flag in refpix_pixels.Bad:
        count = int((made.pixels.bad & flag > 0).sum())
        entries.append(quantity(f"reference pixels {flag.name}", count, "pixels", text))
    for row in made.tables.get("CHANGES", []):
        text = f"since the previous epoch ({row['previous']:.3g} {row['unit']})"
        name = f"change, {row['quantity']}"
        entries.append(quantity(name, row["change"], row["unit"], text, uncertainty=row["error"]))
    log_quantities(entries)
    if path:
        write_quantities(path, entries)
