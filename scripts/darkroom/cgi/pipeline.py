"""How an item's exposures are shared out among jobs: stacks, and parts of stacks.

Plans are made from the lock alone, so only the standard library is used here.
"""

from __future__ import annotations

from darkroom.errors import DarkroomError


def stack_name(gain, exptime):
    """Return the name of a stack in paths, e.g. ``g5000_t100``."""
    return f"g{float(gain):g}_t{float(exptime):g}"


def stacks_of(exposures):
    """Sort exposures into stacks by what the lock says of them.

    Parameters
    ----------
    exposures : sequence of darkroom.campaign.lock.Exposure

    Returns
    -------
    dict
        ``{stack: [name of an exposure, ...]}``, in the order of the lock.

    Raises
    ------
    DarkroomError
        When there is none, or the lock does not know the EM gain or the time of one.
    """
    stacks = {}
    for exposure in exposures:
        try:
            gain, exptime = (float(exposure.facts[fact]) for fact in ("em_gain", "exptime_s"))
        except (KeyError, ValueError):
            raise DarkroomError(
                f"item {exposure.item}: the lock knows no EM gain or no exposure time of "
                f"{exposure.exposure}; leave it out of the campaign, or make the lock again"
            ) from None
        stacks.setdefault(stack_name(gain, exptime), []).append(exposure.exposure)
    if not stacks:
        raise DarkroomError("the CGI road needs darks, and there are none")
    return stacks


def parts_of(names, size):
    """Cut a list into parts of at most `size`: ``{"001": [...], ...}``.

    New exposures at the end change the last part or make new ones; the others stay as they are.
    """
    return {
        f"{number:03d}": names[first : first + size]
        for number, first in enumerate(range(0, len(names), size), start=1)
    }
