"""The checks that an instrument declares, found by its name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from darkroom.judge.checks import Check


def checks_of(instrument: str, settings: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks of an instrument's exposures, in the order in which they are made.

    They are what ``checks(settings)`` of the module ``judging`` in the instrument's package
    returns; none when it has no such module.

    Parameters
    ----------
    instrument : str
        Name of the instrument's package; empty for none.
    settings : mapping
        The item's settings of the checks, ``judge`` below the key of its instrument.
    """
    name = f"darkroom.{instrument}.judging"
    if not instrument or find_spec(name) is None:
        return ()
    return tuple(import_module(name).checks(settings))


def require_known(item: str, keep: Collection[str], statuses: Sequence[Mapping[str, Any]]) -> None:
    """Raise a `DarkroomError` when an exposure to keep does not exist or did not arrive intact."""
    accepted = {status["exposure"]: status["accepted"] for status in statuses}
    for name in keep:
        if name not in accepted:
            raise DarkroomError(
                f"item {item}: keep names {name!r}, which is no exposure{nearest(name, accepted)}"
            )
        if not accepted[name]:
            raise DarkroomError(
                f"item {item}: keep names {name!r}, whose file cannot be used; repair it, or take "
                "it out of keep"
            )
