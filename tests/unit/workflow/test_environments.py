"""Every toolset's environment is pinned once, declares what its programs import, and is used."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import compile_locks
import venvs
from compile_locks import NOT_FROM_PYPI

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
TOOLSETS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
CAMPAIGNS = sorted(path.stem for path in (ROOT / "config" / "campaigns").glob("*.yaml"))

# conda's strict form of an exact pin, and the range of Pythons
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*) =(?P<version>\d+(\.\d+)*(\.?(post|a|b|rc)\d+)?)")
PYTHON = re.compile(r"python >=3\.11,<3\.\d+")
# AstroDrizzle's needs contradict those of the others (see envs/hst.yaml; botocore, by astroquery's
# cloud access, holds dateutil back).
ONLY_IN_HST = {"spherical-geometry", "tweakwcs", "python-dateutil"}
# where the names differ: conda → PyPI, and imported → conda
PYPI_NAMES = {"matplotlib-base": "matplotlib"}
PIN_NAMES = {
    "yaml": "pyyaml",
    "matplotlib": "matplotlib-base",
    "PIL": "pillow",
    # Comes with drizzlepac.
    "stsci": "drizzlepac",
    # Comes with Snakemake.
    "snakemake_interface_logger_plugins": "snakemake",
}

# One process for all: starting Snakemake costs more than reading the rules.
RULES_OF = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

found = {}
for campaign in sys.argv[1:]:
    with SnakemakeApi() as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"campaign": campaign}),
            snakefile=Path("Snakefile"),
        )._workflow
        found[campaign] = [
            {"name": rule.name, "conda": str(rule.conda_env or ""), "shell": rule.shellcmd or "",
             "file": str(rule.snakefile)}
            for rule in workflow.rules
        ]
print(json.dumps(found))
"""

