"""What pages name exists: links, anchors, files, modules, options; one version everywhere."""

import ast
import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

import darkroom
from darkroom import documents
from darkroom.campaign.settings import declared
from darkroom.pipelines import PIPELINES, pipeline_class

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
LEFT_OUT = {".git", ".venv", ".venvs", ".uv", ".cache", ".snakemake", "results", ".pytest_cache"}


def files(suffix):
    """Return the repository's files of a suffix."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = set(folders) - LEFT_OUT
        found += [Path(folder, name) for name in names if name.endswith(suffix)]
    return sorted(found)


PAGES = files(".md")
MODULES = [f"/{path.relative_to(ROOT).as_posix()}" for path in files(".py")]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
# Says what there was, and shows files that are to be made.
OF_OTHER_TIMES = {"CHANGELOG.md"}
# Made by a run or by the reader.
TO_BE_MADE = re.compile(r"toy|^config/locks/|^config/<observatory>|NAME|<(?:name|product|toolset)>")

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
PATH = re.compile(
    r"(?<![\w./-])(?:scripts|rules|tests|docs|envs|config|profiles|benchmarks)/[\w./*<>{}-]*[\w*>}]"
)
MODULE = re.compile(r"(?<![\w.<>{}*/-])[\w/]+\.py\b")
DOTTED = re.compile(r"\bdarkroom(?:\.\w+)+")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Of other programs.
OTHER_OPTIONS = {
    *("--batch", "--conda-create-envs-only", "--config", "--cores", "--dry-run", "--forcerun"),
    *("--group-components", "--lint", "--list-rules", "--quiet", "--report", "--sdm", "--unlock"),
    *("--workflow-profile", "--help", "--port", "--fault", "--me", "--set-threads"),
}


def text_of(page):
    return page.read_text(encoding="utf-8")


def prose(page):
    """Return a page without its blocks of code."""
    return FENCE.sub("", text_of(page))


@cache
def anchors(page):
    """Return the anchors that the forge makes of a page's headings."""
    found, counts = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = counts[slug] = counts.get(slug, -1) + 1
        found.add(f"{slug}-{number}" if number else slug)
    return found


def wrong_link(page, target):
    """Return whether a relative link leads nowhere."""
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return True
    return bool(anchor) and (file.suffix != ".md" or anchor not in anchors(file))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_relative_links_and_anchors_exist(page):
    links = LINK.findall(prose(page))
    own = [target for target in links if not re.match(r"[a-z]+:", target)]
    assert [target for target in own if wrong_link(page, target)] == []


def exists(name):
    """Return whether a path is there; <name> and {name} stand for anything."""
    pattern = re.sub(r"<[^>]*>|\{[^}]*\}", "*", name).rstrip("/")
    if (ROOT / pattern).exists() or "*" not in pattern:
        return (ROOT / pattern).exists()
    return any(ROOT.glob(pattern))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_in_the_repository_exist(page):
    spans = CODE.findall(prose(page)) + [block[0] for block in FENCE.finditer(text_of(page))]
    names = {name for span in spans for name in PATH.findall(span)}
    if page.name in OF_OTHER_TIMES:
        pytest.skip("a history names what was")
    missing = {name for name in names if not exists(name) and not TO_BE_MADE.search(name)}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_programs_and_modules_exist(page):
    names = {name for span in CODE.findall(prose(page)) for name in MODULE.findall(span)}
    if page.name in OF_OTHER_TIMES:
        pytest.skip("a history names what was")
    missing = {name for name in names if not any(path.endswith(f"/{name}") for path in MODULES)}
    assert {name for name in missing if not TO_BE_MADE.search(name)} == set()


@cache
def names_in(path):
    """Return what a module defines, ``Class.member`` included."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = defined(node)
        found |= names
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for part in node.body for name in defined(part)}
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def defined(node):
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {target.id for target in targets if isinstance(target, ast.Name)}


def is_known(dotted):
    """Return whether a dotted name is a module or something that one defines."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        base = SCRIPTS.joinpath(*parts[:count])
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if path.is_file():
            rest = ".".join(parts[count:])
            return not rest or rest in names_in(path)
    return False


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_dotted_names_are_those_of_the_library(page):
    names = {name for span in CODE.findall(prose(page)) for name in DOTTED.findall(span)}
    assert {name for name in names if not is_known(name)} == set()


def known_options():
    """Return the options of all programs."""
    found = set(OTHER_OPTIONS)
    for path in [*SCRIPTS.rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]:
        found |= set(re.findall(r"[\"'](--[a-z-]+)[\"']", path.read_text(encoding="utf-8")))
        found |= {f"--{n.replace('_', '-')}" for n in re.findall(r'"(\w+)"', path.read_text())}
    for name in PIPELINES:
        for group in documents._nested(name, pipeline_class(name).settings_group).values():
            found |= {setting.flag for setting in declared(group).values()}
    return found


def test_options_that_pages_mention_exist():
    known = known_options()
    unknown = {
        f"{page.name}: {option}"
        for page in PAGES
        if page.name not in OF_OTHER_TIMES
        for span in CODE.findall(prose(page))
        for option in OPTION.findall(span)
        if option not in known and option != "--min-bias-frames"
    }
    assert unknown == set()


def test_every_page_is_in_the_navigation_of_the_site():
    navigation = set(re.findall(r": ([\w./-]+\.md)$", text_of(ROOT / "mkdocs.yml"), re.MULTILINE))
    assert {name for name in NAMES if not name.startswith(".github/")} == navigation


def test_the_overview_links_to_every_page_of_the_folder():
    overview = text_of(ROOT / "docs/index.md")
    folder = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in folder if f"({name})" not in overview} == set()


def test_the_version_is_the_same_everywhere():
    version = darkroom.__version__
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    assert "version" in project["project"]["dynamic"]
    attribute = project["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "darkroom.__version__"
    citation = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    assert citation["version"] == version
    newest = re.search(
        r"^## \[([\d.]+)\] - ([\d-]+)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE
    )
    assert newest.groups() == (version, citation["date-released"])


def test_the_citation_follows_its_schema():
    program = ROOT / ".venvs" / "checks" / "bin" / "check-jsonschema"
    if not program.exists():
        pytest.skip(".venvs/checks is not built: make setup-tests")
    schema = ("--builtin-schema", "vendor.citation-file-format")
    done = subprocess.run([program, *schema, "CITATION.cff"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_hooks_run_every_check_of_make_lint():
    makefile = text_of(ROOT / "Makefile")
    lint = makefile.partition("\nlint:")[2].partition("\n\n")[0]
    commands = re.findall(r"\$\(RUN\) (.+)\)$", lint, re.MULTILINE)
    settings = yaml.safe_load(text_of(ROOT / ".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    entries = {hook["entry"] for hook in settings["repos"][0]["hooks"]}
    assert commands
    assert [one for one in commands if f".venv/bin/python -m {one}" not in entries] == []


def test_the_site_is_built_and_loads_nothing_from_outside():
    python = ROOT / ".venvs" / "docs" / "bin" / "python"
    if not python.exists():
        pytest.skip(".venvs/docs is not built: make setup-tests")
    command = [python, "docs/build_site.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>")
    for page in (ROOT / ".cache/docs/site").rglob("*.html"):
        assert loaded.findall(page.read_text(encoding="utf-8")) == [], page.name
