"""The list of instruments: one line each.

An instrument is a package of this name with a module ``pipeline`` (options, inputs and products for
the workflow), and ``rules/<name>.smk``; its simulator is ``darkroom.<name>.simulate.exposures``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from darkroom.epochs.plan import SeriesPlan
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import Pipeline, Plan

#: Class of the pipeline of each instrument, ``module:class``.
PIPELINES = {
    "ccd": "darkroom.ccd.pipeline:CcdPipeline",
    "nircam": "darkroom.nircam.pipeline:NircamPipeline",
    "wfc3": "darkroom.wfc3.pipeline:Wfc3Pipeline",
    "cgi": "darkroom.cgi.pipeline:CgiPipeline",
}


def pipeline_class(instrument: str) -> type[Pipeline]:
    """Return the class of an instrument's pipeline."""
    module, _, name = PIPELINES[instrument].partition(":")
    return getattr(import_module(module), name)


def pipelines(plan: Plan) -> dict[str, Pipeline]:
    """Return the pipelines of a campaign's instruments: ``{instrument: pipeline}``.

    Only these are imported, since every plan and every cluster job imports them again.
    """
    return {name: pipeline_class(name)(plan) for name in PIPELINES if name in plan.instruments}


def item_products(plan: Plan, made: Mapping[str, Pipeline]) -> list[str]:
    """Return the products of every item.

    Parameters
    ----------
    plan : Plan
        The campaign.
    made : dict
        Its pipelines, as returned by `pipelines`.
    """
    names = ("frames.tsv", "judgements.tsv")
    tables = [f"{plan.folder(item)}/{name}" for item in plan.campaign.items for name in names]
    for pipeline in made.values():
        for item in pipeline.items:
            tables += pipeline.products(item)
    return tables


def campaign_products(plan: Plan, made: Mapping[str, Pipeline]) -> list[str]:
    """Return every product of a campaign (see `item_products`), its report included."""
    ends = [f"{plan.results}/pins.tsv", f"{plan.results}/report"]
    statuses = [f"{plan.folder(item)}/statuses.list" for item in plan.campaign.items]
    return [*ends, *statuses, *item_products(plan, made)]


def with_series(made: Mapping[str, Pipeline]) -> list[str]:
    """Return the instruments whose products are compared with a series of epochs."""
    return [name for name in made if issubclass(pipeline_class(name), SeriesPlan)]


def judging(made: Mapping[str, Pipeline]) -> list[str]:
    """Return the instruments whose products have gates."""
    return [name for name in made if pipeline_class(name).judged is not Pipeline.judged]


def gate_files(plan: Plan, made: Mapping[str, Pipeline]) -> list[str]:
    """Return the files of gates of every product that has gates, item by item.

    An item that cannot be planned has none here: what cannot be planned of it says so when it is
    asked for, and stops nothing else.
    """
    return [
        f"{plan.folder(item)}/judge/gates_{product}.json"
        for name in judging(made)
        for item in made[name].items
        for product in _planned(made[name].judged, item)
    ]


def verdict_of(gates: str) -> str:
    """Return the file of the verdict on the product of a file of gates."""
    folder, _, name = gates.rpartition("/")
    return f"{folder}/{name.replace('gates_', 'verdict_', 1)}"


def compared_files(made: Mapping[str, Pipeline]) -> list[str]:
    """Return the files that compare products with those in use, of every product."""
    return [
        file
        for name in judging(made)
        for item in made[name].items
        for files in _planned(made[name].counterfactuals, item).values()
        for file in files
    ]


def trend_files(plan: Plan, made: Mapping[str, Pipeline]) -> list[str]:
    """Return the trends of every item that is compared with a series of epochs."""
    return [
        f"{plan.folder(item)}/trends.json"
        for name in with_series(made)
        for item in made[name].items
        if _planned(made[name].trends, item)  # type: ignore[attr-defined]
    ]


def _planned(plan: Callable[[str], dict[str, Any]], item: str) -> dict[str, Any]:
    try:
        return plan(item)
    except (DarkroomError, SystemExit):  # the pipelines of the rules end the program
        return {}


def simulation_group(instrument: str) -> type:
    """Return the declared settings of an instrument's simulator."""
    return import_module(f"darkroom.{instrument}.simulate.settings").Simulation
