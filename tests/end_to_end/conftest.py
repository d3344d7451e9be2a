"""Whole campaigns in a checkout of their own."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (".git", ".venv", ".venvs", ".uv", ".snakemake", ".cache", "results", "__pycache__")
# Small enough for seconds, whole enough for every product.
SMALL = {
    "shape": [48, 64],
    "bias": {"count": 5},
    "darks": [{"count": 5, "exptime": 5.0}, {"count": 5, "exptime": 20.0}],
    "targets": [{"exptime": 20.0}],
}


class Checkout:
    """A copy of the repository's files that shares its environments."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for name in (".venv", ".venvs"):
            (folder / name).symlink_to(ROOT / name)
        share_cache(folder)

    def campaign(self, name="small", simulate=None, **top):
        """Write a campaign; return the option that chooses it."""
        settings = {
            "title": "A small one",
            "archive": {"kind": "simulated", "seed": 7},
            "items": {"camera": {"instrument": "ccd", "simulate": simulate or SMALL}},
        }
        settings.update(top)
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
        return f"campaign={name}.yaml"

    def command(self, *arguments):
        """Return the command line of a snakemake call."""
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def environment(self):
        """Return the environment of a call: nothing of this process's own paths."""
        return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def snakemake(self, *arguments, status=0):
        """Run snakemake to its end; return what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        text = done.stdout + done.stderr
        assert done.returncode == status, f"status {done.returncode}, not {status}:\n{text}"
        return text

    def jobs(self, *arguments):
        """Return ``{rule: number of jobs}`` of a dry run."""
        text = self.snakemake("-n", *arguments)
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", text, re.MULTILINE | re.DOTALL)
        if table is None:
            assert "Nothing to be done" in text, text
            return {}
        return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)}

    def moved(self, folder):
        """Return a copy of the checkout and of all that was made in it, at another place."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = object.__new__(Checkout)
        copy.folder = folder
        share_cache(folder)
        return copy


def share_cache(folder):
    """Give a checkout what is compiled in this one, which would take it a minute, and the fonts.

    numba looks for code by the path of its source; that of an edited file is not found, and made.
    """
    cache = folder / ".cache"
    if (ROOT / ".cache" / "matplotlib").is_dir():
        shutil.copytree(ROOT / ".cache" / "matplotlib", cache / "matplotlib", dirs_exist_ok=True)
    for states in (ROOT / ".cache" / "numba").glob("darkroom.*-*"):
        name, place = states.name.rsplit("-", 1)
        path = Path("scripts", *name.split("."))
        source = path if (ROOT / path).is_dir() else path.with_suffix(".py")
        if hashlib.sha256(bytes(ROOT / source)).hexdigest()[:8] != place:
            continue  # of a checkout that this one was copied from
        place = hashlib.sha256(bytes(folder / source)).hexdigest()[:8]
        own = cache / "numba" / f"{name}-{place}"
        shutil.copytree(states, own)
        package = source if source == path else source.parent
        before, after = (
            f"{package.name}_{hashlib.sha1(os.fsencode(root / package)).hexdigest()}"
            for root in (ROOT, folder)
        )
        for sums in own.glob("*/sums.txt"):
            (sums.parent / before).rename(sums.parent / after)
            sums.write_text(sums.read_text().replace(before, after))


@pytest.fixture
def checkout(tmp_path):
    """Give a fresh checkout."""
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Give a checkout whose small campaign was run to the end; only look, or copy it."""
    done = Checkout(tmp_path_factory.mktemp("finished") / "checkout")
    choice = done.campaign()
    done.snakemake("lock", "--config", choice)
    done.snakemake("--config", choice)
    return done
