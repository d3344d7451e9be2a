"""Build the virtual environments of the named toolsets from their locks.

`envs/setup.sh` calls it with a Python that is new enough, for the toolsets that are not ready.
uv builds them, itself from PyPI and private to this folder; where it cannot be had, plain pip
does. An environment is ready when the copy of its lock is inside it, and that is written last:
one that is half made has none, and is built again from nothing.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.8"
UV_FOLDER = ROOT / ".uv"
PIP_FOLDER = ROOT / ".cache" / "pip-venv"
HOLD = ROOT / ".cache" / "setup.hold"
# The packages' folders of tests, as a regular expression: the checkout may lie in one, too.
TESTS = r"site-packages[/\\](.*[/\\])?tests?[/\\]"

NO_INSTALLER = (
    "This Python ({python}) has neither pip nor a working venv module, so nothing can be "
    "installed with it.\nOn Debian or Ubuntu: apt install python3-venv; then repeat."
)


class SetupError(Exception):
    """What stops the setup, in one or two sentences."""


def folder(toolset):
    """Return where the environment of `toolset` lives."""
    return ROOT / ".venv" if toolset == "workflow" else ROOT / ".venvs" / toolset


def library_paths(toolset):
    """Return the files by which the environment of `toolset` finds the library in `scripts/`."""
    return list(folder(toolset).glob("lib/python3*/site-packages/darkroom.pth"))


def name_library(toolset):
    """Let `import darkroom` work in the environment, wherever the checkout is moved to.

    Python runs this line when it starts. The checkout is found from the environment's own folder,
    by name: in a folder of links it is the one that holds the link.
    """
    up = folder(toolset).relative_to(ROOT).parts
    checkout = "sys.prefix"
    for _ in up:
        checkout = f"os.path.dirname({checkout})"
    line = f"import os, sys; sys.path.append(os.path.join({checkout}, 'scripts'))\n"
    for packages in folder(toolset).glob("lib/python3*/site-packages"):
        (packages / "darkroom.pth").write_text(line, encoding="utf-8")


def ready(toolset):
    """Tell whether the environment of `toolset` was built from its lock, with this Python."""
    stamp, made_with = folder(toolset) / "pins.txt", folder(toolset) / "pyvenv.cfg"
    lock = ROOT / "envs" / f"{toolset}.txt"
    return (
        stamp.exists()
        and bool(library_paths(toolset))
        and filecmp.cmp(lock, stamp, shallow=False)
        and (folder(toolset) / "bin" / "python").exists()
        and platform.python_version() in made_with.read_text(encoding="utf-8")
    )


def hold():
    """Wait until no other setup works in this folder, then keep others out until we end.

    The kernel ends the hold with the last process that has it, killed or not. Installers inherit
    it, so one that outlives us is waited for and cannot write into what we build next.
    """
    HOLD.parent.mkdir(exist_ok=True)
    handle = os.open(HOLD, os.O_RDWR | os.O_CREAT, 0o666)
    os.set_inheritable(handle, True)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another `make setup` is at work in this folder: waiting for it.", flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)


def call(command, **keywords):
    """Run a command that inherits the hold; return whether it ended well."""
    words = [str(word) for word in command]
    return subprocess.run(words, close_fds=False, check=False, **keywords).returncode == 0


def find_pip():
    """Return the command of a working pip: this Python's own, or one in a private environment.

    Debian ships Python without pip and without ensurepip, each in a package of its own: either
    is enough.
    """
    own = [sys.executable, "-m", "pip"]
    if call([*own, "--version"], capture_output=True):
        return own
    private = [PIP_FOLDER / "bin" / "python", "-m", "pip"]
    if not (private[0].exists() and call([*private, "--version"], capture_output=True)):
        shutil.rmtree(PIP_FOLDER, ignore_errors=True)
        if not call([sys.executable, "-m", "venv", PIP_FOLDER], capture_output=True):
            shutil.rmtree(PIP_FOLDER, ignore_errors=True)
            raise SetupError(NO_INSTALLER.format(python=sys.executable))
    return private


def find_uv():
    """Return the path of our own uv, fetched when needed, or None when it cannot be had."""
    program = UV_FOLDER / "bin" / "uv"
    stamp = UV_FOLDER / "pins.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == UV and program.exists():
        return program
    shutil.rmtree(UV_FOLDER, ignore_errors=True)
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]
    lock = ["--require-hashes", "--requirement", ROOT / "envs" / "uv.txt"]
    if not call([*find_pip(), "install", *quiet, "--target", UV_FOLDER, *lock]):
        return None
    stamp.write_text(UV, encoding="utf-8")
    return program


def build_with_uv(uv, target, lock):
    """Make an environment with uv; return whether that worked."""
    install = ["pip", "install", "--quiet", "--require-hashes"]
    return call([uv, "venv", "--quiet", "--python", sys.executable, target]) and call(
        [uv, *install, "--python", target / "bin" / "python", "--requirement", lock]
    )


def build_with_pip(target, lock):
    """Make an environment with pip alone; return whether that worked."""
    python = target / "bin" / "python"
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-input"]
    install += ["--no-compile", "--require-hashes"]
    return call([sys.executable, "-m", "venv", "--without-pip", target]) and call(
        [*find_pip(), "--python", python, *install, "--requirement", lock]
    )


def share_bytecode(target):
    """Take over what the other environments hold of bytecode of the same files: half of it.

    uv links the files of packages from its cache, so that a package is the same files in all of
    them. Python replaces a file of bytecode and never writes into it, so it can be linked as well.
    """
    others = [path for path in (ROOT / ".venv", *ROOT.glob(".venvs/*")) if path != target]
    for where, _, names in os.walk(target / "lib"):
        for name in names:
            source = Path(where, name)
            if source.suffix != ".py" or source.stat().st_nlink == 1:
                continue
            for other in others:
                twin = other / source.relative_to(target)
                compiled, taken = (Path(cache_from_source(path)) for path in (twin, source))
                # Where nothing can be linked it is compiled.
                with suppress(OSError):
                    if compiled.exists() and twin.samefile(source):
                        taken.parent.mkdir(exist_ok=True)
                        taken.hardlink_to(compiled)
                        break


def compile_bytecode(target):
    """Compile what an environment holds, but the packages' own tests: a third of it.

    Now, else every job that starts first compiles what it imports, for seconds. What cannot be
    compiled, such as a template, is of no harm.
    """
    words = [target / "bin" / "python", "-m", "compileall", "-qq", "-j", "0", "-x", TESTS]
    call([*words, target / "lib"])


def build(toolset):
    """Build the environment of `toolset` from nothing."""
    target = folder(toolset)
    lock = ROOT / "envs" / f"{toolset}.txt"
    shown = target.relative_to(ROOT)
    started = time.monotonic()
    print(f"{shown}: building (downloads packages the first time)", flush=True)
    uv = find_uv()
    shutil.rmtree(target, ignore_errors=True)
    if not (uv and build_with_uv(uv, target, lock)):
        print(f"{shown}: uv did not build it (see above); trying pip alone", flush=True)
        shutil.rmtree(target, ignore_errors=True)
        if not build_with_pip(target, lock):
            message = f"{shown} could not be built: the reason is above. Is PyPI reachable?"
            raise SetupError(message)
    share_bytecode(target)
    compile_bytecode(target)
    name_library(toolset)
    stamp = target / "pins.txt"
    shutil.copyfile(lock, stamp.with_suffix(".part"))
    os.replace(stamp.with_suffix(".part"), stamp)
    print(f"{shown}: ready after {time.monotonic() - started:.0f} s", flush=True)


def main():
    """Build what is named on the command line and not ready; return the exit status."""
    # The Python is chosen by the caller: uv must not fetch another one.
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    try:
        hold()
        for toolset in sys.argv[1:]:
            if not ready(toolset):
                build(toolset)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: repeat the same command to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
