"""What the report says of a series: the truth of each shape in words, and what is missing."""

import numpy as np
import pytest

from darkroom.epochs.folder import Epoch
from darkroom.epochs.laws import Quantity
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.told import as_json
from darkroom.plot.book import FigureBook
from darkroom.report import trends as report

UNITS = 8


def told(level, missing=(), noise=1.0, **settings):
    """Return the trends of a level at the epochs, two months apart; some do not tell it."""
    rng, epochs = np.random.default_rng(12), []
    for k, one in enumerate(level):
        values = one + noise * np.sqrt(UNITS) * rng.standard_normal(UNITS)
        if k in missing:
            values[:] = np.nan
        mjd = 60000 + 60.0 * k + np.arange(UNITS) / 100
        quantities = (
            Quantity("level of A", "DN", values),
            Quantity("level of B", "DN", rng.standard_normal(UNITS)),
        )
        epochs.append(Epoch(f"e{k:02d}", mjd, np.full((UNITS, 2), np.nan), quantities))
    return as_json({"superbias": epochs}, EpochSettings(**settings))


def described(found):
    content = {"warnings": ["a file would replace another"], "tables": [], "answers": []}
    report.add(content, found)
    return content


EPOCH = np.arange(14)
CASES = {
    "a step": (20.0 * (EPOCH >= 6), "superbias, level of a: step of", "between 2023-12-22 and"),
    "two steps": (
        20.0 * (EPOCH >= 5) + 15.0 * (EPOCH >= 10),
        "superbias, level of a: step of",
        ", step of 14.96",
    ),
    "a drift": (3.0 * EPOCH, "superbias, level of a: drift of 17.79", "a year"),
    "a curve": (0.5 * EPOCH**2, "superbias, level of a: drift of", "at the last epoch, on a curve"),
    "both": (
        3.0 * EPOCH + 25.0 * (EPOCH >= 8),
        "superbias, level of a: drift of",
        "a year with a step of",
    ),
    "apart": (
        20.0 * (EPOCH == 5),
        "superbias, level of a: the epoch of 2023-12-22 lies apart from all others by 2",
        "DN",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_happened_is_said_first_and_in_words(case, tmp_path):
    level, begin, more = CASES[case]
    found = told(level)
    content = described(found)
    said = content["warnings"][0].lower()
    assert said.startswith(begin)
    assert more.lower() in said
    assert content["warnings"][1:] == ["a file would replace another"]
    with FigureBook(tmp_path) as book:
        report.draw_figures(book, found)
    assert list(tmp_path.iterdir())


def test_what_cannot_be_decided_is_said_with_both_names():
    found = told(3.2 * (EPOCH >= 6))
    one = found["products"]["superbias"]["series"][0]
    words = described(found)["warnings"][0]
    assert one["shape"] == "step or drift"
    assert "undecided: step (" in words
    assert "or drift (" in words


def test_missing_numbers_have_a_table_and_a_gap_in_the_figure(tmp_path):
    found = told(20.0 * (EPOCH >= 6), missing=(5, 9))
    content = described(found)
    assert "Superbias: numbers of 2 epochs are missing: e05, e09" in content["warnings"]
    (table,) = [one for one in content["tables"] if "missing" in one["title"]]
    assert table["rows"][0] == ["e05", "level of A", "none of its units tells it"]
    # The change lies between epochs that tell it: the sixth does not.
    assert "between 2023-10-23 and 2024-02-20" in content["warnings"][0]
    with FigureBook(tmp_path) as book:
        report.draw_figures(book, found)


@pytest.mark.parametrize(("product", "count"), [("series", 14), ("segment", 8)])
def test_the_report_says_of_which_epochs_the_product_is_made_and_why(product, count):
    answers = described(told(20.0 * (EPOCH >= 6), product=product))["answers"]
    (answer,) = [one["answer"] for one in answers if "made of" in one["question"]]
    assert answer.startswith("Of all 14 epochs: " if count == 14 else "Of 8 of 14 epochs: ")
    assert ("Left out: e00 (2023-02-25), e01" in answer) == (product == "segment")
    if product == "segment":
        assert "after the last change, from MJD 60360.0000 (2024-02-20) on, by level of A" in answer


def test_a_campaign_on_both_sides_of_a_change_is_told_so():
    told_of = {}
    for campaign in ("e", "e07"):
        rng = np.random.default_rng(2)
        epochs = [
            Epoch(
                name, 60000 + 60.0 * k + np.arange(UNITS) / 100, np.full((UNITS, 2), np.nan),
                (Quantity("level of A", "DN", 20 * (k >= 3) + rng.standard_normal(UNITS)),),
            )
            for k, name in enumerate(["e 1", "e 2", "x", "e.03", "y", "e07"])
        ]  # fmt: skip
        found = as_json({"superbias": epochs}, EpochSettings(), campaign=campaign)
        told_of[campaign] = [one for one in described(found)["warnings"] if "neither" in one]
    assert len(told_of["e"]) == 1
    assert "before and after the change of 2023-08-24" in told_of["e"][0]
    assert told_of["e07"] == []


def test_a_drift_is_not_called_no_change():
    answers = described(told(3.0 * EPOCH))["answers"]
    assert answers[0]["answer"].startswith("No step, but a drift was found since 2023-02-25")
    assert "days within the tolerance, at 95 % confidence." in answers[1]["answer"]


def test_few_epochs_and_silent_ones_are_said():
    few = described(told(np.zeros(2)))["warnings"]
    assert "Superbias: the series has 2 epochs, trends need at least 3" in few
    found = told(np.zeros(4), missing=range(4))
    assert [one["name"] for one in found["products"]["superbias"]["series"]] == ["level of B"]
