"""What the workflow plans of comparisons of darks and flats. Standard library only."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

PRODUCTS = ("dark", "flat")


class ComparisonPlan:
    """The part of the WFC3/IR pipeline that plans the comparison with dark and flat in use."""

    plan: Plan

    if TYPE_CHECKING:
        superdarks: list[str]
        visits: list[str]

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def place(self) -> str:
            """Return the options that name the CRDS cache and the pinned context."""

        def harm_options(self, product: str) -> str:
            """Return the harms of a product that the campaign sets, as options."""

    def candidates(self, item: str) -> dict[str, str]:
        """Return the new files that are compared on the exposures of an item: ``{product: file}``.

        They were made elsewhere: every exposure of the item is held out.
        """
        chosen = self.settings(item)["candidates"]
        return {product: chosen[product] for product in PRODUCTS if chosen[product]}

    def compared(self, item: str) -> list[str]:
        """Return the products that are compared on the exposures of an item."""
        held_out = self.plan.campaign.settings["deck"]["held_out"]
        return list(self.candidates(item)) if held_out else []

    def counterfactuals(self, item: str) -> dict[str, list[str]]:
        """Return the files that compare products with those in use: ``{product: files}``.

        A superdark is compared on the visit that names it as its new dark.
        """
        folder = f"{self.plan.folder(item)}/judge"
        if item in self.superdarks:
            kinds = ("counterfactual", "insertion") if self.tested_on(item) else ()
            return (
                {"superdark": [f"{folder}/{kind}_superdark.json" for kind in kinds]}
                if kinds
                else {}
            )
        return {
            product: [f"{folder}/counterfactual_{product}.json"] for product in self.compared(item)
        }

    def tested_on(self, item: str) -> str:
        """Return the item of exposures on which the superdark of an item is compared; or empty.

        Raises
        ------
        DarkroomError
            When several are: the comparison that decides would be one of them by chance.
        """
        own = f"{self.plan.folder(item)}/superdark.fits"
        found = [
            visit
            for visit in self.visits
            if "dark" in self.compared(visit) and normpath(self.candidates(visit)["dark"]) == own
        ]
        if len(found) > 1:
            raise DarkroomError(
                f"items {' and '.join(found)}: candidates.dark of both is the superdark of {item}, "
                "which is delivered by one comparison; put their exposures into one item"
            )
        return found[0] if found else ""

    def compared_superdark(self, item: str) -> str:
        """Return the comparison of the superdark of an item."""
        return f"{self.plan.folder(self.tested_on(item))}/judge/counterfactual_dark.json"

    def insertion_inputs(self, item: str) -> dict[str, Any]:
        """Return the exposures on which a superdark was compared, and why some are refused."""
        folder = self.plan.folder(self.tested_on(item))
        return {
            "exposures": f"{folder}/statuses.list",
            "refusals": f"{folder}/refusals.list",
        }

    def insertion_options(self, item: str) -> str:
        """Return which file a superdark is meant to replace, and the refusals, as options."""
        meant = self.plan.campaign.settings["deliver"]["replaces"].get(f"{item}/superdark", "")
        words = ["--refusals", f"{self.plan.folder(self.tested_on(item))}/refusals"]
        return quoted(*words, *(["--replaces", meant] if meant else []))

    def compare_inputs(self, item: str, product: str) -> dict[str, Any]:
        """Return the inputs of a comparison: new file, exposures, refusals, references."""
        folder = self.plan.folder(item)
        return {
            "candidate": self.candidates(item)[product],
            "exposures": f"{folder}/statuses.list",
            "refusals": f"{folder}/refusals.list",
            "references": f"{folder}/references.list",
        }

    def compare_options(self, item: str, product: str) -> str:
        """Return the options of the program ``counterfactual``."""
        folder = self.plan.folder(item)
        names = {f"{item}/{product}"}
        if product == "dark":
            names |= {f"{one}/superdark" for one in self.superdarks if self.tested_on(one) == item}
        bad = not names.isdisjoint(self.plan.campaign.settings["deliver"]["bad"])
        words = ["--product", product, "--references", f"{folder}/references"]
        words += ["--refusals", f"{folder}/refusals"] + ["--current-bad"] * bad
        return f"{self.place()} {quoted(*words)} {self.harm_options(f'wfc3_{product}')}".rstrip()
