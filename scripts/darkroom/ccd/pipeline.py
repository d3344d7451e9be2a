"""The CCD pipeline as the workflow plans it: options, inputs and products."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from darkroom.campaign.declared import ItemSettings
from darkroom.campaign.settings import command_options
from darkroom.ccd.counterfactual.planning import ComparisonPlan
from darkroom.ccd.series.plan import CcdSeriesPlan
from darkroom.ccd.settings import PROGRAMS, SAME_EXPTIME, CcdSettings
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import Pipeline, input_options, named_options, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable


class CcdPipeline(ComparisonPlan, CcdSeriesPlan, Pipeline):
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

    def makes(self, item: str) -> tuple[str, ...]:
        """Return the names of the files that are made of an item's bias frames and darks.

        An item of bias frames alone or of darks alone has the products that these determine.

        Raises
        ------
        DarkroomError
            When the item has neither.
        """
        biases, darks = (self.plan.exposures(item, role) for role in ("bias", "dark"))
        if not biases and not darks:
            raise DarkroomError(f"item {item}: the CCD pipeline needs bias frames or darks")
        times = {row.facts.get("exptime_s") for row in darks}
        rated = darks and (biases or len(times) > 1)
        parts = {
            "master_bias": biases,
            "read_noise": len(biases) > 1,
            "master_dark": darks,
            "dark_rate": rated,
            "hot_pixels": rated,
            "bad_pixels": rated,
            "quantities": rated and len(biases) > 1,
        }
        return tuple(name for name, made in parts.items() if made)

    def stacked(self, item: str) -> dict[str, dict[str, str]]:
        """Return the products that are made of stacks alone, and the lists of frames of each."""
        folder, made = self.plan.folder(item), self.makes(item)
        roles = {
            "master_bias": ("bias",),
            "read_noise": ("bias",),
            "master_dark": ("dark",),
            "dark_rate": ("bias", "dark"),
        }
        return {
            name: {role: f"{folder}/{role}.list" for role in needed}
            for name, needed in roles.items()
            if name in made
        }

    def products(self, item: str) -> list[str]:
        """Return the products of an item.

        Raises
        ------
        DarkroomError
            When the item has neither bias frames nor darks.
        """
        made = self.makes(item)
        names = [f"{name}.fits" for name in made if name != "quantities"]
        complete = "quantities" in made
        names += ["quantities.tsv", "quantities.json"] if complete else []
        names += ["gain.fits"] if self.gain_product(item) else []
        names += ["item.json"]
        names += ["science"] if complete and self.plan.exposures(item, "science") else []
        names += ["truth.fits"] if self.truth(item) else []
        return [f"{self.plan.folder(item)}/{name}" for name in names]

    def figure_inputs(self, item: str) -> dict[str, Any]:
        """Return the products that the figures of an item are drawn from, by name."""
        return self._paths(item, self.makes(item)) | self.trends(item)

    def figures_show(self, item: str) -> list[str]:
        """Return the names of those inputs that the figures show."""
        return [name for name in self.figure_inputs(item) if name != "series"]

    def truth(self, item: str) -> dict[str, str]:
        """Return the comparison with the truth of a simulated item that has all products."""
        return self.plan.truth_comparison(item) if "quantities" in self.makes(item) else {}

    def gain_product(self, item: str) -> dict[str, str]:
        """Return the gain product, if there is a pair of flats and the read noise that it needs."""
        known = [row.facts.get("exptime_s") for row in self.plan.exposures(item, "flat")]
        times = sorted(float(time) for time in known if time)
        paired = any(two - one <= SAME_EXPTIME * two for one, two in pairwise(times))
        if not paired or "read_noise" not in self.makes(item):
            return {}
        return self._paths(item, ("gain",))

    def gain_inputs(self, item: str) -> dict[str, str]:
        """Return the products that the gain is measured with, by name."""
        needed = ("master_bias", "read_noise", "dark_rate", "hot_pixels")
        return self._paths(item, [name for name in self.makes(item) if name in needed])

    def science_lists(self, item: str) -> dict[str, str]:
        """Return the lists of science frames and of the dark-subtracted ones, if there are any."""
        if not self.plan.exposures(item, "science") or "quantities" not in self.makes(item):
            return {}
        return {
            role: f"{self.plan.folder(item)}/{name}.list"
            for role, name in (("science", "science"), ("subtracted", "subtracted"))
        }

    def judged(self, item: str) -> dict[str, dict[str, Any]]:
        """Return the products of an item that have gates, and the inputs of each."""
        folder = self.plan.folder(item)
        lists = {
            "master_bias": ("bias",),
            "read_noise": ("bias",),
            "dark_rate": ("bias", "dark"),
            "hot_pixels": (),
        }
        found: dict[str, dict[str, Any]] = {}
        for product in self.makes(item):
            roles = lists.get(product)
            if roles is None:
                continue
            found[product] = {"file": f"{folder}/{product}.fits", "frames": f"{folder}/frames.tsv"}
            found[product] |= {role: f"{folder}/{role}.list" for role in roles}
        if "hot_pixels" in found:
            found["hot_pixels"]["rate"] = f"{folder}/dark_rate.fits"
        return found

    def gate_options(self, item: str, product: str, inputs: Any) -> str:
        """Return the options of the program ``gates`` that name its inputs and settings."""
        files = input_options(inputs, {"bias": "--bias @", "dark": "--dark @"})
        given = named_options(inputs, "file", "frames", "rate")
        return f"{self.options(item, 'dark_rate')} {given} {files} {self.harm_options(product)}"

    def _paths(self, item: str, names: Iterable[str]) -> dict[str, str]:
        ends = {"quantities": "json"}
        folder = self.plan.folder(item)
        return {name: f"{folder}/{name}.{ends.get(name, 'fits')}" for name in names}
