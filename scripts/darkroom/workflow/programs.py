"""The start of a rule's command, and the digest by which an edit of the code reruns its products.

Only the standard library is used: it is imported each time the workflow is planned, on every node.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# from module import a as b | from module import (a, b); and import module as a, another
_FROM = re.compile(r"^[ \t]*from +(darkroom[\w.]*) +import +(\([^)]*\)|[^\n#]*)", re.MULTILINE)
# Imports for type checkers only are never executed.
_TYPES = re.compile(r"^([ \t]*)if TYPE_CHECKING:.*\n(?:\1[ \t]+.*\n|[ \t]*\n)*", re.MULTILINE)
# load_kernel("module"): imported by name, under a lock
_KERNEL = re.compile(r"\bload_kernel\(\s*\"(darkroom[\w.]*)\"")
_PLAIN = re.compile(r"^[ \t]*import +([^\n#]+)", re.MULTILINE)


class Programs:
    """The command-line programs of the workflow, each run by the Python of its toolset.

    Parameters
    ----------
    base : path-like
        Folder of the Snakefile.
    conda : bool
        True when Snakemake activates the environments itself (``--sdm conda``); else each rule's
        command starts with the Python of ``.venvs/<toolset>``, by a path relative to the working
        folder, so that a moved checkout reruns nothing.
    """

    def __init__(self, base: StrPath, conda: bool) -> None:
        self.base = Path(os.path.relpath(base))
        self.conda = conda
        self._digests: dict[tuple[str, str, tuple[str, ...]], str] = {}

    def __call__(self, toolset: str, script: str, *arguments: str) -> str:
        """Return the start of a shell command: environment, interpreter, program, arguments.

        Compiled kernels are cached inside the checkout. Snakemake itself sets OMP_NUM_THREADS to
        the threads it grants, and `darkroom.cli.run` gives compiled loops as many. Arguments given
        here are left out of Snakemake's comparison with earlier runs: folders and names, never
        settings that change a product. They are shell words, quoted where necessary. Braces are
        doubled: what is in them would be a placeholder of the rule.
        """
        cache_folder = self.base / ".cache"
        python = "python" if self.conda else f"{self.base}/.venvs/{toolset}/bin/python"
        settings = [
            f"NUMBA_CACHE_DIR={cache_folder}/numba",
            f"MPLCONFIGDIR={cache_folder}/matplotlib",
            "PYTHONDONTWRITEBYTECODE=1",
            # The user's own packages would be imported in place of those of the pins.
            "PYTHONHOME=",
            # The venvs find the library by themselves (envs/venvs.py).
            f"PYTHONPATH={self.base}/scripts" if self.conda else "PYTHONPATH=",
        ]
        words = [*settings, python, f"{self.base}/scripts/{script}.py"]
        text = " ".join((*map(_quoted, words), *filter(None, arguments))) + " "
        return text.replace("{", "{{").replace("}", "}}")

    def digest(self, toolset: str, script: str, *modules: str) -> str:
        """Return a digest of a program, the library modules it uses and its pinned packages.

        Snakemake tracks neither imported modules nor the content of a program; a rule with this
        digest among its params reruns when any of these files is edited, and only then.

        Parameters
        ----------
        toolset, script : str
            Name of the environment and of the program.
        *modules : str
            Dotted names of modules that the program imports by name at run time.
        """
        key = toolset, script, modules
        if key not in self._digests:  # a rule asks for each of its jobs
            self._digests[key] = self._digest(*key)
        return self._digests[key]

    def _digest(self, toolset: str, script: str, modules: tuple[str, ...]) -> str:
        total = hashlib.sha256()
        library = self.base / "scripts"
        files = {self.base / "envs" / f"{toolset}.txt", *_closure(library / f"{script}.py")}
        for name in modules:
            for path in _module_files(library, name):
                files |= _closure(path)
        for path in sorted(files):
            shown = path.relative_to(self.base)
            total.update(f"{shown}\0{_digest(path)}\n".encode())
        return total.hexdigest()[:16]


def _quoted(word: str) -> str:
    """Return a word for the shell; of ``NAME=value`` the value alone is quoted."""
    name, found, value = word.partition("=")
    return f"{name}={shlex.quote(value)}" if found and name.isupper() else shlex.quote(word)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


@cache
def _closure(path: Path) -> set[Path]:
    """Return a source file and every library module that it imports, directly or indirectly.

    A template or table in the folder of a module belongs to it when the module names it, or when
    its name begins with that of the module (``geometry_sci.json`` beside ``geometry.py``).
    """
    found: set[Path] = set()
    queue = [path]
    library = next(p for p in path.parents if (p / "darkroom").is_dir())
    while queue:
        source = queue.pop()
        if source not in found:
            found.add(source)
            queue += _uses(source, library)
    return found


@cache
def _uses(source: Path, library: Path) -> list[Path]:
    """Return the files that a file uses itself; each is read once for all programs."""
    if source.suffix != ".py":
        return []
    used: list[Path] = []
    if library in source.parents and source.parent != library:
        text = source.read_text(encoding="utf-8")
        used += [
            path
            for path in _beside(source.parent)
            if path.name in text or re.match(rf"{source.stem}[_.]", path.name)
        ]
    for name in _imports(source):
        used += _module_files(library, name)
    return used


@cache
def _imports(source: Path) -> frozenset[str]:
    """Return the dotted names of library modules that a source file imports, anywhere in it.

    They are found by patterns: parsing the whole library at every start of the workflow or of a
    cluster job would take a second. A test compares the patterns with the parser on every file.
    """
    text = _TYPES.sub("", source.read_text(encoding="utf-8"))
    names = set()
    for module, listed in _FROM.findall(text):
        parts = re.sub(r"#.*", "", listed).strip("()").split(",")
        names.add(module)
        names.update(f"{module}.{part.split()[0]}" for part in parts if part.strip())
    names.update(_KERNEL.findall(text))
    for listed in _PLAIN.findall(text):
        names.update(part.split()[0] for part in listed.split(",") if part.strip())
    return frozenset(name for name in names if name.split(".")[0] == "darkroom")


@cache
def _beside(folder: Path) -> list[Path]:
    """Return the files of a folder that are not Python."""
    return [p for p in folder.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc")]


@cache
def _module_files(library: Path, name: str) -> list[Path]:
    """Return the files that importing a dotted name runs: the module and its packages."""
    parts = name.split(".")
    files = [library.joinpath(*parts[:k], "__init__.py") for k in range(1, len(parts) + 1)]
    files.append(library.joinpath(*parts).with_suffix(".py"))
    return [path for path in files if path.is_file()]
