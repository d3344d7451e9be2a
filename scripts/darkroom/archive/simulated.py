"""Exposures from the built-in simulator, made when they are fetched."""

from __future__ import annotations

from importlib import import_module

from darkroom.campaign.lock import Exposure


def find(archive, items):
    """List the exposures of a campaign; no pixel is made.

    Parameters
    ----------
    archive : dict
        Settings of the archive; ``seed`` starts everything random.
    items : dict
        Work items; ``simulate`` of each goes to its instrument's simulator.

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
        for planned in simulator(settings).plan(simulator_settings(archive, settings))
    ]


def deliver(exposure, destination, archive, item):
    """Simulate an exposure and write it to `destination`."""
    simulator(item).deliver(simulator_settings(archive, item), exposure.exposure, destination)


def simulator(item):
    """Return the simulator module of an item's instrument."""
    return import_module(f"darkroom.{item['instrument']}.simulate.exposures")


def simulator_settings(archive, item):
    """Return what the simulator is given: the item's settings and the campaign's seed."""
    return {"seed": archive["seed"], **item.get("simulate", {})}
