"""Programs as a campaign of every instrument calls them, each on the files that it read there.

The campaign runs once, undisturbed. What Snakemake kept of each job is its command, and what the
records say is what its program had read: a job becomes a case in a folder with those files alone.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from durability.cases import call
from durability.sweep import Case

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path("results/all")
_CCD = {
    "shape": [24, 32],
    "bias": {"count": 5},
    "darks": [{"count": 4, "exptime": 5.0}, {"count": 4, "exptime": 20.0}],
    "targets": [{"exptime": 20.0}],
}
_STACKS = [(1.5, 2), (500, 2), (30, 100), (5000, 100)]
_DUMMY = {"pedigree": "DUMMY"}
ITEMS = {
    "camera": {"instrument": "ccd", "simulate": _CCD},
    "nrcalong": {
        "instrument": "nircam",
        "nircam": {"superbias": _DUMMY, "readnoise": _DUMMY},
        "simulate": {
            "detector": "NRCALONG", "subarray": "SUB160P", "exposures": 3, "nints": 2, "ngroups": 6,
        },
    },
    "visit": {
        "instrument": "wfc3",
        "simulate": {
            "seed": 7, "subarray": "SQ64SUB", "nsamp": 8, "stars": 3000, "galaxies": 0, "blobs": 0,
            "exposures": [{"dither": [0.4 * (n % 3), 0.4 * (n // 3 % 3)]} for n in range(4)],
        },
    },
    "excam": {
        "instrument": "cgi",
        "cgi": {"geometry": "small", "frames_per_part": 2},
        "simulate": {
            "geometry": "small",
            "stacks": [{"gain": gain, "exptime": time, "frames": 4} for gain, time in _STACKS],
        },
    },
}  # fmt: skip


def run(folder):
    """Run the campaign in a folder, from its lock to its verdicts."""
    settings = {"title": "All", "archive": {"kind": "simulated", "seed": 7}, "items": ITEMS}
    (folder / "all.yaml").write_text(yaml.safe_dump(settings))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--quiet", "all"]
    for target in ("lock", "all", "judge"):
        subprocess.run(
            [*words, "--cores", "1", "--config", "campaign=all.yaml", "--", target],
            cwd=folder, env=environment, check=True,
        )  # fmt: skip


@dataclass
class Job:
    """A call of a program: its tool set, its words, and the files that it made and read."""

    program: str
    tools: str
    words: list[str]
    made: set[Path]
    read: set[Path]


def jobs(folder):
    """Return one job of each program of the campaign in a folder: that with the fewest files."""
    found, commands = {}, {}
    metadata = folder / ".snakemake" / "metadata"
    for path in metadata.rglob("*"):
        if path.is_file():
            parts = [part.removeprefix("@") for part in path.relative_to(metadata).parts]
            output = Path(os.fsdecode(base64.b64decode("".join(parts))))
            kept = json.loads(path.read_text())
            commands.setdefault(kept["shellcmd"], ({*map(Path, kept["input"])}, set()))[1].add(
                output
            )
    for command, (inputs, outputs) in sorted(commands.items(), key=lambda one: str(one[0])):
        for words in _calls(command or ""):
            job = _job(folder, words, inputs, outputs)
            if job and len(job.read) < len(found.get(job.program, job).read) + 1:
                found[job.program] = job
    return found


def _calls(command):
    """Yield the words of each command of a shell's line, without where it prints."""
    words = []
    for word in [*shlex.split(command, posix=True), "&&"]:
        if word == "&&":
            yield words
            words = []
        elif words[-1:] != [">"]:
            words.append(word)


def _job(folder, words, inputs, outputs):
    script = next((n for n, word in enumerate(words) if word.endswith(".py")), None)
    if script is None:
        return None
    place, arguments = Path(words[script]), words[script + 1 :]
    arguments = [word for word in arguments if word not in (">", ">>", "2>&1")]
    arguments = [word for word in arguments if not word.endswith(".log")]
    tools = next((p.name for p in Path(words[script - 1]).parents if p.parent.name == ".venvs"), "")
    read = {path for path in inputs if (folder / path).is_file()}
    for word in arguments:
        path = Path(word.removeprefix("@"))
        if word.startswith("@") and path in outputs:
            read.add(path)  # written by the shell, before
        if (folder / path).is_dir():
            read |= {one.relative_to(folder) for one in (folder / path).rglob("*")
                     if one.is_file()}  # fmt: skip
        elif (folder / path).is_file():
            read.add(path)
    made = {path for path in outputs if not any(f"@{path}" == word for word in arguments)}
    for path in made:
        read |= _read_before(folder, path)
    below = {
        one for path in made if (folder / path).is_dir() for one in read if path in one.parents
    }
    name = f"{place.parent.name}/{place.stem}"
    return Job(name, tools, arguments, made, read - made - below)


def _read_before(folder, path):
    """Return the files that a program had read when it made one, by its record."""
    from darkroom.integrity.inputs import all_inputs
    from darkroom.integrity.records import read_record

    record = read_record(folder / path)
    names = all_inputs(folder / RESULTS, record) if record else {}
    return {RESULTS / name for name in names if (folder / RESULTS / name).is_file()}


def cases(folder, tools):
    """Return the cases of the programs of a tool set, from the campaign that ran in a folder."""
    return [_case(folder, job) for _, job in sorted(jobs(folder).items()) if job.tools == tools]


def _case(source, job):
    campaign = {path.relative_to(source) for path in source.glob("all.*") if path.is_file()}

    def prepare(folder):
        for path in job.read | campaign:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes((source / path).read_bytes())
        for path in job.made:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)

    def run_program(folder):
        before = Path.cwd()
        os.chdir(folder)
        try:
            return call(job.program, *job.words)
        finally:
            os.chdir(before)

    return Case(f"{job.program} (campaign)", prepare, run_program, results=str(RESULTS))
