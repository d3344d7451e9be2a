"""Lists of what steps have made of exposures: the outputs by which Snakemake knows these files.

A list has two lines for each file: ``# sha256 ...``, and its path. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Where rules write lists of what they make of exposures, below the results of a campaign.
_LISTS = ("*/batches/*/*.list", "*/judge/references.list", "*/corrected/*.list", "*/refusals.list")


def paths_in(text: str) -> list[str]:
    """Return the paths that a list names."""
    return [line for line in text.splitlines() if line and not line.startswith("# ")]


def _lists(results: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the lists of a campaign that can be read, and the paths that each names.

    Those that were written last come last: lists of an earlier division into batches may be there,
    too, which no rule makes any more.
    """
    found = (path for pattern in _LISTS for path in results.glob(pattern))
    for path in sorted(found, key=lambda path: (_written(path), path)):
        try:
            yield path, paths_in(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue  # whoever reads it for its content says what is wrong


def _written(path: Path) -> int:
    """Return when a file was written, in nanoseconds."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def incomplete_lists(results: StrPath) -> list[str]:
    """Return the lists that name a file which is gone, as Snakemake names them.

    Parameters
    ----------
    results : path-like
        The campaign's folder of results.
    """
    found = []
    for path, named in _lists(Path(results)):
        # Path.exists fails for a name that no disk could have: a damaged line.
        if not all(os.path.exists(one) for one in named):  # noqa: PTH110
            found.append(str(path))
    return found


def lists_by_file(root: StrPath, results: str) -> dict[str, str]:
    """Return for each file that a step has made of an exposure the last list that names it.

    Parameters
    ----------
    root : path-like
        The campaign's folder of results.
    results : str
        The same as Snakemake names it.
    """
    return {
        name: f"{results}/{path.relative_to(root).as_posix()}"
        for path, named in _lists(Path(root))
        for name in named
    }
