"""The figures of a CCD item: captions hold the numbers, a drift is a warning."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom import words
from darkroom.ccd.figures import drift, frame, stack
from darkroom.ccd.figures.inputs import history_records
from darkroom.ccd.figures.planes import Planes
from darkroom.ccd.figures.story import Story, draw_figures
from darkroom.plot import style
from darkroom.plot.book import FigureBook
from noisy_images import NX, NY, noise

NBIAS, NDARK = 4, 6


class Captions:
    """Stands in for a book where only the words matter."""

    def __init__(self):
        self.figures = {}

    def add(self, section, key, title, caption, panels):
        self.figures[key] = SimpleNamespace(
            section=section, title=title, caption=caption, panels=panels
        )


def test_the_brightest_pixel_is_reported_as_in_the_notebook():
    image = noise(shape=(510, 765))
    image[308, 628] = 1918
    book = Captions()
    shown = frame.FrameSection("S", "bias", "bias_001", "signal [ADU]", "ADU", style.BIAS)
    frame.show_hot_pixel(book, shown, image)
    caption = book.figures["bias_hot_pixel"].caption
    assert "(y 308, x 628)" in caption
    assert "number 236,248 " in caption
    assert "1918 ADU" in caption


def test_outliers_are_left_out_and_counted():
    image = noise(shape=(200, 200))
    image[0, :3] = (1918, 1500, 1400)
    far, near = frame.outlier_cuts(image)
    assert (image >= far).sum() == 1
    assert (image >= near).sum() == 3
    book = Captions()
    shown = frame.FrameSection("S", "bias", "bias_001", "signal [ADU]", "ADU", style.BIAS)
    frame.show_histograms(book, shown, image)
    caption = book.figures["bias_histogram"].caption
    assert f"1 pixel at or above {far:g} ADU; then 3 pixels at or above {near:g} ADU" in caption
    assert "centre 1000." in caption or "centre 999." in caption


def test_without_outliers_none_is_left_out():
    assert frame.outlier_cuts(noise()) == []
    assert frame.outlier_cuts(np.full((3, 3), np.nan)) == []


def test_the_read_noise_figure_gives_mean_and_median():
    book = Captions()
    image = np.random.default_rng(5).gamma(20, 0.5, (NY, NX))
    stack.show_noise(book, "S", "rn", "Read noise", image, 10, "ADU", style.BIAS)
    caption = book.figures["rn"].caption
    assert words.number(float(np.median(image)), 6) in caption
    assert words.number(float(image.mean()), 6) in caption
    assert "10 frames" in caption


def test_the_profiles_show_which_image_has_the_gradient():
    book = Captions()
    ramp = np.linspace(20, 0, NX)[None] * np.ones((NY, 1))
    profiles = [("bias", style.BIAS, ramp), ("dark", style.DARK, np.zeros((NY, NX)))]
    stack.show_profiles(book, "S", "p", "title", profiles, "ADU")
    caption = book.figures["p"].caption
    assert "bias, columns: 18.3 ADU" in caption
    assert "dark, columns: 0 ADU" in caption
    assert "bias, rows: 0 ADU" in caption


def levels(temperature, level, exptime, role=None):
    n = len(level)
    role = np.array(["dark"] * n if role is None else role)
    return drift.FrameLevels(role, np.array(exptime, float), np.array(temperature, float),
                        np.array(level, float), np.full(n, 9.0))  # fmt: skip


FITS = {
    "frames": np.array(["darks", "darks"]), "rate": np.array([-0.17, -0.063]),
    "rateerr": np.array([0.012, 0.022]), "slope": np.array([np.nan, 4.41]),
    "slopeerr": np.array([np.nan, 0.87]), "corr": np.array([-0.89, -0.89]),
}  # fmt: skip


def test_a_drift_of_temperature_becomes_a_warning_and_its_effect_on_the_rate_is_shown():
    exptime = np.repeat([1.0, 10.0, 100.0], 4)
    temperature = 35 - 0.02 * exptime + np.tile([0.3, 0.1, -0.1, -0.3], 3)
    book = Captions()
    drifting = levels(temperature, 1000 - 0.1 * exptime, exptime)
    (warning,) = drift.show_drift(book, drifting, FITS, "ADU")
    assert "ranges over 2.58 °C (32.7 to 35.28 °C)" in warning
    assert "34.98 °C on average in the shortest and 33 °C in the longest darks" in warning
    figure = book.figures["drift_temperature"]
    for text in ("−0.170 ± 0.012 ADU/s when temperature is ignored", "−0.063 ± 0.022 ADU/s when",
                 "4.41 ± 0.87 ADU per °C", "correlated by −0.89"):  # fmt: skip
        assert text in figure.caption
    assert [panel.name for panel in figure.panels] == ["level", "rate"]


def test_a_steady_temperature_is_no_warning():
    book = Captions()
    steady = levels([-5] * 6, range(6), [1, 1, 1, 9, 9, 9])
    assert drift.show_drift(book, steady, None, "ADU") == []
    assert "was constant at −5 °C" in book.figures["drift_frames"].caption
    assert [panel.name for panel in book.figures["drift_frames"].panels] == ["level"]
    assert list(book.figures) == ["drift_frames", "drift_exposure"]


def test_one_exposure_time_is_not_drawn_against():
    book = Captions()
    assert drift.show_drift(book, levels([-5] * 3, range(3), [0] * 3), None, "ADU") == []
    assert list(book.figures) == ["drift_frames"]


def test_unknown_temperatures_are_reported():
    book = Captions()
    unknown = levels([np.nan] * 3, [1, 2, 3], [1, 5, 9])
    assert drift.show_drift(book, unknown, None, "ADU") == []
    assert "No frame states its temperature" in book.figures["drift_frames"].caption
    assert "drift_temperature" not in book.figures


def test_a_long_warning_in_a_product_is_read_back_whole(tmp_path):
    sentence = "the level " + " ".join(f"falls by {i} ADU" for i in range(30))
    header = fits.Header()
    for text in ("setting clip = 1", f"warning: {sentence}", "warning: short", "version a 1"):
        header.add_history(text)
    fits.PrimaryHDU(header=header).writeto(tmp_path / "rate.fits")
    assert history_records(tmp_path / "rate.fits", "warning: ") == [sentence, "short"]


SUBTRACTED = {
    "EXPTIME": 10.0, "DARKHOW": "matched", "BKGBEF": 1113.0, "BKGAFT": 100.0, "FINBEF": 14.6,
    "FINAFT": 14.5, "HOTBEF": 812.5, "HOTAFT": 11.25, "GRXBEF": None, "GRXAFT": None,
}  # fmt: skip


def a_product(header, **images):
    return Planes(header, images.__getitem__)


def a_story(nbias=NBIAS, ndark=NDARK):
    n = nbias + ndark
    bias, dark = noise(10), noise(11, level=1013)
    dark[20, 30] = 9000
    header = {"EXPTIME": 10.0, "CCD-TEMP": -4.82, "TGROUP": 1, "RATESYS": 0.02,
              "NFRAMES": nbias, "NCLIPPED": 3, "CMERR": 0.31, "RATEMED": 1.3}  # fmt: skip
    planes = a_product(header, SCI=bias, ERR=np.full((NY, NX), 3.3))
    dark_planes = a_product(header, SCI=dark, ERR=np.full((NY, NX), 2.0))
    rates = [
        a_product(header | extra, SCI=(dark - bias) / k, ERR=np.full((NY, NX), 0.3 * k))
        for k, extra in ((10, {"RATEERR": 0.1}), (11, {"TGROUP": 2, "CCD-TEMP": -5.23}))
    ]
    rng = np.random.default_rng(12)
    role = np.array(["bias"] * nbias + ["dark"] * ndark)
    flags = np.zeros((NY, NX), np.int32)
    flags[20, 30] = 4 | 8
    return Story(
        unit="ADU",
        first={"bias": ("bias_001", bias), "dark": ("dark_10s_001", dark)},
        series={r: [("chosen pixel", (10, 15), rng.normal(1000, 10, (role == r).sum())),
                    ("brightest pixel", (20, 30), rng.normal(9000, 10, (role == r).sum()))]
                for r in ("bias", "dark")},
        levels=drift.FrameLevels(role, np.where(role == "bias", 0.04, 10.0),
                                 np.linspace(-5, -4.8, n), rng.normal(1000, 1, n),
                                 np.full(n, 10.0)),
        bias=planes,
        read_noise=a_product({}, SCI=rng.gamma(40, 0.25, (NY, NX))),
        dark_noise=(rng.gamma(40, 0.26, (NY, NX)), ndark, 10.0),
        darks=[dark_planes],
        rates=rates,
        offsets={"role": role, "mjd": np.arange(n), "offset": rng.normal(0, 1, n),
                 "offerr": np.full(n, 0.1), "temp": np.linspace(-5, -4.8, n)},
        level_fits=FITS,
        flags=flags,
        flag_names=((4, "HOT", "hot in both halves"), (8, "UNSTABLE", "varies")),
        sciences=(("target_image", lambda: (dark + 100, 100 + dark - bias, SUBTRACTED)),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story") / "figures"
    with FigureBook(folder) as book:
        warnings = draw_figures(book, a_story())
    records = json.loads((folder / "figures.json").read_text())["figures"]
    return folder, {record["key"]: record for record in records}, warnings


def test_everything_the_notebook_shows_is_shown(drawn):
    _, figures, _ = drawn
    assert [p["file"] for p in figures["bias"]["panels"]] == [
        "bias_linear.webp", "bias_asinh.webp", "bias_0_5_to_99_5_percentile.webp",
    ]  # fmt: skip
    assert "dark_minus_bias_fixed_range.webp" in str(figures["dark_minus_bias"]["panels"])
    wanted = {
        "bias_hot_pixel",
        "bias_histogram",
        "bias_series",
        "master_bias",
        "read_noise",
        "dark",
        "dark_hot_pixel",
        "dark_minus_bias_histogram",
        "dark_series",
        "dark_noise",
        "noise_comparison",
        "profiles",
        "drift_frames",
        "drift_exposure",
        "dark_rate",
        "offsets",
        "hot_pixels",
        "science_target_image",
        "science_target_image_profiles",
    }
    assert wanted <= set(figures)


def test_every_picture_listed_is_there_with_a_description(drawn):
    folder, figures, _ = drawn
    panels = [panel for figure in figures.values() for panel in figure["panels"]]
    assert sorted(p["file"] for p in panels) == sorted(p.name for p in folder.glob("*.webp"))
    assert all(len(panel["alt"]) > 15 for panel in panels)
    assert all(figure["caption"].endswith(".") for figure in figures.values())


def test_captions_hold_the_numbers(drawn):
    _, figures, _ = drawn
    assert "HOT (hot in both halves): 1; UNSTABLE (varies): 1" in figures["hot_pixels"]["caption"]
    assert "further uncertainty of 0.02 ADU/s" in figures["dark_rate"]["caption"]
    science = figures["science_target_image"]["caption"]
    assert "residual of the hot pixels 812.5 before, 11.25 ADU after." in science
    assert "9000 ADU" in figures["dark_hot_pixel"]["caption"]
    assert "group 2 (−5.23 °C)" in figures["dark_rate_temperature"]["caption"]


def test_one_frame_of_each_kind_is_drawn():
    book = Captions()
    draw_figures(book, a_story(nbias=1, ndark=1))
    assert "not defined for one frame" in book.figures["bias_series"].caption
