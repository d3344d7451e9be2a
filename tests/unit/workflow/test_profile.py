"""What the default profile promises, shown on a workflow of a few lines beside a copy of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]

# `sum` reads a frame larger than the size up to which Snakemake compares contents by default.
WORKFLOW = """
rule all:
    input: "sum.txt", "memory.txt"
rule frame:
    output: "frame.bin"
    shell: "head -c 2000000 /dev/zero > {output}"
rule sum:
    input: "frame.bin"
    output: "sum.txt"
    params: settings=dict(sigma=5, iterations=3)
    shell: "wc -c < {input} > {output}"
rule memory:
    output: "memory.txt"
    shell: "echo {resources.mem_mb} > {output}"
rule slow:
    output: "slow.txt"
    shell: "echo half > {output}; test -e quick || sleep 600; echo whole >> {output}"
rule broken:
    output: "broken.txt"
    log: "broken.log"
    shell: "echo 'the cause in one sentence' > {log}; exit 1"
"""


@pytest.fixture
def folder(tmp_path):
    """Give a folder with the little workflow and the profile we ship."""
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    return tmp_path


def snakemake(folder, *arguments):
    """Run it as a person would; return the status and all that it says."""
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


def is_done(folder):
    return "Nothing to be done" in snakemake(folder, "--dry-run")[1]


def test_the_bare_command_runs_and_a_second_one_has_nothing_to_do(folder):
    status, said = snakemake(folder)
    assert status == 0, said
    assert (folder / "sum.txt").read_text().strip() == "2000000"
    assert (folder / "memory.txt").read_text() == "1000\n"
    assert is_done(folder)


def test_a_new_date_on_a_large_input_reruns_nothing_and_new_content_does(folder):
    snakemake(folder)
    (folder / "frame.bin").touch()
    assert is_done(folder)
    (folder / "frame.bin").write_bytes(b"changed")
    assert not is_done(folder)


def test_two_settings_that_swap_their_values_rerun_and_an_edited_command_does_not(folder):
    snakemake(folder)
    snakefile = folder / "Snakefile"
    snakefile.write_text(WORKFLOW.replace("wc -c <", "wc --bytes <"))
    assert is_done(folder)
    snakefile.write_text(WORKFLOW.replace("sigma=5, iterations=3", "sigma=3, iterations=5"))
    assert not is_done(folder)


def test_a_killed_run_is_repeated_by_the_same_command_and_its_half_file_made_again(folder):
    command = [sys.executable, "-m", "snakemake", "slow.txt"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        while not ((folder / "slow.txt").exists() and (folder / "slow.txt").read_text()):
            assert run.poll() is None, "ended before its job began"
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
    assert (folder / "slow.txt").read_text() == "half\n"
    (folder / "quick").touch()
    status, said = snakemake(folder, "slow.txt")
    assert status == 0, said
    assert (folder / "slow.txt").read_text() == "half\nwhole\n"


def test_a_failure_shows_its_log_and_holds_up_nothing_else(folder):
    status, said = snakemake(
        folder, "broken.txt", "sum.txt", "--cores", "1", "--prioritize", "broken.txt"
    )
    assert status == 1
    assert "the cause in one sentence" in said
    assert (folder / "sum.txt").exists()


def test_the_console_lists_no_reasons_but_a_dry_run_sums_them_up(folder):
    said = snakemake(folder, "--dry-run")[1]
    assert "Reason:" not in said
    assert "reason:" not in said
    assert "Reasons:" in said


def test_a_misspelt_key_is_refused(folder):
    with (folder / "profiles/default/config.yaml").open("a") as stream:
        stream.write("kep-going: true\n")
    status, said = snakemake(folder, "--dry-run")
    assert status != 0
    assert "kep-going" in said


def profiles():
    names = ("default", "slurm")
    return [yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text()) for name in names]


def test_the_slurm_profile_keeps_what_the_default_one_promises():
    default, slurm = profiles()
    kept = {k: v for k, v in default.items() if k not in ("cores", "default-resources")}
    assert {key: slurm.get(key) for key in kept} == kept


@pytest.mark.parametrize("name", ["all", "gpu-long"])
def test_a_partition_of_any_name_arrives_when_it_is_written_as_documented(folder, name):
    """Without the inner quotes `all` would be Python's."""
    shown = '  slurm_partition: "{}"\n'
    documented = (ROOT / "docs/cluster.md").read_text()
    profile = (ROOT / "profiles/slurm/config.yaml").read_text()
    assert shown.format("'short'") in documented
    assert shown.format("''") in profile
    (folder / "profiles/default/config.yaml").write_text(
        "cores: 1\ndefault-resources:\n" + shown.format(f"'{name}'")
    )
    (folder / "Snakefile").write_text(
        "rule all:\n    output: 'partition.txt'\n"
        "    shell: 'echo {resources.slurm_partition} > {output}'\n"
    )
    status, said = snakemake(folder)
    assert status == 0, said
    assert (folder / "partition.txt").read_text().strip() == name


def test_the_slurm_profile_speaks_of_rules_that_exist_and_limits_the_time_of_every_grouped_one():
    slurm = profiles()[1]
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert slurm["groups"].keys() <= rules
    assert slurm["groups"].keys() == slurm["set-resources"].keys()
    assert slurm["group-components"].keys() <= set(slurm["groups"].values())


def test_no_rule_retries_since_that_would_keep_the_memory_of_the_first_attempt():
    for path in (ROOT / "rules").glob("*.smk"):
        assert not re.search(r"^    retries: (?!0$)", path.read_text(), re.MULTILINE), path.name
