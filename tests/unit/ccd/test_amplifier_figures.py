"""Figures and lists of several amplifiers: none of them is left out."""

import json

import pytest
from matplotlib.figure import Figure

from darkroom.ccd.figures.amplifiers import AmplifierBook
from darkroom.plot.book import Panel


def panels(names):
    """Return a panel of each name, with a title on the left as all figures have."""
    found = []
    for name in names:
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().set_title(f"map {name}", loc="left")
        found.append(Panel(name, figure, f"alt {name}"))
    return found


def drawn(folder, names):
    """Draw two figures of two panels for each amplifier; return the records and the titles."""
    titles = []
    with AmplifierBook(folder, names) as book:
        for book.amplifier, _ in enumerate(names):
            for key in ("bias", "dark"):
                made = panels(("a", "b"))
                book.add("Section", key, key.title(), f"words of {key}.", made)
                titles += [panel.figure.axes[0].get_title(loc="left") for panel in made]
    return json.loads((folder / "figures.json").read_text())["figures"], titles


def test_each_figure_has_panels_of_every_amplifier_named_on_picture_caption_and_text(tmp_path):
    records, titles = drawn(tmp_path / "figures", ["LEFT", "RIGHT"])
    assert [record["key"] for record in records] == ["bias", "dark"]
    assert [one["file"] for one in records[0]["panels"]] == [
        "bias_a_amplifier1.webp", "bias_b_amplifier1.webp",
        "bias_a_amplifier2.webp", "bias_b_amplifier2.webp",
    ]  # fmt: skip
    assert records[1]["caption"] == "LEFT: words of dark. RIGHT: words of dark."
    assert records[1]["panels"][2]["alt"] == "RIGHT: alt a"
    assert titles[0] == "LEFT: map a"
    assert titles[-1] == "RIGHT: map b"
    assert all((tmp_path / "figures" / one["file"]).is_file() for one in records[0]["panels"])


def test_a_single_image_has_the_figures_of_before(tmp_path):
    records, titles = drawn(tmp_path / "figures", [""])
    assert [one["file"] for one in records[0]["panels"]] == ["bias_a.webp", "bias_b.webp"]
    assert (records[0]["caption"], titles[0]) == ("words of bias.", "map a")


@pytest.mark.parametrize(("count", "expected"), [(4, 8), (5, 6), (16, 17)])
def test_many_amplifiers_have_a_panel_each(tmp_path, count, expected):
    records, _ = drawn(tmp_path / "figures", [f"amp{k}" for k in range(count)])
    assert [len(record["panels"]) for record in records] == [expected, expected]
