"""The campaign `series`: its report says what is hidden in it, with dates, and no more."""

import json

import numpy as np
import pytest
from astropy.io import fits

from end_to_end.conftest import Checkout
from nircam_jwst import own_program

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
        assert abs(365.25 * one["rate"]["value"] - 20) < 3 * 365.25 * one["rate"]["error"]
    for name in hot:
        one = changed[name]
        assert one["shape"] == "step"
        assert [change["first"] for change in one["changes"]] == [8]
        assert abs(one["step"]["size"] - 18) < 3 * one["step"]["error"]
    # The ninth epoch begins 480 days after the first.
    assert found["validity"]["useafter"] == pytest.approx(found["start"][0] + 480, abs=0.01)
    # 10 DN at 20 DN a year, less the error of the slope.
    assert 160 < found["validity"]["good_days"] < 182.625


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
        units = 32 if product == "superbias" else 92
        assert fits.getheader(folder / f"{product}_series.fits")["NUNITS"] == units
        assert found["missing"] == []


def test_the_superbias_is_that_of_the_current_segment_and_the_report_says_why(trends):
    folder, products = trends
    assert products["superbias"]["made_of"]["epochs"] == [f"series.{k:02d}" for k in range(9, 13)]
    history = "".join(fits.getheader(folder / "superbias_series.fits")["HISTORY"])
    assert "after the last change" in history
    assert "superbias_state.08.fits" in history.partition("segment leaves out")[2]
    # The whole is what was merged: the states of the segment alone, in every bit.
    last = sorted(folder.glob("superbias_state.*.fits"))[8:]
    again = folder / "again.fits"
    made = own_program("report/epochs", "product", *last, "--output", again)
    assert made.returncode == 0, made.stderr
    with fits.open(again) as one, fits.open(folder / "superbias_series.fits") as other:
        for name in ("SCI", "ERR", "COUNT", "NCLIP", "CERTIFIED"):
            np.testing.assert_array_equal(one[name].data, other[name].data)
    page = (folder.parent / "report" / "items" / "nrcblong.html").read_text(encoding="utf-8")
    for words in (
        "Of 4 of 12 epochs: after the last change, from MJD 60150.2500 (2023-07-25) on",
        "series.08 (2023-05-26)",
        "Of all 12 epochs: no step was found",
        "From 2023-07-25, the start of the current segment; the change lies between 2023-05-26",
        "days within the tolerance, at 95 % confidence",
        "exposures of this campaign are from before and after the change of 2023-07-25",
        "drift of 19.98 ± 0.46 DN a year",
    ):
        assert words in page
