"""`snakemake status`: what is done, what is missing, what failed and why, and the next command."""

from types import SimpleNamespace

import pytest

from darkroom.campaign.frames import write_frames
from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.workflow.failures import last_run_log
from darkroom.workflow.summary import success_summary, summary

FAILED = """\
Error in rule {rule}:
    output: {product}
    log: {log} (check log file(s) for error details)
"""


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        Exposure("camera", "bias", f"bias_{k}", f"bias_{k}.FIT", "local:x", None) for k in (1, 2)
    ]
    Lock("lock.tsv", {"campaign": "mine"}, rows).write()
    for name in ("raw/camera/bias_1.json", "camera/made.fits"):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return SimpleNamespace(
        name="mine", settings={"title": "Mine"}, items={"camera": {}}, lock_path="lock.tsv"
    )


PLANNED = ("results/raw/camera/bias_1.json", "results/raw/camera/bias_2.json")
PLANNED += ("results/camera/made.fits", "results/camera/more.fits")


def test_what_is_missing_and_what_failed_of_it_is_told_with_the_next_command(campaign, tmp_path):
    (tmp_path / "bias_2.log").write_text("ERROR bias_2.FIT: truncated\n")
    log = FAILED.format(rule="fetch", product=PLANNED[1], log="bias_2.log")
    # mended since
    log += FAILED.format(rule="superbias", product=PLANNED[2], log="made.log")
    text = summary(campaign, "results", PLANNED, log, "snakemake --config campaign=mine")
    assert "1 of 2 exposures fetched" in text
    assert text.splitlines()[-6:] == [
        "Failed in the last run and still missing:",
        f"  fetch  {PLANNED[1]}",
        "      bias_2.FIT: truncated",
        "",
        f"Missing: 2 of 4 products ({PLANNED[1]}, {PLANNED[3]})",
        "Continue with: snakemake --config campaign=mine",
    ]


def test_a_whole_campaign_says_so(campaign):
    assert summary(campaign, "results", PLANNED[::2]).endswith("All 2 products are made.")


def test_a_run_of_a_part_tells_what_it_did_and_what_is_left(campaign, tmp_path):
    (tmp_path / "results/report").mkdir()
    (tmp_path / "results/report/index.html").write_text("of before")
    log = "[Fri]\n3 of 7 steps (43%) done\n7 of 7 steps (100%) done\n"
    text = success_summary(campaign, "results", log, 3725.2, PLANNED, "snakemake")
    assert text.splitlines() == [
        "7 steps done in 1 h 2 min.",
        f"Missing: 2 of 4 products ({PLANNED[1]}, {PLANNED[3]})",
        "Continue with: snakemake",
    ]


def test_a_whole_run_names_what_was_excluded_and_the_report(campaign, tmp_path):
    (tmp_path / "results/report").mkdir()
    (tmp_path / "results/report/index.html").write_text("<p>")
    rows = [{"exposure": "bias_1", "accepted": "yes"}, {"exposure": "bias_2", "accepted": "no"}]
    write_frames(tmp_path / "results/camera/frames.tsv", rows)
    text = success_summary(campaign, "results", "", 61.7, PLANNED[::2], "snakemake")
    assert text.splitlines() == [
        "Done in 1 min 2 s.",
        "  camera: 1 exposures used, 1 excluded (the report says why)",
        "All 2 products are made.",
        f"Report: {tmp_path / 'results/report/index.html'}",
    ]


def test_the_last_run_is_the_newest_that_did_more_than_look(tmp_path):
    logs = tmp_path / ".snakemake" / "log"
    logs.mkdir(parents=True)
    table = "job      count\n-----  -------\n{0}         1\ntotal        1\n"
    (logs / "1.log").write_text("an older run")
    (logs / "2.log").write_text("Error in rule fetch:\n")
    (logs / "3.log").write_text(table.format("lock"))
    (logs / "4.log").write_text(table.format("status"))
    assert last_run_log(tmp_path) == "Error in rule fetch:\n"
    assert last_run_log(tmp_path / "elsewhere") == ""
