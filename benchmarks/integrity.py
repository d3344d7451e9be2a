"""What comparing, recording and flushing cost a campaign: with and without them.

    .venv/bin/python benchmarks/integrity.py [--only ccd nircam] [--rounds 6] [--folder FOLDER]
    .venv/bin/python benchmarks/integrity.py --whole [...]

A campaign of each instrument is run once by the workflow. Its programs, all but those that fetch
and simulate, are then run again from their fetched exposures, each in two checkouts by turns: one
as it is, and a copy in which nothing is watched, compared, recorded, sealed, noted for a rerun or
flushed, and lists state no sums. What is printed is the mean, with its standard error, of the
difference in CPU seconds (user and system), in all and by program. The first pair warms both
checkouts and does not count. What Snakemake itself does is in neither.

With --whole, the whole campaign is run from its lock by turns in both checkouts, Snakemake and
fetching included; one side after the other, so that the error is larger.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = {"lock", "fetch", "simulate_references"}
# Of each module what is replaced at its end: whoever imports it gets these.
WITHOUT = {
    "integrity/watch.py": """
def watch(): pass
def settle(target=None): pass
def compare(path): pass
def is_intact(path): return True
def content_of(path): return None
""",
    "integrity/seen.py": """
def expect(path, sha256, stated_by): pass
""",
    "integrity/recording.py": """
def record(path): pass
def record_ahead(path, source): pass
def forget_record(path): pass
def is_unrecorded(path): return False
def keep_record(path): pass
""",
    "integrity/seals.py": """
def sealed(content): return dict(content) | {"digest": "0" * 64}
def seal_fault(content): return ""
def text_fault(text, content): return ""
def is_sealed_text(text, content): return True
""",
    "atomic.py": """
def flush(path): pass
""",
    "batches/exposures.py": """
def listed(paths): return "".join(f"{path}\\n" for path in paths)
_Batch.is_current = lambda self, name: False
_Batch._inputs_there = lambda self, name: []
_Batch._state = lambda self, name, inputs: ""
""",
}


def campaigns() -> dict[str, dict]:
    """Return the item of each campaign: about ten CPU seconds of programs."""
    dummy = {"pedigree": "DUMMY", "description": "of a simulated detector", "other_method": "none"}
    darks = [{"count": 6, "exptime": exptime} for exptime in (5, 20, 60)]
    return {
        "ccd": {
            "simulate": {
                "shape": [1024, 1024], "bias": {"count": 10}, "darks": darks,
                "targets": [{"exptime": 20}, {"exptime": 20}],
            }
        },
        "nircam": {
            "simulate": {
                "detector": "NRCALONG", "subarray": "SUB160P", "exposures": 8, "nints": 2,
                "ngroups": 10,
            },
            "nircam": {"superbias": dummy, "readnoise": dummy},
        },
    }  # fmt: skip


def checkout(folder: Path, without: bool) -> Path:
    """Return a copy of the workflow in a folder, as it is or without what is measured."""
    for name in ("rules", "scripts", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    for name in (".venv", ".venvs"):
        (folder / name).symlink_to(ROOT / name)
    for module, text in WITHOUT.items() if without else ():
        with (folder / "scripts" / "darkroom" / module).open("a", encoding="utf-8") as stream:
            stream.write(text)
    return folder


def run_once(folder: Path, name: str, item: dict) -> list[str]:
    """Run a campaign; return the commands of its jobs in their order."""
    settings = {
        "title": f"Benchmark of integrity: {name}",
        "archive": {"kind": "simulated", "seed": 20200116},
        "items": {name: {"instrument": name, **item}},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    text = ""
    for target in ("lock", "all"):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "-p", target]
        command += ["--config", f"campaign={name}.yaml"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        text += done.stdout + done.stderr
    return [one for one in re.findall(r"^Shell command: (.*)$", text, re.M) if measured(one)]


def program_of(command: str) -> str:
    """Return the name of the program of a command; that of the shell when it starts none."""
    found = re.search(r"scripts/(\S+)\.py", command)
    return found[1] if found else "shell"


def measured(command: str) -> bool:
    """Tell whether a command is measured; a rule without one shows none."""
    return command != "None" and program_of(command).rpartition("/")[2] not in LEFT_OUT


def keep_fetched(results: Path) -> None:
    """Remove all but the exposures, the cache of the simulated references, and their records."""
    for root in (results, results / ".records"):
        for path in root.rglob("*"):
            parts = path.relative_to(root).parts
            fetched = parts[0] == "raw" or parts[1:3] == ("batches", "raw")
            cached = parts[0] == "crds" and len(parts) > 2
            own = root == results and parts[0] == ".records"
            head = parts == ("campaign.json",)
            if path.is_file() and not (fetched or cached or own or head):
                path.unlink()


def cpu_of(command: str, folder: Path) -> float:
    """Run the command of a job; return its CPU seconds."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(
        ["bash", "-c", f"set -euo pipefail; {command}"], cwd=folder, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"in {folder}: {command}")
    return usage.ru_utime + usage.ru_stime


