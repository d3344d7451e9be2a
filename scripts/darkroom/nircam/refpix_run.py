"""From dark ramps to the files of the reference-pixel product."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam import products, refpix, refpix_numbers, refpix_pixels, refpix_predict
from darkroom.nircam.dq import Pixel
from darkroom.nircam.quantities import log_quantities, quantity, write_quantities
from darkroom.nircam.ramps import RampSet, read_pixeldq
from darkroom.nircam.refpix_sides import SMOOTHING
from darkroom.nircam.refpix_trends import ramp_table, read_temperatures, trend_table
from darkroom.nircam.spectrum_products import write_csv
from darkroom.nircam.spectrum_ramp import RampSource, check_uncorrected


@dataclass
class Made:
    """What a run made."""

    ramps: RampSet
    levels: refpix.Levels
    pixels: refpix_pixels.Pixels
    tables: dict


def run(paths, spectrum, previous=None, temperature_cards=()):
    """Measure how stable the reference pixels are.

    Parameters
    ----------
    paths : sequence of path-like
        Dark ramps of one detector before any correction by reference pixels.
    spectrum : path-like
        Their noise spectrum, what ``noise_spectrum.py`` wrote.
    previous : path-like, optional
        This product of another epoch.
    temperature_cards : sequence of str
        Cards of the exposures' primary headers to hold levels of ramps against.

    Returns
    -------
    Made
    """
    ramps = RampSet(paths, "reference-pixel product")
    check_uncorrected(ramps)
    readout = ramps.readout
    fit = refpix_predict.read_fit(spectrum, readout)
    before = None if previous is None else _read_previous(previous, readout)
    temperatures = read_temperatures(ramps, temperature_cards)
    levels = refpix.measure(RampSource(ramps))
    pixels = refpix_pixels.judge(levels)
    sigma = float(np.nanmedian(pixels.sigma))
    found = refpix_numbers.instabilities(levels, readout, fit, sigma)
    tables = {
        "INSTABILITY": [asdict(row) for row in found],
        "SCATTER": [asdict(row) for row in refpix_numbers.scatters(levels)],
        "ROWS": _row_table(levels, fit, readout, sigma),
        "COHERENCE": [] if levels.sides is None else levels.sides.table(),
        "RAMPS": ramp_table(levels, ramps, temperatures),
        "TRENDS": trend_table(levels, ramps, temperatures),
        "PIXELS": _pixel_table(levels.regions, pixels, readout),
        "MASK": _mask_table(levels.regions, pixels, ramps),
        "CHANGES": [] if before is None else _changes(found, before),
    }
    return Made(ramps, levels, pixels, tables)


def _read_previous(path, readout):
    try:
        with fits.open(path) as hdus:
            detector, rows = hdus[0].header.get("DETECTOR"), hdus["INSTABILITY"].data
            found = {
                int(r["AMPLIFIER"]): (float(r["VALUE"]), float(r["ERROR"]), float(r["EXCESS"]))
                for r in rows
            }
    except (OSError, KeyError) as error:
        raise InputError(path, f"is no reference-pixel product ({error})") from error
    if detector != readout.detector:
        raise InputError(path, f"DETECTOR is {detector}, the exposures' is {readout.detector}")
    return found


def _changes(found, before):
    rows = []
    for row in found:
        if row.amplifier in before:
            value, error, excess = before[row.amplifier]
            rows.append(
                {
                    "amplifier": row.amplifier,
                    "previous": value,
                    "previous_excess": excess,
                    "change": row.value - value,
                    "error": float(np.hypot(row.error, error)),
                }
            )
    return rows


def _row_table(levels, fit, readout, sigma):
    if levels.rows is None:
        return []
    white = np.sqrt([np.exp(v) for v in _whites(fit)]) * np.sqrt(0.5e5)
    expected = refpix_predict.row_correlation(fit, readout, (float(white.mean()), sigma))
    return [
        {
            "rows": width,
            "amplifier": a,
            "r": float(levels.rows.correlation[k, a]),
            "predicted_r": float(expected[k, a]),
            "gain": float(levels.rows.gain[k, a]),
            "left": float(levels.rows.left[k, a]),
        }
        for k, width in enumerate(SMOOTHING)
        for a in range(readout.noutputs)
        if np.isfinite(levels.rows.correlation[k, a])
    ]


def _whites(fit):
    names = fit.layout.names
    return [fit.values[names.index(f"white_{a}")] for a in range(fit.layout.namplifiers)]


def _pixel_table(regions, pixels, readout):
    """Return one row per flagged pixel, DMS coordinates from 0."""
    rows = []
    for k in np.flatnonzero(pixels.bad):
        y, x = int(regions.y[k]), int(regions.x[k])
        names = [flag.name for flag in refpix_pixels.Bad if pixels.bad[k] & flag]
        rows.append(
            {
                "x": readout.nx - 1 - x if readout.fastaxis < 0 else x,
                "y": readout.ny - 1 - y if readout.slowaxis < 0 else y,
                "edge": refpix.EDGES[regions.edge[k]],
                "amplifier": int(regions.amplifier[k]),
                "reasons": "+".join(names),
                "sigma": float(pixels.sigma[k]),
                "level": float(pixels.level[k]),
                "slope": float(pixels.slope[k]),
                "slope_t": float(pixels.slope_t[k]),
                "jump": float(pixels.jump[k]),
                "kurtosis": float(pixels.kurtosis[k]),
            }
        )
    return rows


def _mask_table(regions, pixels, ramps):
    """Compare with what the exposures' PIXELDQ says of the reference pixels."""
    pixeldq = read_pixeldq(ramps.files[0])
    if pixeldq is None:
        return []
    masked = ramps.readout.flip(pixeldq)[regions.y, regions.x] & Pixel.DO_NOT_USE > 0
    bad = pixels.bad > 0
    counts = {"both": bad & masked, "only_here": bad & ~masked, "only_mask": ~bad & masked}
    return [{name: int(where.sum()) for name, where in counts.items()} | {"pixels": bad.size}]


