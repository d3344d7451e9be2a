"""Exposures from the instruments' simulators, made when they are fetched."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError

# Simulated at once by one program: each takes a core.
PARALLEL = 1
# The largest frames take seconds.
_LONGEST_S = 3600.0

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from darkroom.simulate.exposure import PlannedExposure


def find(archive: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> list[Exposure]:
    """List the exposures of a campaign; no pixels are simulated.

    Parameters
    ----------
    archive : dict
        Settings of the archive; ``seed`` is the seed of all random numbers.
    items : dict
        Work items; ``simulate`` of each is passed to its instrument's simulator.

    Returns
    -------
    list of Exposure
        As the simulators plan them.
    """
    return [
        Exposure(
            item=item,
            role=planned.role,
            exposure=planned.name,
            file=planned.file,
            uri=f"simulated:{settings['instrument']}/{planned.file}",
            size=None,
            facts=planned.facts,
        )
        for item, settings in items.items()
        for planned in _planned(item, simulator_settings(archive, settings), settings)
    ]


def _planned(
    item: str, asked: Mapping[str, Any], settings: Mapping[str, Any]
) -> Sequence[PlannedExposure]:
    """Return the exposures that a simulator plans.

    Raises
    ------
    DarkroomError
        When it cannot make what is asked for: a date beyond all calendars, a list that is empty.
        Other errors are faults of the simulator, and are not caught.
    """
    try:
        planned: Sequence[PlannedExposure] = simulator(settings).plan(asked)
    except (ArithmeticError, IndexError, ValueError) as error:
        raise DarkroomError(
            f"item {item}: the simulator cannot make what 'simulate' asks for "
            f"({type(error).__name__}: {error})"
        ) from error
    return planned


def deliver(
    exposure: Exposure,
    destination: Path,
    archive: Mapping[str, Any],
    item: Mapping[str, Any],
    slot: object = None,  # noqa: ARG001 (a turn at the network, which is not used)
) -> None:
    """Simulate an exposure and write it to `destination`.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The exposure.
    destination : pathlib.Path
        File to write.
    archive, item : dict
        Settings of the archive and of the work item.
    slot : object
        Not used.
    """
    simulator(item).deliver(simulator_settings(archive, item), exposure.exposure, destination)


def longest_attempt_s(exposure: Exposure, archive: Mapping[str, Any]) -> float:  # noqa: ARG001
    """Return the longest time in seconds that `deliver` may take for an exposure."""
    return _LONGEST_S


def simulator(item: Mapping[str, Any]) -> ModuleType:
    """Return the simulator module of an item's instrument."""
    return import_module(f"darkroom.{item['instrument']}.simulate.exposures")


def simulator_settings(archive: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the simulator's settings: those of the item, and the campaign's seed."""
    return {"seed": archive["seed"], **item.get("simulate", {})}
