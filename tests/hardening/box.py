"""A folder with a small campaign on which the harm of a fault is tried; the list of faults."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

TREE = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
PYTHON = TREE / ".venvs/detector/bin/python"
CCD = {
    "shape": [24, 32], "bias": {"count": 4},
    "darks": [{"count": 3, "exptime": 10.0}, {"count": 3, "exptime": 60.0}],
    "targets": [{"exptime": 10.0}],
}  # fmt: skip
FAULTS: dict[int, list] = {}


def fault(number, member):
    """Enter a reproduction: it returns whether the harm was done."""

    def enter(function):
        FAULTS.setdefault(number, []).append((member, function))
        return function

    return enter


def library():
    """Return the modules of a tree, wherever they are."""
    try:
        from darkroom.campaign import lock, pins, status
        from darkroom.transport import download
    except ImportError:
        from darkroom.archive import download, lock, pins, status
    return SimpleNamespace(lock=lock, pins=pins, status=status, download=download)


def program(name, *words, cwd=None, **environment):
    """Run a program of the tree; return its status and what it said."""
    path = next(p for p in (TREE / "scripts").rglob(f"{name}.py") if "darkroom" not in p.parts)
    done = subprocess.run(
        [PYTHON, path, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False,
        timeout=300, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


class Box:
    """A folder with a campaign whose exposures are in a folder beside it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.source = self.folder / "source"
        self.yaml = self.folder / "small.yaml"
        self.raw = self.folder / "results/small/raw/camera"
        self.out = self.folder / "results/small/camera"
        self.lock_path = self.folder / "small.lock.tsv"

    def prepare(self):
        """Write frames, campaign and lock; begin records, where there are any."""
        import yaml

        try:
            from darkroom.ccd.simulate import exposures
        except ImportError:
            from darkroom.simulate import ccd as exposures
        for one in exposures.plan(CCD):
            exposures.deliver(CCD, one.name, self.source / one.file)
        item = {"instrument": "ccd", "frames": {"bias": "bias*.FIT", "dark": "dark*.FIT"}}
        self.yaml.write_text(yaml.safe_dump({
            "title": "Small", "archive": {"kind": "local", "folder": str(self.source)},
            "items": {"camera": item},
        }))  # fmt: skip
        assert program("lock", "--campaign", self.yaml)[0] == 0
        self.out.mkdir(parents=True)
        with contextlib.suppress(ImportError):
            from darkroom.integrity.records import begin

            begin(self.out.parent, "snakemake", [(".*", False)])
        return self

    def rows(self, change):
        """Rewrite the lock with changed rows, as one who knows the format would."""
        lock = library().lock
        found = lock.read_lock(self.lock_path)
        rows = [lock.Exposure(**(vars(row) | change(row))) for row in found.exposures]
        lock.Lock(self.lock_path, found.head, rows).write()

    def accepts_lock(self):
        """Return whether the lock is read without an error."""
        from darkroom.errors import DarkroomError

        try:
            from darkroom.campaign.campaign import open_campaign
        except ImportError:
            from darkroom.campaign import open_campaign
        try:
            return bool(library().lock.require_lock(open_campaign(self.yaml, TREE)))
        except DarkroomError:
            return False

    def fetch(self, name, cwd=None):
        """Fetch an exposure."""
        return program("fetch", "--campaign", self.yaml, *fetch_words(name, self.raw), cwd=cwd)

    def fetch_all(self):
        """Fetch all exposures."""
        for row in library().lock.read_lock(self.lock_path).exposures:
            assert self.fetch(row.exposure)[0] == 0

    def snakemake(self, *words):
        """Run snakemake of the tree on the campaign; return its status and what it said."""
        done = subprocess.run(
            [TREE / ".venv/bin/python", "-m", "snakemake", "-s", TREE / "Snakefile", "--cores",
             "1", *words], cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=300, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def shared(self):
        """Let paths that begin in the tree lead there from the folder."""
        for name in (".venv", ".venvs", "scripts", "config"):
            (self.folder / name).symlink_to(TREE / name)

    def ran(self):
        """Return whether a foreign command ran."""
        return any(p.name.startswith("RAN") for p in self.folder.rglob("*"))


def flip(path, at=-100):
    """Flip one bit of a file; its date stays."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip_a_pixel(path):
    """Flip a bit in the first pixels of the last image of a file."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        start = next(h for h in hdus if h.data is not None).fileinfo()["datLoc"]
    flip(path, start + 41)


def fetch_words(name, folder):
    """Return the options that fetch an exposure into a folder of an item, of old trees and new."""
    program_file = next(TREE.glob("scripts/**/fetch.py"))
    if "--folder-of-items" not in program_file.read_text():
        return ["--item", "camera", "--exposure", name, "--output", folder / f"{name}.json"]
    return ["--item", "camera", "--names", name, "--folder-of-items", folder.parent,
            "--output", folder.parent.parent / f"lists/{name}.list"]  # fmt: skip
