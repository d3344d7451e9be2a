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

from darkroom.ccd.simulate import exposures as ccd
from end_to_end.conftest import ROOT, SMALL, Checkout
from slurm_node import SlurmNode, missing

pytestmark = pytest.mark.slurm
CHOICE = "campaign=small.yaml"
FEW = SMALL | {"bias": {"count": 3}, "darks": [{"count": 3, "exptime": 5}]}
# The shipped profile, told the size of this node, and to look at its jobs more often than is
# polite on a cluster that others use.
PROFILE = ("--workflow-profile", "profiles/slurm", "--cores", "4", "--resources", "mem_mb=6000")
PROFILE += ("--slurm-init-seconds-before-status-checks", "3")

# `grows` succeeds once it is given more than at first; the others travel in groups of four pairs.
WORKFLOW = """
rule all:
    input: "grown.txt", expand("end/{n}.txt", n=range(12))
rule grows:
    output: "grown.txt"
    resources: mem_mb=lambda wildcards, attempt: 500 * attempt
    shell:
        "echo {resources.mem_mb} {resources.runtime} $SLURM_JOB_ID >> attempts.txt; "
        "test {resources.mem_mb} -gt 900; echo {resources.mem_mb} > {output}"
rule calibrate_original:
    output: "step/{n}.txt"
    resources: mem_mb=1000
    shell: "touch {output}"
rule read_differences:
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


def begin(node, folder, *arguments, said=subprocess.DEVNULL):
    """Start Snakemake in a session of its own."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=node.environment(),
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # What runs in a shell's background ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


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
    checkout.campaign(simulate=FEW)
    checkout.snakemake("lock", "--config", CHOICE)
    # Jobs wait in the queue, as on a busy cluster.
    node.run("scontrol", "update", "PartitionName=short", "State=DOWN")
    with begin(node, checkout.folder, "--config", CHOICE) as process:
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
    node.run("scontrol", "update", "PartitionName=short", "State=UP")
    status, said = run(node, checkout.folder, "--config", CHOICE)
    assert status == 0, said
    assert (checkout.folder / "results/small/report/index.html").stat().st_size > 10_000
    assert "Nothing to be done" in run(node, checkout.folder, "--config", CHOICE)[1]


@pytest.fixture
def damaged(checkout):
    """Give a campaign of a local folder, locked, in which one frame is cut short."""
    folder = checkout.folder / "frames"
    folder.mkdir()
    for exposure in ccd.plan(FEW):
        ccd.deliver(FEW, exposure.name, folder / exposure.file)
    cut = folder / "dark_5s_002.FIT"
    cut.write_bytes(cut.read_bytes()[:-2880])
    frames = {"bias": "bias_*", "dark": "dark_*", "science": "target*"}
    archive = {"kind": "local", "folder": "frames"}
    checkout.campaign(archive=archive, items={"camera": {"instrument": "ccd", "frames": frames}})
    checkout.snakemake("lock", "--config", CHOICE)
    return checkout


def test_an_exposure_that_is_refused_is_said_once_whatever_the_number_of_attempts(node, damaged):
    """The profile has two more attempts, which would find that it is to be fetched again."""
    status, said = run(node, damaged.folder, "--config", CHOICE)
    assert status == 1
    told = said[said.rindex("1 job failed:") :]
    assert "dark_5s_002.FIT: truncated: HDU 0 should end at byte 11520" in told
    assert "no such status file" not in said


def test_a_failure_in_a_group_is_named_and_the_rest_can_be_made_by_itself(node, damaged):
    """All exposures travel in one Slurm job, which Snakemake drops when one of them fails."""
    (damaged.folder / "results/small/raw/camera/dark_5s_002.FIT/x").mkdir(parents=True)
    cause = "camera/dark_5s_002.FIT is a folder, and the file should go there; remove it"
    target = "results/small/camera/frames.tsv"
    alone = ("--group-components", "arrival=7", "--config", CHOICE, "batch=1")
    status, said = run(node, damaged.folder, target, "--retries", "0", *alone)
    assert status == 1
    told = said[said.rindex("1 job failed:") :]
    assert "fetch  results/small/camera/batches/raw/00" in told
    assert cause in told
    assert "6 other jobs shared a Slurm job with these" in told
    components = re.search(r"(--group-components \S+)\n", told)[1].split()
    arguments = [target, "--retries", "0", *alone, *components]
    status, said = run(node, damaged.folder, *arguments)
    assert status == 1
    assert cause in said[said.rindex("1 job failed:") :]
    assert "shared a Slurm job" not in said
    jobs = damaged.jobs(target, *alone)
    assert jobs == {"fetch": 1, "status_list": 1, "frames": 1}


def test_a_group_larger_than_the_node_is_told_and_an_interrupt_empties_the_queue(
    node, damaged, tmp_path
):
    heard = tmp_path / "heard"
    larger = ("--cores", "16", "--resources", "mem_mb=30000", "--group-components", "arrival=7")
    larger += ("--config", CHOICE, "batch=1")
    with (
        heard.open("w") as said,
        begin(node, damaged.folder, *larger, said=said) as process,
    ):
        wait_until(lambda: "will never start" in heard.read_text(), process)
        process.send_signal(signal.SIGINT)
    told = re.search(r"darkroom: Slurm job .* will never start: .*", heard.read_text())[0]
    assert "(arrival_fetch)" in told
    assert "It asks for 7 cores, 7000MB" in told
    assert "group-components" in told
    wait_until(lambda: not node.jobs())


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
    assert len({re.search(r"JobId=(\d+)", job)[1] for job in jobs}) == 3
    cores, memory = re.search(r"TRES=cpu=(\d+),mem=(\w+),", jobs[0]).groups()
    # four of a core and 1 GB each, side by side
    assert (cores, memory) == ("4", "4000M")
    # a step of 10 minutes and one of 5
    assert "TimeLimit=00:15:00" in jobs[0]


def test_asking_accounts_that_are_not_kept_is_refused_at_once(node, checkout):
    checkout.campaign()
    checkout.snakemake("lock", "--config", CHOICE)
    status, said = run(node, checkout.folder, "--slurm-status-command", "sacct", "--config", CHOICE)
    assert status == 1
    assert "set `slurm-status-command: squeue` in the profile" in said
    assert node.jobs() == []
