"""Verdicts in the report: on the file that was judged, wherever in its item it lies."""

import json

import pytest

from darkroom.provenance import sha256
from darkroom.report.verdicts import NOT_JUDGED, item_verdicts


@pytest.mark.parametrize("place", ["", "darks"])
def test_a_verdict_is_on_the_file_as_it_was_judged(tmp_path, place):
    file = tmp_path / place / "dark.fits"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"judged")
    (tmp_path / "judge").mkdir()
    verdict = {
        "product": "dark", "file": "dark.fits", "sha256": {"candidate": sha256(file)},
        "verdict": "cannot tell", "decisive": "1", "reason": "r", "next": "n", "gates": [],
        "score": None, "change_level": None, "counterfactual": [], "insertion": None, "notes": [],
        "budget": 0.001, "T": 0, "nulls": None,
    }  # fmt: skip
    (tmp_path / "judge" / "verdict_dark.json").write_text(json.dumps(verdict))
    (found,) = item_verdicts(tmp_path, [])
    assert found["verdict"] == "cannot tell"
    file.write_bytes(b"made again")
    (found,) = item_verdicts(tmp_path, [])
    assert found["verdict"] == NOT_JUDGED
    assert "made again" in found["reason"]
