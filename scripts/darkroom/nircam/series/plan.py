"""What the workflow plans of series of epochs. Standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.epochs.settings import EpochSettings
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import named_options, quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan


class SeriesPlan:
    """The part of the NIRCam pipeline that plans series of epochs."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

    def has_series(self, item: str) -> bool:
        """Return whether the superbias of an item is compared with a series of epochs.

        Raises
        ------
        DarkroomError
            When it is, but is made by a method whose details start no series.
        """
        settings = self.settings(item)
        if settings["epochs"]["series"] and settings["superbias"]["method"] != "aligned":
            raise DarkroomError(
                f"item {item}: epochs.series needs a superbias of method aligned; set "
                "superbias.method: aligned, or leave epochs.series out"
            )
        return bool(settings["epochs"]["series"])

    def _series_folder(self, item):
        return Path(self.settings(item)["epochs"]["series"]) / item / "superbias"

    def earlier_states(self, item: str) -> list[str]:
        """Return the states of the other epochs of an item's series, by name."""
        own = f"{self.plan.campaign.name}.fits"
        found = sorted(self._series_folder(item).glob("*.fits"))
        return [str(path) for path in found if path.name != own and not path.name.startswith(".")]

    def series_template(self, item: str) -> dict[str, str]:
        """Return what gives the template of a series: its first state, or the superbias made."""
        if earlier := self.earlier_states(item):
            return {"series": earlier[0]}
        return {"start": f"{self.plan.folder(item)}/superbias_details.fits"}

    def state_options(self, inputs: Any) -> str:
        """Return the option that names the template of a series."""
        return named_options(inputs, "series", "start")

    def trend_options(self, item: str) -> str:
        """Return the options of the program that finds trends."""
        chosen = self.settings(item)["epochs"]
        name = self.plan.campaign.name
        words = quoted("--folder", self._series_folder(item), "--name", name)
        added = " --add" if chosen["add"] else ""
        return f"{words}{added} {command_options(chosen, EpochSettings)}"
