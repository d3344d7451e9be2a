"""The level of the overscan is subtracted, its noise is in the errors, amplifiers stay apart."""

import numpy as np
import pytest
from astropy.io import fits
from scipy import stats

from ccd_frames import CLIP, make_products
from darkroom.ccd.cells import cells, load
from darkroom.ccd.dq import DQ
from darkroom.ccd.overscan.amplifiers import Readout, amplifiers
from darkroom.ccd.overscan.fit import measure
from darkroom.ccd.overscan.sections import Section, find_parts, parse_section
from darkroom.ccd.products.amplifiers import opened_part
from darkroom.ccd.products.overscan import evident
from darkroom.ccd.rate.cell_stacks import open_cells
from darkroom.ccd.rate.dark_rate import dark_rate
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as simulator
from darkroom.ccd.stack.frames import opened
from darkroom.ccd.stack.master import master
from darkroom.ccd.stack.read_noise import read_noise
from darkroom.errors import InputError

SEEDS = range(24)
DRIFTING = {
    "shape": [48, 64],
    "hot_fraction": 0.0,
    "warm_fraction": 0.0,
    "unstable_fraction": 0.0,
    "dramatic": None,
    "targets": [],
    "offset_rms": 40.0,
    "row_noise": 2.0,
    "amplifiers": 2,
    "overscan": {"columns": 24, "drift": 15.0},
    "bias": {"count": 8, "temperatures": [-5.0]},
    "darks": [{"count": 8, "exptime": 30.0, "temperatures": [-5.0]}],
}


def delivered(folder, settings):
    """Write all frames of a simulated camera; return their paths by role, and the truth."""
    paths = {}
    for item in simulator.plan(settings):
        path = folder / f"{item.name}.fits"
        simulator.deliver(settings, item.name, path)
        paths.setdefault(item.role, []).append(path)
    return paths, camera.truth(settings)


def normal(pull, freedom):
    return stats.norm.isf(stats.t.sf(pull, freedom))


@pytest.mark.heavy
def test_bias_and_rate_of_two_drifting_amplifiers_are_right_within_their_errors(tmp_path):
    pulls = {"bias": [], "rate": [], "common": [], "noise": []}
    for seed in SEEDS:
        settings = DRIFTING | {"seed": seed}
        folder = tmp_path / str(seed)
        folder.mkdir()
        paths, hidden = delivered(folder, settings)
        for number in range(2):
            truth = camera.amplifier_truth(settings, hidden, number)
            readout = Readout(amplifier=number)
            rate = truth["dark_rate"] * camera.dark_factor(settings, -5.0)
            with opened(paths["bias"], None, readout) as stack:
                made, noise = master(stack, CLIP), read_noise(stack, CLIP).pooled
            image = made.combined
            found = image.mean - truth["bias"] - rate * 0.04
            common = np.mean(found)
            pulls["bias"].append(normal((found - common) / image.error, image.count - 1))
            pulls["common"].append(normal(common / made.survey.common_error, 7))
            true = np.sqrt(np.mean(truth["read_noise"] ** 2))
            pulls["noise"].append((noise.std - true) / noise.error)
            found = cells(load(paths["dark"]), load(paths["bias"]), tolerance=0.2)
            with open_cells(found, CLIP, saturation=65535, readout=readout) as stacks:
                lines = dark_rate(stacks).lines
                levels = stacks.levels
            found = lines.rate[0] - rate
            pulls["rate"].append(
                normal((found - np.mean(found)) / lines.rate_error[0], lines.freedom[0])
            )
            pulls["common"].append(
                normal(np.mean(found) / levels.rate_error[0], levels.rate_freedom[0])
            )
    for name in ("bias", "rate"):
        values = np.concatenate([np.ravel(value) for value in pulls[name]])
        assert abs(values.mean()) < 0.1
        assert 0.95 < values.std() < 1.05, name
    assert np.std(pulls["common"]) == pytest.approx(1, abs=0.25)
    assert abs(np.mean(pulls["common"])) < 0.35
    assert abs(np.mean(pulls["noise"])) < 0.5


@pytest.mark.parametrize(("fit", "left"), [("row", 0.0), ("polynomial", 0.0), ("constant", 10.0)])
def test_a_drift_that_a_fit_leaves_is_quoted(fit, left):
    rng = np.random.default_rng(3)
    x = np.linspace(-1, 1, 400)
    strip = 1000 + 10 * np.sqrt(3) * x[:, None] + rng.normal(0, 5, (400, 20))
    strip[17, 3] += 5000  # a cosmic ray
    found = measure(strip, fit)
    assert found.mean == pytest.approx(1000, abs=0.3)
    assert found.noise == pytest.approx(5, rel=0.05)
    assert found.residual == pytest.approx(left, abs=0.7)
    assert found.drift == pytest.approx(34.6 * 15 / 16, rel=0.1)
    if fit != "constant":
        assert np.std(found.level - 1000 - 10 * np.sqrt(3) * x) < 5 / np.sqrt(20) * 1.1


