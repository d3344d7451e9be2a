"""The campaign `series`: its report says what is hidden in it, with dates, and no more."""

import json

import pytest
from astropy.io import fits

from end_to_end.conftest import Checkout

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]


@pytest.fixture(scope="module")
def trends(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("series") / "checkout")
    checkout.snakemake("--config", "campaign=series")
    folder = checkout.folder / "results" / "series" / "nrcblong"
    return folder, json.loads((folder / "trends.json").read_text(encoding="utf-8"))["products"]


def test_a_step_a_drift_and_a_hot_region_are_said_with_their_dates(trends):
    _, products = trends
    found = products["superbias"]
    assert len(found["epochs"]) == 12
    changed = {one["name"]: one for one in found["series"] if one["changed"]}
    parities = ("even", "odd")
    steps = [f"level of amplifier 1 {parity} less reference pixels" for parity in parities]
    drifts = [f"level of amplifier 2 {parity} less reference pixels" for parity in parities]
    hot = [f"pixels far above in amplifier 3 {parity}" for parity in parities]
    assert sorted(changed) == sorted(steps + drifts + hot)
    for name in steps:
        one = changed[name]
        assert one["shape"] == "step"
        assert [change["first"] for change in one["changes"]] == [6]
        assert abs(one["step"]["size"] - 15) < 3 * one["step"]["error"]
    for name in drifts:
        one = changed[name]
        assert one["shape"] == "drift"
        assert abs(365.25 * one["slope"]["value"] - 20) < 3 * 365.25 * one["slope"]["error"]
    for name in hot:
        one = changed[name]
        assert one["shape"] == "step"
        assert [change["first"] for change in one["changes"]] == [8]
        assert abs(one["step"]["size"] - 18) < 3 * one["step"]["error"]
    # The ninth epoch begins 480 days after the first.
    assert found["validity"]["useafter"] == pytest.approx(found["start"][0] + 480, abs=0.01)
    assert 100 < found["validity"]["good_days"] < 182.625


@pytest.mark.parametrize("product", ["readnoise", "spectrum"])
def test_nothing_is_said_of_the_noise_in_which_nothing_changed(trends, product):
    _, products = trends
    assert len(products[product]["epochs"]) == 12
    assert not any(one["changed"] for one in products[product]["series"])
    assert not products[product]["validity"]["changed"]


def test_the_withdrawn_exposure_is_in_no_product(trends):
    folder, products = trends
    for product, found in products.items():
        assert found["units"] == [8, 8, 8, 8, 4, 8, 8, 8, 8, 8, 8, 8]
        assert fits.getheader(folder / f"{product}_series.fits")["NUNITS"] == 92
