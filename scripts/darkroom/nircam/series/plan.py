"""What the workflow plans of series of NIRCam products. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.epochs.plan import SeriesPlan
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import named_options

#: Products of which states are made, and the method whose details a series starts from.
_METHODS = {"superbias": "aligned", "readnoise": "line", "dark": "gls"}


class NircamSeriesPlan(SeriesPlan):
    """The part of the NIRCam pipeline that plans series of epochs."""

    if TYPE_CHECKING:

        def makes_spectrum(self, item: str) -> bool:
            """Return whether the noise spectrum of an item is measured."""

        def noise_ramps(self, item: str) -> str:
            """Return the list of ramps of the noise spectrum."""

        def dark_products(self, item: str) -> list[str]:
            """Return the names of those of dark and mask that are made for an item."""

    def series_products(self, item: str) -> list[str]:
        """Return the products of an item that are compared with a series of epochs.

        They are those made by a method whose details a series can start from, and the noise
        spectrum; none without ``epochs.series``.

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
        if self.makes_spectrum(item):
            found.append("spectrum")
        if not found:
            needed = ", ".join(f"{name}.method: {method}" for name, method in _METHODS.items())
            raise DarkroomError(
                f"item {item}: epochs.series needs a product of which states can be made: set one "
                f"of {needed}, or leave epochs.series out"
            )
        return found

    def series_inputs(self, item: str, product: str) -> dict[str, str]:
        """Return what a state is made from: ramps, and what gives the template of the series."""
        folder = self.plan.folder(item)
        if product == "spectrum":
            inputs = {"frames": self.noise_ramps(item)}
            earlier = self.earlier_states(item, product)
            return inputs | ({"series": earlier[0]} if earlier else {})
        purpose = "superbias" if product == "superbias" else "readnoise"
        inputs = {"frames": f"{folder}/{purpose}_ramps.list"}
        if earlier := self.earlier_states(item, product):
            return inputs | {"series": earlier[0]}
        if product == "dark" and self.settings(item)["dark"]["gain"] is None:
            inputs["gain_file"] = f"{folder}/previous_gain.fits"
        return inputs | {"start": f"{folder}/{product}_details.fits"}

    def state_options(self, item: str, product: str, inputs: Any) -> str:
        """Return the options that name the template of a series, or what it starts from."""
        found = f"--keep {named_options(inputs, 'series', 'start', 'gain_file')}"
        if product != "dark":
            return found
        dark = self.settings(item)["dark"]
        if inputs.get("start") and dark["gain"] is not None:
            found += f" --gain {dark['gain']}"
        return f"{found} --skip-integrations {dark['skip_integrations']}"
