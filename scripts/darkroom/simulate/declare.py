"""How simulators declare their settings, and complete those that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkroom.campaign.settings import declared, defaults, setting
from darkroom.errors import DarkroomError
from darkroom.simulate.settings import check_names


def simulated(default: Any, about: str, **more: Any) -> Any:
    """Declare a setting of a simulator (see `darkroom.campaign.settings.setting`).

    Its default is not written into a campaign: a lock keeps the digest of what was asked for, and
    what was not asked for may change with the simulator.
    """
    return setting(default, about, filled=False, option=False, **more)


def overlay(camera: str, group: type, given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return the defaults of a group overlaid with what is given, at every depth.

    Parameters
    ----------
    camera : str
        Name of the simulated camera, for messages.
    group : type
        Declaration of its settings.
    given : dict
        Settings by name. A group of settings that is given in part keeps the defaults of the rest;
        one that is given as null stays so.
    where : str
        Where they are, for messages, e.g. ``"common: "``.

    Raises
    ------
    DarkroomError
        For a setting that is not declared, or one that must be given and is not.
    """
    known = declared(group)
    check_names(camera, given, known, where)
    full = defaults(group) | dict(given)
    for name, one in known.items():
        if name not in full:
            raise DarkroomError(f"simulated {camera}: {where}{name} must be given")
        if not one.group or not given.get(name):
            continue
        if one.is_list:
            full[name] = [overlay(camera, one.group, part, f"{name}: ") for part in given[name]]
        else:
            full[name] = overlay(camera, one.group, given[name], f"{name}: ")
    return full