def run_again(sides: list[Path], name: str, commands: list[str]) -> list[dict[str, float]]:
    """Run the programs of a campaign from its exposures, each in both checkouts at once.

    One after the other, with what else the machine does then; which comes first changes.

    Returns
    -------
    list of dict
        CPU seconds of each program, of either side.
    """
    spent: list[dict[str, float]] = [defaultdict(float) for _ in sides]
    for side in sides:
        shutil.rmtree(side / "results" / name, ignore_errors=True)
        shutil.copytree(side / "fetched" / name, side / "results" / name, symlinks=True)
    for number, command in enumerate(commands):
        for which in (0, 1) if number % 2 else (1, 0):
            spent[which][program_of(command)] += cpu_of(command, sides[which])
    return spent


def run_whole(sides: list[Path], name: str, number: int) -> list[dict[str, float]]:
    """Run a whole campaign from its lock in both checkouts; which comes first changes.

    Returns
    -------
    list of dict
        CPU seconds of either side.
    """
    spent: list[dict[str, float]] = [{} for _ in sides]
    for which in (0, 1) if number % 2 else (1, 0):
        shutil.rmtree(sides[which] / "results", ignore_errors=True)
        command = f"{sys.executable} -m snakemake all --cores 1 --quiet all"
        command += f" --config campaign={name}.yaml"
        spent[which]["the whole campaign"] = cpu_of(command, sides[which])
    return spent


def error_of(values: list[float]) -> float:
    """Return the standard error of a mean."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def report(name: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Print what the programs of a campaign cost, with and without."""
    totals = [tuple(sum(side.values()) for side in pair) for pair in pairs]
    ratios = [100 * (one / other - 1) for one, other in totals]
    means = [statistics.mean(column) for column in zip(*totals, strict=True)]
    print(f"\n{name}: {means[0]:.2f} CPU s with, {means[1]:.2f} without, "
          f"{statistics.mean(ratios):.2f} +- {error_of(ratios):.2f} % of {len(pairs)} pairs "
          f"({', '.join(f'{one:.1f}' for one in ratios)})\n")  # fmt: skip
    print("| program | without, s | more, s |\n|---|--:|--:|")
    for program in sorted(pairs[0][1], key=lambda one: -pairs[0][1][one]):
        more = [one[program] - other[program] for one, other in pairs]
        usual = statistics.mean(other[program] for _, other in pairs)
        print(f"| `{program}` | {usual:.2f} | {statistics.mean(more):.3f} ± {error_of(more):.3f} |")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[*campaigns()], default=[*campaigns()])
    parser.add_argument("--whole", action="store_true", help="with Snakemake and fetching")
    parser.add_argument("--rounds", type=int, default=6, help="pairs that count (default: 6)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        sides = [checkout(folder / side, side == "without") for side in ("with", "without")]
        for name in arguments.only:
            commands = run_once(sides[0], name, campaigns()[name])
            fetched = sides[0] / "results" / name
            keep_fetched(fetched)
            for side in sides:
                shutil.copytree(fetched, side / "fetched" / name, symlinks=True)
            for end in (".yaml", ".lock.tsv", ".pins.tsv"):
                shutil.copy(sides[0] / f"{name}{end}", sides[1])
            pairs = []
            for number in range(arguments.rounds + 1):
                spent = (
                    run_whole(sides, name, number)
                    if arguments.whole
                    else run_again(sides, name, commands)
                )
                sums = ", ".join(f"{sum(side.values()):.2f}" for side in spent)
                print(f"load {os.getloadavg()[0]:.1f}: {sums}", flush=True)
                if number:
                    pairs.append((spent[0], spent[1]))
            report(name, pairs)


if __name__ == "__main__":
    main()
