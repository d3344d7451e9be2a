"""`profiles/slurm` on a Slurm of one node that these tests start and stop themselves."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from end_to_end.conftest import ROOT, SMALL, Checkout
from slurm_node import SlurmNode, missing

pytestmark = pytest.mark.slurm
CHOICE = "campaign=small.yaml"
# The shipped profile, told the size of this node, and to look at its jobs more often than is
# polite on a cluster that others use.
PROFILE = ("--workflow-profile", "profiles/slurm", "--cores", "4", "--resources", "mem_mb=6000")
PROFILE += ("--slurm-init-seconds-before-status-checks", "3")

# `grows` succeeds once it is given more than at first; `step` and `end` travel in groups.
WORKFLOW = """
rule all:
    input: "grown.txt", expand("end/{n}.txt", n=range(12))
rule grows:
    output: "grown.txt"
    resources: mem_mb=lambda wildcards, attempt: 500 * attempt
    shell:
        "echo {resources.mem_mb} {resources.runtime} $SLURM_JOB_ID >> attempts.txt; "
        "test {resources.mem_mb} -gt 900; echo {resources.mem_mb} > {output}"
rule fetch:
    output: "step/{n}.txt"
    resources: mem_mb=1000
    shell: "touch {output}"
rule bestrefs:
    input: "step/{n}.txt"
    output: "end/{n}.txt"
    resources: mem_mb=1000
    shell: "scontrol -o show job $SLURM_JOB_ID > {output}"
"""


@pytest.fixture(scope="module")
def node():
    """Give a node of 4 cores and 8 GB."""
    if absent := missing():
        pytest.skip(f"not installed: {', '.join(absent)} (Debian: slurmctld slurmd munge)")
    if not (ROOT / ".venvs/slurm/bin/python").exists():
        pytest.skip("the executor is not built: make setup-slurm")
    # a short path: sockets lie in it
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    node = SlurmNode(folder)
    try:
        yield node.start()
    finally:
        node.stop()
        shutil.rmtree(folder)


def command(*arguments):
    return [".venvs/slurm/bin/python", "-m", "snakemake", *PROFILE, *arguments]


def run(node, folder, *arguments):
    """Run Snakemake to its end; return its status and what it said."""
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=node.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def wait_until(ready, process=None):
    while not ready():
        assert process is None or process.poll() is None, "the run ended before its time"
        time.sleep(0.2)


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "checkout")


def test_a_killed_run_is_refused_until_its_jobs_are_gone_and_then_goes_on_to_the_end(
    node, checkout
):
    """No partition and no account are named: the cluster's own partition serves."""
    checkout.campaign(
        simulate=SMALL | {"bias": {"count": 3}, "darks": [{"count": 3, "exptime": 5}]}
    )
    checkout.snakemake("lock", "--config", CHOICE)
    with subprocess.Popen(
        command("--config", CHOICE),
        cwd=checkout.folder,
        env=node.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        wait_until(node.jobs, process)
        # What is asked while it runs changes nothing.
        assert "A small one" in checkout.snakemake("status", "--config", CHOICE)
        os.killpg(process.pid, signal.SIGKILL)
    (job,) = node.jobs()
    status, said = run(node, checkout.folder, "--config", CHOICE)
    assert status == 1
    assert f"1 Slurm job of an earlier run still write in this folder: {job} (arrival_fetch" in said
    # The same on this machine without Slurm's executor.
    refused = subprocess.run(
        checkout.command("--config", CHOICE),
        cwd=checkout.folder,
        env=node.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    advice = re.search(r"`(scancel [\d ]+)`", refused.stderr)[1]
    node.run(*advice.split())
    wait_until(lambda: not node.jobs())
    status, said = run(node, checkout.folder, "--config", CHOICE)
    assert status == 0, said
    assert (checkout.folder / "results/small/report.html").stat().st_size > 10_000
    assert "Nothing to be done" in run(node, checkout.folder, "--config", CHOICE)[1]


@pytest.fixture
def little(tmp_path):
    """Give a folder with a workflow of a few lines and the shipped profile."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    return tmp_path


def test_memory_and_time_grow_with_attempts_and_groups_fit_the_node(node, little):
    status, said = run(node, little)
    assert status == 0, said
    attempts = [line.split() for line in (little / "attempts.txt").read_text().splitlines()]
    assert [words[:2] for words in attempts] == [["500", "30"], ["1000", "60"]]
    assert attempts[0][2] != attempts[1][2], "both attempts ran in one Slurm job"
    jobs = [(little / f"end/{n}.txt").read_text() for n in range(12)]
    assert len({re.search(r"JobId=(\d+)", job)[1] for job in jobs}) == 1
    cores, memory = re.search(r"TRES=cpu=(\d+),mem=(\w+),", jobs[0]).groups()
    # twelve of a core and 1 GB each, four at a time
    assert (cores, memory) == ("4", "4000M")
    # three rounds of two steps of 5 minutes
    assert "TimeLimit=00:30:00" in jobs[0]


def test_asking_accounts_that_are_not_kept_is_refused_at_once(node, checkout):
    checkout.campaign()
    checkout.snakemake("lock", "--config", CHOICE)
    status, said = run(node, checkout.folder, "--slurm-status-command", "sacct", "--config", CHOICE)
    assert status == 1
    assert "set `slurm-status-command: squeue` in the profile" in said
    assert node.jobs() == []
