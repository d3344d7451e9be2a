"""Figures of a camera with several amplifiers: one figure for all, with panels of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.text import Text

from darkroom.ccd.products.amplifiers import NAME
from darkroom.ccd.products.hdus import read_primary
from darkroom.plot.book import FigureBook

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.plot.book import Panel

# Of more amplifiers, those after the first have the first panel of each figure alone: a mosaic of
# sixteen would have a thousand pictures.
_ALL_PANELS = 4


def amplifier_names(product: StrPath, count: int) -> list[str]:
    """Return the names of the amplifiers of a product; ``[""]`` for a single image."""
    if count == 1:
        return [""]
    return [str(read_primary(product, number)[NAME]) for number in range(count)]


class AmplifierBook(FigureBook):
    """Collect the figures of each amplifier in turn, those of one key as one figure.

    Parameters
    ----------
    folder : path-like
        As of `darkroom.plot.book.FigureBook`.
    names : sequence of str
        The amplifiers; a single one adds nothing to titles and captions.

    Attributes
    ----------
    amplifier : int
        That of the figures that are added next, from 0.
    """

    def __init__(self, folder: StrPath, names: Sequence[str]) -> None:
        super().__init__(folder)
        self.names, self.amplifier = list(names), 0

    def add(
        self, section: str, key: str, title: str, caption: str, panels: Sequence[Panel]
    ) -> None:
        """Write the pictures of a figure of one amplifier; see `FigureBook.add`."""
        if len(self.names) == 1:
            super().add(section, key, title, caption, panels)
            return
        name = self.names[self.amplifier]
        if self.amplifier and len(self.names) > _ALL_PANELS:
            panels = panels[:1]
        super().add(
            section, key, title, f"{name}: {caption}", [self._named(name, one) for one in panels]
        )
        # The figure of this key that an earlier amplifier began goes on.
        added = self.records.pop()
        for record in self.records:
            if record["key"] == key:
                record["panels"] += added["panels"]
                record["caption"] += f" {added['caption']}"
                return
        self.records.append(added)

    def _named(self, name, panel):
        for axes in panel.figure.axes:
            title = axes.get_title(loc="left")
            for text in axes.get_children() if title else ():
                if isinstance(text, Text) and text.get_text() == title:
                    text.set_text(f"{name}: {title}")
        file = "_".join(filter(None, (panel.name, f"amplifier{self.amplifier + 1}")))
        return replace(panel, name=file, alt=f"{name}: {panel.alt}")
