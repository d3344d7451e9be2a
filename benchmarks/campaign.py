"""What whole campaigns cost: CPU seconds by program, split into start, files and arithmetic.

    .venv/bin/python benchmarks/campaign.py [--only demo nircam wfc3 cgi ccd] [--small]

Each campaign is run from nothing by the workflow itself on one core, from its lock to its report,
with the compiled loops there. Exposures are simulated; the time for that stands apart, as no
observer's campaign has it. `start` is Python, imports and the loading of compiled loops; `files` is
reading, verifying and writing; `work` is the rest. The time of Snakemake and of the shells is what
remains of the whole. The peer's own way follows on the same files: jwst's steps with jwst_reffiles;
calwf3 (`calwf3.e` on PATH) with AstroDrizzle; corgidrp; ccdproc.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml
from campaign_peers import measure_peer

ROOT = Path(__file__).resolve().parents[1]
METER = Path(__file__).resolve().parent / "meter"
TOOLSETS = ("archive", "detector", "jwst", "hst")
KINDS = ("start", "files", "work")
# Programs whose work is that of the simulation.
SIMULATING = {"archive/fetch", "nircam/simulate_references", "wfc3/simulate_references"}

WRAPPER = """#!/bin/sh
export DARKROOM_METER={file} PYTHONPATH={meter}
exec {python} "$@"
"""


def campaigns(small: bool, groups: int) -> dict[str, dict]:
    """Return the items of one campaign of each instrument, at real size or small.

    Parameters
    ----------
    small : bool
        Small frames, and fewer of them.
    groups : int
        Groups of a NIRCam dark.
    """
    # What the peer makes, and no more: its way has no second method and no noise spectrum.
    dummy: dict[str, dict] = {
        kind: {
            "pedigree": "DUMMY",
            "description": f"{kind} of a simulated detector",
            "other_method": "none",
        }
        for kind in ("superbias", "readnoise")
    }
    dummy |= {"spectrum": {"make": False}, "reference_pixels": {"make": False}}
    nircam = {"detector": "NRCA1", "exposures": 4 if small else 10, "nints": 1, "ngroups": groups}
    nircam |= {"subarray": "SUB160" if small else "FULL", "truth": False}
    # Scattered light in the first reads of every fourth exposure: there are reads to leave out.
    wfc3 = {
        "stars": 3000,
        "exposures": [
            {"dither": [k % 5 * 0.5, k // 5 * 0.5], "light": "nominal" if k % 4 else "start"}
            for k in range(20)
        ],
    }
    wfc3["subarray"] = "SQ128SUB" if small else "FULLIMAG"
    cgi = {"geometry": "small" if small else "sci", "gains": [1.5, 30, 500, 5000]}
    cgi |= {"exptimes": [2, 30, 100], "frames": 7 if small else 49}
    ccd = {"shape": [256, 256] if small else [2048, 2048], "bias": {"count": 20}}
    ccd["darks"] = [{"count": 12, "exptime": exptime} for exptime in (5, 20, 60)]
    ccd["targets"] = [{"exptime": 20} for _ in range(4)]
    return {
        "nircam": {"simulate": nircam, "nircam": dummy},
        "wfc3": {"simulate": wfc3},
        "cgi": {"simulate": cgi, "cgi": {"geometry": cgi["geometry"]}},
        "ccd": {"simulate": ccd},
    }


def write_campaign(folder: Path, name: str, item: dict) -> str:
    """Write a campaign of one item; return how the command line names it."""
    settings = {
        "title": f"Benchmark of {name}",
        "archive": {"kind": "simulated", "seed": 20200116},
        "items": {name: {"instrument": name, **item}},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return f"{name}.yaml"


def metered_checkout(folder: Path) -> Path:
    """Return a copy of the workflow whose programs are metered, in `folder`."""
    checkout = folder / "checkout"
    for name in ("rules", "scripts", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "Snakefile", checkout)
    (checkout / ".cache").symlink_to(ROOT / ".cache")
    for toolset in TOOLSETS:
        python = checkout / ".venvs" / toolset / "bin" / "python"
        python.parent.mkdir(parents=True)
        real = ROOT / ".venvs" / toolset / "bin" / "python"
        text = WRAPPER.format(file=folder / "meter.jsonl", meter=METER, python=real)
        python.write_text(text, encoding="utf-8")
        python.chmod(0o755)
    return checkout


def run(checkout: Path, folder: Path, campaign: str) -> float:
    """Make everything of a campaign in `folder`; return the CPU seconds of all its processes."""
    command = [str(ROOT / ".venv/bin/python"), "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    command += ["--snakefile", str(checkout / "Snakefile"), "--config", f"campaign={campaign}"]
    command += ["--workflow-profile", str(checkout / "profiles" / "default")]
    (folder / "meter.jsonl").unlink(missing_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    total = 0.0
    # The demo has its lock already.
    for targets in ([],) if campaign == "demo" else (["lock"], []):
        with (folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [*command, "--", *targets], cwd=folder, env=environment, stdout=log, stderr=log
            )
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{' '.join(command)}: failed, see {folder}/log.txt")
        total += usage.ru_utime + usage.ru_stime
    return total


def by_program(file: Path) -> dict[str, dict[str, float]]:
    """Return calls, CPU seconds of each kind and peak memory of each program."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    names = {line["pid"]: line["program"] for line in lines}
    known: dict[int, float] = defaultdict(float)
    for line in lines:
        known[line["parent"]] += sum(line[kind] for kind in KINDS) + line["waited"]
    table: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in lines:
        # A worker belongs to the program that started it.
        row = table[names.get(line["parent"], line["program"])]
        row["calls"] += line["parent"] not in names
        for kind in KINDS:
            row[kind] += line[kind]
        row["work"] += max(0.0, line["waited"] - known[line["pid"]])
        row["peak_MB"] = max(row["peak_MB"], line["peak_MB"])
    return table


