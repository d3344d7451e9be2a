"""A model of a disk: what is in the files and folders now, and what a power cut would leave."""

from __future__ import annotations

import hashlib
import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

# Of programs that were killed: never a result, removed by the next writer.
_TEMPORARY = re.compile(r"^\.(.+)\.(part|work)(\..*)?$")
#: Folder of what a batch has made, until the job of its exposure gives it its name.
WAITING = ".made"
# Locks and marks without content: whoever needs one makes it.
# A journal of arrivals may be cut at any place: rows that are not whole are not read.
_LOCKS = {".archive_turns", ".archive_down", ".claims", ".filling", ".arrivals"}
_NUMBER = re.compile(
    r"(?<=\.)(\d+|[0-9a-f]{32})(?=\.(old\.)?(part|work))|(?<=\.(?:part|work)/)\d+(?=/)"
)


@dataclass
class File:
    """A file: its bytes now, and those that are certainly on the disk (None: none)."""

    content: bytes = b""
    durable: bytes | None = None


@dataclass
class Folder:
    """A folder: its names now, and those that are certainly on the disk."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)


def read_tree(root):
    """Return a folder of the disk, all of it durable."""
    folder = Folder()
    for path in sorted(Path(root).iterdir()):
        if path.is_dir():
            node = read_tree(path)
        else:
            content = path.read_bytes()
            node = File(content, content)
        folder.names[path.name] = node
    folder.durable = dict(folder.names)
    return folder


def write_tree(tree, root):
    """Let a folder of the disk hold exactly ``{name: bytes or such a tree}``."""
    root = Path(root)
    root.mkdir(exist_ok=True)
    for path in root.iterdir():
        wanted = tree.get(path.name)
        if path.is_dir() and not path.is_symlink():
            if not isinstance(wanted, dict):
                _remove(path)
        elif wanted is None or isinstance(wanted, dict) or path.read_bytes() != wanted:
            path.unlink()
    for name, wanted in tree.items():
        path = root / name
        if isinstance(wanted, dict):
            write_tree(wanted, path)
        elif not path.exists():
            path.write_bytes(wanted)


def _remove(folder):
    write_tree({}, folder)
    folder.rmdir()


def plain(folder):
    """Return the present state of a folder as a tree of bytes."""
    return {
        name: plain(node) if isinstance(node, Folder) else node.content
        for name, node in folder.names.items()
    }


def flat(tree, prefix=""):
    """Return ``{path: bytes}`` of a tree."""
    found = {}
    for name, node in tree.items():
        if isinstance(node, dict):
            found |= flat(node, f"{prefix}{name}/")
        else:
            found[prefix + name] = node
    return found


def is_temporary(path):
    """Whether a path is a temporary file, in a temporary folder, or a lock."""
    parts = path.split("/")
    return parts[-1] in _LOCKS or any(_TEMPORARY.match(part) or part == WAITING for part in parts)


def named(tree):
    """Return ``{path: bytes}`` of all that is not temporary."""
    return {path: content for path, content in flat(tree).items() if not is_temporary(path)}


def leftovers(tree):
    """Return the temporary files of a tree, without locks."""
    return [p for p in flat(tree) if any(_TEMPORARY.match(part) for part in p.split("/"))]


def digest(tree):
    """Return a digest of a tree; the numbers of processes in temporary names do not count."""
    total = hashlib.sha256()
    files = {_NUMBER.sub("N", path): content for path, content in flat(tree).items()}
    for path in sorted(files):
        content = hashlib.sha256(files[path]).hexdigest()
        total.update(f"{path}\0{content}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


#: What of the data that were not flushed is on the disk after a power cut.
DATA = ("none", "half", "zeros", "all")


def after_power_cut(folder, names, data, seed):
    """Return the tree that a power cut leaves.

    Parameters
    ----------
    folder : Folder
    names : {"durable", "all", "some"}
        Which changes of names since the last flush of their folder are on the disk.
    data : str
        One of `DATA`, or "any": each file has its own.
    seed : object
        Of what is drawn.
    """
    draw = random.Random(repr(seed))
    return _cut(folder, names, data, draw)


def _cut(folder, names, data, draw):
    entries = dict(folder.durable if names == "durable" else folder.names)
    if names == "some":
        # A rename may be there whose sibling is not: each name is as before, or as now.
        entries = {}
        for name in sorted({*folder.durable, *folder.names}):
            node = (folder.durable if draw.random() < 0.5 else folder.names).get(name)
            if node is not None:
                entries[name] = node
    return {
        name: _cut(node, names, data, draw) if isinstance(node, Folder) else _left(node, data, draw)
        for name, node in sorted(entries.items())
    }


def _left(file, data, draw):
    """Return the bytes of a file after a power cut."""
    if file.durable == file.content:
        return file.content
    kind = draw.choice((*DATA, "torn")) if data == "any" else data
    now, old = file.content, file.durable or b""
    if kind == "all":
        return now
    if kind == "half":
        return now[: len(now) // 2]
    if kind == "zeros":
        return old[: len(now)] + bytes(max(0, len(now) - len(old)))
    if kind == "torn":
        return b"".join(
            (now if draw.random() < 0.5 else old.ljust(len(now), b"\0"))[k : k + 512]
            for k in range(0, len(now), 512)
        )
    return old


class Disk:
    """The model of one folder, kept up with the calls of a program.

    Parameters
    ----------
    root : path-like
        The folder.
    """

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.tree = read_tree(self.root)
        self._touched = []

    def inside(self, path):
        """Return the parts of a path below the root; None when it is elsewhere."""
        if not path.startswith(self.root + "/") or path.endswith(" (deleted)"):
            return None
        return path[len(self.root) + 1 :].split("/")

    def node(self, parts):
        """Return a file or folder, or None."""
        found = self.tree
        for part in parts:
            found = found.names.get(part) if isinstance(found, Folder) else None
        return found

    def settle(self):
        """Read the bytes of files that the last call may have changed."""
        for parts, node in self._touched:
            path = os.path.join(self.root, *parts)
            if os.path.isfile(path):
                with open(path, "rb") as stream:
                    node.content = stream.read()
        self._touched = []

    def flush(self, path):
        """Take what a file or folder holds as durable."""
        parts = [] if path == self.root else self.inside(path)
        node = None if parts is None else self.node(parts)
        if isinstance(node, Folder):
            node.durable = dict(node.names)
        elif node is not None:
            # Pages that were mapped change without a call.
            self._touched.append((parts, node))
            self.settle()
            node.durable = node.content

    def write(self, path):
        """Note that a file is being changed."""
        parts = self.inside(path)
        node = parts and self.node(parts)
        if isinstance(node, File):
            self._touched.append((parts, node))

    def create(self, path, truncated, exclusive=False):
        """Open a file to write: a new one, or one that is there."""
        parts = self.inside(path)
        folder, name = self.node(parts[:-1]), parts[-1]
        if not isinstance(folder, Folder):
            return
        if name not in folder.names:
            folder.names[name] = File()
        elif truncated and not exclusive:
            self._touched.append((parts, folder.names[name]))

    def rename(self, source, target, *, link=False):
        """Give a node another name, or one more."""
        old, new = self.inside(source), self.inside(target)
        node = old and self.node(old)
        if node is None or new is None:
            return
        if not link:
            self.node(old[:-1]).names.pop(old[-1])
        into = self.node(new[:-1])
        if not (link and new[-1] in into.names):
            into.names[new[-1]] = node

    def remove(self, path):
        """Remove a name."""
        parts = self.inside(path)
        folder = self.node(parts[:-1])
        node = folder.names.get(parts[-1]) if isinstance(folder, Folder) else None
        if node is not None and not (isinstance(node, Folder) and node.names):
            del folder.names[parts[-1]]

    def make_folder(self, path):
        """Make a folder."""
        parts = self.inside(path)
        above = self.node(parts[:-1])
        if isinstance(above, Folder):
            above.names.setdefault(parts[-1], Folder())


class Blind(Disk):
    """No model, only where the folder is: for runs in which calls fail."""

    def __init__(self, root):
        self.root = os.path.realpath(root)

    def node(self, parts):
        """Return nothing."""

    def _ignored(self, *_, **__):
        pass

    flush = write = create = rename = remove = make_folder = _ignored
