"""The report's HTML page: figures, tables and checksums prepared and put into the template."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from astropy.io import fits
from markupsafe import Markup

from darkroom.errors import InputError
from darkroom.provenance import sha256
from darkroom.words import counted, measured, number, unit

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Resolution at which pictures are shown, CSS pixels per inch; their own is in the PNG file.
_PAGE_DPI = 100.0
_METRES_PER_INCH = 0.0254


def render(context: Mapping[str, Any]) -> str:
    """Render the page.

    Parameters
    ----------
    context : dict
        As from `darkroom.report.campaign.page_context`.

    Returns
    -------
    str
        A self-contained HTML page: it loads no other file.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    environment.globals["style"] = Markup(style)  # noqa: S704
    # The page runs and loads nothing but its own style and pictures, whatever text stands in it.
    digest = hashlib.sha256(style.encode()).digest()
    environment.globals["style_digest"] = base64.b64encode(digest).decode()
    environment.filters.update(number=number, measured=measured, size=byte_size, anchor=anchor)
    environment.globals["counted"] = counted
    return environment.get_template("page.html.j2").render(**context) + "\n"


def item_context(
    name: str,
    description: str,
    folder: StrPath,
    record: Mapping[str, Any],
    exposures: Mapping[str, Any],
    rows: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Gather what the page shows of one item.

    Parameters
    ----------
    name, description : str
        Of the item, as the campaign states them.
    folder : path-like
        Folder of the item.
    record : dict
        As from `darkroom.report.item.read_item`.
    exposures : dict
        As from `darkroom.report.exposures.summarize`.
    rows : list of dict
        The frame table.

    Returns
    -------
    dict
        What the template reads of an item.
    """
    folder = Path(folder)
    products = [entry | describe_file(folder / entry["file"]) for entry in record["products"]]
    return {
        "name": name,
        "description": description,
        "record": record,
        "sections": figure_sections(record["figures"]),
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


def figure_sections(figures: Iterable[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Group figures by section in order of first use; number them and inline their pictures."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for index, figure in enumerate(figures, 1):
        panels = [panel | inline_png(panel["path"]) for panel in figure["panels"]]
        sections.setdefault(figure["section"], []).append(
            figure | {"panels": panels, "number": index}
        )
    return list(sections.items())


def inline_png(path: StrPath) -> dict[str, Any]:
    """Return a PNG file as a data URL, with its size on the page in CSS pixels.

    Raises
    ------
    InputError
        When the file is missing or is no PNG.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "make it again") from error
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise InputError(path, "is no PNG picture", "make it again")
    width, height = struct.unpack(">II", content[16:24])
    scale = _page_scale(content)
    return {
        "source": "data:image/png;base64," + base64.b64encode(content).decode("ascii"),
        "width": round(width * scale),
        "height": round(height * scale),
    }


def _page_scale(content):
    """Return CSS pixels per pixel of a PNG, from its pHYs chunk (1 without one)."""
    position = 8
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if kind == b"IDAT":
            break
        if kind == b"pHYs" and content[position + 16] == 1:
            (per_metre,) = struct.unpack(">I", content[position + 8 : position + 12])
            return min(1.0, _PAGE_DPI / (per_metre * _METRES_PER_INCH))
        position += length + 12
    return 1.0


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
    items: Iterable[Mapping[str, Any]], own: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the versions of all software used.

    Parameters
    ----------
    items : iterable of dict
        As from `item_context`.
    own : dict
        ``{tool: version}`` of what makes the page.

    Returns
    -------
    list of (str, str)
        Tool and its versions, sorted by tool.
    """
    merged = {name: {version} for name, version in own.items()}
    for item in items:
        for product in item["products"]:
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


def anchor(*words: str) -> str:
    """Return the HTML id of a heading."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def verdict(items: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence: exposures used and excluded, number of products and figures."""
    used = sum(item["exposures"]["used"] for item in items)
    total = sum(item["exposures"]["total"] for item in items)
    products = sum(len(item["products"]) for item in items)
    figures = sum(len(item["record"]["figures"]) for item in items)
    made = (
        f"made {counted(products, 'product')} and {counted(figures, 'figure')}"
        if products
        else "fetched and verified; no product has been made of them yet"
    )
    excluded = f"{counted(total - used, 'exposure')} excluded" if total > used else "none excluded"
    return f"{used:,} of {counted(total, 'exposure')} used, {excluded}; {made}."
