"""What the workflow plans of series of CCD stacks. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.epochs.plan import SeriesPlan
from darkroom.workflow.plan import named_options

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Stacks of which states are made, and the product that a series starts from.
_STACKS = {"bias": "master_bias", "dark": "master_dark"}


class CcdSeriesPlan(SeriesPlan):
    """The part of the CCD pipeline that plans series of epochs."""

    if TYPE_CHECKING:

        def makes(self, item: str) -> Iterable[str]:
            """Return the names of the files that are made of an item."""

        def options(self, item: str, program: str) -> str:
            """Return the settings of a program as options."""

    def series_products(self, item: str) -> list[str]:
        """Return the stacks of an item that are compared with a series of epochs.

        Of darks those of the longest exposure time; none without ``epochs.series``.
        """
        if not self.settings(item)["epochs"]["series"]:
            return []
        return [role for role, product in _STACKS.items() if product in self.makes(item)]

    def series_inputs(self, item: str, product: str) -> dict[str, str]:
        """Return what a state is made from: frames, and what gives the template of the series."""
        folder = self.plan.folder(item)
        frames = {"frames": f"{folder}/{product}.list"}
        if earlier := self.earlier_states(item, product):
            return frames | {"series": earlier[0]}
        return frames | {"start": f"{folder}/{_STACKS[product]}.fits"}

    def state_options(self, item: str, product: str, inputs: Any) -> str:  # noqa: ARG002
        """Return the options of a state: template, and how frames are read."""
        return f"{named_options(inputs, 'series', 'start')} {self.options(item, 'master_dark')}"
