"""Planning of the rules that use CRDS: the references a campaign needs, and their source."""

from __future__ import annotations

from collections.abc import Mapping

from darkroom.workflow.plan import Pipeline, Plan, quoted


class References:
    """The references that a campaign needs.

    Parameters
    ----------
    plan : Plan
        The campaign.
    pipelines : dict
        Pipelines of its instruments; those with an observatory need references.
    """

    def __init__(self, plan: Plan, pipelines: Mapping[str, Pipeline]) -> None:
        self.plan = plan
        self.pipelines = {name: one for name, one in pipelines.items() if one.observatory}

    def observatory_of(self, item: str) -> str | None:
        """Return the observatory whose references an item's exposures need."""
        pipeline = self.pipelines.get(self.plan.campaign.items[item]["instrument"])
        return pipeline.observatory if pipeline else None

    def _items(self, observatory: str) -> dict[str, Pipeline]:
        """Return the items whose exposures need references of an observatory."""
        wanted = [one for one in self.pipelines.values() if one.observatory == observatory]
        by_item = {item: pipeline for pipeline in wanted for item in pipeline.items}
        return {item: by_item[item] for item in self.plan.campaign.items if item in by_item}

    def cache_option(self, observatory: str) -> str:
        """Return the option that names the folder of the cache."""
        return quoted("--cache", self.plan.crds(observatory).cache)

    def place(self, observatory: str, asking: bool = False) -> str:
        """Return the options that name the cache and, for a program that fetches, the server."""
        settings = self.plan.crds(observatory)
        words = ["--observatory", observatory, "--cache", settings.cache]
        if asking and settings.server is not None:
            words += ["--server", settings.server, "--timeout", f"{settings.timeout:g}"]
        return quoted(*words)

    def place_of(self, item: str) -> str:
        """Return the options that name the cache of the references of an item."""
        return self.place(self._needed_observatory(item))

    def context_option(self, observatory: str) -> str:
        """Return the option that names the pinned context."""
        return quoted("--context", self.plan.crds(observatory).context)

    def context_options(self, observatory: str) -> str:
        """Return the options that name the context and the instruments that need mappings."""
        items = self.plan.campaign.items
        instruments = sorted({items[item]["instrument"] for item in self._items(observatory)})
        return f"{self.context_option(observatory)} {quoted('--instruments', *instruments)}"

    def bestrefs_options(self, item: str) -> str:
        """Return the options that name the context and the reference types an exposure needs."""
        pipeline = self.pipelines[self.plan.campaign.items[item]["instrument"]]
        words = ["--kinds", *pipeline.reference_kinds(item)]
        if pipeline.optional_kinds:
            words += ["--optional-kinds", *pipeline.optional_kinds]
        return f"{self.context_option(self._needed_observatory(item))} {quoted(*words)}"

    def deck_options(self, item: str) -> str:
        """Return the options that name the context and the types by which products compare."""
        pipeline = self.pipelines[self.plan.campaign.items[item]["instrument"]]
        words = ["--kinds", *pipeline.deck_kinds(item)]
        return f"{self.context_option(self._needed_observatory(item))} {quoted(*words)}"

    def simulate_options(self, observatory: str) -> str:
        """Return the options that name the context and the reference types to simulate."""
        items = self._items(observatory).items()
        needed = {kind for item, pipeline in items for kind in pipeline.reference_kinds(item)}
        needed |= {kind for item, pipeline in items for kind in pipeline.deck_kinds(item)}
        kinds = sorted(needed)
        return f"{self.context_option(observatory)} {quoted('--kinds', *kinds)}"

    def source(self, observatory: str) -> list[str]:
        """Return the file that stands for simulated references, needed before the cache is used."""
        if not self.plan.simulated:
            return []
        return [f"{self.plan.crds(observatory).cache}/config/{observatory}/server_config"]

    def mappings(self, item: str) -> list[str]:
        """Return the files that tell by which rules an item's references are chosen.

        That is the list of verified mappings. Files of an observatory never change under their
        names; those of a simulated one do, so that its description of them counts too.
        """
        observatory = self._needed_observatory(item)
        return [f"{self.plan.results}/crds/{observatory}.mappings", *self.source(observatory)]

    def of_items(self, observatory: str) -> list[str]:
        """Return the files that list the references of each item, for items with exposures."""
        items = [item for item in self._items(observatory) if self.plan.exposures(item)]
        return [f"{self.plan.folder(item)}/references.json" for item in items]

    def pins_option(self) -> str:
        """Return the option that names the pins; simulated references are not pinned."""
        if self.plan.simulated:
            return ""
        return quoted("--pins", self.plan.campaign.pins_path)

    def tables(self) -> list[str]:
        """Return the tables of the verified references that are pinned."""
        used = sorted({str(pipeline.observatory) for pipeline in self.pipelines.values()})
        used = [name for name in used if not self.plan.simulated and self.of_items(name)]
        return [f"{self.plan.results}/crds/{name}.tsv" for name in used]

    def _needed_observatory(self, item: str) -> str:
        observatory = self.observatory_of(item)
        if observatory is None:
            raise KeyError(f"item {item} needs no references")
        return observatory
