"""Bands of rows by side reference pixels: found when there, and not when not."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam import products
from darkroom.nircam.detector.readout import ORIENTATION, Readout
from darkroom.nircam.figures import superbias_rows
from darkroom.nircam.figures.inputs import Product
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.superbias.bands import find_bands
from darkroom.plot.book import FigureBook
from nircam_darks import write_ramp
from nircam_jwst import own_program

# The left strip of a full frame: side reference pixels and all rows.
LAYOUT = Readout("NRCA1", "FULL", *ORIENTATION["NRCA1"], 1, 1, 2048, 2048, 4)


class Stack:
    """Frames in memory."""

    def __init__(self, frames):
        self.frames = frames
        self.nframes, self.shape = len(frames), frames.shape[1:]

    def read_frame(self, frame, first, values):
        values[...] = self.frames[frame, first : first + len(values)]


def pair(seed, nramps=10, ny=256, band=0.0, rows=slice(80, 120)):
    """Return frames without and with a correction of rows: smooth noise, and a band."""
    rng = np.random.default_rng(seed)
    shape = nramps, ny, 64
    plain = (30 * rng.standard_normal(shape)).astype(np.float32)
    smooth = rng.standard_normal((nramps, ny + 20))
    smooth = np.stack([np.convolve(row, np.full(21, 1 / 21), "valid") for row in smooth])
    correction = smooth + 5 * rng.standard_normal((nramps, 1))
    correction[:, rows] += band
    return plain, plain + correction[..., None].astype(np.float32)


def bands_of(seed, **how):
    plain, side = pair(seed, **how)
    inner = Readout("NRCA1", "SUB64P", -1, 2, 1001, 1001, 64, plain.shape[1], 1)
    return find_bands(Stack(side), Stack(plain), Classes.of_layout(inner))


def test_a_band_is_found_with_its_size_and_rows():
    found = bands_of(1, band=1.0)
    (band,) = found.bands
    assert abs(band.first - 80) <= 2
    assert abs(band.last - 119) <= 2
    assert band.difference == pytest.approx(1.0, abs=0.3)
    assert np.std(found.difference[:70]) == pytest.approx(np.mean(found.error), rel=0.4)


def test_no_band_without_one():
    """5 sigma of Student's t in 16 rows: none in 60 sets of 4 to 10 ramps, rows correlated."""
    sets = [bands_of(seed, nramps=4 + seed % 7) for seed in range(60)]
    assert sum(len(found.bands) for found in sets) == 0
    pulls = np.concatenate([found.significance for found in sets])
    assert 0.9 < pulls.std() < 1.1


def test_the_program(tmp_path):
    rng = np.random.default_rng(3)
    layout = Readout("NRCA1", "SUB64P", *ORIENTATION["NRCA1"], 1001, 1001, 64, 64, 1)
    plain, side = pair(5, nramps=5, ny=64, band=2.0, rows=slice(20, 40))
    names = {"plain": [], "side": []}
    for name, frames in (("plain", plain), ("side", side)):
        for k, frame in enumerate(frames):
            data = 500 + frame[None, None] + np.zeros((1, 3, 1, 1))
            data = data + (k + 1) * rng.standard_normal(data.shape) * 1e-3
            path = tmp_path / f"{name}{k}.fits"
            cards = {"S_REFPIX": "COMPLETE"}
            names[name].append(write_ramp(path, data.astype(np.float32), layout, mjd=59600 + k,
                                          **cards))  # fmt: skip
    out = tmp_path / "bands.fits"
    words = ("--with-side", *names["side"], "--without-side", *names["plain"], "--output", out)
    done = own_program("nircam/superbias_bands", "--keep", *words)
    assert done.returncode == 0, done.stderr
    assert "side reference pixels change bands of rows: rows 20 to 39 by 1.94" in done.stderr
    assert len(fits.getdata(out, "ROWS")) == 64
    assert fits.getheader(out)["NBANDS"] == 1
    words = ("--with-side", *names["side"][:4], "--without-side", *names["plain"], "--output", out)
    done = own_program("nircam/superbias_bands", "--keep", *words)
    assert done.returncode == 1
    assert "give the same exposures twice" in done.stderr


def test_the_figure_and_the_warning_of_the_report(tmp_path):
    rows = [
        {"row": y, "difference": float(20 <= y < 40), "error": 0.1, "significance": 10.0}
        for y in range(64)
    ]
    band = {"first": 20, "last": 39, "difference": 1.0, "error": 0.1, "significance": 10.0}
    primary = products.primary((("NRAMPS", 5, ""), ("NBANDS", 1, "")))
    tables = [products.table("ROWS", rows), products.table("BANDS", [band])]
    products.save(tmp_path / "bands.fits", [primary, *tables])
    bands = Product(tmp_path / "bands.fits")
    with FigureBook(tmp_path / "figures") as book:
        superbias_rows.draw_figures(book, None, bands)
    assert [record["title"] for record in book.records] == ["Rows and side reference pixels"]
    described = superbias_rows.add({"products": [], "warnings": []}, tmp_path, bands)
    assert described["warnings"] == [
        "side reference pixels change bands of rows: rows 20 to 39 by 1 ± 0.1 DN"
    ]


def test_the_figure_of_a_bias_that_cycles(tmp_path):
    rows = [
        {"phase": phase, "ramps": 10, "name": name, "level": 3.0 * (phase == 1), "error": 0.5}
        for phase in (1, 2, 3)
        for name in ("amplifier 0 even", "amplifier 0 odd")
    ]
    primary = products.primary((("PERIOD", 3, ""),))
    products.save(tmp_path / "details.fits", [primary, products.table("PHASES", rows)])
    with FigureBook(tmp_path / "figures") as book:
        superbias_rows.draw_figures(book, Product(tmp_path / "details.fits"), None)
    (record,) = book.records
    assert "repeats every 3 integrations" in record["caption"]
