"""A whole campaign: complete, repeatable, the same bytes everywhere, safe to kill."""

import base64
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from astropy.io import fits

from end_to_end.conftest import SMALL, Checkout
from end_to_end.warm import CCD, warmed

pytestmark = pytest.mark.end_to_end
CHOICE = "campaign=small.yaml"


def contents(folder):
    """Return what every product holds: FITS without the cards that tell the time of writing."""
    found = {}
    for path in sorted((folder / "results" / "small" / "camera").rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".fits":
            with fits.open(path) as hdus:
                for hdu in hdus:
                    for keyword in ("DATE", "CHECKSUM"):
                        hdu.header.remove(keyword, ignore_missing=True)
                found[name] = [
                    (h.header.tostring(), None if h.data is None else h.data.tobytes())
                    for h in hdus
                ]
        else:
            found[name] = path.read_bytes()
    return found


@pytest.fixture
def copy(finished, tmp_path):
    """Give a copy of the finished checkout, at another place."""
    return finished.moved(tmp_path / "moved")


def test_a_finished_campaign_has_its_report_and_nothing_left_over(finished):
    results = finished.folder / "results" / "small"
    assert (results / "report/index.html").stat().st_size > 10_000
    assert not list(results.rglob("*.part*"))
    assert "Nothing to be done" in finished.snakemake("--config", CHOICE)


def test_status_lists_the_products(finished):
    text = finished.snakemake("status", "--config", CHOICE)
    assert "master_bias.fits" in text
    assert "report/index.html" in text
    assert "steps done in" not in text


def test_a_run_ends_with_what_it_did_and_where_the_report_is(copy):
    shutil.rmtree(copy.folder / "results/small/report")
    text = copy.snakemake("--logger", "darkroom", "--config", CHOICE)
    assert "\n0 of 2 · Writing the report of " in text
    ended = re.search(
        r"^2 steps done in \d+ s\.\nAll \d+ products are made\.\nReport: (.*)$", text, re.M
    )
    assert ended[1] == str(copy.folder / "results/small/report/index.html")
    shutil.rmtree(copy.folder / "results/small/report")
    (copy.folder / "results/small/camera/frames.tsv").unlink()
    text = copy.snakemake("exposures", "--config", CHOICE)
    assert "\nMissing: 1 of " in text
    assert "Continue with: .venv/bin/python -m snakemake --config campaign=small.yaml" in text


def test_a_moved_and_touched_checkout_reruns_nothing(copy):
    for path in [
        *copy.folder.glob("scripts/**/*.py"),
        *copy.folder.glob("rules/*"),
        *copy.folder.glob("envs/*"),
        *copy.folder.glob("config/**/*.yaml"),
    ]:
        path.touch()
    assert copy.jobs("--config", CHOICE) == {}


def test_a_fresh_clone_with_the_same_lock_makes_the_same_bytes(finished, checkout):
    checkout.campaign()
    shutil.copy(finished.folder / "small.lock.tsv", checkout.folder)
    shutil.copy(finished.folder / "small.pins.tsv", checkout.folder)
    with warmed(checkout, "detector", CCD):
        checkout.snakemake("--config", CHOICE, "--cores", 1)
    here, there = contents(checkout.folder), contents(finished.folder)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


# What hangs on the odd pixels: their own rule, and what reads its product.
AFTER_HOT = (
    "hot_pixels", "bad_pixels", "subtract_dark", "ccd_quantities", "ccd_truth", "ccd_figures",
)  # fmt: skip


def test_an_edited_module_reruns_exactly_what_depends_on_it(copy):
    module = copy.folder / "scripts" / "darkroom" / "ccd" / "rate" / "hot_pixels.py"
    module.write_text(module.read_text() + "\n# an edit\n")
    jobs = copy.jobs("--config", CHOICE)
    assert jobs == dict.fromkeys((*AFTER_HOT, "report", "all"), 1)


def test_one_changed_number_reruns_exactly_what_it_touches(copy):
    item = {"instrument": "ccd", "simulate": SMALL, "ccd": {"hot_nsigma": 6}}
    copy.campaign(items={"camera": item})
    assert copy.jobs("--config", CHOICE) == dict.fromkeys((*AFTER_HOT, "report", "all"), 1)


def test_a_clone_and_a_checkout_rerun_nothing(copy):
    """Git gives every file it writes a new date; the contents are the same."""

    def git(folder, *arguments):
        name = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
        command = ["git", "-C", folder, *name, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    folder = copy.folder
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", "--all", "--", ":!.venv", ":!.venvs")
    git(folder, "commit", "--message=now")
    git(folder, "checkout", "-b", "other")
    module = folder / "scripts/darkroom/ccd/rate/hot_pixels.py"
    module.write_text(module.read_text() + "\n# an edit\n")
    git(folder, "commit", "--all", "--message=edit")
    git(folder, "checkout", "main")
    assert copy.jobs("--config", CHOICE) == {}
    clone = object.__new__(Checkout)
    clone.folder = folder.with_name("clone")
    git(folder, "clone", folder, clone.folder)
    for name in (".venv", ".venvs", "results", ".snakemake"):
        (folder / name).rename(clone.folder / name)
    assert clone.jobs("--config", CHOICE) == {}


@pytest.mark.heavy
def test_swapping_two_numbers_reruns_their_rules(copy):
    ccd = {"nsigma": 4, "iterations": 3}
    item = {"instrument": "ccd", "simulate": SMALL, "ccd": ccd}
    copy.campaign(items={"camera": item})
    first = copy.jobs("--config", CHOICE)
    assert first["master_bias"] == 1
    assert "fetch" not in first
    with warmed(copy, "detector", CCD):
        copy.snakemake("--config", CHOICE)
    ccd.update(nsigma=3, iterations=4)
    copy.campaign(items={"camera": item})
    assert copy.jobs("--config", CHOICE)["master_bias"] == 1


def test_a_product_whose_note_a_power_cut_damaged_is_made_again(copy):
    """Else a change of settings would leave it as it is, and nothing would tell."""
    product = "results/small/camera/master_bias.fits"
    name = base64.urlsafe_b64encode(product.encode()).decode()
    note = copy.folder / ".snakemake" / "metadata" / name
    note.write_bytes(bytes(note.stat().st_size))
    assert copy.jobs("--config", CHOICE)["master_bias"] == 1
    item = {"instrument": "ccd", "simulate": SMALL, "ccd": {"nsigma": 6}}
    copy.campaign(items={"camera": item})
    assert copy.jobs("--config", CHOICE)["master_bias"] == 1


def test_a_lost_product_is_remade(copy):
    (copy.folder / "results/small/camera/master_bias.fits").unlink()
    assert copy.jobs("--config", CHOICE)["master_bias"] == 1


def test_killing_at_any_moment_loses_nothing(finished, checkout):
    checkout.campaign()
    shutil.copy(finished.folder / "small.lock.tsv", checkout.folder)
    for delay in (2.5, 4, 6, 9):
        process = subprocess.Popen(
            checkout.command("--config", CHOICE),
            cwd=checkout.folder,
            env=checkout.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    checkout.snakemake("--config", CHOICE)
    here, there = contents(checkout.folder), contents(finished.folder)
    assert [name for name in there if here.get(name) != there[name]] == []
    assert not list((checkout.folder / "results").rglob("*.part*"))


def at_work(folder):
    """Return the command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text())
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs the processes of Linux")
@pytest.mark.parametrize("rounds", [2, pytest.param(7, marks=pytest.mark.heavy)])
def test_a_run_that_is_ended_from_outside_leaves_no_process_and_loses_nothing(
    finished, checkout, rounds
):
    """To a run alone, as by `kill`, or to all that runs, as by a terminal that is closed."""
    checkout.campaign()
    shutil.copy(finished.folder / "small.lock.tsv", checkout.folder)
    log, said = checkout.folder / "run.txt", ""
    ends = (
        (signal.SIGTERM, os.kill),
        (signal.SIGHUP, os.killpg),
        (signal.SIGINT, os.kill),
        (signal.SIGTERM, os.kill),
        (signal.SIGINT, os.killpg),
        (signal.SIGTERM, os.killpg),
        (signal.SIGTERM, os.kill),
    )
    for number, kill in ends[:rounds]:
        with log.open("w") as stream:
            process = subprocess.Popen(
                checkout.command("--config", CHOICE),
                cwd=checkout.folder,
                env=checkout.environment(),
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        # At its first step, and the next one later in it.
        for _ in range(600):
            if "Finished jobid" in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.13 * len(said.split("\f")))
        if process.poll() is not None:
            # The runs before had made nearly all of it: once more from nothing.
            assert process.returncode == 0, log.read_text()
            shutil.rmtree(checkout.folder / "results")
            continue
        kill(process.pid, number)
        try:
            assert process.wait(120) in (0, 1, -number)
        finally:
            process.kill()
        said += log.read_text() + "\f"
        for _ in range(100):
            if not at_work(checkout.folder):
                break
            time.sleep(0.05)
        assert at_work(checkout.folder) == []
    assert "Will exit after finishing currently running jobs" in said
    assert "The run was ended from outside; what is made stays. Continue with:" in said
    assert "Traceback" not in said
    checkout.snakemake("--config", CHOICE)
    here, there = contents(checkout.folder), contents(finished.folder)
    assert [name for name in there if here.get(name) != there[name]] == []
    assert not list((checkout.folder / "results").rglob("*.part*"))
    assert checkout.jobs("--config", CHOICE) == {}


def test_a_second_run_at_once_is_refused_in_one_sentence(checkout):
    checkout.campaign()
    checkout.snakemake("lock", "--config", CHOICE)
    first = subprocess.Popen(
        checkout.command("--config", CHOICE),
        cwd=checkout.folder,
        env=checkout.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        held = checkout.folder / ".snakemake" / "at_work"
        for _ in range(600):
            if held.exists() and str(first.pid) in held.read_text():
                break
            time.sleep(0.05)
        for target in ("all", "lock"):
            text = checkout.snakemake(target, "--config", CHOICE, status=1)
            assert f"darkroom: another run is at work in this folder (process {first.pid}" in text
        assert "A small one" in checkout.snakemake("status", "--config", CHOICE)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def test_a_second_run_of_another_folder_is_refused_before_it_writes_anything(finished, tmp_path):
    """What the first run records names its own folder and command."""
    results = finished.folder / "results"
    head = results / "small/.records/campaign.json"
    before = head.read_bytes()
    with (head.parent / "at_work").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        done = subprocess.run(
            finished.command(
                *("--snakefile", finished.folder / "Snakefile"),
                *("--config", f"campaign={finished.folder}/small.yaml", f"results={results}"),
                *("--cores", "1", "--forceall", "--", "exposures"),
            ),
            cwd=tmp_path,
            env=finished.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "another run is at work in this folder" in done.stderr
    assert head.read_bytes() == before


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs the processes of Linux")
def test_what_a_killed_runs_program_still_makes_does_not_replace_what_the_next_run_has_made(copy):
    """It was begun with other settings, and ends after the new one."""
    product = "results/small/camera/master_dark.fits"
    first = subprocess.Popen(
        copy.command("--force", product, "--config", CHOICE),
        cwd=copy.folder,
        env=copy.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    left = stopped("ccd/master_dark.py", copy.folder)
    try:
        first.kill()
        first.wait()
        item = {"instrument": "ccd", "simulate": SMALL, "ccd": {"nsigma": 4}}
        copy.campaign(items={"camera": item})
        copy.snakemake(product, "--config", CHOICE)
        before = (copy.folder / product).read_bytes()
        assert b"setting nsigma = 4" in before
    finally:
        os.kill(left, signal.SIGCONT)
    for _ in range(600):
        if not at_work(copy.folder):
            break
        time.sleep(0.05)
    assert at_work(copy.folder) == []
    assert (copy.folder / product).read_bytes() == before


def stopped(program, folder):
    """Stop the program of a run as soon as it is there; return its number."""
    for _ in range(6000):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().decode().split("\0")
                here = (process / "cwd").readlink().is_relative_to(folder)
                if here and any(word.endswith(program) for word in words[1:2]):
                    os.kill(int(process.name), signal.SIGSTOP)
                    return int(process.name)
        time.sleep(0.005)
    raise AssertionError(f"{program} was never there")


def test_no_exposure_failed_in_a_batch(finished):
    # Its own job would have made it, and nothing but its log would tell.
    logs = [*(finished.folder / "results/small").rglob("*.log")]
    assert any("fetch" in str(path) for path in logs)
    assert [path for path in logs if " in a batch: " in path.read_text(errors="replace")] == []