@pytest.mark.parametrize(("fit", "columns"), [("row", 20), ("polynomial", 4), ("constant", 4)])
def test_the_quoted_variance_is_what_subtraction_adds(fit, columns):
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(200):
        level = measure(rng.normal(0, 5, (100, columns)), fit).level
        errors.append(np.mean((level - level.mean()) ** 2))
    found = measure(rng.normal(0, 5, (100, columns)), fit).variance
    assert found == pytest.approx(np.mean(errors), rel=0.15, abs=1e-9)


def test_overscan_that_no_card_names_is_said_from_its_missing_dark_counts():
    rng = np.random.default_rng(5)
    rate = rng.normal(1.4, 0.3, (64, 80))
    error = np.full_like(rate, 0.3)
    assert evident(rate, error) == []
    rate[:, 72:] = rng.normal(0, 0.3, (64, 8))
    (sentence,) = evident(rate, error)
    assert "columns 73 to 80" in sentence
    assert "overscan_section" in sentence
    assert evident(rate / 1e3, error) == []


def test_sections_are_read_as_cards_write_them():
    assert parse_section("[65:80,1:64]", (64, 80)) == Section((0, 64), (64, 80))
    assert parse_section(" [80:65, *] ", (64, 80)) == Section((0, 64), (64, 80))
    with pytest.raises(ValueError, match="x1:x2"):
        parse_section("65:80", (64, 80))


def test_the_image_is_what_the_overscan_leaves_when_no_card_names_it():
    parts, _ = find_parts("a.fits", {"BIASSEC": "[1:8,1:64]"}, (64, 72))
    assert parts.image == Section((0, 64), (8, 72))
    assert parts.by_rows


def test_cards_of_a_frame_that_was_trimmed_before_are_no_overscan():
    cards = {"BIASSEC": "[65:80,1:64]", "TRIMSEC": "[1:64,1:64]"}
    parts, remarks = find_parts("a.fits", cards, (64, 64))
    assert parts is None
    assert "trimmed before" in remarks[0]


def test_an_image_section_without_overscan_is_said():
    parts, remarks = find_parts("a.fits", {"DATASEC": "[1:64,1:64]"}, (64, 80))
    assert parts.image.shape == (64, 64)
    assert "nothing was subtracted" in remarks[0]


def test_a_section_beyond_the_frame_is_refused():
    with pytest.raises(InputError, match="reaches beyond its 80 x 64 pixels"):
        find_parts("a.fits", {}, (64, 80), overscan="[65:96,1:64]")


def test_masks_beside_an_image_are_no_amplifiers(tmp_path):
    path = tmp_path / "a.fits"
    image = np.zeros((8, 8), np.uint16)
    fits.HDUList([fits.PrimaryHDU(image), fits.ImageHDU(image, name="MASK")]).writeto(path)
    assert [one.hdu for one in amplifiers(path)] == [None]


def test_saturation_is_judged_before_the_overscan_is_subtracted(tmp_path):
    image = np.full((32, 40), 1000, np.uint16)
    image[3, 5] = 65535
    hdu = fits.PrimaryHDU(image)
    hdu.header["BIASSEC"], hdu.header["TRIMSEC"] = "[33:40,1:32]", "[1:32,1:32]"
    paths = [tmp_path / f"{k}.fits" for k in range(3)]
    for path in paths:
        hdu.writeto(path)
    with opened(paths, None, Readout()) as stack:
        made = master(stack, CLIP)
    assert np.argwhere(made.dq & DQ.SATURATED).tolist() == [[3, 5]]
    assert made.combined.mean[3, 5] == 64535


@pytest.mark.parametrize("amplifier_count", [1, pytest.param(2, marks=pytest.mark.heavy)])
def test_programs_make_a_part_for_each_amplifier(tmp_path, amplifier_count):
    settings = DRIFTING | {"seed": 5, "amplifiers": amplifier_count}
    paths, hidden = delivered(
        tmp_path, settings | {"targets": [{"exptime": 30.0, "temperature": -5.0}]}
    )
    made = make_products(paths, tmp_path, tmp_path / "science")
    assert fits.getheader(made["dark_rate"]).get("NAMPS", 1) == amplifier_count
    for number in range(amplifier_count):
        truth = camera.amplifier_truth(settings, hidden, number)
        rate = truth["dark_rate"] * camera.dark_factor(settings, -5.0)
        with opened_part(made["dark_rate"], number) as hdus:
            header = hdus["SCI", 1].header
            assert hdus["SCI", 1].data.shape == rate.shape
            assert header["RATELEV"] == pytest.approx(rate.mean(), abs=4 * header["RATECM"])
        with opened_part(made["read_noise"], number) as hdus:
            header = hdus["SCI"].header
            assert header["READNOIS"] == pytest.approx(10.8, abs=0.2)
        with opened_part(made["master_bias"], number) as hdus:
            header = hdus["SCI"].header
            assert header["OSLEVEL"] == pytest.approx(1061 + 500 * number, abs=60)
            assert header["OSNOISE"] == pytest.approx(10.8, abs=0.3)
        with opened_part(tmp_path / "science" / "target_image_dsub.fits", number) as hdus:
            assert hdus["SCI"].data.shape == rate.shape
            assert hdus["SCI"].header["BKGAFT"] == pytest.approx(12.0 * 30, abs=5)


