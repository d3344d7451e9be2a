"""What the workflow plans of comparisons with the files in use. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.counterfactual.held_out import by_version
from darkroom.counterfactual.settings import DeckSettings
from darkroom.nircam import planning
from darkroom.workflow.plan import quoted

if TYPE_CHECKING:
    from darkroom.workflow.plan import Plan


class ComparisonPlan:
    """The part of the NIRCam pipeline that plans the comparison with the files in use."""

    plan: Plan

    if TYPE_CHECKING:

        def settings(self, item: str) -> dict[str, Any]:
            """Return the settings of an item."""

        def previous(self, item: str, product: str) -> dict[str, str]:
            """Return the earlier file with which a product is compared, when there is one."""

        def dark_products(self, item: str) -> list[str]:
            """Return the names of those of dark and mask that are made for an item."""

        def judged(self, item: str) -> dict[str, dict[str, Any]]:
            """Return the products of an item that have gates, and the inputs of each."""

        def makes_spectrum(self, item: str) -> bool:
            """Return whether the noise spectrum of an item is measured."""

        def place(self) -> str:
            """Return the options that name the CRDS cache and the pinned context."""

        def harm_options(self, product: str) -> str:
            """Return the harms of a product that the campaign sets, as options."""

    def deck(self, item: str) -> list[str]:
        """Return the exposures of an item that are held out, every segment of each."""
        return [name for names in self.folds(item).values() for name in names]

    def folds(self, item: str) -> dict[str, list[str]]:
        """Return what each version of a product is made without, every segment of each exposure.

        Returns
        -------
        dict
            ``{end of the version's name: exposures}``: ``_1``, ``_2`` … for parts of the exposures,
            empty where there is one version.
        """
        rows = sorted(self.plan.exposures(item), key=lambda row: row.facts.get("date_obs", ""))
        names = list(dict.fromkeys(planning.without_segment(row.exposure) for row in rows))
        deck = self.plan.campaign.settings["deck"]
        chosen = by_version(names, deck["held_out"], deck["folds"])
        return {
            end: [row.exposure for row in rows if planning.without_segment(row.exposure) in part]
            for end, part in chosen.items()
        }

    def compared(self, item: str) -> list[str]:
        """Return the products of an item that are compared with a current file."""
        if not self.deck(item):
            return []
        # A dark or a mask without gates has no verdict that the comparison would be part of.
        darks = [product for product in self.dark_products(item) if product in self.judged(item)]
        return [
            product
            for product in (*planning.PURPOSES, *darks)
            if self.settings(item)[product]["previous"] != "none"
        ]

    def counterfactuals(self, item: str) -> dict[str, list[str]]:
        """Return the files that compare products with those in use: ``{product: files}``."""
        folder = f"{self.plan.folder(item)}/judge"
        kinds = ("counterfactual", "insertion")
        return {
            product: [f"{folder}/{kind}_{product}.json" for kind in kinds]
            for product in self.compared(item)
        }

    def current(self, item: str, product: str) -> dict[str, str]:
        """Return the file in use with which a product is compared, as a named input.

        For a read noise, the noise spectrum too, where it is made: it predicts what VAR_RNOISE is.
        """
        found = {"current": self.previous(item, product)["previous"]}
        if product == "readnoise" and self.makes_spectrum(item):
            found["spectrum"] = f"{self.plan.folder(item)}/noise_spectrum.fits"
        return found

    def trials(self, item: str, product: str) -> list[str]:
        """Return the trial versions of a product."""
        folder = f"{self.plan.folder(item)}/judge"
        return [f"{folder}/trial{end}_{product}.fits" for end in self.folds(item)]

    def trial_ramps(self, item: str, product: str) -> list[str]:
        """Return the list of the ramps of which each trial version of a product is made."""
        purpose = product if product in planning.PURPOSES else "readnoise"
        folder = f"{self.plan.folder(item)}/judge"
        return [f"{folder}/trial{end}_{purpose}_ramps.list" for end in self.folds(item)]

    def deck_files(self, item: str, folder: str, suffix: str = ".json") -> list[str]:
        """Return a file of each exposure that is held out."""
        return [f"{folder}/{name}{suffix}" for name in self.deck(item)]

    def comparison(self, item: str, product: str) -> tuple[str, list[str]]:
        """Return what the program ``counterfactual`` is told of a product, and what it reads.

        Returns
        -------
        words : str
            Its command line, without the output and the exposures.
        inputs : list of str
            The files, the list of the exposures last.
        """
        folder = self.plan.folder(item)
        judge, refusals = f"{folder}/judge", f"{folder}/refusals"
        files, candidates = self.current(item, product), self.trials(item, product)
        ramps, references = self.trial_ramps(item, product), f"{judge}/references"
        words = quoted(
            "--product", product, "--candidate", *candidates,
            *(word for name, file in files.items() for word in (f"--{name}", file)), "--made-of",
            *ramps, "--references", references, "--refusals", refusals,
        )  # fmt: skip
        inputs = [*candidates, *files.values(), *ramps, f"{folder}/refusals.list",
                  f"{references}.list", f"{folder}/statuses.list"]  # fmt: skip
        return f"{words} {self.place()} {self.compare_options(item, product)}", inputs

    def deck_statuses(self, item: str) -> list[str]:
        """Return the status file of each exposure that is held out."""
        return self.deck_files(item, f"{self.plan.results}/raw/{item}")

    def compare_options(self, item: str, product: str) -> str:
        """Return the settings of a comparison as options."""
        settings = self.plan.campaign.settings
        options = command_options(settings["deck"], DeckSettings)
        bad = f"{item}/{product}" in settings["deliver"]["bad"]
        words = (options, "--current-bad" if bad else "", self.harm_options(product))
        return " ".join(filter(None, words))

    def insertion_options(self, item: str, product: str) -> str:
        """Return which file a product is meant to replace, as an option."""
        meant = self.plan.campaign.settings["deliver"]["replaces"].get(f"{item}/{product}", "")
        return quoted("--replaces", meant) if meant else ""
