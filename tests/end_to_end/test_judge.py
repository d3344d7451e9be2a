"""`snakemake judge`: verdicts after the products, which stay as they are."""

import json

import pytest

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
