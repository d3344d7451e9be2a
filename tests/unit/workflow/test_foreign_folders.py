"""What somebody else's folder or environment holds is neither run nor written to by a run."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkroom.archive.slots import Claims
from darkroom.atomic import append_text
from darkroom.crds.lock import filling
from darkroom.errors import DarkroomError
from darkroom.workflow.handlers import unlink_logs
from darkroom.workflow.hold import hold_folder, hold_results
from darkroom.workflow.programs import Programs


@pytest.fixture
def mine(tmp_path):
    """Give a file of the person, which nothing below may change."""
    path = tmp_path / "thesis.tex"
    path.write_text("mine\n")
    yield path
    assert path.read_text() == "mine\n"


LINKS = {"symbolic": Path.symlink_to, "hard": Path.hardlink_to}


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME"])
def test_packages_of_the_users_environment_do_not_replace_those_of_the_pins(
    tmp_path, monkeypatch, variable
):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/numpy.py").write_text("print('foreign')")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/make.py").write_text("import numpy; print(numpy.__name__)")
    python = tmp_path / ".venvs/tools/bin/python"
    python.parent.mkdir(parents=True)
    # The environment of these tests stands for that of the tool set.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    command = Programs(tmp_path, conda=False)("tools", "make")
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False,
        env=os.environ | {variable: str(tmp_path / "own")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "numpy\n"), done.stderr


@pytest.mark.parametrize("link", LINKS)
def test_logs_that_are_links_are_removed_before_they_are_written(tmp_path, mine, link):
    for name in ("logs/master_bias", "benchmarks/master_bias"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        LINKS[link](folder / "camera.log", mine)
        (folder / "own.log").write_text("own")
    (tmp_path / "results/logs/other").symlink_to(tmp_path)
    unlink_logs(tmp_path / "results")
    left = {path.name for path in (tmp_path / "results").rglob("*") if not path.is_dir()}
    assert left == {"own.log"}
    assert not (tmp_path / "results/logs/other").exists()


@pytest.mark.parametrize("link", LINKS)
def test_a_journal_that_is_a_link_is_replaced(tmp_path, mine, link):
    journal = tmp_path / "raw" / ".arrivals"
    journal.parent.mkdir()
    LINKS[link](journal, mine)
    append_text(journal, "row\n")
    append_text(journal, "another\n")
    rows = [line for line in journal.read_text().splitlines() if line]
    assert rows == [*(["mine"] if link == "hard" else []), "row", "another"]
    assert not journal.is_symlink()
    assert journal.stat().st_nlink == 1


def test_locks_follow_no_link(tmp_path, mine):
    (tmp_path / ".records").mkdir()
    for name in (".claims", ".filling", ".records/at_work"):
        (tmp_path / name).symlink_to(mine)
    with pytest.raises(OSError, match=r"\.claims"):
        Claims(tmp_path / ".claims").take(1)
    with pytest.raises(OSError, match=r"\.filling"), filling(tmp_path / ".filling", 1):
        pass
    with pytest.raises(DarkroomError, match="at_work cannot be locked"):
        hold_results(tmp_path, ["all"])


def test_locks_with_a_second_name_are_not_written_to(tmp_path, mine):
    (tmp_path / ".records").mkdir()
    for name in (".filling", ".records/at_work"):
        (tmp_path / name).hardlink_to(mine)
    with filling(tmp_path / ".filling", 1) as holder:
        assert holder.alone
        holder.heartbeat("fetching")
    hold_results(tmp_path, ["all"])


def test_runs_of_two_working_folders_do_not_share_results(tmp_path):
    (tmp_path / "results/.records").mkdir(parents=True)
    code = "import sys, time; from darkroom.workflow.hold import hold_results\n"
    code += f"hold_results({str(tmp_path / 'results')!r}, ['all']); print('held', flush=True)\n"
    code += "time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(DarkroomError, match=f"another run .*process {holder.pid}"):
                hold_results(tmp_path / "results", ["all"])
            hold_results(tmp_path / "results", ["status"])
        finally:
            holder.kill()
    hold_results(tmp_path / "results", ["all"])
    # Once more, after a first run has made its folder.
    hold_results(tmp_path / "results", ["all"])
    # A first run, and a look at an archive that is not writable, need none.
    hold_results(tmp_path / "nothing", ["all"])
    assert not (tmp_path / "nothing").exists()


def test_a_clock_that_went_back_is_told_once(tmp_path, capsys):
    hold_folder(tmp_path, ["all"])
    assert "clock" not in capsys.readouterr().err
    ahead = time.time() + 7200
    held = tmp_path / "results/.records/at_work"
    held.parent.mkdir(parents=True)
    held.touch()
    os.utime(held, (ahead, ahead))
    hold_results(tmp_path / "results", ["all"])
    assert "the clock is 2 h behind that of the last run" in capsys.readouterr().err
    assert held.stat().st_mtime < ahead - 3600
