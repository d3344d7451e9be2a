"""Pixels hot in clock-induced charge, in dark current, in both: found, with true errors."""

import numpy as np
import pytest

from cgi_stacks import GAINS, case, sources, tiny_geometry, truth
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps import hot
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.simulate import exposures

GRIDS = {
    "usual": (GAINS, (2.0, 30.0, 100.0), 10),
    "other": ((1.5, 100.0, 1000.0, 4000.0), (5.0, 50.0, 120.0), 12),
    "many": ((2.0, 20.0, 200.0, 2000.0, 6000.0), (2.0, 10.0, 60.0), 8),
}


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


def realise(geometry, number, seed, cic, dark, grid="usual"):
    """Simulate sets in which fractions of the pixels are hot in C, in D, or (independently) both.

    Returns pulls, flags, and the truth of the pixels in the imaging area.
    """
    rng = np.random.default_rng(seed)
    gains, exptimes, nframes = GRIDS[grid]
    area, parts = geometry.imaging, []
    for _ in range(number):
        maps, _ = truth(geometry, rng)
        imaging = np.zeros(geometry.shape, bool)
        imaging[area] = True
        for k, (fraction, draw) in enumerate(
            [
                (cic, lambda n: rng.uniform(0.3, 2.0, n)),
                (dark, lambda n: 10 ** rng.uniform(-1.3, 0, n)),
            ]
        ):
            chosen = imaging & (rng.random(geometry.shape) < fraction)
            maps[1 + k][chosen] += draw(chosen.sum())
        stacks = sources(geometry, maps, nframes, rng, gains=gains, exptimes=exptimes)
        fit = fit_pooled(stacks, geometry)
        planes = np.concatenate([fit.data, fit.err, [fit.hot], maps])
        parts.append(planes[(slice(None), *area)].reshape(10, -1))
    planes = np.concatenate(parts, axis=1)
    return (planes[:3] - planes[7:]) / planes[3:6], planes[6].astype(int), planes[7:]


def check_normal(pull, normal):
    """Assert that normal pixels have true errors."""
    assert pull[:, normal].std(axis=1) == pytest.approx(1, abs=0.05)
    assert abs(pull[:, normal].mean(axis=1)).max() < 4 / np.sqrt(normal.sum())


def check_hot(pull, flags, chosen, bit, parameter):
    """Assert that hot pixels are flagged, and that their parameter has true errors."""
    assert (flags[chosen] & bit > 0).mean() > 0.95
    assert (flags[chosen] == bit).mean() > 0.93
    assert 0.85 < pull[parameter, chosen].std() < 1.15


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("fraction", [0.05, 0.1])
def test_pixels_hot_in_clock_induced_charge_are_flagged_and_spoil_no_normal_one(
    geometry, fraction, grid
):
    pull, flags, (_, cic, _) = realise(geometry, 8, 1, fraction, 0, grid)
    check_normal(pull, cic < 0.1)
    check_hot(pull, flags, cic > 0.6, hot.CIC, 1)


def test_one_pixel_in_a_hundred_hot_in_clock_induced_charge(geometry):
    pull, flags, (_, cic, _) = realise(geometry, 30, 2, 0.01, 0)
    check_normal(pull, cic < 0.1)
    check_hot(pull, flags, cic > 0.6, hot.CIC, 1)


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.1])
def test_pixels_hot_in_dark_current_alone_are_flagged_for_it_alone(geometry, fraction):
    pull, flags, (*_, dark) = realise(geometry, 10, 3, 0, fraction)
    check_normal(pull, dark < 0.01)
    check_hot(pull, flags, dark > 0.05, hot.DARK, 2)


@pytest.mark.parametrize("grid", GRIDS)
def test_pixels_hot_in_one_or_the_other_or_both(geometry, grid):
    pull, flags, (_, cic, dark) = realise(geometry, 16, 4, 0.1, 0.1, grid)
    much_cic, much_dark = cic > 0.6, dark > 0.01
    check_normal(pull, (cic < 0.1) & ~much_dark)
    check_hot(pull, flags, much_cic & ~much_dark, hot.CIC, 1)
    check_hot(pull, flags, (cic < 0.1) & much_dark, hot.DARK, 2)
    both = much_cic & much_dark
    assert (flags[both] & hot.DARK > 0).mean() > 0.9
    # A large dark current hides the clock-induced charge in its noise.
    assert (flags[both & (dark < 0.1)] & hot.CIC > 0).mean() > 0.75
    assert 0.85 < pull[1, both].std() < 1.2
    assert 0.85 < pull[2, both].std() < 1.2


@pytest.mark.parametrize("grid", GRIDS)
def test_normal_pixels_are_called_hot_as_seldom_as_the_limit_says(geometry, grid):
    """Two tests of a probability of 1e-5 each: 0.85 expected, 5 are more than chance makes."""
    pull, flags, _ = realise(geometry, 40, 5, 0, 0, grid)
    assert flags.size > 42_000
    assert (flags > 0).sum() < 5
    check_normal(pull, np.ones(flags.size, bool))


