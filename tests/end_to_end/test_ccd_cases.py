"""Made sets of real traits, from the folder to the report by the one command.

The sets are not part of the repository; they lie in the folder of reference data.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "cases", "ccd")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="needs DARKROOM_REFERENCE_DATA"),
]


def drafted(checkout, folder):
    """Draft the campaign of a folder and lock it, as `make report` does."""
    done = subprocess.run(
        [checkout.folder / ".venvs/detector/bin/python", "scripts/archive/draft.py",
         "--path-only", folder],
        cwd=checkout.folder, env=checkout.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    choice = f"campaign={done.stdout.strip()}"
    checkout.snakemake("lock", "--quiet", "all", "--config", choice)
    return choice


@pytest.mark.parametrize("case", ["exp_time", "fz", "mef", "overscan"])
def test_a_good_folder_ends_in_a_report_with_the_true_numbers(checkout, case):
    checkout.snakemake("--config", drafted(checkout, FOLDER / case))
    results = checkout.folder / "results" / case
    assert (results / "report.html").is_file()
    (path,) = results.glob("*/item.json")
    item = json.loads(path.read_text())
    rates = [one for one in item["key_numbers"] if one["label"].startswith("Dark rate")]
    assert rates
    assert all(one["value"] == pytest.approx(0.5, abs=0.07) for one in rates)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("zeros", "b2.fits: all pixels that were read are 0 ADU"),
        ("light_leak", "d4.fits: its level is"),
        ("twice", "its content is the same as"),
        ("darkzero", "its exposure time is 0 s, a dark needs one"),
    ],
)
def test_a_folder_with_bad_frames_stops_in_one_message(checkout, case, words):
    text = checkout.snakemake("--config", drafted(checkout, FOLDER / case), status=1)
    assert words in text
    assert "Traceback" not in text
