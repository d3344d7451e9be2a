"""What an instrument's pipeline hands to the report: ``item.json`` and the files it names.

A pipeline (CCD, NIRCam, ...) writes one ``item.json`` into the folder of its item. The report shows
whatever it holds, so a new instrument needs no change here. All keys but ``format`` and
``pipeline`` are optional:

``summary``       one sentence: what was made
``warnings``      sentences shown first, above the results of the item
``key_numbers``   list of {label, value, error, unit, note}; value and error are numbers or null
``answers``       list of {question, answer}
``tables``        list of {title, columns, rows, note}
``figures``       file written by `darkroom.plot.book.FigureBook`
``quantities``    file: list of {name, notebook, value, uncertainty, unit, definition}
``products``      list of {file, what}
``limits``        sentences: known limitations of the results

File names are relative to the folder of ``item.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

FORMAT = "darkroom item 1"
_LISTS = {
    "warnings": None,
    "limits": None,
    "key_numbers": ("label", "value"),
    "answers": ("question", "answer"),
    "tables": ("title", "columns", "rows"),
    "products": ("file", "what"),
}
_TEXTS = ("format", "pipeline", "summary", "figures", "quantities")
_PANEL = ("file", "alt", "inches")
_POINT = ("left", "top", "text")
_FIGURE = ("section", "title", "caption", "panels")
_QUANTITY = ("name", "notebook", "value", "uncertainty", "unit", "definition")


def write_item(path: StrPath, pipeline: str, **content: Any) -> None:
    """Write an ``item.json``, atomically.

    Parameters
    ----------
    path : path-like
    pipeline : str
        The instrument's pipeline, e.g. ``"ccd"``.
    **content
        Any of the optional keys that the module's docstring lists.

    Raises
    ------
    InputError
        When a key is unknown, or an entry lacks a key or is of the wrong type.
    ValueError
        When a number is NaN or infinite, which JSON cannot hold.
    """
    record = {"format": FORMAT, "pipeline": pipeline, **content}
    _check(Path(path), record)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def inside(path: StrPath, folder: StrPath) -> str:
    """Return a path relative to the folder of an item, as ``item.json`` names its files.

    Raises
    ------
    InputError
        When the file lies elsewhere: the report could not find it again.
    """
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        raise InputError(path, f"does not lie in the item's folder {folder}") from None


def read_item(folder: StrPath) -> dict[str, Any]:
    """Read what an item's pipeline wrote, with its figures and quantities.

    Parameters
    ----------
    folder : path-like
        Folder of the item.

    Returns
    -------
    dict
        The keys of the module's docstring, with the contents of their files in place of the names
        under ``figures`` and ``quantities``. ``pipeline`` is None when there is no ``item.json``:
        exposures were fetched, but not processed.

    Raises
    ------
    InputError
        When a file is damaged, has another format, or lacks a key.
    """
    folder = Path(folder)
    path = folder / "item.json"
    empty: dict[str, Any] = {name: [] for name in _LISTS} | {
        "summary": "",
        "figures": [],
        "quantities": [],
    }
    if not path.is_file():
        return empty | {"pipeline": None}
    record = _load(path)
    _check(path, record)
    found = empty | record
    if record.get("figures"):
        found["figures"] = _read_figures(folder / record["figures"])
    if record.get("quantities"):
        found["quantities"] = _read_quantities(folder / record["quantities"])
    return found


def _load(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "no such file", "make the item again") from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no valid JSON ({error})", "make the item again") from None


def _check(path, record):
    """Raise an `InputError` at the first key that is unknown, missing or of a wrong type."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(path, f'does not say "format": "{FORMAT}"', "make the item again")
    known = {*_LISTS, *_TEXTS}
    unknown = sorted(set(record) - known)
    if unknown:
        raise InputError(path, f"unknown key {unknown[0]!r}", f"known: {', '.join(sorted(known))}")
    if not isinstance(record.get("pipeline"), str):
        raise InputError(path, "lacks the key 'pipeline'")
    for name, keys in _LISTS.items():
        for entry in record.get(name, []):
            if keys:
                _require(path, name, entry, keys)
            elif not isinstance(entry, str):
                raise InputError(path, f"{name} holds {entry!r}; each entry must be text")


def _require(path, name, entry, keys):
    missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
    if missing:
        raise InputError(path, f"an entry of {name} lacks {missing[0]!r}")


def _read_figures(path):
    """Return the figures of a `FigureBook`, with the path of each picture."""
    record = _load(path)
    figures = record.get("figures") if isinstance(record, dict) else None
    if not isinstance(figures, list):
        raise InputError(path, "holds no list 'figures'")
    for figure in figures:
        _require(path, "figures", figure, _FIGURE)
        for panel in figure["panels"]:
            _require(path, "panels", panel, _PANEL)
            if Path(panel["file"]).name != panel["file"]:
                raise InputError(path, f"names the picture {panel['file']!r}, which lies elsewhere")
            for point in panel.get("points", ()):
                _require(path, "points", point, _POINT)
            panel["path"] = path.parent / panel["file"]
    return figures


def _read_quantities(path):
    record = _load(path)
    rows = record.get("quantities") if isinstance(record, dict) else record
    if not isinstance(rows, list):
        raise InputError(path, "holds no list of quantities")
    for row in rows:
        _require(path, "quantities", row, _QUANTITY)
    return rows
