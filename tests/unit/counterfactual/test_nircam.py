"""Superbias and read noise through the JWST pipeline itself, on held-out darks."""

import numpy as np
import pytest

from darkroom.nircam.counterfactual.closure import QUOTED, SCATTER
from nircam_compared import C2, Compared, active, row
from nircam_jwst import need_jwst

STEP = 5.0

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Give comparisons of files of known faults with the current ones."""
    need_jwst()
    compared = Compared(tmp_path_factory.mktemp("compared"))
    inner = active(compared)
    rng = np.random.default_rng(3)

    spectrum = {"spectrum": [compared.spectrum()]}

    def make(product, name, change, count):
        more = spectrum if product == "readnoise" else {}
        return compared.compare(product, compared.candidate(product, name, change), count, **more)

    return {
        "step": make("superbias", "step", lambda v: v + STEP * inner, 3),
        "noise": make("superbias", "noise", lambda v: v + 7.6 * rng.standard_normal(v.shape), 2),
        "mirrored": make("superbias", "mirrored", lambda v: v[:, ::-1], 2),
        "single": make("readnoise", "single", lambda v: v / np.sqrt(2), 4),
        "same": make("readnoise", "same", lambda v: v, 4),
    }


def test_a_copy_of_the_current_file_changes_nothing(found):
    for one in found.values():
        assert one["copy_exact"]
        first = one["rows"][0]
        assert first["estimand"].startswith("copy")
        assert (first["shift"], first["error"]) == (0.0, 0.0)
    same = found["same"]
    assert (same["score"]["value"], same["score"]["verdict"]) == (0.0, "cannot tell")
    assert same["change_level"] == "TRIVIAL"


def test_a_step_moves_the_rate_of_sources_by_the_curvature(found):
    rows = [r for r in found["step"]["rows"] if r["estimand"] == "rate of sources, relative"]
    assert len(rows) == 4
    for one in rows:
        assert one["shift"] == pytest.approx(-2 * C2 * STEP, rel=0.02)
        if float(one["class"].split()[0]) > 60:
            assert one["error"] <= 1e-7


def test_a_step_is_worse_by_its_square_although_no_rate_of_darks_shows_it(found):
    step = found["step"]
    assert step["score"]["verdict"] in ("worse", "cannot tell")
    assert step["score"]["value"] == pytest.approx(-(STEP**2), abs=4 * step["score"]["error"])
    level = row(step, "level of group 0")
    assert level["shift"] == pytest.approx(-STEP, abs=1e-4)
    assert abs(row(step, "rate of darks")["shift"]) < 1e-5
    assert not [r for r in step["rows"] if "jump" in r["estimand"]]
    assert step["change_level"] == "MODERATE"


def test_noise_and_a_mirrored_file_are_worse_by_their_variance(found):
    noise, mirrored = found["noise"]["score"], found["mirrored"]["score"]
    assert noise["value"] == pytest.approx(-(7.6**2), abs=max(5 * noise["error"], 3))
    assert noise["t"] < -20
    assert mirrored["value"] < -100
    assert found["mirrored"]["change_level"] == "SEVERE"


def test_the_noise_of_a_single_read_is_found_by_score_jumps_and_pull(found):
    single = found["single"]
    assert single["score"]["verdict"] == "worse"
    # White noise alone would give -0.153; these darks have slow noise too.
    assert -0.3 < single["score"]["value"] < -0.12
    assert single["change_level"] == "SEVERE"
    excess = row(single, "jumps of darks minus those of white noise")
    assert 1e-4 < excess["shift"] < 1e-3
    pull = row(single, "scatter of the rate over its error, minus 1", "darks")
    assert pull["shift"] > 0.2


def test_rates_of_darks_scatter_as_the_noise_spectrum_says(found):
    same, single = found["same"], found["single"]
    scatter = row(same, SCATTER)
    assert abs(scatter["shift"]) <= 3 * scatter["error"]
    assert scatter["error"] < 0.02
    # The current file states the noise of single reads, in which slow noise counts twice.
    current = row(single, QUOTED, "current file")["shift"]
    assert 0.0 < current < 0.1
    candidate = row(single, QUOTED, "candidate")["shift"]
    assert 1 + candidate == pytest.approx((1 + current) / np.sqrt(2), rel=0.01)
    assert row(same, QUOTED, "candidate")["shift"] == pytest.approx(current, rel=0.01)
    assert any("as expected. The root of VAR_RNOISE" in note for note in same["notes"])


def test_false_jumps_and_quoted_errors_are_as_expected_with_the_right_noise(found):
    same = found["same"]
    excess = row(same, "jumps of darks minus those of white noise")
    white = next(n for n in same["notes"] if n.startswith("Jumps of darks"))
    assert "as many as" in white
    assert "not as many as" not in white
    # White noise of known size: 1.9e-6 with fewer than ten differences.
    expected = float(white.split("stated size, ")[1].split(" ")[0])
    assert abs(excess["shift"]) <= 3 * excess["error"] + 0.5 * expected
    name = "scatter of the rate over its error, minus 1"
    closures = [r for r in same["rows"] if r["estimand"] == name]
    sources = [r for r in closures if r["class"] != "darks"]
    assert len(sources) == 4
    for one in sources:
        assert abs(one["shift"]) <= 3 * max(one["error"], 0.03), one
    assert -0.1 < next(r for r in closures if r["class"] == "darks")["shift"] < 0.01
