"""Pictures: reduced images, palettes, and sets of figures on disk."""

import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from darkroom.plot import histograms, images, reduction, series, style
from darkroom.plot.book import FigureBook, Panel
from noisy_images import NX, NY, noise

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
