"""What it costs to plan a campaign of 50,000 exposures: our rules, and bare ones.

    .venv/bin/python benchmarks/planning.py [--exposures 50000] [--repeat 3] [--folder PATH]

A campaign of WFC3 visits, NIRCam and CGI darks and CCD nights is written with its lock, and planned
by a dry run from nothing. The bare workflow has the same rules, files and jobs, each rule with
nothing but its output, its input looked up in a dictionary, and a `touch`; it is run as it is, and
with Python looking for dead cycles as rarely as our workflow lets it. Measured are two dry runs:
the plan alone (`-n --quiet`), and with each job's message and command put together
(`-n --quiet rules`, which ends with the table of jobs). Reported: CPU seconds and peak memory of
whole processes, one after the other in turns: the least, and of the CPU seconds the largest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from darkroom.campaign.campaign import open_campaign  # noqa: E402
from darkroom.campaign.lock import Lock  # noqa: E402
from darkroom.campaign.lock_rows import Exposure  # noqa: E402

# Exposures of one item, and how many items there are in a campaign of 50,000 exposures.
SHARES = {"wfc3": (20, 250), "nircam": (200, 225), "cgi": (300, 80), "ccd": (200, 130)}
QUERY = {
    "wfc3": {"mission": "hst", "proposal_id": 14037},
    "nircam": {"mission": "jwst", "program": 1062, "exp_type": "NRC_DARK"},
}
FACTS = {
    "wfc3": {"shape": "1024x1024", "nsamp": "16", "instrument": "WFC3"},
    "nircam": {"shape": "2048x2048", "ngroups": "10", "nints": "1", "subarray": "FULL"},
    "cgi": {"shape": "1200x2200", "em_gain": "30", "exptime_s": "30"},
    "ccd": {"shape": "4096x4096"},
}

BARE = """
import json

with open("plan.json") as stream:
    PLAN = json.load(stream)

def inputs(known):
    return lambda wildcards: known[key(wildcards)]

def key(wildcards):
    return "|".join(f"{name}={value}" for name, value in sorted(wildcards.items()))

for name, found in PLAN.items():
    if found["outputs"]:
        rule:
            name: name
            input: inputs(found["jobs"])
            output: found["outputs"]
            shell: "touch {output}"

rule everything:
    default_target: True
    input: PLAN["all"]["jobs"][""]
"""

COLLECT_RARELY = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from darkroom.workflow.speed import collect_rarely  # noqa: E402
collect_rarely()
"""

# Run in the folder of the campaign: what Snakemake itself has planned.
DUMP = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings, Quietness

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    flow = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(config={"campaign": "big.yaml"}),
        snakefile=Path(sys.argv[1]),
    )
    flow.dag().execute_workflow(executor="dryrun")
    plan = {}
    for job in flow._workflow.dag.jobs:
        rule = plan.setdefault(
            job.rule.name, {"outputs": [str(o) for o in job.rule.output], "jobs": {}}
        )
        wildcards = sorted(job.wildcards_dict.items())
        rule["jobs"]["|".join(f"{n}={v}" for n, v in wildcards)] = [str(i) for i in job.input]
