"""What a program imports before it knows what to do, by names of modules: each job pays for it.

What only some calls need is imported where it is needed: a follower of a batch, a refused exposure
or a wrong option then costs a few hundredths of a second.
"""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
PROGRAMS = sorted(
    str(path.relative_to(SCRIPTS))
    for path in SCRIPTS.glob("*/*.py")
    if not path.with_name("__init__.py").exists()
)
# Each takes 0.02 to 1 CPU seconds to import.
HEAVY = (
    *("numpy", "scipy", "astropy", "numba", "matplotlib", "PIL", "yaml", "asdf", "requests"),
    *("crds", "jwst", "stdatamodels", "stcal", "drizzlepac", "multiprocessing", "email", "http"),
)
# Programs that may have some of these, each with the reason.
ALLOWED: dict[str, set[str]] = {}

LOOK = """
import os, runpy, sys
scripts, heavy = sys.argv[1], set(sys.argv[2].split())
for program in sys.argv[3:]:
    print(program, end=" ", flush=True)
    if os.fork():
        os.wait()
        continue
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = [f"{scripts}/{program}", "--help"]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit:
        pass
    loaded = heavy & {name.partition(".")[0] for name in sys.modules}
    os.write(out, (" ".join(sorted(loaded)) + "\\n").encode())
    os._exit(0)
"""


@pytest.mark.parametrize("toolset", ["detector", "jwst"])
def test_a_program_imports_nothing_heavy_before_it_reads_its_options(toolset):
    python = ROOT / ".venvs" / toolset / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment {toolset}")
    command = [python, "-c", LOOK, SCRIPTS, " ".join(HEAVY), *PROGRAMS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {line.split()[0]: set(line.split()[1:]) for line in done.stdout.splitlines()}
    assert sorted(found) == PROGRAMS
    assert {name: some for name, some in found.items() if some - ALLOWED.get(name, set())} == {}
