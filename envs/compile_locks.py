"""Compile envs/<toolset>.txt, everything a venv gets, from the pins in envs/<toolset>.yaml.

Run it with `make lock-envs` after editing a YAML file. Versions already in a lock stay unless the
YAML says otherwise, and the workflow's are preferred everywhere, so that toolsets agree; delete a
lock first to let all that the YAML leaves open move to the newest.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from venvs import UV, find_uv

ENVS = Path(__file__).resolve().parent
BASE = "workflow"

# Conda's name where PyPI has another one (matplotlib-base is matplotlib without a Qt).
PYPI_NAMES = {"matplotlib-base": "matplotlib"}
# hstcal, calwf3 itself, is on conda-forge alone.
NOT_FROM_PYPI = {"python", "pip", "hstcal"}

# One version of a package for every Python and system; and neither the command line nor the index
# in the lock: both would name the machine it was made on.
OPTIONS = ("--universal", "--fork-strategy=fewest", "--quiet", "--no-header", "--no-annotate")
OPTIONS += ("--no-emit-index-url", "--no-emit-find-links")
# The bytes of every package: another file under the same name and version is not installed.
OPTIONS += ("--generate-hashes",)


def requirements(environment):
    """Return the PyPI requirements, ``name==version``, of a parsed conda environment."""
    lines = []
    for dependency in environment["dependencies"]:
        if isinstance(dependency, dict):
            lines += dependency["pip"]
            continue
        name, _, version = dependency.partition(" ")
        if name not in NOT_FROM_PYPI:
            lines.append(f"{PYPI_NAMES.get(name, name)}=={version.removeprefix('=')}")
    return lines


def oldest_python(environment):
    """Return the oldest Python, e.g. ``3.11``, of a parsed conda environment."""
    python = next(d for d in environment["dependencies"] if str(d).startswith("python "))
    return re.search(r">=([\d.]+)", python).group(1)


def locked(path):
    """Return the requirements of a lock without their hashes, none when it does not exist."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = [line for line in lines if line and not line.startswith(("#", " "))]
    return [line.removesuffix("\\").strip() for line in named]


def compile_lock(uv, toolset, preferred):
    """Write the lock of `toolset`, staying with the `preferred` versions where they fit."""
    environment = yaml.safe_load((ENVS / f"{toolset}.yaml").read_text(encoding="utf-8"))
    source = f"envs/{toolset}.yaml: edit that file, not this one"
    write_lock(
        uv, toolset, requirements(environment), preferred, oldest_python(environment), source
    )


def write_lock(uv, name, needed, preferred, python, source):
    """Write the lock of a name: the `needed` requirements and all that they need, with hashes."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted, output = Path(scratch, "wanted.in"), Path(scratch, "lock.txt")
        wanted.write_text("\n".join(needed) + "\n", encoding="utf-8")
        output.write_text("\n".join(preferred) + "\n", encoding="utf-8")
        command = [uv, "pip", "compile", wanted, "--output-file", output, *OPTIONS]
        command += ["--python-version", python]
        subprocess.run(command, check=True)
        body = output.read_text(encoding="utf-8")
    header = f"# Made by `make lock-envs` from {source}.\n"
    (ENVS / f"{name}.txt").write_text(header + body, encoding="utf-8")


def main():
    """Compile every lock, the workflow's first."""
    uv = find_uv()
    if uv is None:
        return "uv could not be installed from PyPI; the locks stay as they are"
    toolsets = sorted(path.stem for path in ENVS.glob("*.yaml"))
    for toolset in [BASE, *(name for name in toolsets if name != BASE)]:
        base = [] if toolset == BASE else locked(ENVS / f"{BASE}.txt")
        known = {line.partition("==")[0] for line in base}
        own = locked(ENVS / f"{toolset}.txt")
        more = [line for line in own if line.partition("==")[0] not in known]
        compile_lock(uv, toolset, base + more)
        print(f"envs/{toolset}.txt", flush=True)
    write_lock(uv, "uv", [UV], [], "3.11", "UV in envs/venvs.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
