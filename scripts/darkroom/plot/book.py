"""A set of figures with titles and captions, written to disk as a whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from darkroom.naming import about_to_name, named
from darkroom.plot import style

if TYPE_CHECKING:
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
    """

    name: str
    figure: Figure
    alt: str


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
        self._temporary = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.part")

    def __enter__(self) -> Self:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.parent.glob(f".{self.folder.name}.*.part"):
            shutil.rmtree(leftover)
        self._temporary.mkdir()
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
            name = f"{key}_{panel.name}.png" if panel.name else f"{key}.png"
            if name in self._names:
                raise ValueError(f"two pictures are called {name}")
            self._names.add(name)
            style.save(panel.figure, self._temporary / name)
            files.append({"file": name, "alt": panel.alt})
        self.records.append(
            {"section": section, "key": key, "title": title, "caption": caption, "panels": files}
        )

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                text = json.dumps({"figures": self.records}, indent=1, ensure_ascii=False)
                (self._temporary / "figures.json").write_text(text + "\n", encoding="utf-8")
                about_to_name(self.folder)
                self._replace()
                named(self.folder)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _replace(self):
        """Replace the old folder by the new one; when killed in between, neither is there."""
        old = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.old.part")
        if self.folder.exists():
            os.replace(self.folder, old)
        os.replace(self._temporary, self.folder)
        shutil.rmtree(old, ignore_errors=True)
