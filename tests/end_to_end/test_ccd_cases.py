"""Made sets of real traits, from the folder to the report by the one command.

The sets are not part of the repository; they lie in the folder of reference data.
"""

import csv
import json
import math
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from darkroom.drafts import draft
from end_to_end.warm import warmed

FOLDER = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "cases", "ccd")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="needs DARKROOM_REFERENCE_DATA"),
]


def drafted(checkout, folder):
    """Draft the campaign of a folder and lock it, as `make report` does."""
    done = subprocess.run(
        [checkout.folder / ".venvs/detector/bin/python", "scripts/archive/draft.py",
         "--name-only", folder],
        cwd=checkout.folder, env=checkout.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    choice = f"campaign={done.stdout.strip()}"
    checkout.snakemake("lock", "--quiet", "all", "--config", choice)
    return choice


@pytest.mark.parametrize("case", ["exp_time", "fz", "mef", "overscan"])
def test_a_good_folder_ends_in_a_report_with_the_true_numbers(checkout, case):
    checkout.snakemake("--config", drafted(checkout, FOLDER / case))
    results = checkout.folder / "results" / case
    assert (results / "report" / "index.html").is_file()
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
        ("identical", "its image is the same as b0.fits"),
        ("darkzero", "its exposure time is 0 s, a dark needs one"),
    ],
)
def test_a_folder_with_bad_frames_stops_in_one_message(checkout, case, words):
    text = checkout.snakemake("--config", drafted(checkout, FOLDER / case), status=1)
    assert words in text
    assert "Traceback" not in text


# What the programs of the sets import.
LOADED = (
    "darkroom.ccd",
    "darkroom.plot",
    "darkroom.report",
    "darkroom.judge",
    "darkroom.integrity",
    "undrawn",
)

# What the sets hold: 64 x 64 pixels, levels in ADU, an offset of 1 ADU rms from frame to frame.
PIXELS, OFFSET, DARK_S = 64 * 64, 1.0, 60.0
BIAS, RATE = 1000.0, 0.5
# The noise of 8 ADU and that of rounding.
NOISE = math.sqrt(8**2 + 1 / 12)
# A number may be off by this many standard deviations: about 150 are compared.
SIGMA = 5.0
# Sets with other levels: bias and dark signal.
LEVELS = {
    "mef": (0.0, 30.0),
    "overscan": (0.0, 30.0),
    "wrapped": (BIAS + 39000 - 65536, 30.0),
    "cmos_gain-testcam_gain_300": (BIAS, 90.0),
}
# Columns of overscan.
STRIPS = {"mef": 8, "overscan": 16}
# Values divided by a number.
DIVISOR = {"unit": 65535.0}
# A quoted error of the read noise is that of a normal sample within this factor: a median is used
# of two frames, and c4 is known of few.
AS_EXPECTED = 1.5


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
    # Darks of no time, and one frame under many names, end in a sentence: see above.
    campaign = checkout.folder / "config" / "campaigns" / "sets.yaml"
    campaign.write_text(yaml.safe_dump(merged(FOLDER, ("darkzero", "identical"))))
    checkout.snakemake("lock", "--quiet", "all", "--config", "campaign=sets")
    with warmed(checkout, "detector", LOADED):
        checkout.snakemake("--config", "campaign=sets")
    results = checkout.folder / "results" / "sets"
    assert (results / "report" / "index.html").is_file()
    wrong = numbers_that_are_wrong(results)
    assert not wrong


def numbers_that_are_wrong(results):
    """Return every number of a campaign that is further from the truth than chance allows."""
    wrong = []
    for path in sorted(results.glob("*/item.json")):
        name = path.parent.name
        case = name.split("-")[0]
        scale = 1 / DIVISOR.get(case, 1.0)
        bias, signal = LEVELS.get(name, LEVELS.get(case, (BIAS, RATE * DARK_S)))
        nbias, ndark = (frames_used(path.with_name("frames.tsv"), r) for r in ("bias", "dark"))
        several = max(nbias - 1, 1)
        # Without bias frames one half of the darks, of another exposure time, takes their place.
        ends = (nbias, ndark) if nbias else (ndark / 2, ndark / 2)
        expected = {
            "Bias level": (bias, OFFSET / math.sqrt(max(nbias, 1))),
            "Level of the darks": (bias + signal, OFFSET / math.sqrt(max(ndark, 1))),
            "Dark rate": (
                signal / DARK_S,
                OFFSET * math.sqrt(sum(1 / max(end, 1) for end in ends)) / DARK_S,
            ),
            "Read noise": (NOISE, noise_error(several, STRIPS.get(case))),
        }
        for entry in json.loads(path.read_text())["key_numbers"]:
            label, value = entry["label"], entry["value"] / scale
            quoted = entry.get("error")
            for start, (true, error) in expected.items():
                if not label.startswith(start):
                    continue
                if start == "Read noise":
                    fair = error / AS_EXPECTED < quoted / scale < error * AS_EXPECTED
                    error = max(error, quoted / scale)
                else:
                    fair = True
                if abs(value - true) > SIGMA * error or not fair:
                    wrong.append((name, label, value, quoted, true, error))
    return wrong


def noise_error(freedom, strip=None):
    """Return the standard error of the read noise of a set.

    The level of an overscan row of `strip` pixels adds 1 / strip of the variance, alike in all
    pixels of the row: it averages over the rows, and what is subtracted for it is measured too.
    """
    rows = math.sqrt(PIXELS)
    variance = 2 / (freedom * PIXELS)
    if strip:
        variance = variance * (1 + 1 / strip) ** 2 + 2 / (freedom * rows * strip**2)
        variance += 2 / ((freedom + 1) * rows * (strip - 1) * strip**2)
    return NOISE / 2 * math.sqrt(variance)


def frames_used(path, role):
    """Return the number of accepted frames of a role in an item's table of frames."""
    with path.open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return sum(row["role"] == role and row["accepted"] == "yes" for row in rows)
