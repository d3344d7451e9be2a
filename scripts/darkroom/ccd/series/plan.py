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

        def gain_product(self, item: str) -> dict[str, str]:
            """Return the gain product, if there is one."""

    def series_products(self, item: str) -> list[str]:
        """Return the products of an item that are compared with a series of epochs.

        They are stacks, of darks that of the longest exposure time, and the gain; none without
        ``epochs.series``.
        """
        if not self.settings(item)["epochs"]["series"]:
            return []
        stacks = [role for role, product in _STACKS.items() if product in self.makes(item)]
        return [*stacks, *self.gain_product(item)]

    def series_inputs(self, item: str, product: str) -> dict[str, str]:
        """Return what a state is made from: frames, and what gives the template of the series."""
        folder, earlier = self.plan.folder(item), self.earlier_states(item, product)
        if product == "gain":
            found = {"frames": f"{folder}/flat.list", "gain_product": f"{folder}/gain.fits"}
            return found | ({"series": earlier[0]} if earlier else {})
        frames = {"frames": f"{folder}/{product}.list"}
        if earlier:
            return frames | {"series": earlier[0]}
        return frames | {"start": f"{folder}/{_STACKS[product]}.fits"}

    def state_options(self, item: str, product: str, inputs: Any) -> str:  # noqa: ARG002
        """Return the options of a state: template, and how frames are read."""
        given = named_options(inputs, "series", "start", "gain_product")
        return f"{given} {self.options(item, 'master_dark')}"