@pytest.mark.parametrize("card", ["BIASSEC1", "OVERSCAN", "OSCANSEC"])
def test_the_overscan_of_the_only_amplifier_is_read_from_other_cards_too(card):
    header = {card: "[65:76,1:64]", "DATASEC1": "[1:64,1:64]"}
    parts, remarks = find_parts("frame.fits", header, (64, 76))
    assert (str(parts.overscan), str(parts.image)) == ("[65:76,1:64]", "[1:64,1:64]")
    assert not remarks
    second = {"BIASSEC1": "[65:76,1:64]", "DATASEC1": "[1:64,1:64]", "BIASSEC2": "[1:12,1:64]"}
    with pytest.raises(InputError, match=r"joins amplifiers.*BIASSEC2 .1:12,1:64..*overscan_sect"):
        find_parts("frame.fits", second, (64, 76))
    # The image of both says nothing of the overscan of each.
    joined = {"BIASSECA": "[1:6,1:64]", "BIASSECB": "[71:76,1:64]", "TRIMSEC": "[7:70,1:64]"}
    with pytest.raises(InputError, match=r"joins amplifiers.*BIASSECB .71:76,1:64."):
        find_parts("frame.fits", joined, (64, 76))
    named = find_parts("f", second, (64, 76), overscan="[65:76,*]", trim="[13:64,*]")[0]
    assert (str(named.overscan), str(named.image)) == ("[65:76,1:64]", "[13:64,1:64]")
    assert find_parts("frame.fits", {"OVERSCAN": "T"}, (64, 76))[0] is None
    assert find_parts("frame.fits", {"BIASSEC": "UNKNOWN", "TRIMSEC": "N/A"}, (64, 76))[0] is None


ESO = "ESO DET OUT1 "


@pytest.mark.parametrize(
    ("cards", "image", "strip"),
    [
        # The wider strip of the columns; NX is the number of pixels of the image, or of the frame.
        ({"PRSCX": 4, "NX": 64, "OVSCX": 8, "NY": 64}, "[5:68,1:64]", "[69:76,1:64]"),
        ({"PRSCX": 12, "NX": 76, "OVSCX": 0, "NY": 64}, "[13:76,1:64]", "[1:12,1:64]"),
        ({"NX": 76, "PRSCY": 0, "OVSCY": 10, "NY": 54}, "[1:76,1:54]", "[1:76,55:64]"),
        ({"PRSCX": 1, "NX": 75, "NY": 64}, "[2:76,1:64]", "None"),
    ],
)
def test_prescan_and_overscan_are_read_from_the_widths_of_eso(cards, image, strip):
    header = fits.Header({f"HIERARCH {ESO}{name}": value for name, value in cards.items()})
    parts, remarks = find_parts("frame.fits", header, (64, 76))
    assert (str(parts.image), str(parts.overscan)) == (image, strip)
    assert not remarks


def test_widths_that_do_not_tell_the_overscan_are_refused_or_said():
    apart = {f"{ESO}PRSCX": 10, f"{ESO}NX": 100, f"{ESO}OVSCX": 10, f"{ESO}NY": 64}
    with pytest.raises(InputError, match="its 76 pixels along X are not the prescan of 10, image"):
        find_parts("frame.fits", apart, (64, 76))
    two = {f"ESO DET OUT{k} OVSCX": 10 for k in (1, 2)}
    with pytest.raises(InputError, match=r"joins the outputs 1, 2 .*an item for each"):
        find_parts("frame.fits", two, (64, 76))
    assert find_parts("frame.fits", {f"{ESO}PRSCX": 0, f"{ESO}NX": 7}, (64, 76)) == (None, [])
    parts, (said,) = find_parts("frame.fits", {"OVERSCNX": 20}, (64, 76))
    assert parts is None
    assert said.startswith("OVERSCNX is 20: where this overscan lies, no card says")
    assert find_parts("frame.fits", {"OVERSCNX": 20}, (64, 76), trim="[*,*]") == (None, [])
