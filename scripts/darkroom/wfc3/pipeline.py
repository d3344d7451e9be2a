"""What the WFC3 road asks of a campaign: standard library alone, since rules are planned by it."""

from __future__ import annotations

from darkroom.errors import DarkroomError

#: Reference types of the road, as CRDS calls them: header keywords in lower case.
KINDS = (
    "bpixtab", "ccdtab", "oscntab", "crrejtab", "darkfile", "nlinfile", "pfltfile", "imphttab",
    "idctab",
)  # fmt: skip


def check_item(name, settings, exposures):
    """Refuse settings that contradict each other or name an exposure that is not there.

    Parameters
    ----------
    name : str
        The item.
    settings : dict
        Its ``wfc3``.
    exposures : iterable of str
        Exposures of its lock.

    Raises
    ------
    DarkroomError
        Naming the item and the key.
    """
    engine, treatment = settings["engine"], settings["treatment"]
    if engine != "builtin" and treatment == "mask" and settings["mask_scope"] == "all":
        raise DarkroomError(
            f"item {name}: engine {engine} cannot leave masked reads out for every pixel; set "
            "mask_scope: calwf3, or engine: builtin"
        )
    if engine == "calwf3" and treatment != "mask":
        raise DarkroomError(f"item {name}: engine calwf3 cannot {treatment}; use builtin or both")
    exposures = list(exposures)
    for exposure in settings["reads"]:
        if exposure not in exposures:
            raise DarkroomError(
                f"item {name}: reads names exposure {exposure!r}, which is not in its lock "
                f"({', '.join(exposures)})"
            )


def reads_of(settings, exposure):
    """Return the EXTVERs given for an exposure as text (``"11,12"``), None when none are."""
    given = settings["reads"].get(exposure)
    if given is None or isinstance(given, str):
        return given
    return ",".join(str(read) for read in given)


def ramp_memory(shape, nsamp):
    """Return MB for an exposure's ramp, reads and errors in memory twice, and the interpreter."""
    ny, nx = (int(size) for size in shape.split("x"))
    return 300 + round(ny * nx * nsamp * 20 / 1e6)
