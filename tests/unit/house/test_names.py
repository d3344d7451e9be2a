"""No program hides a package, and no file names the machine it was written on."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLSETS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))

# The brackets keep this file from finding itself.
MACHINE = re.compile(
    r"/[w]ork/|/[r]oot/|/[h]ome/\w|/[t]mp/\w|[p]ypi\.org|[p]ythonhosted\.org|[d]eb\.debian\.org"
    r"|registry\.[n]pmjs\.org|/[o]pt/pypi"
)


def importable(names, toolset):
    """Return which of the names an environment's Python finds, away from this repository."""
    python = ROOT / (".venv" if toolset == "workflow" else f".venvs/{toolset}") / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.parents[1].name} is not built: make setup-tests")
    code = (
        "import json, sys; from importlib.util import find_spec\n"
        "sys.path[:] = [path for path in sys.path if not path.endswith('/scripts')]\n"
        "print(json.dumps([name for name in sys.argv[1:] if find_spec(name)]))"
    )
    command = [python, "-I", "-c", code, *names]
    return json.loads(subprocess.run(command, cwd="/", capture_output=True, check=True).stdout)


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_no_program_bears_the_name_of_an_importable_module(toolset):
    """A program's folder comes first on its path: its name would hide the package's."""
    scripts = ROOT / "scripts"
    programs = {path.stem for path in scripts.glob("*/*.py") if path.parent.name != "darkroom"}
    # A folder without __init__.py hides no module; cgi was one of Python's own until 3.12.
    folders = {path.name for path in scripts.iterdir()} - {"__pycache__", "cgi"}
    assert importable(sorted(programs | folders), toolset) == []
    # Snakemake finds its logger by the name of a package.
    packages = {path.parent.name for path in scripts.glob("*/__init__.py")}
    assert packages == {"darkroom", "snakemake_logger_plugin_darkroom"}


def test_no_helper_of_the_tests_bears_the_name_of_an_importable_module():
    helpers = {path.stem for path in (ROOT / "tests").iterdir()} - {"__pycache__", "conftest"}
    assert importable(sorted(helpers), "workflow") == []


def test_no_tracked_file_names_a_machines_folder_or_a_package_registry():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    found = {}
    for name in listing.stdout.splitlines():
        path = ROOT / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), start=1):
                if match := MACHINE.search(line):
                    found[f"{name}:{number}"] = match[0]
    assert found == {}
