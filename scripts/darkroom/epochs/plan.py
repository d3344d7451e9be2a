"""What the workflow plans of series of epochs. Standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.epochs.settings import WITHDRAWN, EpochSettings
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan


class SeriesPlan:
    """The part of a pipeline that plans series of epochs; an instrument says of which products."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def series_products(self, item: str) -> list[str]:
            """Return the products of an item that are compared with a series of epochs."""

    def _series_folder(self, item, product):
        return Path(self.settings(item)["epochs"]["series"]) / item / product

    def earlier_states(self, item: str, product: str) -> list[str]:
        """Return the states of the other epochs of a product's series, by name."""
        own = f"{self.plan.campaign.name}.fits"
        found = sorted(self._series_folder(item, product).glob("*.fits"))
        return [str(path) for path in found if path.name != own and not path.name.startswith(".")]

    def withdrawn_states(self, item: str, product: str) -> list[str]:
        """Return the states of units that are withdrawn from a product's series, by name."""
        folder = self._series_folder(item, product) / WITHDRAWN
        return [str(path) for path in sorted(folder.glob("[!.]*.fits"))]

    def all_states(self, item: str, product: str) -> dict[str, list[str] | str]:
        """Return the states of all epochs of a series, and those that are withdrawn.

        With ``epochs.product: segment`` also the trends, by which the program chooses of them.
        """
        folder = self.plan.folder(item)
        states: dict[str, list[str] | str] = {
            "states": [*self.earlier_states(item, product), f"{folder}/{product}_state.fits"],
            "withdrawn": self.withdrawn_states(item, product),
        }
        if self.settings(item)["epochs"]["product"] == "series":
            return states
        return states | {"trends": f"{folder}/trends.json"}

    def segment_options(self, inputs: Any, product: str) -> str:
        """Return the options that name states of withdrawn units, and how the others are chosen."""
        # The last one is that of this campaign, see `all_states`.
        words = ["--of", inputs.states[-1]]
        words += ["--withdrawn", *inputs.withdrawn] if inputs.withdrawn else []
        if trends := inputs.get("trends"):
            words += ["--segment", trends, product]
        return quoted(*words)

    def series_files(self, item: str) -> list[str]:
        """Return the products of all epochs of an item's series."""
        folder = self.plan.folder(item)
        return [f"{folder}/{product}_series.fits" for product in self.series_products(item)]

    def trends(self, item: str) -> dict[str, Any]:
        """Return the trends of an item's series and the products of all epochs, if it has some."""
        if not self.series_products(item):
            return {}
        trends = f"{self.plan.folder(item)}/trends.json"
        return {"trends": trends, "series": self.series_files(item)}

    def trend_inputs(self, item: str) -> dict[str, list[str]]:
        """Return the states of this campaign, and what is in the folders of their series."""
        products = self.series_products(item)
        folder = self.plan.folder(item)
        return {
            "states": [f"{folder}/{product}_state.fits" for product in products],
            "others": [
                path
                for product in products
                for path in (
                    *self.earlier_states(item, product),
                    *self.withdrawn_states(item, product),
                )
            ],
        }

    def trend_options(self, item: str) -> str:
        """Return the options of the program that finds trends."""
        chosen = self.settings(item)["epochs"]
        words = ["--name", self.plan.campaign.name]
        for product in self.series_products(item):
            state = f"{self.plan.folder(item)}/{product}_state.fits"
            words += ["--state", product, state, self._series_folder(item, product)]
        added = " --add" if chosen["add"] else ""
        return f"{quoted(*words)}{added} {command_options(chosen, EpochSettings)}"
