"""What the workflow plans of comparisons of noise maps. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.counterfactual.held_out import held_out
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

#: The maps that are compared; darks are named after their stack.
MAPS = "noise_maps"


class ComparisonPlan:
    """The part of the CGI pipeline that plans the comparison with maps and darks in use."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def options(self, item: str, program: str) -> str:
            """Return the settings of a program as options."""

        def parts(self, item: str) -> dict[str, dict[str, list[str]]]:
            """Return the exposures of each part of each stack."""

        def harm_options(self, product: str) -> str:
            """Return the harms of a product that the campaign sets, as options."""

        def named_file(self, item: str, setting: str, path: str) -> str:
            """Return a file that a setting names."""

    def deck(self, item: str, stack: str | None = None) -> list[str]:
        """Return the frames that are held out: of each stack, or of one, evenly in time."""
        count = self.plan.campaign.settings["deck"]["held_out"]
        return [name for names in self._stacks(item, stack) for name in held_out(names, count)]

    def compared(self, item: str) -> list[str]:
        """Return the products of an item that are compared with those in use.

        Of a dark whose stack has no frames in the campaign, none can be held out.
        """
        maps = [MAPS] if self.settings(item)["previous"] and self.deck(item) else []
        darks = self._darks(item)
        return maps + [name for name in darks if self.deck(item, stack_of(name))]

    def counterfactuals(self, item: str) -> dict[str, list[str]]:
        """Return the files that compare products with those in use: ``{product: files}``."""
        folder = f"{self.plan.folder(item)}/judge"
        return {
            product: [f"{folder}/counterfactual_{product}.json"] for product in self.compared(item)
        }

    def current(self, item: str, product: str) -> str:
        """Return the file in use with which a product is compared."""
        found = self.settings(item)["previous"] if product == MAPS else self._darks(item)[product]
        return self.named_file(item, "previous", str(found))

    def trial_frames(self, item: str, stack: str | None = None) -> list[str]:
        """Return the status files of the frames of which a trial version is made."""
        left_out = set(self.deck(item, stack))
        names = [name for names in self._stacks(item, stack) for name in names]
        return [self._status(item, name) for name in names if name not in left_out]

    def deck_frames(self, item: str, product: str) -> list[str]:
        """Return the status files of the frames that are held out."""
        stack = None if product == MAPS else stack_of(product)
        return [self._status(item, name) for name in self.deck(item, stack)]

    def compare_options(self, item: str, product: str) -> str:
        """Return the options of the program ``counterfactual``."""
        bad = f"{item}/{product}" in self.plan.campaign.settings["deliver"]["bad"]
        words = ["--product", product] + ["--current-bad"] * bad
        # Harms are those of a kind of dark.
        given = self.options(item, "noise_maps"), self.harm_options(product.partition("_g")[0])
        return " ".join(filter(None, (*given, quoted(*words))))

    def _darks(self, item):
        """Return the darks of an item with those in use: ``{name: file}``."""
        settings, found = self.settings(item), {}
        for kind in ("traditional", "synthesized"):
            for dark in settings[kind]:
                name = f"{kind}_g{float(dark['gain']):g}_t{float(dark['exptime']):g}"
                if used := dark.get("previous") or settings["previous"]:
                    found[name] = used
        return found

    def _stacks(self, item, stack=None):
        return [
            [name for part in parts.values() for name in part]
            for key, parts in self.parts(item).items()
            if stack in (None, key)
        ]

    def _status(self, item, name):
        return f"{self.plan.results}/raw/{item}/{name}.json"


def stack_of(dark: str) -> str:
    """Return the stack of a dark: ``g500_t100`` of ``traditional_g500_t100``."""
    return dark.partition("_")[2]
