"""Draw the flowcharts of the pages as SVG, so that the site needs no script from elsewhere.

The subset of Mermaid that the pages use: boxes and arrows, drawn from top to bottom, or subgraphs,
each a row of boxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

_FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NODE = re.compile(r"(\w+)(?:\[\"?([^\]\"]+)\"?\])?")
_ARROW = re.compile(r"\s*(-->|---|~~~)(?:\|([^|]*)\|)?\s*")
_CHARACTER, _LINE, _PADDING, _GAP = 7.2, 18, 12, 36


@dataclass
class Box:
    """A node: its text, and where it is drawn."""

    lines: list[str]
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """Width in pixels."""
        return max(map(len, self.lines)) * _CHARACTER + 2 * _PADDING

    @property
    def height(self) -> float:
        """Height in pixels."""
        return len(self.lines) * _LINE + _PADDING

    def draw(self) -> str:
        """Return the box as SVG."""
        middle, top = self.x + self.width / 2, self.y + _PADDING / 2 + 13
        lines = "".join(
            f'<tspan x="{middle:.0f}" y="{top + k * _LINE:.0f}">{escape(line)}</tspan>'
            for k, line in enumerate(self.lines)
        )
        return _frame(self.x, self.y, self.width, self.height) + f"<text>{lines}</text>"


@dataclass
class Chart:
    """A flowchart: its nodes, its arrows, and the rows of its subgraphs."""

    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)
    rows: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> Chart:
        """Read a flowchart."""
        chart, row = cls(), None
        for line in map(str.strip, text.splitlines()[1:]):
            if line.startswith("subgraph "):
                row, label = _NODE.match(line.removeprefix("subgraph ")).groups()
                chart.rows[row] = (label, [])
            elif line == "end":
                row = None
            else:
                chart._read(line, row)
        return chart

    def _read(self, line: str, row: str | None) -> None:
        parts = _ARROW.split(line)
        names = [self._box(part, row) for part in parts[::3]]
        for k, (first, second) in enumerate(pairwise(names)):
            if parts[3 * k + 1] == "-->":
                self.arrows.append((first, second, parts[3 * k + 2] or ""))

    def _box(self, text: str, row: str | None) -> str:
        name, label = _NODE.fullmatch(text).groups()
        if name not in self.rows and (label or name not in self.boxes):
            self.boxes[name] = Box((label or name).split("<br>"))
            if row:
                self.rows[row][1].append(name)
        return name

    def ranks(self) -> dict[str, int]:
        """Return the length of the longest way to each node."""
        found = dict.fromkeys(self.boxes, 0)
        for _ in self.boxes:
            for first, second, _label in self.arrows:
                found[second] = max(found[second], found[first] + 1)
        return found


def draw(text: str) -> str:
    """Return a flowchart as SVG."""
    chart = Chart.from_text(text)
    drawn, width, height = (_rows if chart.rows else _ranked)(chart)
    marker = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/>'
        "</marker></defs>"
    )
    return (
        f'<svg viewBox="-2 -2 {width + 4:.0f} {height + 4:.0f}" role="img" '
        f'style="max-width:{width:.0f}px;width:100%" font-size="13" text-anchor="middle" '
        f'fill="currentColor">{marker}{drawn}</svg>'
    )


def _ranked(chart: Chart) -> tuple[str, float, float]:
    ranks, y, drawn = chart.ranks(), 0.0, []
    rows = [[n for n in ranks if ranks[n] == k] for k in range(max(ranks.values()) + 1)]
    widths = [sum(chart.boxes[n].width + 24 for n in row) - 24 for row in rows]
    for row, own in zip(rows, widths, strict=True):
        x = (max(widths) - own) / 2
        for box in (chart.boxes[name] for name in row):
            box.x, box.y = x, y
            x += box.width + 24
            drawn.append(box.draw())
        y += max(chart.boxes[name].height for name in row) + _GAP
    for first, second, label in chart.arrows:
        aside = 0 if ranks[second] == ranks[first] + 1 else max(widths) / 2
        drawn.append(_arrow(chart.boxes[first], chart.boxes[second], label, aside))
    return "".join(drawn), max(widths), y - _GAP


def _rows(chart: Chart) -> tuple[str, float, float]:
    widths = [
        sum(chart.boxes[n].width + 16 for n in names) + 16 for _, names in chart.rows.values()
    ]
    width, y, drawn = max(widths), 0.0, []
    for (label, names), own in zip(chart.rows.values(), widths, strict=True):
        if y:
            middle = width / 2
            drawn.append(_path(f"M{middle:.0f} {y - 28:.0f}V{y:.0f}"))
        x, tall = (width - own) / 2 + 16, max(chart.boxes[n].height for n in names)
        drawn.append(_frame(0, y, width, tall + 44, 'stroke-dasharray="4 3"'))
        drawn.append(f'<text x="10" y="{y + 18:.0f}" text-anchor="start">{escape(label)}</text>')
        for box in (chart.boxes[name] for name in names):
            box.x, box.y = x, y + 30
            x += box.width + 16
            drawn.append(box.draw())
        y += tall + 44 + 28
    return "".join(drawn), width, y - 28


def _arrow(first: Box, second: Box, label: str, aside: float) -> str:
    """Draw an arrow from the bottom of a box to the top of another, aside of those between."""
    x0, y0 = first.x + first.width / 2, first.y + first.height
    x1, y1 = second.x + second.width / 2, second.y
    bend = f"C{x0 + aside:.0f} {y0 + 20:.0f} {x1 + aside:.0f} {y1 - 20:.0f}"
    way = _path(f"M{x0:.0f} {y0:.0f}{bend} {x1:.0f} {y1:.0f}")
    place = f'x="{x0 + 10:.0f}" y="{(y0 + y1) / 2 + 5:.0f}" text-anchor="start"'
    return way + (f"<text {place}>{escape(label)}</text>" if label else "")


def _path(way: str) -> str:
    return f'<path d="{way}" fill="none" stroke="currentColor" marker-end="url(#tip)"/>'


def _frame(x: float, y: float, width: float, height: float, more: str = "") -> str:
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="4" '
        f'fill="none" stroke="currentColor" {more}/>'
    )


def draw_all(page: str) -> str:
    """Return a page with each flowchart drawn."""
    return _FENCE.sub(lambda found: f'<figure style="width:100%">{draw(found[1])}</figure>', page)