def report(name: str, table: dict[str, dict[str, float]], whole: float) -> float:
    """Print the table of a campaign, the most costly program first.

    Returns
    -------
    float
        CPU seconds without those of the simulation.
    """
    print(f"\n| {name}: program | runs | CPU s | start | files | work | peak GB |")
    print("|---|---|---|---|---|---|---|")
    sums: dict[str, float] = defaultdict(float)
    for program, row in sorted(table.items(), key=lambda pair: -sum(pair[1][k] for k in KINDS)):
        total = sum(row[kind] for kind in KINDS)
        split = " | ".join(f"{row[kind]:.1f}" for kind in KINDS)
        peak = f"{row['peak_MB'] / 1000:.2f}"
        print(f"| `{program}` | {row['calls']:.0f} | {total:.1f} | {split} | {peak} |")
        for kind in KINDS:
            sums[kind] += row[kind]
        sums["calls"] += row["calls"]
        sums["simulating"] += row["work"] if program in SIMULATING else 0.0
    total = sum(sums[kind] for kind in KINDS)
    split = " | ".join(f"{sums[kind]:.1f}" for kind in KINDS)
    print(f"| all programs | {sums['calls']:.0f} | {total:.1f} | {split} | |")
    print(f"| Snakemake and shells | | {whole - total:.1f} | | | | |")
    print(f"| the whole | | {whole:.1f} | | | | |")
    print(f"| of which simulating | | {sums['simulating']:.1f} | | | | |", flush=True)
    return whole - sums["simulating"]


def compile_kernels() -> None:
    """Compile all loops, as `make setup` does."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "scripts"),
        "NUMBA_CACHE_DIR": str(ROOT / ".cache" / "numba"),
    }
    command = [ROOT / ".venvs" / "detector" / "bin" / "python", "-m", "darkroom.kernels"]
    subprocess.run(command, env=environment, check=True)


def compare(name: str, ours: float, folder: Path, sampled: int) -> None:
    """Measure the peer of a campaign and print how many times its CPU seconds are ours."""
    rows = measure_peer(name, folder / "results" / name, folder / "peer", sampled)
    if not rows:
        return
    print(f"\n| {name}: the peer's own way | CPU s | peak GB | |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.cpu:.1f} | {row.peak:.2f} | {row.note} |")
    ways = {"the peer": rows}
    once = [row for row in rows if not row.again]
    if len(once) < len(rows):
        ways = {"the peer, with every read": once, "the peer, also without bad reads": rows}
    for way, some in ways.items():
        theirs, peak = sum(row.cpu for row in some), max(row.peak for row in some)
        print(f"| {way} | {theirs:.1f} | {peak:.2f} | darkroom / peer {ours / theirs:.2f} |")
    print(f"| darkroom, without simulating | {ours:.1f} | | |", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ["demo", *campaigns(small=False, groups=10)]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--small", action="store_true", help="small frames and fewer of them")
    parser.add_argument(
        "--groups",
        type=int,
        default=10,
        help="groups of a NIRCam dark; those of the ground tests have 108 (default: 10)",
    )
    parser.add_argument("--no-peers", action="store_true", help="darkroom alone")
    parser.add_argument(
        "--sampled",
        type=int,
        default=3,
        help="exposures on which a peer's step is measured that is linear in them (default: 3)",
    )
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        checkout = metered_checkout(folder)
        compile_kernels()
        known = campaigns(arguments.small, arguments.groups)
        for name in arguments.only:
            shutil.rmtree(folder / "results", ignore_errors=True)
            campaign = "demo" if name == "demo" else write_campaign(folder, name, known[name])
            begun, load = time.monotonic(), os.getloadavg()[0]
            whole = run(checkout, folder, campaign)
            print(f"\n{name}: {time.monotonic() - begun:.0f} s; load at its start {load:.1f}")
            ours = report(name, by_program(folder / "meter.jsonl"), whole)
            # corgidrp knows full frames alone.
            if (
                name != "demo"
                and not arguments.no_peers
                and (name, arguments.small) != ("cgi", True)
            ):
                compare(name, ours, folder, arguments.sampled)


if __name__ == "__main__":
    main()
