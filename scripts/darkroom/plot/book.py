"""A set of figures with titles and captions, written to disk as a whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from darkroom.atomic import folder_written_atomically
from darkroom.plot import style

if TYPE_CHECKING:
    from types import TracebackType

    from matplotlib.figure import Figure

    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Panel:
    """One picture of a figure.

    Attributes
    ----------
    name : str
        Appended to the figure's key to make the file name.
    figure : matplotlib Figure
    alt : str
        Description of the picture for readers who cannot see it.
    points : sequence of (x, y, text)
        Points of the first axes, in its units, that say a text when the pointer is over them.
    """

    name: str
    figure: Figure
    alt: str
    points: Sequence[tuple[float, float, str]] = ()


class FigureBook:
    """Collect figures and replace a folder by them.

    Used as a context manager. Pictures go to a hidden folder beside `folder`. At the end of the
    block it replaces `folder`; after an error it is removed and the old figures stay.

    Parameters
    ----------
    folder : path-like
        Folder of the pictures and ``figures.json``.
    """

    def __init__(self, folder: StrPath) -> None:
        self.folder = Path(folder)
        self.records: list[dict[str, Any]] = []
        self._names: set[str] = set()
        self._written = folder_written_atomically(self.folder)

    def __enter__(self) -> Self:
        self._temporary = self._written.__enter__()
        return self

    def add(
        self, section: str, key: str, title: str, caption: str, panels: Sequence[Panel]
    ) -> None:
        """Write the pictures of a figure, and record its title and caption.

        Parameters
        ----------
        section : str
            Heading in the report; sections appear in order of first use.
        key : str
            Unique short name: the stem of the file names.
        title : str
        caption : str
            Plain text, no markup.
        panels : sequence of Panel

        Raises
        ------
        ValueError
            When two pictures would have the same file name.
        """
        files = []
        for panel in panels:
            name = f"{key}_{panel.name}.webp" if panel.name else f"{key}.webp"
            if name in self._names:
                raise ValueError(f"two pictures are called {name}")
            self._names.add(name)
            style.save(panel.figure, self._temporary / name)
            inches = [round(float(side), 4) for side in panel.figure.get_size_inches()]
            files.append({"file": name, "alt": panel.alt, "inches": inches})
            if panel.points:
                files[-1]["points"] = _places(panel)
        self.records.append(
            {"section": section, "key": key, "title": title, "caption": caption, "panels": files}
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            text = json.dumps({"figures": self.records}, indent=1, ensure_ascii=False)
            (self._temporary / "figures.json").write_text(text + "\n", encoding="utf-8")
        self._written.__exit__(kind, error, trace)


def _places(panel):
    """Return the points of a picture that was drawn: parts of its width and height, and text."""
    axes, size = panel.figure.axes[0], panel.figure.bbox.size
    found = []
    for x, y, text in panel.points:
        left, bottom = axes.transData.transform((x, y)) / size
        found.append({"left": round(float(left), 4), "top": round(1 - float(bottom), 4),
                      "text": text})  # fmt: skip
    return found
