"""What Slurm answers decides whether a run may start; its programs are stand-ins that answer."""

import os
import queue

import pytest

from darkroom.errors import DarkroomError
from darkroom.workflow.slurm import check_slurm, jobs_never_started, watch_queue

NO_ACCOUNTS = "AccountingStorageType   = accounting_storage/none\nMinJobAge = 300 sec\n"
FORGETFUL = "AccountingStorageType   = accounting_storage/slurmdbd\nMinJobAge = 30 sec\n"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Give a folder, and a function that says what squeue and scontrol answer there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    folder = tmp_path / "campaign"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def answers(queue="", configuration=NO_ACCOUNTS, status=0):
        for name, text in (("squeue", queue), ("scontrol", configuration)):
            program = programs / name
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {status}\n")
            program.chmod(0o755)
        return folder

    return answers


def test_a_run_beside_jobs_of_an_earlier_one_is_refused_by_their_names(cluster):
    folder = cluster()
    check_slurm(".", ["all"], True, "squeue")
    cluster(
        f"12|RUNNING|{folder}|rule_calibrate_wildcards_nrca1_superbias\n"
        f"9|PENDING|{folder}|rule_report\n"
        f"7|RUNNING|{folder.parent}|rule_report\n"
    )
    message = (
        r"2 Slurm jobs of an earlier run still write in this folder: 9 \(report, pending\), "
        r"12 \(calibrate nrca1_superbias, running\)\. Wait until `squeue --me` no longer lists "
        r"them .*or end them with `scancel 9 12`; then repeat the command"
    )
    for submits in (True, False):
        with pytest.raises(DarkroomError, match=message):
            check_slurm(".", ["all"], submits, "squeue")
    check_slurm(".", ["status"], True, "squeue")
    cluster("")
    check_slurm(".", ["all"], True, "squeue")


def test_a_folder_where_slurm_never_was_used_does_not_ask_it(cluster):
    folder = cluster()
    cluster(f"12|RUNNING|{folder}|rule_report\n")
    check_slurm(".", ["all"], False)


def test_a_silent_controller_is_no_proof_that_nothing_runs(cluster):
    cluster()
    check_slurm(".", ["all"], True, "squeue")
    cluster(status=1)
    with pytest.raises(DarkroomError, match=r"Slurm does not answer \(squeue\)"):
        check_slurm(".", ["all"], False)


@pytest.mark.parametrize("content", [b"", bytes(20), b"\xff\xfe"])
def test_a_note_that_a_power_cut_damaged_is_no_proof_that_nothing_runs(cluster, content):
    folder = cluster()
    check_slurm(".", ["all"], True, "squeue")
    (folder / ".snakemake/slurm").write_bytes(content)
    cluster(f"12|RUNNING|{folder}|rule_report\n")
    with pytest.raises(DarkroomError, match="12"):
        check_slurm(".", ["all"], False)


def test_a_copy_of_the_folder_at_another_place_does_not_ask_slurm(cluster, monkeypatch):
    folder = cluster()
    check_slurm(".", ["all"], True, "squeue")
    moved = folder.rename(folder.parent / "moved")
    monkeypatch.chdir(moved)
    cluster(status=1)
    check_slurm(".", ["all"], False)


def test_sacct_is_refused_where_no_accounts_are_kept(cluster):
    cluster()
    with pytest.raises(
        DarkroomError, match=r"has no accounting database .*slurm-status-command: squeue"
    ):
        check_slurm(".", ["all"], True, "sacct")


def test_squeue_is_refused_where_jobs_are_forgotten_before_they_are_asked_for(cluster):
    cluster(configuration=FORGETFUL)
    with pytest.raises(DarkroomError, match=r"forgets a job 30 s after .*slurm-status-command: s"):
        check_slurm(".", ["all"], True, "squeue")
    check_slurm(".", ["all"], True, "sacct")


def test_a_job_that_asks_for_more_than_there_is_is_told_once(cluster):
    folder = cluster()
    cluster(
        f"3|PartitionTimeLimit|2:00:00|8|8000M|{folder}|rule_arrival_fetch\n"
        f"4|Resources|5:00|1|1000M|{folder}|rule_fetch\n"
        f"5|PartitionConfig|5:00|64|1000M|{folder.parent}|rule_fetch\n"
    )
    found = jobs_never_started(folder)
    assert list(found) == ["3"]
    assert "job 3 (arrival_fetch) will never start: PartitionTimeLimit" in found["3"]
    assert "8 cores, 8000MB and a time of 2:00:00" in found["3"]
    told = queue.Queue()
    watch_queue(folder, told.put, seconds=0.02)
    assert told.get(timeout=60) == found["3"]
