"""Made sets of real traits, from the folder to the report by the one command.

The sets are not part of the repository; they lie in the folder of reference data.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from darkroom.drafts import draft

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


# Read noise and dark rate of every set; of those that hold something else: label, value, tolerance.
TRUTH = {"Read noise": (8.0, 0.35), "Dark rate": (0.5, 0.07)}
OTHER = {
    "unit": {"Dark rate": (7.6e-6, 1e-6), "Read noise": (1.22e-4, 5e-6)},
    "identical": {"Dark rate": (0.5, 0.2)},
    "two": {"Dark rate": (0.5, 0.1), "Read noise": (8.0, 0.5)},
    "single": {"Dark rate": (0.5, 0.2)},
    "dark_as_bias": {"Dark rate": (0.5, 0.07)},
}


def merged(folder, leave_out):
    """Return one campaign with the drafted items of every set below a folder."""
    items = {}
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        if case.name in leave_out:
            continue
        for key, item in yaml.safe_load(draft(case).yaml)["items"].items():
            item["frames"] = {
                role: [f"{case.name}/{pattern}" for pattern in patterns]
                for role, patterns in item["frames"].items()
            }
            items[re.sub(r"[^a-z0-9]+", "_", case.name) + f"-{key}"] = item
    archive = {"kind": "local", "folder": str(folder)}
    return {"title": "Sets", "archive": archive, "on_bad_exposure": "exclude", "items": items}


def test_all_sets_in_one_campaign_end_in_the_true_numbers(checkout):
    # Darks of no time alone end in a sentence: see above.
    campaign = checkout.folder / "config" / "campaigns" / "sets.yaml"
    campaign.write_text(yaml.safe_dump(merged(FOLDER, ("darkzero",))))
    checkout.snakemake("lock", "--quiet", "all", "--config", "campaign=sets")
    checkout.snakemake("--config", "campaign=sets")
    results = checkout.folder / "results" / "sets"
    assert (results / "report.html").is_file()
    wrong = numbers_that_are_wrong(results)
    assert not wrong


def numbers_that_are_wrong(results):
    """Return every read noise and dark rate of a campaign that is not the truth."""
    wrong = []
    for path in sorted(results.glob("*/item.json")):
        expected = TRUTH | OTHER.get(path.parent.name.split("-")[0], {})
        for entry in json.loads(path.read_text())["key_numbers"]:
            for label, (value, tolerance) in expected.items():
                if entry["label"].startswith(label) and abs(entry["value"] - value) > tolerance:
                    wrong.append((path.parent.name, entry["label"], entry["value"]))
    return wrong
