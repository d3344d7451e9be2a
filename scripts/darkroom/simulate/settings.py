"""What every simulated camera does with its settings: checks, random streams, look-up by name."""

from __future__ import annotations

import zlib

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError


def check_names(camera, given, known, where=""):
    """Raise `DarkroomError` for a setting of `given` that is not among `known`.

    Parameters
    ----------
    camera : str
        Whose settings they are, for the message: ``CCD``, ``NIRCam``, ...
    given, known : iterables of str
        Names.
    where : str
        The setting they belong to, e.g. ``darks: ``.
    """
    if unknown := sorted(set(given) - set(known)):
        raise DarkroomError(
            f"simulated {camera}: {where}no setting named {', '.join(unknown)}"
            f"{nearest(unknown[0], known)}; there are {', '.join(sorted(known))}"
        )


def check_choice(camera, name, value, known):
    """Raise `DarkroomError` when the setting `name` has a `value` that is not among `known`."""
    if value not in known:
        raise DarkroomError(
            f"simulated {camera}: {name} is {value!r}{nearest(str(value), known)}; "
            f"there are {', '.join(known)}"
        )


def stream(full, component, exposure=""):
    """Return the random generator of one component, of the camera or of one exposure.

    Each has its own, so that an exposure can be made alone, in any order, and a component that is
    switched off leaves all others as they were, to the last bit.
    """
    import numpy as np  # not needed to plan exposures

    return np.random.default_rng(
        np.random.SeedSequence(full["seed"], spawn_key=key(component, exposure))
    )


def key(*names):
    """Return numbers that stand for names in the key of a random stream."""
    return tuple(zlib.crc32(name.encode()) for name in names)


def planned(camera, exposures, name):
    """Return the one of `exposures` that is called `name`, or raise `DarkroomError`."""
    for exposure in exposures:
        if exposure.name == name:
            return exposure
    raise DarkroomError(f"simulated {camera}: there is no exposure {name}")