_UNITS = dict.fromkeys(
    (
        *(
            "value",
            "error",
            "predicted",
            "predicted_error",
            "excess",
            "left",
            "sigma",
            "level",
            "jump",
        ),
        *("previous", "change", "previous_excess", "reference", "active", "scatter"),
    ),
    "DN",
) | {"slope": "DN/group", "frequency": "Hz", "mjd": "d"}


def write(made, output, table):
    """Write the product, and the flagged pixels as CSV (a header alone when there are none)."""
    ramps, regions = made.ramps, made.levels.regions
    header = ramps.files[0].header
    primary = products.primary(
        (
            ("INSTRUME", "NIRCAM", "instrument"),
            ("DETECTOR", ramps.readout.detector, "detector"),
            ("SUBARRAY", ramps.readout.subarray, "subarray"),
            ("READPATT", header.get("READPATT", ""), "readout pattern"),
            ("NRAMPS", len(ramps.ramps), "integrations"),
            ("NREF", regions.y.size, "reference pixels"),
            ("NBAD", int((made.pixels.bad > 0).sum()), "of them bad"),
        )
    )
    products.Provenance.of("reference_pixels", ramps, {}).stamp(primary.header)
    images = {}
    for name, values in (("BAD_REF_PIXEL", made.pixels.bad), ("SIGMA", made.pixels.sigma)):
        image = np.zeros(ramps.shape, np.int32 if name == "BAD_REF_PIXEL" else np.float32)
        image[regions.y, regions.x] = values
        images[name] = np.ascontiguousarray(ramps.readout.flip(image))
    hdus = [
        primary,
        products.image("BAD_REF_PIXEL", images["BAD_REF_PIXEL"]),
        products.image("SIGMA", images["SIGMA"], "DN"),
        products.dq_table(refpix_pixels.MEANING),
        products.table("LEVELS", _level_table(made), {"mean": "DN"}),
    ]
    hdus += [products.table(name, rows, _UNITS) for name, rows in made.tables.items() if rows]
    products.save(output, hdus)
    empty = [{"x": "", "y": "", "edge": "", "amplifier": "", "reasons": "none"}]
    write_csv(table, made.tables["PIXELS"] or empty)


def _level_table(made):
    """Return the mean of each region in every frame, above group 0 of its ramp."""
    rows = []
    for ramp, (edges, active) in enumerate(zip(made.levels.edges, made.levels.active, strict=True)):
        for (group, a, parity), mean in np.ndenumerate(active):
            where = {"ramp": ramp, "group": group, "amplifier": a, "parity": parity}
            rows.append(where | {"region": "active", "mean": float(mean)})
            for edge, name in enumerate(refpix.EDGES):
                if np.isfinite(edges[group, edge, a, parity]):
                    value = float(edges[group, edge, a, parity])
                    rows.append(where | {"region": name, "mean": value})
    return rows


def report(made, path=None):
    """Log the numbers, and write them when a path is given."""
    entries = [quantity("ramps", len(made.ramps.ramps), "", "integrations of all files")]
    for row in made.tables["INSTABILITY"]:
        text = (
            "active - reference pixels from frame to frame / sqrt(2); perfect reference pixels "
            f"show {row['predicted']:.3g} ± {row['predicted_error']:.2g} DN of 1/f and white noise "
            f"(p = {row['p']:.2g})"
        )
        name = f"instability, amplifier {row['amplifier']}"
        entries.append(quantity(name, row["value"], "DN", text, uncertainty=row["error"]))
        text = "more than the prediction, in quadrature; flagged at p < 0.001: "
        text += ("yes" if row["flagged"] else "no") if row["judged"] else "cannot be told"
        name = f"instability of the reference pixels, amplifier {row['amplifier']}"
        entries.append(quantity(name, row["excess"], "DN", text))
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
    for row in made.tables["CHANGES"]:
        name = f"change of the instability, amplifier {row['amplifier']}"
        text = f"since the previous epoch ({row['previous']:.3g} DN)"
        entries.append(quantity(name, row["change"], "DN", text, uncertainty=row["error"]))
    log_quantities(entries)
    if path:
        write_quantities(path, entries)
