"""`snakemake judge`: verdicts after the products, which stay as they are."""

import json

import pytest

from ccd_frames import run_ccd

pytestmark = pytest.mark.end_to_end


def test_judging_makes_no_product_stale_and_is_repeated_to_the_byte(checkout):
    choice = checkout.campaign(simulate={"shape": [64, 96]})
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("--config", choice)
    folder = checkout.folder / "results" / "small"
    before = {path: path.read_bytes() for path in folder.rglob("*.fits")}
    assert before
    checkout.snakemake("judge", "--config", choice)
    assert {path: path.read_bytes() for path in folder.rglob("*.fits")} == before
    assert "Nothing to be done" in checkout.snakemake("-n", "--config", choice)
    verdicts = sorted(folder.glob("camera/judge/verdict_*.json"))
    assert len(verdicts) == 4
    for path in verdicts:
        text = path.read_text(encoding="utf-8")
        assert "NaN" not in text
        # Nothing says that these are better than a file in use.
        assert json.loads(text)["verdict"] != "deliver"
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "Should these products be delivered?" in page
    first = [path.read_bytes() for path in verdicts]
    checkout.snakemake("judge", "--config", choice, "--forcerun", "gates_ccd")
    assert [path.read_bytes() for path in verdicts] == first
    assert "Every file is as it was recorded" in checkout.snakemake("check", "--config", choice)


def test_a_ccd_product_better_than_that_of_the_previous_night_is_delivered(checkout):
    """The night before left a master bias of three frames; this night has twenty-four."""
    simulate = {
        "shape": [96, 128], "bias": {"count": 24}, "targets": [],
        "darks": [{"count": 5, "exptime": 5.0}, {"count": 5, "exptime": 20.0}],
    }  # fmt: skip
    before = checkout.folder / "night_before"
    items = {
        "camera": {"instrument": "ccd", "simulate": simulate, "ccd": {"previous": str(before)}}
    }
    choice = checkout.campaign(items=items)
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("--config", choice)
    frames = (checkout.folder / "results/small/camera/bias.list").read_text().splitlines()
    frames = [checkout.folder / line for line in frames if not line.startswith("#")]
    before.mkdir()
    # Every sixth frame is held out, from the fourth on.
    run_ccd("master_bias", "--output", before / "master_bias.fits", *frames[:3])
    checkout.snakemake("judge", "--config", choice)
    judge = checkout.folder / "results/small/camera/judge"
    verdict = json.loads((judge / "verdict_master_bias.json").read_text())
    assert verdict["counterfactual"][0]["shift"] == 0
    assert verdict["score"]["verdict"] == "better", verdict["score"]
    assert verdict["score"]["exposures"] == 4
    assert verdict["verdict"] == "deliver", verdict["reason"]
    # The other products have nothing to be compared with.
    assert not (judge / "counterfactual_read_noise.json").exists()
    checkout.snakemake("deliver", "--config", choice)
    made = checkout.folder / "results/small/camera/delivery/master_bias"
    assert {path.name for path in made.iterdir()} == {
        "master_bias.fits", "verdict.json", "counterfactual.json", "README.md",
    }  # fmt: skip
    assert "copy the file" in (made / "README.md").read_text()
