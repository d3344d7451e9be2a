"""Files that the shell writes, without a record: what their text must be follows from others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.frames import read_frames, refusal_text
from darkroom.errors import DarkroomError
from darkroom.integrity.listing import paths_in

if TYPE_CHECKING:
    from darkroom.campaign.lock import Lock

#: What `derived_fault` says of a list that was right, and is no longer.
OUTDATED = "is older than the lists of its batches, and differs from them"


def derived_fault(root: Path, path: Path, lock: Lock | None) -> str | None:
    """Return what is wrong with a list or a refusal; empty when nothing is.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder of results.
    path : pathlib.Path
        A file below it.
    lock : darkroom.campaign.lock.Lock or None
        The campaign's exposures.

    Returns
    -------
    str or None
        None when it is not such a file, or cannot be judged.
    """
    parts = path.relative_to(root).parts
    if lock is None:
        return None
    if parts in (("verdict.list",), ("crds", "deck.list")):
        return _judged_fault(path)
    if len(parts) == 2 and path.suffix == ".list":
        return _list_fault(path, parts[0], lock)
    if len(parts) == 3 and parts[1] == "refusals" and path.suffix == ".txt":
        return _refusal_fault(path, root / parts[0] / "frames.tsv")
    return None


def _list_fault(path: Path, item: str, lock: Lock) -> str:
    """Compare with the lists of the item's batches, one after the other."""
    folder = path.parent
    text = path.read_bytes().decode("utf-8", "replace")
    if path.name.endswith("_statuses.list"):
        purpose = path.name.removesuffix("_statuses.list")
        copied = (folder / "statuses.list", folder / f"calibrated_{purpose}.list")
        same = any(one.is_file() and one.read_bytes() == path.read_bytes() for one in copied)
        return "" if same else "is no copy of the list of the exposures"
    step = "raw" if path.name == "statuses.list" else path.stem
    wanted = [row.exposure for row in lock.of(item)]
    if [Path(one).stem for one in paths_in(text)] != wanted:
        return "its lines are not the exposures of the lock, in their order"
    # Those of an earlier division into batches may be there, too.
    stated = set[tuple[str, str]]()
    batches = list((folder / "batches" / step).glob("*.list"))
    for batch in batches:
        stated |= _pairs(batch.read_bytes().decode("utf-8", "replace"))
    whole = len(text.splitlines()) == 2 * len(wanted) and text.endswith("\n")
    if whole and _pairs(text) <= stated:
        return ""
    if whole and path.stat().st_mtime_ns < max(one.stat().st_mtime_ns for one in batches):
        return OUTDATED
    return "differs from the lists of its batches"


def _pairs(text: str) -> set[tuple[str, str]]:
    """Return each SHA-256 that a list states, with the file."""
    lines = text.splitlines()
    return set(zip(lines[::2], lines[1::2], strict=False))


def _judged_fault(path: Path) -> str:
    """Require of a list of files about the judgement of products that each is there."""
    text = path.read_bytes().decode("utf-8", "replace")
    if not text.endswith("\n"):
        return "its last line is cut off"
    for line in paths_in(text):
        if "/judge/" not in line or "\0" in line or not Path(line).is_file():
            return f"names {line[:80]!a}, which is no file about the judgement of a product"
    return ""


def _refusal_fault(path: Path, table: Path) -> str | None:
    """Compare with the reason of the frame table; nothing is written for an accepted exposure."""
    try:
        rows = {row["exposure"]: row for row in read_frames(table)}
    except DarkroomError:
        return None
    row = rows.get(path.stem)
    if row is None:
        return None
    same = path.read_bytes() == refusal_text(row).encode()
    return "" if same else "differs from the reason in the frame table"
