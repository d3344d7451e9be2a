"""The report's HTML pages: figures, tables and checksums prepared and put into the templates."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from astropy.io import fits
from markupsafe import Markup

from darkroom.errors import InputError
from darkroom.provenance import sha256
from darkroom.words import counted, measured, number, unit

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Resolution at which pictures are shown, CSS pixels per inch.
_PAGE_DPI = 100
#: Folders of the report, beside its first page: pages of items, and their pictures.
PAGES, PICTURES = "items", "pictures"


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render a page.

    Parameters
    ----------
    template : str
        ``"index"`` or ``"item"``.
    context : dict
        What the template reads.

    Returns
    -------
    str
        HTML that loads nothing but the report's own pictures.
    """
    return _environment().get_template(f"page_{template}.html.j2").render(**context) + "\n"


@cache
def _environment():
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A page runs and loads nothing but its own style, script and pictures, whatever text stands in
    # it: the browser refuses all else than what has these digests.
    for name, file in (("style", "style.css"), ("script", "page_index.js")):
        text = (here / file).read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        environment.globals |= {name: Markup(text), f"{name}_digest": digest}  # noqa: S704
    environment.filters.update(number=number, measured=measured, size=byte_size)
    environment.globals["counted"] = counted
    return environment


def item_context(
    name: str,
    settings: Mapping[str, Any],
    folder: StrPath,
    record: Mapping[str, Any],
    exposures: Mapping[str, Any],
    rows: Sequence[Mapping[str, str]],
    findings: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Gather what its page shows of one item.

    Parameters
    ----------
    name : str
        Of the item.
    settings : dict
        Of the item, in the campaign: ``instrument`` and ``description``.
    folder : path-like
        Folder of the item.
    record : dict
        As from `darkroom.report.item.read_item`.
    exposures : dict
        As from `darkroom.report.exposures.summarize`.
    rows : list of dict
        The frame table.
    findings : list of dict
        As from `darkroom.report.index.item_findings`.

    Returns
    -------
    dict
        What the template reads of an item. ``source`` of a picture is its address on the page.
    """
    folder = Path(folder)
    products = [entry | describe_file(folder / entry["file"]) for entry in record["products"]]
    return {
        "name": name,
        "instrument": settings["instrument"],
        "description": settings["description"],
        "record": record,
        "warnings": [each["text"] for each in findings if each["warning"]],
        "sections": figure_sections(name, record["figures"]),
        "key_numbers": [
            entry
            | {"text": _plain(entry["value"], entry.get("error")), "unit": entry.get("unit", "")}
            for entry in record["key_numbers"]
        ],
        "quantities": [quantity_cells(row) for row in record["quantities"]],
        "exposures": exposures,
        "rows": rows,
        "products": products,
    }


def quantity_cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the table cells of a quantity as text, the value rounded to its uncertainty."""
    return {
        "name": row["name"].replace("_", " "),
        "unit": unit(row["unit"] or ""),
        "notebook": _plain(row["notebook"]),
        "darkroom": _plain(row["value"], row["uncertainty"]),
        "definition": row["definition"],
    }


def _plain(value, error=None):
    if value is None or value == "":
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, int) or error is None or not math.isfinite(error):
        return f"{value:,}" if isinstance(value, int) else number(value, 7)
    return measured(value, error)


def figure_sections(
    item: str, figures: Iterable[dict[str, Any]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Group figures by section in order of first use, number them, and address their pictures."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for index, figure in enumerate(figures, 1):
        panels = [
            {"points": ()}
            | panel
            | {"source": f"../{PICTURES}/{quote(item)}/{quote(panel['file'])}"}
            | {key: round(inches * _PAGE_DPI) for key, inches in zip(
                ("width", "height"), panel["inches"], strict=True)}
            for panel in figure["panels"]
        ]  # fmt: skip
        sections.setdefault(figure["section"], []).append(
            figure | {"panels": panels, "number": index}
        )
    return list(sections.items())


def place_picture(path: StrPath, folder: Path) -> None:
    """Copy a picture of an item into a folder of the report.

    Raises
    ------
    InputError
        When it is missing, is no WebP picture, or lies in a folder of its own.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "make it again") from error
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise InputError(path, "is no WebP picture", "make it again")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_bytes(content)


def describe_file(path: StrPath) -> dict[str, Any]:
    """Return size in bytes, SHA-256 and the software versions (of FITS) of a product.

    Raises
    ------
    InputError
        When it is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "a product of the item is missing", "run the campaign again")
    return {"size": path.stat().st_size, "sha256": sha256(path), "versions": _versions(path)}


def _versions(path):
    """Return {tool: version} from the HISTORY of a FITS product's primary header."""
    if path.suffix != ".fits":
        return {}
    history = [str(line) for line in fits.getheader(path).get("HISTORY", [])]
    found = (re.fullmatch(r"version (\S+) (\S+)", line) for line in history)
    return {match[1]: match[2] for match in found if match}


def merge_versions(
    products: Iterable[Mapping[str, Any]], own: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the versions of all software used.

    Parameters
    ----------
    products : iterable of dict
        As from `describe_file`.
    own : dict
        ``{tool: version}`` of what makes the pages.

    Returns
    -------
    list of (str, str)
        Tool and its versions, sorted by tool.
    """
    merged = {name: {version} for name, version in own.items()}
    for product in products:
        for name, version in product["versions"].items():
            merged.setdefault(name, set()).add(version)
    return [(name, ", ".join(sorted(found))) for name, found in sorted(merged.items())]


def byte_size(count: int) -> str:
    """Format a number of bytes: ``5.9 MB``."""
    value = float(count)
    for name in ("B", "kB", "MB"):
        if value < 1000:
            return f"{number(value, 3)} {name}"
        value /= 1000
    return f"{number(value, 3)} GB"
