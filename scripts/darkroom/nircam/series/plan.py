"""What the workflow plans of series of epochs. Standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.epochs.settings import WITHDRAWN, EpochSettings
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import named_options, quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

#: Products of which states are made, and the method whose details a series starts from.
_METHODS = {"superbias": "aligned", "readnoise": "line", "dark": "gls"}


class SeriesPlan:
    """The part of the NIRCam pipeline that plans series of epochs."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def dark_products(self, item: str) -> list[str]:
            """Return the names of those of dark and mask that are made for an item."""

    def series_products(self, item: str) -> list[str]:
        """Return the products of an item that are compared with a series of epochs.

        They are those made by a method whose details a series can start from; none without
        ``epochs.series``.

        Raises
        ------
        DarkroomError
            When there is a series, but no such product.
        """
        settings = self.settings(item)
        if not settings["epochs"]["series"]:
            return []
        made = {*_METHODS} - {"dark"} | {*self.dark_products(item)}
        found = [name for name in _METHODS if name in made]
        found = [name for name in found if settings[name]["method"] == _METHODS[name]]
        if not found:
            needed = ", ".join(f"{name}.method: {method}" for name, method in _METHODS.items())
            raise DarkroomError(
                f"item {item}: epochs.series needs a product of which states can be made: set one "
                f"of {needed}, or leave epochs.series out"
            )
        return found

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

    def all_states(self, item: str, product: str) -> dict[str, list[str]]:
        """Return the states of all epochs of a series, and those that are withdrawn."""
        own = f"{self.plan.folder(item)}/{product}_state.fits"
        return {
            "states": [*self.earlier_states(item, product), own],
            "withdrawn": self.withdrawn_states(item, product),
        }

    def withdrawn_options(self, inputs: Any) -> str:
        """Return the options that name the states of withdrawn units."""
        return quoted("--withdrawn", *inputs.withdrawn) if inputs.withdrawn else ""

    def series_files(self, item: str) -> list[str]:
        """Return the products of all epochs of an item's series."""
        folder = self.plan.folder(item)
        return [f"{folder}/{product}_series.fits" for product in self.series_products(item)]

    def series_inputs(self, item: str, product: str) -> dict[str, str]:
        """Return what a state is made from: ramps, and what gives the template of the series."""
        folder = self.plan.folder(item)
        purpose = "superbias" if product == "superbias" else "readnoise"
        inputs = {"ramps": f"{folder}/{purpose}_ramps.list"}
        if earlier := self.earlier_states(item, product):
            return inputs | {"series": earlier[0]}
        if product == "dark" and self.settings(item)["dark"]["gain"] is None:
            inputs["gain_file"] = f"{folder}/previous_gain.fits"
        return inputs | {"start": f"{folder}/{product}_details.fits"}

    def state_options(self, item: str, product: str, inputs: Any) -> str:
        """Return the options that name the template of a series, or what it starts from."""
        found = named_options(inputs, "series", "start", "gain_file")
        gain = self.settings(item)["dark"]["gain"]
        if product == "dark" and inputs.get("start") and gain is not None:
            found += f" --gain {gain}"
        return found

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