# conda's own reading of a line of a YAML file, in its strict syntax.
READ_SPECS = """
import json, sys
from rattler import MatchSpec

found = {}
for text in json.load(sys.stdin):
    try:
        spec = MatchSpec(text, strict=True)
        found[text] = [spec.name.normalized, spec.version]
    except Exception as error:
        found[text] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


def environment(toolset):
    return yaml.safe_load((ROOT / "envs" / f"{toolset}.yaml").read_text(encoding="utf-8"))


def pins(toolset):
    """Return ``{conda name: version}`` of everything a YAML file pins."""
    found = {}
    for dependency in environment(toolset)["dependencies"]:
        if isinstance(dependency, dict):
            found.update(line.split("==") for line in dependency["pip"])
        elif match := PIN.fullmatch(dependency):
            found[match["name"]] = match["version"]
    return found


def locked(toolset):
    """Return the requirements in the lock of a toolset."""
    return [Requirement(line) for line in compile_locks.locked(ROOT / "envs" / f"{toolset}.txt")]


def version_of(requirement):
    return str(requirement.specifier).removeprefix("==")


@cache
def all_rules():
    """Return what Snakemake itself reads in the rules, ``{campaign: [rule, …]}``."""
    done = subprocess.run(
        [sys.executable, "-c", RULES_OF, *CAMPAIGNS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def rules(campaign):
    return all_rules()[campaign]


@cache
def imported(source):
    """Return the dotted names a source file imports, anywhere in it."""
    names = []
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for block in ast.walk(tree):
        # What type checkers alone import never runs.
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING":
            block.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


@cache
def library_files(name):
    """Return the files of the library that importing a dotted name runs."""
    parts = name.split(".")
    files = [SCRIPTS.joinpath(*parts[:k], "__init__.py") for k in range(1, len(parts) + 1)]
    return [f for f in [*files, SCRIPTS.joinpath(*parts).with_suffix(".py")] if f.is_file()]


def third_party(sources):
    """Return ``{imported package: file}`` of source files and the library parts they lead to."""
    queue, seen, packages = list(sources), set(), {}
    while queue:
        source = queue.pop()
        if source in seen:
            continue
        seen.add(source)
        for name in imported(source):
            top = name.partition(".")[0]
            if top == "darkroom":
                queue += library_files(name)
            elif top not in sys.stdlib_module_names:
                packages.setdefault(top, source.relative_to(ROOT))
    return packages


def found_by_name(script, campaign):
    """Return the modules of the library that a program imports by a name in the campaign."""
    if script not in ("archive/fetch", "archive/lock"):
        return []
    archive = campaign["archive"]["kind"]
    instruments = {item["instrument"] for item in campaign["items"].values()}
    simulators = [
        f"darkroom.{name}.simulate.exposures" for name in instruments if archive == "simulated"
    ]
    received = [f"darkroom.{name}.received" for name in instruments]
    return [f"darkroom.archive.{archive}", *received, *simulators]


def undeclared(packages, *toolsets):
    """Return ``package (file)`` of the imported packages that no YAML of the toolsets pins."""
    declared = set().union(*(pins(toolset) for toolset in toolsets))
    return sorted(
        f"{package} ({source})"
        for package, source in packages.items()
        if PIN_NAMES.get(package, package.replace("_", "-")) not in declared
    )


def test_every_toolset_has_a_yaml_and_a_lock():
    assert TOOLSETS
    assert sorted(path.stem for path in (ROOT / "envs").glob("*.txt")) == sorted([*TOOLSETS, "uv"])


@pytest.mark.parametrize("name", [*TOOLSETS, "uv"])
def test_every_package_of_a_lock_has_the_sums_of_its_files(name):
    """pip and uv refuse another file under the same name and version (--require-hashes)."""
    text = (ROOT / "envs" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())[1:]
    assert blocks
    for block in blocks:
        first, *sums = block.split(" \\\n")
        assert "==" in first
        assert sums
        assert [one for one in sums if not re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", one)] == []


def test_the_lock_of_the_installer_is_of_its_version():
    assert compile_locks.locked(ROOT / "envs" / "uv.txt") == [venvs.UV]


def test_nothing_is_installed_without_sums():
    """Every call of an installer in the set-up asks for them."""
    text = (ROOT / "envs" / "venvs.py").read_text(encoding="utf-8")
    assert text.count('"install"') == text.count('"--require-hashes"') == 3


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_yaml_holds_exact_pins_from_conda_forge_and_no_user_channels(toolset):
    found = environment(toolset)
    assert set(found) == {"channels", "dependencies"}
    assert found["channels"][0] == "conda-forge"
    assert found["channels"][-1] == "nodefaults"
    plain = [d for d in found["dependencies"] if isinstance(d, str)]
    assert PYTHON.fullmatch(plain[0])
    from_pip = [line for d in found["dependencies"] if isinstance(d, dict) for line in d["pip"]]
    assert ("pip" in plain) == bool(from_pip)
    assert [d for d in plain[1:] if d != "pip" and not PIN.fullmatch(d)] == []
    assert [line for line in from_pip if not re.fullmatch(r"[a-z0-9-]+==[\d.]+", line)] == []


def read_specs(specs):
    """Return ``{spec: [name, version it matches] or what is wrong}``, as conda reads them."""
    python = ROOT / ".venvs" / "checks" / "bin" / "python"
    if not python.exists():
        pytest.skip(".venvs/checks is not built: make setup-tests")
    done = subprocess.run(
        [python, "-I", "-c", READ_SPECS],
        input=json.dumps(specs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_conda_reads_in_its_strict_syntax_what_the_yaml_means():
    wanted = {}
    for toolset in TOOLSETS:
        for line in environment(toolset)["dependencies"]:
            if isinstance(line, str):
                name, _, version = line.partition(" ")
                exact = f"{version.removeprefix('=')}.*" if version.startswith("=") else version
                wanted[line] = [name, exact or None]
    assert len(wanted) > len(TOOLSETS)
    assert read_specs(list(wanted)) == wanted


def test_what_only_a_lenient_reader_takes_is_refused():
    wrong = ["numpy=1.26.*", "numpy>==1", "numpy 1.26", "numpy =", "numpy =1.26 =2"]
    accepted = [text for text, found in read_specs(wrong).items() if isinstance(found, list)]
    assert accepted == []


def test_calwf3_alone_is_in_conda_and_in_no_venv():
    left_out = {
        toolset: [n for n in pins(toolset) if n in NOT_FROM_PYPI - {"python", "pip"}]
        for toolset in TOOLSETS
    }
    assert {toolset: names for toolset, names in left_out.items() if names} == {"hst": ["hstcal"]}


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_lock_has_every_pin_of_the_yaml(toolset):
    lock = {r.name: version_of(r) for r in locked(toolset)}
    wanted = {
        PYPI_NAMES.get(name, name): version
        for name, version in pins(toolset).items()
        if name not in NOT_FROM_PYPI
    }
    assert {name: lock.get(name) for name in wanted} == wanted, "run `make lock-envs`"


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_lock_pins_each_package_once_and_names_no_source(toolset):
    requirements = locked(toolset)
    names = [r.name for r in requirements]
    assert sorted(set(names)) == names
    assert [str(r) for r in requirements if r.url or not str(r.specifier).startswith("==")] == []


def test_toolsets_agree_on_the_version_of_what_they_share():
    versions = {}
    for toolset in TOOLSETS:
        for requirement in locked(toolset):
            versions.setdefault(requirement.name, {})[toolset] = version_of(requirement)
    unlike = {n: v for n, v in versions.items() if len(set(v.values())) > 1}
    assert {n: v for n, v in unlike.items() if n not in ONLY_IN_HST} == {}


def test_hst_has_the_spherical_geometry_whose_polygons_sky_matching_needs():
    versions = {r.name: version_of(r) for r in locked("hst")}
    assert versions["spherical-geometry"] < "1.4"


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_environment_holds_what_its_lock_says(toolset):
    folder = ROOT / (".venv" if toolset == "workflow" else f".venvs/{toolset}")
    if not (folder / "bin" / "python").exists():
        pytest.skip(f"{folder.name} is not built: make setup-tests")
    # The environment's own Python decides which markers hold for it.
    code = (
        "import importlib.metadata as m, json, os, platform, sys\n"
        "print(json.dumps([{d.metadata['Name']: d.version for d in m.distributions()},"
        "platform.python_version(), f'{sys.version_info[0]}.{sys.version_info[1]}']))"
    )
    command = [folder / "bin" / "python", "-I", "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    distributions, full, short = json.loads(output)
    installed = {re.sub(r"[-_.]+", "-", n).lower(): v for n, v in distributions.items()}
    here = {"python_full_version": full, "python_version": short}
    wanted = {
        r.name: version_of(r)
        for r in locked(toolset)
        if r.marker is None or r.marker.evaluate(here)
    }
    assert {name: installed.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_every_rule_with_a_command_names_an_environment_that_exists(campaign):
    for rule in rules(campaign):
        if rule["shell"]:
            assert rule["conda"], f"rule {rule['name']} has no conda:"
            path = Path(rule["file"]).parent / rule["conda"]
            assert path.resolve().parent == ROOT / "envs", f"rule {rule['name']}"
            assert path.is_file(), f"rule {rule['name']} wants {rule['conda']}"


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_rules_command_starts_the_python_of_the_environment_it_names(campaign):
    for rule in rules(campaign):
        for toolset in re.findall(r"\.venvs/([\w-]+)/bin/python", rule["shell"]):
            assert Path(rule["conda"]).stem == toolset, f"rule {rule['name']}"


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_toolset_declares_what_the_programs_of_its_rules_import(campaign):
    settings = yaml.safe_load((ROOT / "config" / "campaigns" / f"{campaign}.yaml").read_text())
    missing = {}
    for rule in rules(campaign):
        toolset = Path(rule["conda"]).stem
        for script in re.findall(r"scripts/(\w+/\w+)\.py", rule["shell"]):
            modules = found_by_name(script, settings)
            sources = [file for name in modules for file in library_files(name)]
            sources.append(SCRIPTS / f"{script}.py")
            if found := undeclared(third_party(sources), toolset):
                missing[f"{script} in {toolset}"] = found
    assert missing == {}


def test_environments_have_what_the_programs_of_their_rules_import():
    """Found, not imported: the pipelines take seconds, and their own tests run them."""
    wanted = {}
    for campaign in CAMPAIGNS:
        for rule in rules(campaign):
            scripts = re.findall(r"scripts/(\w+/\w+)\.py", rule["shell"])
            found = third_party([SCRIPTS / f"{script}.py" for script in scripts])
            wanted.setdefault(Path(rule["conda"]).stem, set()).update(found)
    code = (
        "import importlib.util as u, sys\n"
        "print(*[name for name in sys.argv[1:] if u.find_spec(name) is None])"
    )
    for toolset, names in wanted.items():
        python = ROOT / ".venvs" / toolset / "bin" / "python"
        if names and python.exists():
            done = subprocess.run(
                [python, "-I", "-c", code, *names], capture_output=True, text=True, check=True
            )
            assert done.stdout.split() == [], toolset


def test_workflow_declares_what_the_rules_themselves_import():
    text = "\n".join(p.read_text() for p in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    names = re.findall(r"^(?:from|import) ([\w.]+)", text, flags=re.MULTILINE)
    sources = [f for name in names for f in library_files(name)]
    assert sources, "the rules import nothing of the library: has the pattern aged?"
    assert undeclared(third_party(sources), "workflow") == []


def test_workflow_declares_what_the_tests_import_and_some_toolset_what_their_helpers_do():
    files = list((ROOT / "tests").rglob("*.py"))
    programs = [*SCRIPTS.iterdir(), *(ROOT / "envs").glob("*.py"), *(ROOT / "tests").iterdir()]
    own = {path.stem for path in [*files, *programs]}
    # A helper may be run in the environment of a pipeline or a peer; a test never is.
    for toolsets, sources in (
        (["workflow"], [f for f in files if f.stem.startswith(("test_", "conftest"))]),
        (TOOLSETS, files),
    ):
        direct = {name.partition(".")[0]: f for f in sources for name in imported(f)}
        packages = {n: f.name for n, f in direct.items() if n not in own | sys.stdlib_module_names}
        assert undeclared(packages, *toolsets) == []


def test_some_toolset_declares_whatever_the_library_imports():
    assert undeclared(third_party(SCRIPTS.rglob("*.py")), *TOOLSETS) == []
