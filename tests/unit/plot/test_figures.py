"""The figures: measures behind them, pictures, sets on disk, and the CCD pipeline's story."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from darkroom import words
from darkroom.ccd.figures import drift, frame, stack
from darkroom.ccd.figures.inputs import history_records
from darkroom.ccd.figures.planes import Planes
from darkroom.ccd.figures.story import Story, draw_figures
from darkroom.plot import histograms, images, measures, reduction, series, style
from darkroom.plot.book import FigureBook, Panel

NY, NX = 48, 60
NBIAS, NDARK = 4, 6


def noise(seed=0, shape=(NY, NX), level=1000.0, sigma=10.0):
    return np.rint(np.random.default_rng(seed).normal(level, sigma, shape)).astype(np.float32)


# Measures


def test_the_digital_step_of_left_shifted_data_is_found():
    assert measures.digital_step(4 * np.rint(noise() / 4)) == 4
    assert measures.digital_step(noise()) == 1


def test_data_that_are_not_whole_numbers_have_no_step():
    assert measures.digital_step(noise() + 0.5) is None
    assert measures.digital_step(np.full(9, 7.0)) is None
    assert measures.digital_step(np.array([np.nan])) is None


def test_the_grouped_median_sees_a_drift_of_a_fraction_of_a_step():
    rng = np.random.default_rng(1)
    values = rng.normal(1000, 20, 400_000)
    for shift in (0.0, 1.0, 2.0):
        digitised = 16 * np.rint((values + shift) / 16)
        assert measures.quantiles(digitised, 0.5) == pytest.approx(1000 + shift, abs=0.2)


@given(st.lists(st.integers(0, 200), min_size=2, max_size=60), st.integers(1, 16))
@settings(max_examples=50, deadline=None)
def test_the_grouped_median_lies_within_half_a_step_of_the_median_level(levels, step):
    values = step * np.array(levels, float)
    median = measures.quantiles(values, 0.5)
    found = measures.digital_step(values) or 0
    low, high = np.quantile(values, 0.5, method="lower"), np.quantile(values, 0.5, method="higher")
    assert low - found / 2 - 1e-9 <= median <= high + found / 2 + 1e-9


def test_the_robust_spread_of_normal_values_is_their_sigma():
    values = np.random.default_rng(2).normal(0, 3, 200_000)
    assert measures.spread(values) == pytest.approx(3, rel=0.01)


def test_no_finite_value_gives_nan_not_an_error():
    assert np.isnan(measures.quantiles(np.array([np.nan, np.inf]), 0.5))
    assert measures.bin_edges(np.array([np.nan])) is None


def test_the_gaussian_is_recovered_and_a_tail_does_not_pull_it():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(1075, 15, 200_000), 1130 + rng.exponential(200, 10_000)])
    fitted = measures.fit_core(np.rint(values))
    assert fitted.centre == pytest.approx(1075, abs=0.15)
    assert fitted.sigma == pytest.approx(15, rel=0.01)
    assert fitted.area == pytest.approx(200_000, rel=0.02)


@pytest.mark.parametrize("values", [np.full(500, 3.0), np.arange(10.0), np.full(99, np.nan)])
def test_nothing_is_fitted_where_there_is_no_core(values):
    assert measures.fit_core(values) is None


def test_every_bin_holds_the_same_number_of_digital_levels():
    values = 4 * np.rint(noise(sigma=30) / 4)
    edges = measures.bin_edges(values, 13)
    inside = [np.sum((np.arange(0, 8000, 4) > a) & (np.arange(0, 8000, 4) < b))
              for a, b in itertools.pairwise(edges)]  # fmt: skip
    assert len(set(inside)) == 1
    assert np.histogram(values, edges)[0].sum() == values.size


# Words


@pytest.mark.parametrize(
    ("value", "text"),
    [(1080.1166, "1080"), (0.05526, "0.05526"), (-4.8178, "−4.818"), (3.2e-5, "3.2 × 10⁻⁵"),
     (0.0, "0"), (None, "–"), (float("nan"), "–"), (1.2e12, "1.2 × 10¹²")],
)  # fmt: skip
def test_numbers_are_written_for_a_reader(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(13.81511, 0.01234, "13.815 ± 0.012"), (-0.1703, 0.0118, "−0.170 ± 0.012"),
     (12345.6, 230.0, "12350 ± 230"), (5.0, None, "5"), (None, 1.0, "–")],
)  # fmt: skip
def test_value_and_error_are_rounded_to_two_digits_of_the_error(value, error, text):
    assert words.measured(value, error) == text


def test_a_share_below_a_hundredth_of_a_percent_is_given_in_ppm():
    assert words.share(3, 390150) == "7.69 ppm"
    assert words.share(39, 390150) == "100 ppm"
    assert words.share(400, 390150) == "0.103 %"


# Images


def test_reduction_keeps_the_level_and_a_single_hot_pixel():
    image = noise(shape=(400, 600))
    image[123, 456] = 60000
    small = reduction.reduce_blocks(image, 4)
    assert small.shape == (100, 150)
    assert small[123 // 4, 456 // 4] == 60000
    assert np.median(small) == pytest.approx(1000, abs=0.2)
    assert small.std(where=small < 2000) < 4


def test_reduction_of_an_image_rich_in_hot_pixels_keeps_its_level():
    image = noise(shape=(400, 400))
    image[np.random.default_rng(4).random(image.shape) < 0.02] = 5000
    small = reduction.reduce_blocks(image, 4)
    assert 0.01 <= np.mean(small == 5000) <= 0.021
    without = np.isclose(small, 1000, atol=10)
    assert without.mean() == pytest.approx(0.98**16, abs=0.02)


def test_the_choice_of_hot_pixels_shown_does_not_follow_a_gradient():
    image = noise(shape=(400, 400), sigma=3) + np.linspace(60, 0, 400, dtype=np.float32)
    image[np.random.default_rng(4).random(image.shape) < 0.01] += 3000
    shown = reduction.reduce_blocks(image, 4) > 2500
    left, right = shown[:, :50].sum(), shown[:, 50:].sum()
    assert left + right > 150
    assert abs(left - right) < 4 * np.sqrt(left + right)


def test_a_block_without_any_value_stays_without():
    image = noise(shape=(16, 16))
    image[:4, :4] = np.nan
    small = reduction.reduce_blocks(image, 4)
    assert np.isnan(small[0, 0])
    assert np.isfinite(small).sum() == 15


def test_one_flagged_pixel_keeps_its_block_flagged():
    codes = np.zeros((100, 100), np.uint8)
    codes[57, 33] = 2
    small = reduction.reduce_flags(codes, 8)
    assert small[57 // 8, 33 // 8] == 2
    assert (small > 0).sum() == 1


@pytest.mark.parametrize("shape", [(510, 765), (960, 1280), (4096, 4096), (16, 16), (3, 900)])
def test_every_dot_of_a_picture_is_a_whole_number_of_device_pixels(shape):
    factor, dot = reduction.block_factor(shape)
    assert isinstance(dot, int)
    assert dot >= 2
    assert 350 <= dot * -(-max(shape) // factor) <= 1000


def test_the_zoom_stays_inside_the_image():
    rows, columns = images.window((510, 765), 308, 628)
    assert (rows, columns) == (slice(300, 316), slice(620, 636))
    assert images.window((510, 765), 2, 764) == (slice(0, 16), slice(749, 765))
    assert images.window((5, 7), 2, 3) == (slice(0, 5), slice(0, 7))


AWKWARD = {
    "all equal": np.full((NY, NX), 5.0),
    "all nan": np.full((NY, NX), np.nan),
    "one value": np.where(np.arange(NY * NX).reshape(NY, NX) == 7, 1.0, np.nan),
    "integers": noise().astype(np.uint16),
    "infinite": np.where(noise() > 1010, np.inf, noise()),
    "one pixel": np.ones((1, 1)),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_images_are_drawn(name, tmp_path):
    image = AWKWARD[name]
    displays = (images.linear(image), images.asinh(image), images.percentile(image))
    for display in displays:
        style.save(images.draw_image(image, display, unit="signal [ADU]"), tmp_path / "a.webp")
    style.save(images.draw_zoom(image, 0, 0, unit="signal [ADU]"), tmp_path / "b.webp")
    style.save(histograms.draw_histogram(image, unit="signal [ADU]", log=True), tmp_path / "c.webp")


def test_an_empty_series_and_one_frame_are_drawn(tmp_path):
    for values in ([], [3.0], [np.nan, 2.0]):
        style.save(series.draw_pixel_series(values, unit="v [ADU]"), tmp_path / "a.webp")
    style.save(series.draw_profiles([], xlabel="x", ylabel="y"), tmp_path / "b.webp")
    style.save(histograms.draw_overlaid([("a", "red", [])], unit="u"), tmp_path / "c.webp")


def test_the_same_figure_has_the_same_bytes_and_no_date(tmp_path):
    for name in ("one.webp", "two.webp"):
        figure = images.draw_image(noise(), images.asinh(noise()), unit="signal [ADU]")
        style.save(figure, tmp_path / name)
    content = (tmp_path / "one.webp").read_bytes()
    assert content == (tmp_path / "two.webp").read_bytes()
    # The one chunk is the picture: no date, no comment.
    assert content[:4] + content[8:16] == b"RIFFWEBPVP8L"
    assert int.from_bytes(content[16:20], "little") in (len(content) - 20, len(content) - 21)


def test_a_smooth_image_keeps_its_colours_in_the_palette(tmp_path):
    image = np.linspace(0, 1, 510)[:, None] * np.ones((1, 765))
    style.save(images.draw_image(image, images.linear(image), unit="u"), tmp_path / "a.webp")
    picture = Image.open(tmp_path / "a.webp")
    assert len(picture.getcolors(40)) <= 40
    column = np.asarray(picture)[60:-100, 400]
    wanted = style.colour_map("viridis")(np.linspace(0, 1, 32), bytes=True)[:, :3]
    shown = {tuple(colour) for colour in column.tolist()}
    assert sum(tuple(colour) in shown for colour in wanted.tolist()) > 29


def test_a_small_marker_keeps_its_colour_beside_a_map(tmp_path):
    image = noise()
    style.save(images.draw_zoom(image, 20, 20, unit="signal [ADU]"), tmp_path / "a.webp")
    pixels = np.asarray(Image.open(tmp_path / "a.webp")).reshape(-1, 3)
    assert (np.abs(pixels - [0x56, 0xB4, 0xE9]).max(axis=1) <= 3).sum() > 100


def test_a_picture_that_is_too_large_is_reduced_until_it_is_not(tmp_path):
    rng = np.random.default_rng(3)
    figure, axes = style.panel((9.0, 9.0))
    axes.imshow(rng.random((1500, 1500)), cmap="viridis")
    style.save(figure, tmp_path / "noise.webp")
    picture = Image.open(tmp_path / "noise.webp")
    assert 40_000 < (tmp_path / "noise.webp").stat().st_size <= style.LARGEST
    assert picture.width == picture.height < 9 * style.DPI


def test_a_users_matplotlibrc_does_not_reach_the_figures(tmp_path):
    import matplotlib as mpl

    style.save(series.draw_pixel_series([1.0, 2.0], unit="v"), tmp_path / "one.webp")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 20}):
        style.save(series.draw_pixel_series([1.0, 2.0], unit="v"), tmp_path / "two.webp")
    assert (tmp_path / "one.webp").read_bytes() == (tmp_path / "two.webp").read_bytes()


# Books


def a_panel():
    return Panel("", series.draw_pixel_series([1.0, 2.0], unit="v"), "two values")


def test_a_book_lists_what_it_wrote(tmp_path):
    with FigureBook(tmp_path / "figures") as book:
        book.add("Section", "key", "Title", "Caption 1.5 ADU", [a_panel()])
    records = json.loads((tmp_path / "figures" / "figures.json").read_text())["figures"]
    assert records[0]["caption"] == "Caption 1.5 ADU"
    assert records[0]["panels"] == [{"file": "key.webp", "alt": "two values", "inches": [4.8, 3.3]}]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["figures", "figures.json", "key.webp"]


def test_after_an_error_the_old_set_stays_whole(tmp_path):
    with FigureBook(tmp_path / "figures") as book:
        book.add("S", "old", "T", "C", [a_panel()])
    with pytest.raises(RuntimeError), FigureBook(tmp_path / "figures") as book:
        book.add("S", "new", "T", "C", [a_panel()])
        raise RuntimeError
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["figures", "figures.json", "old.webp"]


def test_a_new_set_leaves_nothing_of_the_old_one_nor_of_a_killed_writer(tmp_path):
    (tmp_path / ".figures.part" / "99999").mkdir(parents=True)
    for key in ("old", "new"):
        with FigureBook(tmp_path / "figures") as book:
            book.add("S", key, "T", "C", [a_panel()])
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["figures", "figures.json", "new.webp"]


def test_two_pictures_of_one_name_are_refused(tmp_path):
    with (
        pytest.raises(ValueError, match="two pictures are called key"),
        FigureBook(tmp_path / "figures") as book,
    ):
        book.add("S", "key", "T", "C", [a_panel(), a_panel()])


# The CCD pipeline


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


def test_a_strip_has_room_for_the_words_of_its_colour_bar():
    """A subarray of 128 rows and 2048 columns would be 38 pixels high; its rows are stretched."""
    image = np.random.default_rng(1).normal(size=(128, 2048)).astype(np.float32)
    figure = images.draw_image(image, images.linear(image), unit="CDS noise [DN]", title="strip")
    shown, bar = figure.axes
    box = shown.get_window_extent()
    assert box.height == pytest.approx(8 * 38)
    assert shown.get_title(loc="left") == "strip (rows 8 times as high)"
    label = bar.yaxis.label.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert label.height <= box.height
