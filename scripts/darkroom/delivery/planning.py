"""Planning of comparisons and deliveries. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkroom.errors import DarkroomError


class Deliveries:
    """The products of a campaign that are compared with files in use and may be delivered.

    Parameters
    ----------
    plan : darkroom.workflow.plan.Plan
        The campaign.
    pipelines : dict
        Pipelines of its instruments.
    """

    def __init__(self, plan: Any, pipelines: Mapping[str, Any]) -> None:
        self.plan, self.pipelines = plan, pipelines

    def compared(self) -> list[str]:
        """Return the campaign's own products that are compared, as ``item/product``.

        A file that was made elsewhere is compared, too: who made it delivers it.
        """
        return [
            f"{item}/{product}"
            for pipeline in self.pipelines.values()
            for item in pipeline.items
            for product in pipeline.counterfactuals(item)
            if "candidate" not in pipeline.judged(item).get(product, ())
        ]

    def products(self) -> list[str]:
        """Return the products that are to be delivered, as ``item/product``.

        Raises
        ------
        DarkroomError
            When the campaign names one that has no verdict, or there is none at all.
        """
        known = self.compared()
        wanted = self.plan.campaign.settings["deliver"]["products"] or known
        if unknown := [name for name in wanted if name not in known]:
            raise DarkroomError(
                f"deliver.products names {unknown[0]!r}, which is compared with no current file; "
                f"those that are: {', '.join(known) or 'none'}"
            )
        if not wanted:
            raise DarkroomError(
                "no product of this campaign is compared with a current file: there is nothing to "
                "deliver (deck.held_out; previous of the products)"
            )
        return list(wanted)

    def inputs(self) -> list[str]:
        """Return the files that a delivery is made from."""
        found = []
        for name in self.products():
            item, _, product = name.partition("/")
            folder = self.plan.folder(item)
            pipeline = self.pipelines[self.plan.campaign.items[item]["instrument"]]
            judged = pipeline.judged(item).get(product, {})
            file = judged.get("file", judged.get("reference", f"{folder}/{product}.fits"))
            found += [file, f"{folder}/judge/verdict_{product}.json"]
            made = set(pipeline.products(item))
            found += [path for path in [f"{folder}/{product}.certified"] if path in made]
            # What the series of epochs says of its validity goes into the form.
            series = getattr(pipeline, "series_products", lambda _: [])(item)
            found += [f"{folder}/trends.json"] if product in series else []
        return found

    def deck_references(self, instrument: str) -> list[str]:
        """Return the lists of references of the exposures held out of an instrument's items."""
        pipeline = self.pipelines[instrument]
        return [
            f"{self.plan.folder(item)}/judge/references.list"
            for item in pipeline.items
            if pipeline.compared(item)
        ]

    def ramp_memory(self, item: str, attempt: int) -> int:
        """Return the memory in MB of a comparison: several copies of the ramps of an exposure.

        Rates and flags of all exposures are kept: more than four take more.
        """
        pipeline = self.pipelines[self.plan.campaign.items[item]["instrument"]]
        most = int(3 * pipeline.ramp_memory(item, attempt))
        return most * max(len(pipeline.deck(item)), 4) // 4
