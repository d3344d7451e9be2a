"""A failed run names each job, its cause and the command to go on."""

import errno
import os

import pytest

from darkroom.cli import run
from darkroom.errors import DarkroomError
from darkroom.workflow import failures
from darkroom.workflow.failures import failure_summary

LOG = """\
Error in rule fetch:
    message: None
    jobid: 3
    output: results/demo/raw/camera/dark_1.json
    log: {log} (check log file(s) for error details)
    shell:
        python fetch.py
        (command exited with non-zero exit code)
Logfile x:
"""


def test_the_last_line_of_the_jobs_log_is_the_cause(tmp_path):
    log = tmp_path / "dark_1.log"
    log.write_text("INFO trying\nERROR dark_1.FIT: truncated\n\n")
    text = failure_summary(2 * LOG.format(log=log), "snakemake")
    assert text.splitlines() == [
        "1 job failed:",
        "  fetch  results/demo/raw/camera/dark_1.json",
        "      dark_1.FIT: truncated",
        f"      log: {log}",
        "All that does not depend on these is made. Once these are fixed, continue with:",
        "  snakemake",
    ]


def test_a_job_that_died_silently_is_said_to(tmp_path):
    log = tmp_path / "dark_1.log"
    assert "it ended without a message (killed?)" in failure_summary(LOG.format(log=log), "x")
    log.write_text("")
    assert "it ended without a message (killed?)" in failure_summary(LOG.format(log=log), "x")


GROUP = """\
[Fri Nov 27 12:10:19 2026]
    message: Error in group arrival
    log: {folder}/slurm.log (check log file(s) for error details)
    jobs:
        rule fetch:
            jobid: 3
            output: {folder}/dark_1.json
            log: {folder}/dark_1.log (check log file(s) for error details)
        rule fetch:
            jobid: 4
            output: {folder}/dark_2.json, {folder}/dark_2.FIT
            log: {folder}/dark_2.log (check log file(s) for error details)
        rule fetch:
            jobid: 5
            output: {folder}/dark_3.json
            log: {folder}/dark_3.log (check log file(s) for error details)
            shell:
                python fetch.py
Logfile {folder}/slurm.log:
"""
INSIDE = """\
Error in rule fetch:
    message: None
    jobid: 0
    output: {folder}/dark_1.json
    log: {folder}/dark_1.log (check log file(s) for error details)
"""


def test_jobs_that_shared_a_slurm_job_with_a_failed_one_are_counted(tmp_path):
    """Snakemake drops the whole group: what to type to make the others is told."""
    (tmp_path / "dark_1.log").write_text("ERROR dark_1.FIT: truncated\n")
    # Each attempt tells of the same jobs.
    text = failure_summary(2 * (GROUP + INSIDE).format(folder=tmp_path), "snakemake")
    assert text.splitlines()[:3] == [
        "1 job failed:",
        f"  fetch  {tmp_path}/dark_1.json",
        "      dark_1.FIT: truncated",
    ]
    assert "2 other jobs shared a Slurm job with these" in text
    assert "\n  snakemake --group-components arrival=1\n" in text
    (tmp_path / "dark_2.json").touch()
    assert "1 other job shared" in failure_summary(
        (GROUP + INSIDE).format(folder=tmp_path), "snakemake"
    )


def test_a_group_that_slurm_ended_is_named_with_slurms_last_word(tmp_path):
    (tmp_path / "slurm.log").write_text("begun\nslurmstepd: error: JOB 7 DUE TO TIME LIMIT\n")
    text = failure_summary(GROUP.format(folder=tmp_path), "snakemake")
    assert text.splitlines()[:4] == [
        "1 job failed:",
        "  group  arrival (3 jobs)",
        "      slurmstepd: error: JOB 7 DUE TO TIME LIMIT",
        f"      log: {tmp_path}/slurm.log",
    ]


def test_what_a_further_attempt_has_made_did_not_fail(tmp_path):
    for name in ("dark_1", "dark_2", "dark_3"):
        (tmp_path / f"{name}.json").touch()
    assert failure_summary((GROUP + INSIDE).format(folder=tmp_path), "x") == ""


@pytest.mark.parametrize(
    "said",
    [
        "Terminating processes on user request, this might take some time.",
        "Will exit after finishing currently running jobs (scheduler).",
    ],
)
def test_a_run_that_was_ended_from_outside_says_how_to_go_on(said, tmp_path):
    text = failure_summary(f"1 of 9 steps done\n{said}\n", "snakemake")
    assert text.splitlines() == [
        "The run was ended from outside; what is made stays. Continue with:",
        "  snakemake",
    ]
    failed = failure_summary(LOG.format(log=tmp_path / "none") + f"{said}\n", "snakemake")
    assert failed.startswith("1 job failed:")


def test_a_run_without_failed_jobs_says_nothing():
    assert failure_summary("Building DAG of jobs...\n", "x") == ""


def test_a_log_that_had_no_room_is_no_silent_death(tmp_path, monkeypatch):
    """Its last line, if it has one, is not the cause; a cause that is written whole is."""

    def full(dir):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(failures, "TemporaryFile", full)
    log = tmp_path / "dark_1.log"
    for text in ("", "INFO bringing dark_1.FIT\n"):
        log.write_text(text)
        told = failure_summary(LOG.format(log=log), "x")
        assert "nothing more could be written to its log: No space left on device" in told
    log.write_text("ERROR dark_1.FIT: truncated\n")
    assert "      dark_1.FIT: truncated\n" in failure_summary(LOG.format(log=log), "x")


@pytest.mark.parametrize(
    ("error", "last", "traced"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full, make room", False),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full, make room", False),
        # as astropy tells it
        (
            OSError("Not enough space on disk: requested 6144, available 0. "),
            "the disk is full, make room and repeat: Not enough space",
            False,
        ),
        # as numpy does
        (OSError("3072 requested and 320 written"), "the disk is full, make room", False),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.fits"), "FileNotFoundError: ", True),
        (ValueError("first\nsecond"), "ValueError: first", True),
        (DarkroomError("x.fits: truncated"), "x.fits: truncated", False),
    ],
)
def test_the_last_line_of_a_program_is_its_cause(capsys, monkeypatch, error, last, traced):
    # The log of this process stays pytest's.
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        run(main)
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert said[-1].startswith(f"ERROR {last}")
    assert ("Traceback (most recent call last):" in said) == traced
