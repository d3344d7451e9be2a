"""A set of figures with titles and captions, written to disk as a whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from darkroom.atomic import make_folder, replace_folder_durably
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
        make_folder(self.folder.parent)
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
                replace_folder_durably(self._temporary, self.folder)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)
