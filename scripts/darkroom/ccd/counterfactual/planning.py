"""What the workflow plans of comparisons with a previous night. Standard library only."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.counterfactual.held_out import by_version
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan

# Role of the frames on which a product is compared.
_ROLES = {"master_bias": "bias", "read_noise": "bias", "dark_rate": "dark"}
#: Fewer frames have no scatter.
LEAST = 2


class ComparisonPlan:
    """The part of the CCD pipeline that plans comparisons with a previous night."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def makes(self, item: str) -> tuple[str, ...]:
            """Return the names of the files that are made of an item."""

        def options(self, item: str, program: str) -> str:
            """Return the settings of a program as options."""

        def harm_options(self, product: str) -> str:
            """Return the harms of a product that the campaign sets, as options."""

    def deck(self, item: str, role: str) -> list[str]:
        """Return the frames of a role that are held out."""
        return [name for names in self.folds(item, role).values() for name in names]

    def folds(self, item: str, role: str) -> dict[str, list[str]]:
        """Return what each version of a product is made without, evenly in time.

        Of the darks those of one exposure time: the one of most darks, and of these the longest.

        Returns
        -------
        dict
            As of `darkroom.counterfactual.held_out.by_version`.
        """
        rows = sorted(
            self.plan.exposures(item, role), key=lambda row: row.facts.get("date_obs", "")
        )
        if role == "dark" and rows:
            times = Counter(_time(row) for row in rows)
            chosen = max(times, key=lambda time: (times[time], time))
            rows = [row for row in rows if _time(row) == chosen]
        deck = self.plan.campaign.settings["deck"]
        return by_version([row.exposure for row in rows], deck["held_out"], deck["folds"])

    def compared(self, item: str) -> list[str]:
        """Return the products of an item that are compared with those of a previous night."""
        return [
            product
            for product in self.makes(item)
            if product in _ROLES
            and self._previous(item, product).is_file()
            and len(self.deck(item, _ROLES[product])) >= LEAST
        ]

    def counterfactuals(self, item: str) -> dict[str, list[str]]:
        """Return the files that compare products with those in use: ``{product: files}``."""
        folder = f"{self.plan.folder(item)}/judge"
        return {
            product: [f"{folder}/counterfactual_{product}.json"] for product in self.compared(item)
        }

    def comparison(self, item: str, product: str) -> dict[str, str | list[str]]:
        """Return the inputs of the comparison of a product."""
        folder, role = f"{self.plan.folder(item)}/judge", _ROLES[product]
        ends = self.folds(item, role)
        found = {
            "candidate": [f"{folder}/trial{end}_{product}.fits" for end in ends],
            "current": str(self._previous(item, product)),
            "frames": [f"{folder}/held_out{end}_{role}.list" for end in ends],
        }
        if product == "read_noise":
            found["bias"] = [f"{folder}/trial{end}_master_bias.fits" for end in ends]
        return found

    def compare_options(self, item: str, product: str) -> str:
        """Return the options of the program ``counterfactual``."""
        files = self.comparison(item, product)
        words = [f"--current={files['current']}"]
        words += [f"--{name}={path}" for name in ("candidate", "bias")
                  for path in files.get(name, ())]  # fmt: skip
        bad = f"{item}/{product}" in self.plan.campaign.settings["deliver"]["bad"]
        own = quoted(*words, *["--current-bad"] * bad)
        given = self.options(item, "hot_pixels"), own, self.harm_options(product)
        return " ".join(filter(None, given))

    def _previous(self, item: str, product: str) -> Path:
        folder = self.settings(item)["previous"]
        return Path(os.path.expandvars(folder), f"{product}.fits") if folder else Path()


def _time(row: Any) -> float:
    return float(row.facts.get("exptime_s") or 0)
