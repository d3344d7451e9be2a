"""Batches of which a file is gone are made again when a run is planned."""

import asyncio
import importlib

from darkroom.workflow.gone import remake_incomplete


class Dag:
    """As much of Snakemake's plan as is replaced."""

    def __init__(self):
        self.forcefiles, self.begun = {"asked"}, []

    async def init(self, *arguments, **keywords):
        self.begun.append((arguments, keywords, set(self.forcefiles)))


def test_lists_that_are_incomplete_are_forced_before_the_plan_is_made():
    class Plan(Dag):
        pass

    looked = []
    remake_incomplete(Plan, lambda: looked.append(1) or ["a.list"])
    assert looked == []  # only when a plan is made
    plan = Plan()
    asyncio.run(plan.init(1, progress=True))
    assert plan.begun == [((1,), {"progress": True}, {"asked", "a.list"})]


def test_the_next_workflow_of_a_process_looks_for_its_own():
    class Plan(Dag):
        pass

    remake_incomplete(Plan, lambda: ["first.list"])
    remake_incomplete(Plan, lambda: ["second.list"])
    plan = Plan()
    asyncio.run(plan.init())
    assert plan.begun == [((), {}, {"asked", "second.list"})]


def test_snakemake_still_has_what_is_replaced():
    importlib.import_module("snakemake.api")
    dag = importlib.import_module("snakemake.dag").DAG
    original = getattr(dag.init, "original", dag.init)
    assert asyncio.iscoroutinefunction(original)
    assert "forcefiles" in dag.__init__.__code__.co_varnames