Path("plan.json").write_text(json.dumps(plan))
print(sum(len(rule["jobs"]) for rule in plan.values()))
"""


def item(instrument):
    """Return the settings of a work item."""
    if instrument == "ccd":
        return {"instrument": "ccd", "frames": {"bias": "bias_*", "dark": "dark_*"}}
    if instrument == "cgi":
        dark = {"gain": 30, "exptime": 30}
        settings = {"traditional": [dark], "synthesized": [dark], "frames_per_part": 20}
        return {"instrument": "cgi", "frames": {"dark": "*.fits"}, "cgi": settings}
    return {"instrument": instrument, "query": QUERY[instrument]}


def exposures(instrument, name, count):
    """Yield the exposures of a work item."""
    for k in range(count):
        role = "exposure"
        if instrument == "ccd":
            role = ("bias", "dark", "science")[3 * k // count]
        elif instrument in ("cgi", "nircam"):
            role = "dark"
        exposure = f"{name}_{k:05d}"
        file = f"{exposure}.fits"
        yield Exposure(name, role, exposure, file, f"local:{file}", 1000, FACTS[instrument])


def write_campaign(folder, archive, number):
    """Write a campaign and its lock of about so many exposures; return how many."""
    shares = {k: v for k, v in SHARES.items() if (k in QUERY) == (archive["kind"] == "mast")}
    items, rows = {}, []
    for instrument, (count, of_50000) in shares.items():
        for k in range(max(1, round(of_50000 * number / 50000))):
            name = f"{instrument}{k:04d}"
            items[name] = item(instrument)
            rows += exposures(instrument, name, count)
    settings = {"title": "A big one", "archive": archive, "items": items}
    if archive["kind"] == "mast":
        settings["crds"] = {
            "hst": {"context": "hst_1241.pmap"},
            "jwst": {"context": "jwst_1293.pmap"},
        }
    path = folder / "big.yaml"
    path.write_text(yaml.safe_dump(settings))
    campaign = open_campaign(str(path), ROOT)
    head = {"campaign": "big", "archive": archive["kind"], "query": campaign.query_digest()}
    Lock(folder / "big.lock.tsv", head, rows).write()
    return len(rows)


def planned(folder, snakefile, quiet, *arguments):
    """Plan once; return CPU seconds and peak memory in MB of the whole process."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", *quiet, "--cores", "1"]
    command += ["--snakefile", str(snakefile), *arguments]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=folder, **silent)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(folder, archive, number, repeat):
    """Print what a campaign's plan costs with our rules and with bare ones."""
    folder.mkdir(parents=True, exist_ok=True)
    count = write_campaign(folder, archive, number)
    dump = [sys.executable, "-c", DUMP, str(ROOT / "Snakefile")]
    told = subprocess.run(dump, cwd=folder, check=True, capture_output=True, text=True).stdout
    bare, rarely = folder / "bare.smk", folder / "rarely.smk"
    bare.write_text(BARE)
    rarely.write_text(f"{COLLECT_RARELY}{BARE}")
    profile = ["--workflow-profile", str(ROOT / "profiles" / "default")]
    chosen = ["--config", "campaign=big.yaml"]
    print(f"{archive['kind']}: {count} exposures, {told.split()[-1]} jobs")
    for name, quiet in {"plan": [], "plan and commands": ["rules"]}.items():
        runs = {"darkroom": [], "bare": [], "rarely": []}
        for _ in range(repeat):
            runs["darkroom"].append(planned(folder, ROOT / "Snakefile", quiet, *profile, *chosen))
            runs["bare"].append(planned(folder, bare, quiet, *profile))
            runs["rarely"].append(planned(folder, rarely, quiet, *profile))
        report(name, runs)


def report(name, runs):
    """Print the least time and memory of the runs, and their ratios to ours."""
    print(f"  {name}")
    ours = [min(column) for column in zip(*runs["darkroom"], strict=True)]
    for who, found in runs.items():
        seconds, memory = (sorted(column) for column in zip(*found, strict=True))
        cost = f"{seconds[0]:6.1f}-{seconds[-1]:.1f} CPU s  {memory[0]:5.0f} MB"
        ratio = f"{ours[0] / seconds[0]:.2f} and {ours[1] / memory[0]:.2f}"
        print(f"    {who:<9} {cost}   darkroom: {ratio} times that", flush=True)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exposures", type=int, default=50000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        compare(folder / "mast", {"kind": "mast"}, arguments.exposures, arguments.repeat)
        local = {"kind": "local", "folder": "."}
        compare(folder / "local", local, arguments.exposures, arguments.repeat)


if __name__ == "__main__":
    main()
