"""Figures of the noise products are drawn from the files that the programs write."""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.figures import noise_item
from darkroom.nircam.figures import refpix as nircam_refpix
from darkroom.nircam.figures import spectrum as nircam_spectrum
from darkroom.nircam.figures.inputs import Product
from darkroom.nircam.noise_truth import (
    compare_reference_pixels,
    compare_spectrum,
    true_parameters,
)
from darkroom.nircam.refpix import corrections as refpix_corrections
from darkroom.nircam.refpix import run as refpix_run
from darkroom.nircam.refpix.levels import line_residuals
from darkroom.nircam.simulate.detector import make_detector
from darkroom.nircam.simulate.values import complete
from darkroom.nircam.spectrum import run as spectrum_run
from darkroom.nircam.spectrum.written import read_fit
from darkroom.plot.book import FigureBook
from nircam_darks import stripe, write_ramp
from nircam_sim import STILL
from nircam_spectra import NOISE, simulated

DARKS = {"subarray": "SUBGRISM64", "rows": 2048, "nints": 2, "ngroups": 6}


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Write both products of a simulated stripe, as the programs do."""
    folder = tmp_path_factory.mktemp("noise")
    source, *_ = simulated(3, **DARKS)
    ramp = write_ramp(folder / "dark_uncal.fits", source.data, stripe())
    spectrum, reference = folder / "noise_spectrum.fits", folder / "reference_pixels.fits"
    made = spectrum_run.run([ramp])
    spectrum_run.write(made, spectrum, folder / "s.csv", folder / "f.csv")
    spectrum_run.report(made, folder / "s.json")
    made = refpix_run.run([ramp], spectrum)
    refpix_run.write(made, reference, folder / "r.csv")
    refpix_run.report(made, folder / "r.json")
    refpix_corrections.write_best_side(folder / "best.json", made.levels.rows)
    ramps, rows = refpix_corrections.compare([ramp], [("same", [ramp])], spectrum)
    corrections = folder / "corrections.fits"
    refpix_corrections.write(ramps, rows, corrections, folder / "c.csv", folder / "c.json")
    again = spectrum_run.run([ramp], previous=spectrum)
    assert max(abs(row["change"]) for row in again.changes) == 0
    return spectrum, reference, corrections


def test_every_figure_is_drawn_with_words(products, tmp_path):
    spectrum, reference, corrections = map(Product, products)
    with FigureBook(tmp_path / "figures") as book:
        nircam_spectrum.draw_figures(book, spectrum, previous=spectrum)
        nircam_refpix.draw_figures(book, reference, corrections)
    records = json.loads((tmp_path / "figures" / "figures.json").read_text())
    text = json.dumps(records)
    keys = ("noise_spectrum_3", "noise_common", "noise_parts", "noise_pedestals")
    keys += ("refpix_levels", "refpix_instability", "refpix_coherence_left_and_right")
    keys += ("refpix_coherence_sides_and_edges", "refpix_ramps", "refpix_corrections")
    for key in keys:
        # Axes without anything in them are 1.5 kB.
        assert (tmp_path / "figures" / f"{key}.webp").stat().st_size > 3000
    assert "multiples of the frame rate" in text


def test_quantities_name_every_amplifier(products):
    for name, wanted in (("s.json", "white, amplifier 3"), ("r.json", "instability, amplifier 3")):
        entries = json.loads((products[0].parent / name).read_text())
        assert wanted in {entry["name"] for entry in entries}


def test_no_correction_leaves_what_there_was(products):
    table = Product(products[2]).table("CORRECTIONS")
    none, same = (table["ROW_NOISE"][table["CORRECTION"] == name] for name in ("none", "same"))
    assert (none == same).all()
    assert (table["OVER_FLOOR"] > 1).all()


def test_the_best_side_correction_is_written_as_parameters_of_the_pipeline(products):
    chosen = json.loads((products[0].parent / "best.json").read_text())["refpix"]
    assert chosen["side_smoothing_length"] in (1, 5, 11, 31, 101)
    assert 0 < chosen["side_gain"] < 1.2


def test_the_report_says_what_is_undetermined(products):
    """A stripe of 64 rows says nothing below 10 Hz, where whole frames differ."""
    spectrum, reference, corrections = map(Product, products)
    empty = {"summary": ""} | {key: [] for key in ("tables", "key_numbers", "limits", "products")}
    made = noise_item.add(empty, products[0].parent, spectrum, reference, corrections)
    text = json.dumps(made)
    assert "undetermined" in text
    assert "multiple of the frame rate" in text
    # Without the spectrum below 8 Hz the prediction may be too low: no excess is given.
    shown = next(t for t in made["tables"] if t["title"] == "Reference pixels: instability")
    assert all(row[-3:] == ["–", "–", "undetermined"] for row in shown["rows"])
    entries = json.loads((products[0].parent / "r.json").read_text())
    name = "instability of the reference pixels"
    excess = [entry for entry in entries if entry["name"].startswith(name)]
    assert len(excess) == 4
    assert all(entry["value"] is None for entry in excess)
    assert {entry["file"] for entry in made["products"]} == {path.name for path in products}


def test_a_spectrum_without_an_amplifier_predicts_nothing(products, tmp_path):
    lacking = tmp_path / "lacking.fits"
    with fits.open(products[0]) as hdus:
        table = hdus["FIT"].data
        hdus["FIT"].data = table[table["AMPLIFIER"] != 3]
        hdus.writeto(lacking)
    with pytest.raises(InputError, match="holds 3 amplifiers, 4 are needed"):
        read_fit(lacking, stripe())


def test_ramps_corrected_by_reference_pixels_are_refused(tmp_path):
    data = np.random.default_rng(0).integers(5000, 5020, (1, 4, 64, 2048), np.uint16)
    ramp = write_ramp(tmp_path / "corrected.fits", data, stripe(), S_REFPIX="COMPLETE")
    with pytest.raises(InputError, match="was corrected by reference pixels"):
        spectrum_run.run([ramp])


def test_simulated_darks_are_compared_with_their_truth(products):
    full = complete(STILL | NOISE | {"seed": 3} | DARKS) | {"nframes": 1}
    spectrum, reference, _ = map(Product, products)
    true = true_parameters(full, make_detector(full).coupling, stripe().frame_time)
    rows = compare_spectrum(spectrum, true)
    assert {"common", "white, amplifier 3", "gain, amplifier 0"} <= {r["quantity"] for r in rows}
    assert max(abs(row["pull"]) for row in rows) < 4
    rows = compare_reference_pixels(reference, full, 4)
    assert [row["truth"] for row in rows] == [0, 0]


def test_shot_noise_of_the_dark_current_counts_as_white():
    """It is a random walk, of which the straight-line fit to each pixel removes a part."""
    full = complete(STILL | NOISE | {"dark": 2.0, "gain": 2.0, "ngroups": 5}) | {"nframes": 1}
    without = true_parameters(full | {"dark": 0.0}, np.ones(4), 10.0)["white", 0]
    shot = (true_parameters(full, np.ones(4), 10.0)["white", 0] - without) * 5e4
    walks = np.cumsum(np.random.default_rng(1).standard_normal((5, 40_000)), axis=0)
    left = line_residuals(walks)[0]
    assert shot == pytest.approx(2.0 * 10 / 2.0**2 * (left**2).sum(axis=0).mean() / 3, rel=0.02)
