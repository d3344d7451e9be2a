"""The layout of the library: no upward imports, no circles, rooms of a readable size."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
LIBRARY = SCRIPTS / "darkroom"

# From the ground up; a module may import from its own floor and from those below.
FLOORS = (
    (
        *(
            "errors",
            "hints",
            "naming",
            "atomic",
            "words",
            "threads",
            "compiled",
            "kernels",
            "dates",
        ),
        *("secrets", "plain", "folders", "memory", "reading", "order", "order_kernel"),
    ),
    ("cli", "integrity", "provenance", "fits", "combine", "plot", "transport", "judge"),
    ("campaign", "counterfactual", "delivery", "gates"),
    ("crds", "archive", "workflow", "batches", "simulate", "report", "draft", "epochs"),
    # the instruments are here
    (),
    ("pipelines", "documents", "drafts"),
)
INSTRUMENT_FLOOR = FLOORS.index(())
SHARED = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# An instrument is a package with a simulator of its own.
INSTRUMENTS = sorted(
    path.parent.name for path in LIBRARY.glob("*/simulate") if path.parent.name not in SHARED
)
MOST_FILES, MOST_LINES = 30, 500
# Modules that may be longer, each with the reason.
LONG = {}
# Modules that may hold the name of an instrument as a value, each with the reason.
NAMES_INSTRUMENTS = {
    "darkroom.pipelines": "the one list of instruments",
    "darkroom.crds.cache": "CRDS's own table of HST's instruments, ours or not",
}


def dotted(path):
    """Return the dotted name of a module."""
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def is_for_types(node):
    """Whether a block is read by type checkers alone."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def running_nodes(tree):
    """Every node that can run, lazily or not."""
    queue = [tree]
    while queue:
        node = queue.pop()
        yield node
        queue += node.orelse if is_for_types(node) else ast.iter_child_nodes(node)


@cache
def syntax(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path):
    """Return the modules of the library that a file imports anywhere, kernels by name included."""
    names = set()
    for node in running_nodes(syntax(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in MODULES else node.module)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS:
            names.update(a.value for a in node.args[:1] if isinstance(a, ast.Constant))
    return sorted(names & MODULES.keys())


CALLS = ("load_kernel", "import_module")


def part(module):
    """Return the module or package right below ``darkroom``; empty for the library itself."""
    return module.split(".")[1] if "." in module else ""


def floor(module):
    if part(module) in INSTRUMENTS:
        return INSTRUMENT_FLOOR
    return SHARED[part(module)] if part(module) else 0


def test_every_part_of_the_library_has_a_floor():
    parts = {part(module) for module in MODULES} - {""}
    assert sorted(parts - SHARED.keys() - set(INSTRUMENTS)) == []
    assert INSTRUMENTS


def test_no_module_imports_a_higher_floor():
    upward = [
        f"{module} -> {other}"
        for module, path in MODULES.items()
        for other in imported(path)
        if floor(other) > floor(module)
    ]
    assert upward == []


def test_no_instrument_imports_another():
    found = [
        f"{module} -> {other}"
        for module, path in MODULES.items()
        if part(module) in INSTRUMENTS
        for other in imported(path)
        if part(other) in INSTRUMENTS and part(other) != part(module)
    ]
    assert found == []


def test_a_program_imports_no_instrument_but_that_of_its_folder():
    found = [
        f"{path.relative_to(ROOT)} -> {other}"
        for path in sorted(SCRIPTS.glob("*/*.py"))
        if LIBRARY not in path.parents
        for other in imported(path)
        if part(other) in INSTRUMENTS and part(other) != path.parent.name
    ]
    assert found == []


def test_no_modules_import_each_other_in_a_circle():
    state, circles = {}, []

    def visit(module, trail):
        state[module] = "open"
        for other in imported(MODULES[module]):
            if state.get(other) == "open":
                circles.append(" -> ".join([*trail[trail.index(other) :], other]))
            elif other not in state:
                visit(other, [*trail, other])
        state[module] = "done"

    for module in MODULES:
        if module not in state:
            visit(module, [module])
    assert circles == []


def values(path):
    """Return the texts in a file that are no docstrings."""
    nodes = list(running_nodes(syntax(path)))
    prose = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
    return {
        n.value
        for n in nodes
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in prose
    }


def test_shared_code_holds_no_name_of_an_instrument():
    found = {
        module: sorted(values(path) & set(INSTRUMENTS))
        for module, path in MODULES.items()
        if part(module) not in INSTRUMENTS and module not in NAMES_INSTRUMENTS
    }
    assert {module: names for module, names in found.items() if names} == {}


def test_no_folder_of_code_is_crowded():
    folders = {path.parent for path in (*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py"))}
    counts = {str(f.relative_to(ROOT)): len(list(f.glob("*.py"))) for f in folders}
    assert {folder: n for folder, n in counts.items() if n > MOST_FILES} == {}


def test_no_module_is_too_long_to_read_at_once():
    lines = {
        module: len(path.read_text(encoding="utf-8").splitlines())
        for module, path in MODULES.items()
    }
    long = {module: n for module, n in lines.items() if n > MOST_LINES}
    assert {module: n for module, n in long.items() if module not in LONG} == {}
    assert sorted(LONG.keys() - long.keys()) == [], "no longer long: take them off the list"


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in MODULES.values()}),
    ids=lambda folder: str(folder.relative_to(SCRIPTS)),
)
def test_every_package_says_what_it_holds(folder):
    package = folder / "__init__.py"
    assert package.is_file(), "a folder without __init__.py"
    assert ast.get_docstring(syntax(package)), "a package without a docstring"


def _unhinted(path):
    """Return the public functions of a file that lack a hint of a parameter or of the result."""
    found, queue = [], [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while queue:
        node, in_class = queue.pop()
        for one in node.body:
            if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
                queue.append((one, True))
            if not isinstance(one, ast.FunctionDef) or one.name.startswith("_"):
                continue
            marks = [ast.unparse(mark) for mark in one.decorator_list]
            given = [*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs]
            given = given[1:] if in_class and "staticmethod" not in marks else given
            if one.returns is None or any(name.annotation is None for name in given):
                found.append(f"{path.name}: {one.name}")
    return found


def test_public_functions_are_hinted():
    """Compiled loops state the types of their arguments to numba instead."""
    files = [path for path in SCRIPTS.rglob("*.py") if not path.stem.endswith("kernel")]
    assert [name for path in files for name in _unhinted(path)] == []
