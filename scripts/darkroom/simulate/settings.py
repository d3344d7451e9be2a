"""What all simulators share: checks of settings, random generators, look-up of exposures."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from darkroom.simulate.exposure import PlannedExposure

    Planned = TypeVar("Planned", bound=PlannedExposure)


def check_names(camera: str, given: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Refuse settings that do not exist.

    Parameters
    ----------
    camera : str
        Name of the camera in the message: ``CCD``, ``NIRCam``, ...
    given : iterable of str
        Names of the settings given.
    known : iterable of str
        Names of the settings that exist.
    where : str
        Prefix of the message, the setting they belong to, e.g. ``darks: ``.

    Raises
    ------
    DarkroomError
        Naming every unknown setting, the nearest known one and all known ones.
    """
    if unknown := sorted(set(given) - set(known)):
        raise DarkroomError(
            f"simulated {camera}: {where}no setting named {', '.join(unknown)}"
            f"{nearest(unknown[0], known)}; there are {', '.join(sorted(known))}"
        )


def check_choice(camera: str, name: str, value: Any, known: Iterable[str]) -> None:
    """Refuse a value that is none of the allowed ones.

    Parameters
    ----------
    camera : str
        Name of the camera in the message.
    name : str
        Name of the setting.
    value : object
        Its value.
    known : iterable of str
        Allowed values.

    Raises
    ------
    DarkroomError
        When `value` is not among `known`.
    """
    if value not in known:
        raise DarkroomError(
            f"simulated {camera}: {name} is {value!r}{nearest(str(value), known)}; "
            f"there are {', '.join(known)}"
        )


def stream(full: dict[str, Any], component: str, exposure: str = "") -> np.random.Generator:
    """Return the random generator of one component, of the camera or of one exposure.

    Each component has its own generator, so that exposures can be made separately and in any order,
    and switching one component off leaves the others unchanged to the last bit.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator; ``seed`` is used.
    component : str
        Name of the component, e.g. ``read_noise``.
    exposure : str
        Name of the exposure; empty for a component of the camera itself.
    """
    import numpy as np  # not needed to plan exposures

    return np.random.default_rng(
        np.random.SeedSequence(full["seed"], spawn_key=key(component, exposure))
    )


def key(*names: str) -> tuple[int, ...]:
    """Return the spawn key of a random generator: one number for each name."""
    return tuple(zlib.crc32(name.encode()) for name in names)


def planned(camera: str, exposures: Iterable[Planned], name: str) -> Planned:
    """Return the planned exposure of a name.

    Parameters
    ----------
    camera : str
        Name of the camera in the message.
    exposures : iterable of PlannedExposure
        The plan.
    name : str
        Name to look for.

    Raises
    ------
    DarkroomError
        When no exposure has that name.
    """
    for exposure in exposures:
        if exposure.name == name:
            return exposure
    raise DarkroomError(f"simulated {camera}: there is no exposure {name}")
