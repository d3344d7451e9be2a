"""The comparison with the truth is a fair judge: only right errors give unit pulls."""

import json

import numpy as np
import pytest

from darkroom.ccd.truth import pulls, row
from darkroom.errors import DarkroomError
from darkroom.report.truth import truth_table


def means_of_few(count, scale=1.0):
    """Return found, quoted error and truth of 40,000 means of `count` normal values each."""
    values = np.random.default_rng(3).normal(100, 5, (count, 200, 200))
    error = scale * values.std(axis=0, ddof=1) / np.sqrt(count)
    return values.mean(axis=0), error, np.full((200, 200), 100.0)


@pytest.mark.parametrize("count", [3, 5, 30])
def test_right_errors_give_unit_pulls_however_few_the_samples(count):
    found, error, truth = means_of_few(count)
    pull = pulls(found, error, count - 1, truth)
    assert pull.std() == pytest.approx(1, abs=4 * (2 * pull.size) ** -0.5)


def test_errors_quoted_too_small_show():
    found, error, truth = means_of_few(200, scale=0.8)
    assert pulls(found, error, 199, truth).std() == pytest.approx(1.25, abs=0.02)


def test_a_common_shift_is_taken_out_of_the_pulls_and_quoted_apart():
    found, error, truth = means_of_few(30)
    assert pulls(found + 50, error, 29, truth).std() == pytest.approx(1, abs=0.02)
    assert row("level", 100.0, 101.0, 0.5, "adu")["pull"] == 2.0
    assert row("share", 1.0, 0.9, None, "")["pull"] is None


@pytest.mark.parametrize(
    ("error", "as_is", "omitted"),
    [
        (0.5, (0.5, 2.0), (0.5, 2.0)),
        (None, (None, None), (None, None)),
        (0.0, (0.0, None), (None, None)),
        (np.nan, (np.nan, np.nan), (None, None)),
        (np.inf, (np.inf, 0.0), (None, None)),
    ],
)
def test_an_unusable_error_is_written_as_it_is_or_omitted(error, as_is, omitted):
    for omit, (quoted, pull) in ((False, as_is), (True, omitted)):
        entry = row("level", 100.0, 101.0, error, "adu", omit_unusable_error=omit)
        assert entry["error"] == pytest.approx(quoted, nan_ok=True)
        assert entry["pull"] == pytest.approx(pull, nan_ok=True)


def test_pixels_without_a_value_are_left_out():
    found, error, truth = means_of_few(5)
    found[0, 0] = np.nan
    assert pulls(found, error, 4, truth).size == found.size - 1


def test_the_reports_table_shows_every_entry_and_refuses_another_file(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps([row("bias level", 1080.22, 1080.31, 0.43, "adu")]))
    assert truth_table(path)["rows"] == [
        ["bias level", "1080.22", "1080.31", "0.43", "+0.2", "adu"]
    ]
    path.write_text("{}")
    assert truth_table(path)["rows"] == []
    path.write_text("[1]")
    with pytest.raises(DarkroomError, match="holds no comparison"):
        truth_table(path)
