"""The campaign `series`: its report says the step and the drift hidden in it, and no more."""

import json

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]


def test_the_series_says_what_is_hidden_in_it(checkout):
    checkout.snakemake("--config", "campaign=series")
    folder = checkout.folder / "results" / "series" / "nrcblong"
    found = json.loads((folder / "superbias_trends.json").read_text(encoding="utf-8"))
    assert len(found["epochs"]) == 12
    changed = {one["name"]: one for one in found["series"] if one["changed"]}
    parities = ("even", "odd")
    steps = [f"level of amplifier 1 {parity} less reference pixels" for parity in parities]
    drifts = [f"level of amplifier 2 {parity} less reference pixels" for parity in parities]
    assert sorted(changed) == sorted(steps + drifts)
    for name in steps:
        one = changed[name]
        assert one["shape"] == "step"
        assert [change["first"] for change in one["changes"]] == [6]
        assert abs(one["step"]["size"] - 15) < 3 * one["step"]["error"]
    for name in drifts:
        one = changed[name]
        assert one["shape"] == "drift"
        assert abs(365.25 * one["slope"]["value"] - 20) < 3 * 365.25 * one["slope"]["error"]
    # The seventh epoch begins 360 days after the first; 10 DN are drifted in half a year.
    assert found["validity"]["useafter"] == pytest.approx(found["start"][0] + 360, abs=0.01)
    assert 150 < found["validity"]["good_days"] < 182.625
