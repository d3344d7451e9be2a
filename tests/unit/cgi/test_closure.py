"""The comparison of noise maps and darks with their truth says what is so."""

from types import SimpleNamespace

import numpy as np
import pytest

from cgi_stacks import tiny_geometry
from darkroom.cgi.truth import compare_dark, compare_maps


@pytest.fixture
def case(tmp_path):
    """Give a geometry, its truth, and maps that deviate by their errors."""
    geometry, rng = tiny_geometry(tmp_path), np.random.default_rng(1)
    shape = geometry.shape
    hot = rng.random(shape) < 0.1
    truth = {"fpn": np.full(shape, 5.0), "cic": np.full(shape, 0.01), "hot": hot}
    truth["dark"] = np.where(hot, 0.5, 0.001)
    err = np.stack([np.full(shape, error) for error in (10.0, 0.05, 0.002)])
    data = np.stack([truth[k] for k in ("fpn", "cic", "dark")]) + err * rng.normal(size=(3, *shape))
    return geometry, truth, SimpleNamespace(data=data, err=err, hot=hot.astype(np.uint8))


def test_maps_with_true_errors_have_pulls_of_one_and_means_that_agree(case):
    geometry, truth, maps = case
    rows = {row["quantity"]: row for row in compare_maps(maps, truth, geometry)}
    assert len(rows) == 9
    assert all(abs(row["pull"]) < 4 for row in rows.values())
    assert rows["dark current, mean of normal pixels"]["truth"] == pytest.approx(0.001)
    assert rows["dark current, pulls of detected hot pixels"]["found"] == pytest.approx(1, 0.3)


def test_errors_that_are_half_of_what_they_should_be_are_told(case):
    geometry, truth, maps = case
    maps.err /= 2
    rows = {row["quantity"]: row for row in compare_maps(maps, truth, geometry)}
    assert rows["fixed pattern, pulls of all pixels"]["found"] == pytest.approx(2, rel=0.1)
    assert rows["fixed pattern, pulls of all pixels"]["pull"] > 10


def test_hot_pixels_that_were_not_told_have_no_line(case):
    geometry, truth, maps = case
    maps.hot[:] = 0
    assert not any("hot" in row["quantity"] for row in compare_maps(maps, truth, geometry))


def test_a_dark_is_held_against_what_the_maps_of_the_truth_make(case):
    geometry, truth, _ = case
    section = geometry.section("image")
    true = (truth["fpn"] / 100 + truth["cic"] + 10 * truth["dark"])[section]
    err = np.full(true.shape, 0.1)
    dark = true + err * np.random.default_rng(2).normal(size=true.shape)
    mean, pulls = compare_dark(dark, err, 10.0, 100.0, truth, section, "a dark")
    assert (mean["quantity"], pulls["quantity"]) == (
        "a dark, mean of normal pixels",
        "a dark, pulls",
    )
    assert abs(mean["pull"]) < 4
    assert pulls["found"] == pytest.approx(1, abs=0.1)
