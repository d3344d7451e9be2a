"""What the workflow plans of comparisons of noise maps. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.counterfactual.held_out import held_out
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

#: The product that is compared.
PRODUCT = "noise_maps"


class ComparisonPlan:
    """The part of the CGI pipeline that plans the comparison with the noise maps in use."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def options(self, item: str, program: str) -> str:
            """Return the settings of a program as options."""

        def parts(self, item: str) -> dict[str, dict[str, list[str]]]:
            """Return the exposures of each part of each stack."""

    def deck(self, item: str) -> list[str]:
        """Return the frames that are held out: of each stack some, evenly in time."""
        count = self.plan.campaign.settings["deck"]["held_out"]
        return [name for names in self._stacks(item) for name in held_out(names, count)]

    def compared(self, item: str) -> list[str]:
        """Return the products of an item that are compared with those in use."""
        return [PRODUCT] if self.settings(item)["previous"] and self.deck(item) else []

    def counterfactuals(self, item: str) -> dict[str, list[str]]:
        """Return the files that compare products with those in use: ``{product: files}``."""
        folder = f"{self.plan.folder(item)}/judge"
        return {
            product: [f"{folder}/counterfactual_{product}.json"] for product in self.compared(item)
        }

    def trial_frames(self, item: str) -> list[str]:
        """Return the status files of the frames of which the trial version is made."""
        left_out = set(self.deck(item))
        names = [name for names in self._stacks(item) for name in names]
        return [self._status(item, name) for name in names if name not in left_out]

    def deck_frames(self, item: str) -> list[str]:
        """Return the status files of the frames that are held out."""
        return [self._status(item, name) for name in self.deck(item)]

    def compare_options(self, item: str) -> str:
        """Return the options of the program ``counterfactual``."""
        bad = f"{item}/{PRODUCT}" in self.plan.campaign.settings["deliver"]["bad"]
        words = (self.options(item, "noise_maps"), quoted("--current-bad") if bad else "")
        return " ".join(filter(None, words))

    def _stacks(self, item):
        return [
            [name for part in parts.values() for name in part]
            for parts in self.parts(item).values()
        ]

    def _status(self, item, name):
        return f"{self.plan.results}/raw/{item}/{name}.json"
