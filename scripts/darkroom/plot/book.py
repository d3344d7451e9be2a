"""A set of figures with titles and captions: the whole set on disk, or none of it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from darkroom.plot import style


@dataclass(frozen=True)
class Panel:
    """One picture of a figure.

    Attributes
    ----------
    name : str
        Added to the figure's key to make the file name.
    figure : matplotlib Figure
    alt : str
        What the picture shows, for who cannot see it.
    """

    name: str
    figure: object
    alt: str


class FigureBook:
    """Collect figures and put them into a folder at once.

    Used as a context manager. Pictures go to a hidden folder beside `folder`; when the block
    ends well that folder takes the place of `folder`, after an error it is removed and the old
    set stays.

    Parameters
    ----------
    folder : path-like
        Where the pictures and ``figures.json`` will be.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.records = []
        self._names = set()
        self._temporary = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.part")

    def __enter__(self):
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.parent.glob(f".{self.folder.name}.*.part"):
            shutil.rmtree(leftover)
        self._temporary.mkdir()
        return self

    def add(self, section, key, title, caption, panels):
        """Draw a figure's panels to files and remember its words.

        Parameters
        ----------
        section : str
            Heading under which the report shows it; sections appear in order of first use.
        key : str
            Unique short name: the stem of the file names.
        title : str
        caption : str
            Plain words with the numbers; no markup.
        panels : sequence of Panel
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

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                text = json.dumps({"figures": self.records}, indent=1, ensure_ascii=False)
                (self._temporary / "figures.json").write_text(text + "\n", encoding="utf-8")
                self._replace()
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _replace(self):
        """Put the new set in the place of the old one; a kill in between leaves no set."""
        old = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.old.part")
        if self.folder.exists():
            os.replace(self.folder, old)
        os.replace(self._temporary, self.folder)
        shutil.rmtree(old, ignore_errors=True)
