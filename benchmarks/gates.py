"""What do the gates of full frames cost? CPU seconds and memory of each product's gates.

    .venv/bin/python benchmarks/gates.py [--only nircam ccd2048 ccd4096 cgi] [--folder FOLDER]

Exposures of full frames are simulated and their products made by the workflow; then the gates of
each product are run alone, as a whole process from raw files (imports and checksums included), with
the compiled loops there. With a folder, what was made before is not made again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import yaml
from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]
DETECTOR = ROOT / ".venvs" / "detector" / "bin" / "python"
#: CPU seconds that the gates of one product of full frames may take.
MOST = 60.0


def items() -> dict[str, dict]:
    """Return the items by name: full frames of each kind of detector."""
    dummy = {"pedigree": "DUMMY", "description": "of a simulated detector", "other_method": "none"}
    dark = {"make": True, "pedigree": "DUMMY", "description": "of a simulated detector"}
    nircam = {"detector": "NRCA1", "exposures": 10, "nints": 1, "ngroups": 10, "truth": False}
    cgi = {"geometry": "sci", "gains": [1.5, 30, 500, 5000], "exptimes": [2, 30, 100], "frames": 7}
    wanted = {"traditional": [{"gain": 500, "exptime": 100}],
              "synthesized": [{"gain": 1000, "exptime": 10}]}  # fmt: skip

    def ccd(side: int) -> dict:
        darks = [{"count": 10, "exptime": exptime} for exptime in (5, 60)]
        simulate = {"shape": [side, side], "bias": {"count": 20}, "darks": darks, "targets": []}
        return {"instrument": "ccd", "simulate": simulate}

    return {
        "nircam": {
            "instrument": "nircam",
            "simulate": nircam | {"subarray": "FULL", "noise_sampling": "row"},
            "nircam": {"superbias": dummy, "readnoise": dummy, "dark": dark, "mask": dark},
        },
        "ccd2048": ccd(2048),
        "ccd4096": ccd(4096),
        "cgi": {"instrument": "cgi", "simulate": cgi, "cgi": {"geometry": "sci"} | wanted},
    }


def make(folder: Path, name: str, item: dict) -> Path:
    """Make the products of a campaign of one item; return its description."""
    settings = {
        "title": f"Benchmark of the gates: {name}",
        "archive": {"kind": "simulated", "seed": 20200116},
        "deck": {"held_out": 0},
        "items": {name: item},
    }
    path = folder / f"gates_{name}.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [ROOT / ".venv/bin/python", "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    command += ["--snakefile", ROOT / "Snakefile", "--config", f"campaign={path}"]
    command += ["--workflow-profile", ROOT / "profiles" / "default", "--"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for target in ("lock", "verdict"):
        with (folder / f"{name}.log").open("a", encoding="utf-8") as log:
            subprocess.run(
                [*map(str, command), target], cwd=folder, env=environment, stdout=log, stderr=log,
                check=True,
            )  # fmt: skip
    return path


def commands(campaign: Path, name: str) -> dict[str, list[str]]:
    """Return the command line that makes the gates of each product: ``{product: words}``."""
    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.pipelines import pipelines
    from darkroom.workflow.plan import Plan

    opened = open_campaign(campaign, ROOT)
    plan = Plan(opened, "results", lambda: require_lock(opened), lambda _: None)
    found = {}
    for instrument, pipeline in pipelines(plan).items():
        for product, inputs in pipeline.judged(name).items():
            words = shlex.split(pipeline.gate_options(name, product, inputs))
            program = [str(DETECTOR), str(ROOT / "scripts" / instrument / "gates.py")]
            found[product] = [*program, "--item", name, "--product", product, *words]
    return found


def main() -> None:
    """Make what is missing, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = items()
    parser.add_argument("--only", nargs="+", choices=known, default=list(known))
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    slow = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.only:
            campaign = make(folder, name, known[name])
            # In a process of its own: a child's peak memory begins with what its parent once held.
            with ProcessPoolExecutor(1) as pool:
                made = pool.submit(commands, campaign, name).result()
            print(f"\n| {name} | CPU s | peak GB |\n|---|---|---|")
            for product, words in made.items():
                output = folder / f"{name}_{product}.json"
                cache = {"NUMBA_CACHE_DIR": str(ROOT / ".cache" / "numba")}
                cpu, peak = measure([*words, "--output", output], folder, **cache)
                print(f"| {product} | {cpu:.1f} | {peak:.2f} |", flush=True)
                slow += [f"{name} {product}"] if cpu > MOST else []
    sys.exit(f"more than {MOST:g} CPU s: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()
