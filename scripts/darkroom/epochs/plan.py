"""What the workflow plans of series of epochs. Standard library only."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.dates import to_mjd
from darkroom.epochs.names import is_of
from darkroom.epochs.settings import WITHDRAWN, EpochSettings
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

# Times before and after every exposure [MJD].
_EVER = 0.0, 1e6


class SeriesPlan:
    """The part of a pipeline that plans series of epochs; an instrument says of which products."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def series_products(self, item: str) -> list[str]:
            """Return the products of an item that are compared with a series of epochs."""

        def state_options(self, item: str, product: str, inputs: Any) -> str:
            """Return the options of a state that name its template, and how files are read."""

    def _series_folder(self, item, product):
        return Path(self.settings(item)["epochs"]["series"]) / item / product

    def earlier_states(self, item: str, product: str) -> list[str]:
        """Return the states of the other epochs of a product's series, by name."""
        found = sorted(self._series_folder(item, product).glob("[!.]*.fits"))
        name = self.plan.campaign.name
        return [str(path) for path in found if not is_of(path.stem, name)]

    def own_epochs(self, item: str) -> dict[str, tuple[float, float]]:
        """Return the epochs of this campaign: their times [MJD], by what ends their names.

        Where the states are to be added to a folder, or a product is to be made of a segment, sums
        that hold several epochs would be of no use: the exposures are divided where a pause is
        longer than ``epochs.gap_days``, by the dates of the lock.
        """
        chosen = self.settings(item)["epochs"]
        whole = {"": _EVER}
        if chosen["product"] == "series" and not chosen["add"]:
            return whole
        try:
            dates = [
                to_mjd(datetime.fromisoformat(one.facts["date_obs"].removesuffix("Z")))
                for one in self.plan.exposures(item)
            ]
        except (KeyError, ValueError):
            return whole
        dates.sort()
        pauses = [
            (one + after) / 2
            for one, after in itertools.pairwise(dates)
            if after - one > chosen["gap_days"]
        ]
        if not pauses:
            return whole
        edges = [_EVER[0], *pauses, _EVER[1]]
        return {f".{k:02d}": bounds for k, bounds in enumerate(itertools.pairwise(edges), 1)}

    def options_of_epoch(self, item: str, product: str, epoch: str, inputs: Any) -> str:
        """Return the options of the state of an epoch of this campaign."""
        options, bounds = self.state_options(item, product, inputs), self.own_epochs(item)[epoch]
        return options if bounds == _EVER else f"{options} {quoted('--between', *bounds)}"

    def own_states(self, item: str, product: str) -> dict[str, str]:
        """Return the states of this campaign by the names of their epochs."""
        name, folder = self.plan.campaign.name, self.plan.folder(item)
        return {
            f"{name}{epoch}": f"{folder}/{product}_state{epoch}.fits"
            for epoch in self.own_epochs(item)
        }

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
            "states": [
                *self.earlier_states(item, product),
                *self.own_states(item, product).values(),
            ],
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
        return {
            "states": [
                state for product in products for state in self.own_states(item, product).values()
            ],
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
            folder = self._series_folder(item, product)
            for name, state in self.own_states(item, product).items():
                words += ["--state", product, name, state, folder]
        added = " --add" if chosen["add"] else ""
        return f"{quoted(*words)}{added} {command_options(chosen, EpochSettings)}"
