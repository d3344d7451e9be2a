"""What keeps the plan of a large campaign fast. Standard library only."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable
from typing import Any


def collect_rarely() -> None:
    """Let Python look for cycles of dead objects every 50,000 new ones, not every 700.

    A plan is many objects that all live on: looking through them again and again was a ninth of
    the time of planning 50,000 jobs, and freed nothing (`benchmarks/planning.py`).
    """
    gc.set_threshold(50_000)


def remember_signatures(rules: Iterable[Any]) -> None:
    """Keep the signature of every function of the rules beside it, as Python's own attribute.

    Snakemake looks a function's signature up several times for each job; found anew each time
    that is a twentieth of the plan of a large campaign.

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
