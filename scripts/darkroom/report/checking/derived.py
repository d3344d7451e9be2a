"""Files that the shell writes, without a record: what their text must be follows from others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.frames import read_frames
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.campaign.lock import Lock


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
    """Compare with one JSON file for each exposure of the item, in the order of the lock."""
    text = path.read_bytes().decode("utf-8", "replace")
    wanted = [row.exposure for row in lock.of(item)]
    folder = text.split("\n", maxsplit=1)[0].rpartition("/")[0]
    known = f"raw/{item}", f"{item}/references", f"{item}/calibrated/"
    named = folder.split("/")
    place = "/".join(named[named.index(item) - 1 :]) if item in named else ""
    place = place if place.startswith("raw/") else "/".join(place.split("/")[1:])
    if place not in known[:2] and not place.startswith(known[2]):
        return f"names the folder {folder[:80]!a}, in which no exposures are"
    if not Path(folder).is_dir():
        return f"names the folder {folder[:80]!a}, which does not exist"
    expected = "".join(f"{folder}/{name}.json\n" for name in wanted)
    return "" if text == expected else "its lines are not the exposures of the lock, in their order"


def _judged_fault(path: Path) -> str:
    """Require of a list of files about the judgement of products that each is there."""
    text = path.read_bytes().decode("utf-8", "replace")
    if not text.endswith("\n"):
        return "its last line is cut off"
    for line in text.splitlines():
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
    expected = "" if row["accepted"] == "yes" else f"{row['reason']}\n"
    same = path.read_bytes() == expected.encode()
    return "" if same else "differs from the reason in the frame table"
