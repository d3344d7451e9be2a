"""The CCD pipeline as the workflow plans it: options, inputs and products."""

from __future__ import annotations

from darkroom.campaign.declared import ItemSettings
from darkroom.campaign.settings import command_options
from darkroom.ccd.settings import PROGRAMS, CcdSettings
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import Pipeline, quoted


class CcdPipeline(Pipeline):
    """Master bias, read noise, master dark, dark rate, hot pixels, dark-subtracted frames."""

    instrument = "ccd"
    settings_group = CcdSettings
    programs = PROGRAMS

    def _options(self, item: str, program: str) -> str:
        """Return the settings of a program as options, including how headers are read."""
        reading = "" if program == "figures" else self._reading(item)
        return f"{super()._options(item, program)} {reading}".rstrip()

    def _reading(self, item: str) -> str:
        """Return how headers are read; the frames were judged when they came together."""
        settings = self.plan.campaign.items[item]
        cards = [f"{quantity}={card}" for quantity, card in settings.get("cards", {}).items()]
        words = [word for card in cards for word in ("--cards", card)]
        recover = command_options(settings, ItemSettings, ("recover",))
        return " ".join(filter(None, (recover, quoted(*words), "--judged")))

    def products(self, item: str) -> list[str]:
        """Return the products of an item.

        Raises
        ------
        DarkroomError
            When the item has no bias frames or no darks.
        """
        plan = self.plan
        if not (plan.exposures(item, "bias") and plan.exposures(item, "dark")):
            raise DarkroomError(f"item {item}: the CCD pipeline needs bias frames and darks")
        names = ["master_bias.fits", "read_noise.fits", "master_dark.fits", "dark_rate.fits"]
        names += ["hot_pixels.fits", "quantities.tsv", "quantities.json", "item.json"]
        names += ["science"] if plan.exposures(item, "science") else []
        names += ["truth.fits"] if plan.simulated else []
        return [f"{plan.folder(item)}/{name}" for name in names]

    def science_lists(self, item: str) -> dict[str, str]:
        """Return the lists of science frames and of the dark-subtracted ones, if there are any."""
        if not self.plan.exposures(item, "science"):
            return {}
        return {
            role: f"{self.plan.folder(item)}/{name}.list"
            for role, name in (("science", "science"), ("subtracted", "subtracted"))
        }
