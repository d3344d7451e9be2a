"""Faster planning of large campaigns. Standard library only."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable
from typing import Any


def collect_rarely() -> None:
    """Run the garbage collector every 50,000 new objects instead of every 700.

    A plan consists of many objects that all stay in use: garbage collection took a ninth of the
    time of planning 50,000 jobs, and freed nothing (`benchmarks/planning.py`).
    """
    gc.set_threshold(50_000)


def remember_signatures(rules: Iterable[Any]) -> None:
    """Store the signature of every function of the rules in its ``__signature__``.

    Snakemake determines the signature of a function several times for each job, which takes a
    twentieth of the time of planning a large campaign unless it is stored.

    Parameters
    ----------
    rules : iterable of snakemake.rules.Rule
        The rules of the workflow.
    """
    for rule in rules:
        given = [*rule.input, *rule.params]
        given += [getattr(one, "_evaluator", None) for one in rule.resources.values()]
        for one in given:
            function = getattr(one, "callable", one)
            if inspect.isfunction(function):
                function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
