"""What the workflow plans of comparisons of darks and flats. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

PRODUCTS = ("dark", "flat")


class ComparisonPlan:
    """The part of the WFC3/IR pipeline that plans the comparison with dark and flat in use."""

    plan: Plan

    if TYPE_CHECKING:

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
        """Return the files that compare products with those in use: ``{product: files}``."""
        folder = f"{self.plan.folder(item)}/judge"
        return {
            product: [f"{folder}/counterfactual_{product}.json"] for product in self.compared(item)
        }

    def compare_inputs(self, item: str, product: str) -> dict[str, Any]:
        """Return the inputs of a comparison: new file, exposures, refusals, references."""
        rows = [row.exposure for row in self.plan.exposures(item)]
        folder = self.plan.folder(item)
        return {
            "candidate": self.candidates(item)[product],
            "exposures": [f"{self.plan.results}/raw/{item}/{name}.json" for name in rows],
            "refusals": [f"{folder}/refusals/{name}.txt" for name in rows],
            "references": [f"{folder}/references/{name}.json" for name in rows],
        }

    def compare_options(self, item: str, product: str) -> str:
        """Return the options of the program ``counterfactual``."""
        folder = self.plan.folder(item)
        bad = f"{item}/{product}" in self.plan.campaign.settings["deliver"]["bad"]
        words = ["--product", product, "--references", f"{folder}/references"]
        words += ["--refusals", f"{folder}/refusals"] + ["--current-bad"] * bad
        return f"{self.place()} {quoted(*words)} {self.harm_options(f'wfc3_{product}')}".rstrip()
