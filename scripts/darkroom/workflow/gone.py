"""Batches of which a file is gone are made again, as Snakemake does with outputs of its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def remake_incomplete(dag_class: Any, incomplete: Callable[[], Iterable[str]]) -> None:
    """Let Snakemake make outputs again that it would take for finished.

    What a step makes of each exposure of a batch is known to Snakemake by one list alone.

    Parameters
    ----------
    dag_class : type
        ``snakemake.dag.DAG``.
    incomplete : callable
        Returns the outputs that are to be made again, where they are needed.
    """
    # Of this process the first workflow has replaced it, of another campaign perhaps.
    init = getattr(dag_class.init, "original", dag_class.init)

    async def init_with(self: Any, *arguments: Any, **keywords: Any) -> None:
        self.forcefiles.update(incomplete())
        await init(self, *arguments, **keywords)

    init_with.original = init  # type: ignore[attr-defined]
    dag_class.init = init_with
