"""Figures of the noise products are drawn from the files that the programs write."""

import json

import pytest

from darkroom.figures import nircam_refpix, nircam_spectrum
from darkroom.figures.book import FigureBook
from darkroom.figures.nircam.inputs import Product
from darkroom.nircam import refpix_run, spectrum_run
from nircam_darks import stripe, write_ramp
from nircam_spectra import simulated


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Write both products of a simulated stripe through the programs' own roads."""
    folder = tmp_path_factory.mktemp("noise")
    source, *_ = simulated(3, subarray="SUBGRISM64", rows=2048, nints=2, ngroups=6)
    ramp = write_ramp(folder / "dark_uncal.fits", source.data, stripe())
    spectrum, reference = folder / "noise_spectrum.fits", folder / "reference_pixels.fits"
    made = spectrum_run.run([ramp])
    spectrum_run.write(made, spectrum, folder / "s.csv", folder / "f.csv")
    spectrum_run.report(made, folder / "s.json")
    made = refpix_run.run([ramp], spectrum, [("same", [ramp])])
    refpix_run.write(made, reference, folder / "r.csv")
    refpix_run.report(made, folder / "r.json")
    again = spectrum_run.run([ramp], previous=spectrum)
    assert max(abs(row["change"]) for row in again.changes) == 0
    return spectrum, reference


def test_every_figure_is_drawn_with_words(products, tmp_path):
    spectrum, reference = map(Product, products)
    with FigureBook(tmp_path / "figures") as book:
        nircam_spectrum.tell(book, spectrum, previous=spectrum)
        nircam_refpix.tell(book, reference)
    records = json.loads((tmp_path / "figures" / "figures.json").read_text())
    text = json.dumps(records)
    for key in ("noise_spectrum_3", "noise_common", "noise_parts", "refpix_instability"):
        assert (tmp_path / "figures" / f"{key}.png").stat().st_size > 5000
    assert "multiples of the frame rate" in text


def test_quantities_name_every_amplifier(products):
    for name, wanted in (("s.json", "white, amplifier 3"), ("r.json", "instability, amplifier 3")):
        entries = json.loads((products[0].parent / name).read_text())
        assert wanted in {entry["name"] for entry in entries}
