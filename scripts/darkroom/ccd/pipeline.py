"""The CCD pipeline as the workflow plans it: options, inputs and products."""

from __future__ import annotations

from darkroom.campaign.declared import ItemSettings
from darkroom.campaign.settings import command_options
from darkroom.ccd.settings import PROGRAMS, CcdSettings
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import Pipeline


class CcdPipeline(Pipeline):
    """Master bias, read noise, master dark, dark rate, hot pixels, dark-subtracted frames."""

    instrument = "ccd"
    settings_group = CcdSettings
    programs = PROGRAMS

    def _options(self, item: str, program: str) -> str:
        """Return the settings of a program as options, including header cards to recover."""
        recover = "" if program == "figures" else self._recover(item)
        return f"{super()._options(item, program)} {recover}".rstrip()

    def _recover(self, item: str) -> str:
        return command_options(self.plan.campaign.items[item], ItemSettings, ("recover",))

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
        names += ["bad_pixels.fits"]
        names += ["gain.fits"] if plan.exposures(item, "flat") else []
        names += ["science"] if plan.exposures(item, "science") else []
        names += ["truth.fits"] if plan.simulated else []
        return [f"{plan.folder(item)}/{name}" for name in names]

    def gain_product(self, item: str) -> dict[str, str]:
        """Return the gain product, if there are flats."""
        if not self.plan.exposures(item, "flat"):
            return {}
        return {"gain": f"{self.plan.folder(item)}/gain.fits"}

    def science_lists(self, item: str) -> dict[str, str]:
        """Return the lists of science frames and of the dark-subtracted ones, if there are any."""
        if not self.plan.exposures(item, "science"):
            return {}
        return {
            role: f"{self.plan.folder(item)}/{name}.list"
            for role, name in (("science", "science"), ("subtracted", "subtracted"))
        }
