"""Nothing that keeps its name is written, renamed or moved except through darkroom.atomic."""

import ast
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
LIBRARY = SCRIPTS / "darkroom"

# Calls that write to a file, or give it a name, by the last part of what is called.
WRITERS = {
    *("write_text", "write_bytes", "writeto", "tofile", "savez", "savez_compressed", "savefig"),
    *("copyfile", "copy", "copy2", "copytree", "move", "rename", "renames", "link", "symlink"),
    *("symlink_to", "hardlink_to", "touch", "NamedTemporaryFile"),
}
# These are methods of much else: only those of a module, or of a file, are meant.
OF_MODULES = {"copy", "move", "copytree", "link", "rename"}
# What gives a name that is private: what is written there is renamed durably, or forgotten.
GIVERS = {
    *("written_atomically", "folder_written_atomically", "written_in_shared_folder"),
    *("private_folder", "TemporaryDirectory"),
}
# Functions that write to a name that their caller made private, or to what is no result.
ALLOWED = {
    "darkroom/fits/stream.py:write_cubes": "into memory",
    "darkroom/archive/fetching.py:_fetch": "a mark whose date alone counts",
    "darkroom/fits/write.py:save": "the name is temporary",
    "darkroom/archive/local.py:deliver": "the name is temporary, see darkroom.archive.receive",
    "darkroom/cgi/maps/peer.py:add": "scratch",
    "darkroom/cgi/stacks/sources.py:_unpack": "scratch",
    "darkroom/compiled.py:_open_lock": "a lock without content",
    "darkroom/crds/server.py:_download": "the name is temporary, see its fetch",
    "darkroom/fits/tiles.py:_copy_bytes": "scratch",
    "darkroom/fits/tiles.py:_locate": "scratch",
    "darkroom/fits/verify.py:unpacked": "scratch",
    "darkroom/integrity/records.py:_rename_sealed": "temporary; callers flush the folder",
    "darkroom/nircam/simulate/uncal.py:write_uncal": "the name is temporary, see its deliver",
    "darkroom/plot/book.py:__exit__": "in the private folder that the book replaces durably",
    "darkroom/plot/style.py:save": "in the private folder of a book",
    "darkroom/report/campaign.py:_write_page": "in the private folder of the report",
    "darkroom/report/page.py:place_picture": "in the private folder of the report",
    "darkroom/transport/download.py:_resume": "the name is temporary, see darkroom.archive.receive",
    "darkroom/transport/download.py:_start": "the name is temporary, see darkroom.archive.receive",
    "darkroom/wfc3/engine/calwf3.py:_gather_references": "in calwf3's private folder",
    "darkroom/wfc3/engine/products.py:product_paths": "a probe, removed at once",
    "darkroom/wfc3/visit/drizzle.py:_copy": "in AstroDrizzle's private folder",
    "darkroom/wfc3/visit/skies.py:get": "in a folder private to the run",
}


def written(call):
    """Return what a call writes to, as an expression; None when it writes nothing."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    owner = getattr(function, "value", None)
    if name == "open" or name == "fdopen":
        modes = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
        texts = [a.value for a in modes if isinstance(a, ast.Constant) and type(a.value) is str]
        if any(set(text) & set("wax+") and set(text) <= set("rwaxbt+") for text in texts):
            return owner if owner is not None and owner is not function else call.args[0]
        return None
    if name == "replace":
        # Of a path or of the module os; a string's has two arguments, a date's has keywords.
        of_os = isinstance(owner, ast.Name) and owner.id == "os"
        return owner if of_os or (len(call.args) == 1 and not call.keywords) else None
    if name not in WRITERS or (name == "write_text" and owner is None):  # that of atomic
        return None
    if name in OF_MODULES and not (isinstance(owner, ast.Name) and owner.id in ("os", "shutil")):
        return None
    targets = {"copyfile": 1, "savez": 0, "savez_compressed": 0, "writeto": 0, "tofile": 0}
    return call.args[targets[name]] if name in targets and call.args else owner or call


def private_names(function):
    """Return the names that hold private paths in a function: given, or made from given ones."""
    names = set()
    for node in ast.walk(function):
        for item in getattr(node, "items", ()):
            context = item.context_expr if isinstance(item, ast.withitem) else None
            called = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(context or node)}
            if context is not None and called & GIVERS and item.optional_vars is not None:
                names |= {n.id for n in ast.walk(item.optional_vars) if isinstance(n, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and names & used(node.value):
            names |= {
                n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)
            }
    return names


def used(expression):
    return {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}


def writes_past_atomic(tree, name):
    """Return ``file:function`` of each call that writes to what is not known to be private."""
    found = []
    functions = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))]
    inside = {id(n): f for f in functions if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        target = written(node) if isinstance(node, ast.Call) else None
        if target is None:
            continue
        function = inside.get(id(node))
        private = private_names(function) if function else set()
        if not private & used(target):
            found.append((f"{name}:{getattr(function, 'name', '')}", node.lineno))
    return found


FOUND = [
    place
    for path in sorted(SCRIPTS.rglob("*.py"))
    if path != LIBRARY / "atomic.py"
    for place in writes_past_atomic(
        ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(SCRIPTS))
    )
]


def test_every_write_goes_through_atomic_or_to_a_private_name():
    assert {place: line for place, line in FOUND if place not in ALLOWED} == {}


def test_every_exception_is_needed():
    assert set(ALLOWED) - {place for place, _ in FOUND} == set()


def test_pixels_are_written_by_what_says_when_it_cannot():
    """astropy, given a name, writes by numpy's tofile, which is silent when the disk is full."""
    silent = ("tofile", "writeto")
    found = {
        (str(path.relative_to(SCRIPTS)), ast.unparse(node))
        for path in sorted(SCRIPTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (
            getattr(node.func, "attr", "") in silent
            or any(k.arg == "mode" and ast.unparse(k.value) == "'update'" for k in node.keywords)
        )
    }
    assert found == {
        ("darkroom/fits/write.py", "hdus.writeto(_Stream(stream), **options)"),
        ("darkroom/fits/stream.py", "fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(held)"),
        ("darkroom/nircam/simulate/uncal.py", "uncal(full, exposure, one).writeto(buffer)"),
    }


@pytest.mark.parametrize(
    "code",
    [
        "def f(path):\n with path.open('w') as stream: stream.write('x')",
        "def f(path): open(path, 'ab').close()",
        "def f(path): path.write_text('x')",
        "def f(path, hdus): hdus.writeto(path)",
        "def f(a, b): os.replace(a, b)",
        "def f(a, b): a.replace(b)",
        "def f(a, b): shutil.move(a, b)",
        "def f(path, array): array.tofile(path)",
        "def f(a, b):\n with written_atomically(a) as c:\n  shutil.copyfile(c, b)",
    ],
)
def test_a_write_past_atomic_is_seen(code):
    assert writes_past_atomic(ast.parse(code), "x.py")


@pytest.mark.parametrize(
    "code",
    [
        "def f(path, text): return text.replace('a', 'b')",
        "def f(path): return path.open('rb')",
        "def f(path, hdus):\n with written_atomically(path) as t: hdus.writeto(t)",
        "def f(path):\n with private_folder(path, 'x') as p:\n  q = p / 'y'\n  q.write_text('x')",
    ],
)
def test_a_write_through_atomic_is_none(code):
    assert writes_past_atomic(ast.parse(code), "x.py") == []
