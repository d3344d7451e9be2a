"""One folder with the frames of many cameras, from the folder to the report by the one command."""

import json

import pytest

from ccd_sets import build
from darkroom.campaign.frames import read_frames
from end_to_end.test_ccd_cases import LOADED, drafted
from end_to_end.warm import warmed

pytestmark = pytest.mark.heavy
# What the items are of: camera, and the roles whose numbers are compared with the truth.
ITEMS = {
    "sharpcap", "nina", "maxim", "ekos", "unknown", "kb23", "mosaic2", "mosaic3", "microseconds",
    "electrons", "silent", "cubes", "spoilt", "regions_64x64_first_column_0_first_row_0",
    "regions_48x40_first_column_10_first_row_20",
}  # fmt: skip
LEFT_OUT = {"again", "linked", "half", "dark_5"}


def test_frames_of_many_cameras_end_in_one_report_with_the_true_numbers(checkout, tmp_path):
    build(tmp_path / "cameras")
    choice = drafted(checkout, tmp_path / "cameras")
    with warmed(checkout, "detector", LOADED):
        checkout.snakemake("--config", choice)
    results = checkout.folder / "results" / "cameras"
    assert (results / "report" / "index.html").is_file()
    assert {path.parent.name for path in results.glob("*/item.json")} == ITEMS
    wrong = [line for item in ITEMS for line in faults(results / item)]
    assert not wrong
    rows = read_frames(results / "spoilt" / "frames.tsv")
    assert {row["exposure"] for row in rows if row["accepted"] == "no"} == LEFT_OUT
    (slipped,) = [row["reason"] for row in rows if row["exposure"] == "dark_5"]
    assert "rows or columns are shifted" in slipped
    said = json.loads((results / "electrons" / "item.json").read_text())["warnings"]
    assert any("BUNIT is 'electron'" in text for text in said)


def faults(folder):
    """Return the numbers of an item that are far from the truth."""
    item = json.loads((folder / "item.json").read_text())
    # The overscan is subtracted: 0 is left of the bias.
    level = 0.0 if folder.name.startswith("mosaic") else 1000.0
    true = {"Bias level": (level, 4.0), "Read noise": (8.0, 0.4), "Dark rate": (0.5, 0.07)}
    found = {start: [] for start in true}
    for entry in item["key_numbers"]:
        for start in true:
            if entry["label"].startswith(start):
                found[start].append((entry["label"], entry["value"]))
    wrong = [f"{folder.name}: no {start}" for start, entries in found.items() if not entries]
    for start, entries in found.items():
        wrong += [
            f"{folder.name}: {label} {value}"
            for label, value in entries
            if abs(value - true[start][0]) > true[start][1]
        ]
    return wrong