@pytest.mark.heavy
def test_normal_pixels_are_called_hot_as_seldom_as_the_limit_says_in_many(geometry):
    """8.5 expected of 422,000."""
    _, flags, _ = realise(geometry, 400, 6, 0, 0)
    assert (flags > 0).sum() < 20


def test_the_shared_case(reference_data):
    geometry = read_geometry(reference_data / "peers" / "corgidrp" / "detector_regions.json")
    path = reference_data / "cases" / "cgi" / "cic_hot.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not among the reference data")
    found, content = case(path, geometry)
    fit = fit_pooled(found, geometry)
    area = geometry.imaging
    data, err, true = (
        planes[(slice(None), *area)].reshape(3, -1)
        for planes in (fit.data, fit.err, np.array([content[key] for key in "FCD"]))
    )
    pull = (data - true) / err
    flags, is_hot, cic = (a[area].ravel() for a in (fit.hot, content["cic_hot"] > 0, content["C"]))
    check_normal(pull, ~is_hot)
    check_hot(pull, flags, is_hot & (cic > 0.6), hot.CIC, 1)


def test_simulated_cameras_have_pixels_hot_in_clock_induced_charge():
    hidden = exposures.truth({"geometry": "small", "hot_cic_fraction": 0.05})
    chosen = hidden["hot_cic"]
    assert chosen.mean() == pytest.approx(0.05 * 106 * 107 / (120 * 220), rel=0.15)
    assert hidden["cic"][chosen].min() >= 0.3
    assert hidden["cic"][chosen].max() <= 2.0
    assert hidden["cic"][~chosen].max() < 0.1
    assert (hidden["hot"] == (chosen | hidden["hot_dark"])).all()
    assert exposures.truth({"geometry": "small"})["hot_cic"].any()


@pytest.mark.parametrize("number", [4, 6, 10])
def test_the_excess_that_makes_a_pixel_hot_is_stated(geometry, number, monkeypatch):
    """Half of the pixels with the stated excess are flagged, few of those with half of it."""
    monkeypatch.setitem(GRIDS, "few", (GAINS, (2.0, 30.0, 100.0), number))
    rng = np.random.default_rng(70 + number)
    maps, _ = truth(geometry, rng)
    limit = fit_pooled(sources(geometry, maps, number, rng), geometry).hot_limits[0]
    assert limit == pytest.approx(0.35 * np.sqrt(10 / number), rel=0.35)
    flagged = []
    for excess in (0.5 * limit, limit, 2 * limit):
        found, area = [], geometry.imaging
        for _ in range(3):
            changed = np.array(maps)
            chosen = rng.random(geometry.shape) < 0.04
            changed[1][chosen] += excess
            fit = fit_pooled(sources(geometry, changed, number, rng), geometry)
            found += list(fit.hot[area][chosen[area]] & hot.CIC > 0)
        flagged.append(np.mean(found))
    assert flagged[0] < 0.25
    assert 0.3 < flagged[1] < 0.75
    assert flagged[2] > 0.85


def test_stacks_of_few_frames_are_warned_of(geometry):
    rng = np.random.default_rng(74)
    maps, _ = truth(geometry, rng)
    said = "the smallest stack has 6 frames: with fewer than 8, noise hides half of the pixels"
    for number, expected in ((6, 1), (8, 0)):
        fit = fit_pooled(sources(geometry, maps, number, rng), geometry)
        assert sum(text.startswith(said) for text in fit.warnings) == expected


@pytest.mark.heavy
@pytest.mark.parametrize("number", [4, 6, 8])
def test_flagged_pixels_have_true_errors_however_few_frames_there_are(
    geometry, number, monkeypatch
):
    """What noise hides has errors that are too small: 20 % of them at 4 frames, 8 % at 6."""
    monkeypatch.setitem(GRIDS, "few", (GAINS, (2.0, 30.0, 100.0), number))
    pull, flags, (_, cic, _) = realise(geometry, 16, 300 + number, 0.1, 0, "few")
    chosen = cic > 0.6
    found = chosen & (flags & hot.CIC > 0)
    assert 0.85 < pull[1, found].std() < 1.15
    assert found.sum() / chosen.sum() > {4: 0.75, 6: 0.9, 8: 0.95}[number]


@pytest.mark.heavy
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_limits_hold_for_seeds_that_they_were_not_tuned_on(geometry, seed, grid):
    for cic_part, dark_part in ((0.05, 0), (0.1, 0), (0, 0.05), (0, 0.1), (0.1, 0.1)):
        number = int(20 * cic_part) + 5 * bool(dark_part) + int(20 * dark_part)
        sets = realise(geometry, 8, 10 * seed + number, cic_part, dark_part, grid)
        pull, flags, (_, cic, dark) = sets
        check_normal(pull, (cic < 0.1) & (dark < 0.01))
        if cic_part:
            check_hot(pull, flags, (cic > 0.6) & (dark < 0.01), hot.CIC, 1)
        if dark_part:
            check_hot(pull, flags, (cic < 0.1) & (dark > 0.05), hot.DARK, 2)
