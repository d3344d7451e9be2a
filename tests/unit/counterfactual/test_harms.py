"""The smallest changes that matter to a comparison are declared, and a campaign may set its own."""

import argparse
import math
from dataclasses import replace

import numpy as np
import pytest

from darkroom.ccd.counterfactual.compare import HeldOut
from darkroom.ccd.pipeline import CcdPipeline
from darkroom.cgi.pipeline import CgiPipeline
from darkroom.counterfactual.paired import change_level
from darkroom.nircam.counterfactual import darks, superbias
from darkroom.nircam.counterfactual.consumer import Fitted
from darkroom.nircam.counterfactual.results import Pair, rate_shifts, source_shifts
from darkroom.nircam.pipeline import NircamPipeline
from plans import a_plan

SHAPE = (24, 32)
CLASSES = {
    "all pixels": np.ones(SHAPE, bool),
    "odd - even columns": np.tile([1.0, -1.0], (SHAPE[0], SHAPE[1] // 2)),
}


def pairs(level=0.0, rate=0.0):
    """Three darks whose first group and rate differ by so much between two files."""
    found = []
    for k in range(3):
        rng = np.random.default_rng(k)
        first = rng.normal(0, 5, (2, *SHAPE))
        slope = rng.normal(0, 0.01, (2, *SHAPE))
        flags = np.zeros((2, 3, *SHAPE), np.uint8)
        fitted = [
            Fitted(one, np.full(one.shape, 0.01), np.full(one.shape, 1e-4), flags, flags[0, 0])
            for one in (slope + rate * (1 + 0.01 * k), slope)
        ]
        found.append(Pair(f"e{k}", (first + level * (1 + 0.01 * k), first), tuple(fitted)))
    return found


@pytest.mark.parametrize(("given", "word"), [({}, "MODERATE"), ({"level": 3.0}, "SEVERE")])
def test_a_campaign_decides_which_shift_of_a_superbias_is_severe(given, word):
    shifts = superbias.level_shifts(pairs(level=5.0), CLASSES, given)
    assert [one.harm for one in shifts] == [given.get("level", 10.0), 1.0]
    assert change_level(shifts) == word
    (_, parity) = superbias.level_shifts(pairs(), CLASSES, {"parity": 0.2})
    assert parity.harm == 0.2


def test_rates_have_the_harm_of_their_product():
    moved = pairs(rate=0.02)
    assert change_level(rate_shifts(moved, CLASSES, 0.05)) == "MODERATE"
    assert change_level(rate_shifts(moved, CLASSES, 0.005)) == "SEVERE"
    classes = CLASSES | {darks.HOT: np.zeros(SHAPE, bool)}
    found = darks.compare_darks(moved, classes, np.full(SHAPE, np.nan), 3, True, "1", 0.005)
    assert {one.harm for one in found.shifts if one.estimand == "rate of darks"} == {0.005}


def test_a_campaign_decides_how_many_flags_are_severe():
    assert change_level([], 2e-3, 1e-3) == "SEVERE"
    assert change_level([], 2e-3, 1e-2) == change_level([], 2e-3) == "MODERATE"


def test_sources_are_too_bright_by_what_matters():
    slopes = np.zeros(SHAPE)
    slopes[::4, ::4] = 100.0
    injected = [replace(one, slopes=slopes) for one in pairs(rate=2.0)]
    (one, *_) = source_shifts(injected, 0.01)
    assert one.harm == 0.01
    assert one.shift == pytest.approx(0.02, rel=0.02)
    assert one.beyond_harm


@pytest.mark.parametrize("product", ["master_bias", "dark_rate"])
def test_a_ccd_product_has_the_harm_of_its_gates(product):
    parts = [argparse.Namespace(product=product)]
    assert HeldOut([], parts, {}, "1", {}).harm("level", 10.0) == pytest.approx(2.0)
    assert HeldOut([], parts, {}, "1", {"level": 0.5}).harm("level", 10.0) == 0.5
    noise = HeldOut([], [argparse.Namespace(product="read_noise")], {}, "1", {})
    assert noise.harm("noise") == pytest.approx(math.log(1.05**2))


def test_harms_of_a_campaign_reach_the_comparisons(tmp_path):
    harm = {
        "noise_maps.subtracted": 0.02,
        "traditional.subtracted": 0.01,
        "superbias.level": 3.0,
        "master_bias.level": 0.5,
        "readnoise.source_rate": 0.002,
    }
    items = {"a": {"instrument": "ccd"}, "b": {"instrument": "nircam"}, "c": {"instrument": "cgi"}}
    plan = a_plan(tmp_path, items, [], judge={"harm": harm})
    nircam, ccd = NircamPipeline(plan), CcdPipeline(plan)
    cgi = CgiPipeline(plan)
    assert "--harm=subtracted=0.02" in cgi.compare_options("c", "noise_maps")
    assert "--harm=subtracted=0.01" in cgi.compare_options("c", "traditional_g500_t100")
    assert "--harm" not in cgi.compare_options("c", "synthesized_g500_t100")
    assert "--harm=level=3" in nircam.compare_options("b", "superbias")
    assert "--harm=source_rate=0.002" in nircam.compare_options("b", "readnoise")
    assert "--harm" not in nircam.compare_options("b", "dark")
    assert "--harm=level=0.5" in ccd.compare_options("a", "master_bias")
    assert "--harm" not in ccd.compare_options("a", "dark_rate")
