"""Dark ramps as units of a series of superbiases: the template of the series, and its states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.epochs.state import NO_CLASS, State, Template, empty, merge, of_unit
from darkroom.errors import InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.superbias.flags import Flag

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET
# Fewer ramps know the level of a pixel too badly: more pixels lose their certificate.
ENOUGH_RAMPS = 16


def series_cards(ramps: RampSet) -> dict[str, tuple[str, str]]:
    """Return what the states of a series must share: value and comment by keyword."""
    layout = ramps.readout
    return {
        "INSTRUME": ("NIRCAM", "instrument"),
        "PRODUCT": ("superbias", "product that the state makes"),
        "DETECTOR": (layout.detector, "detector"),
        "SUBARRAY": (layout.subarray, "subarray"),
        "READPATT": (str(ramps.files[0].header.get("READPATT", "")), "readout pattern"),
    }


def template_of(details: StrPath, ramps: RampSet) -> Template:
    """Return the template of a series that starts with a superbias.

    Parameters
    ----------
    details : path-like
        File of details of a superbias of method ``aligned``, of the same readout.
    ramps : RampSet
        Exposures of the series.

    Returns
    -------
    Template
        Classes are those of amplifier and column parity, active pixels first, then reference
        pixels. The scatter is the median of the scatter of the class's unflagged pixels.

    Raises
    ------
    InputError
        When the file holds no such superbias, has another shape, or a class has no good pixel.
    """
    try:
        with fits.open(details, memmap=False) as hdus:
            mean, std, dq = (np.asarray(hdus[name].data) for name in ("SCI", "STD", "DQ"))
    except FileNotFoundError:
        raise InputError(details, "no such file") from None
    except (OSError, KeyError, fits.VerifyError) as error:
        raise InputError(
            details,
            f"holds no details of a superbias ({error})",
            "give the file of --details of a superbias made with method aligned",
        ) from error
    if mean.shape != ramps.shape:
        raise InputError(
            details,
            f"has {mean.shape[1]} × {mean.shape[0]} pixels, the exposures have "
            f"{ramps.shape[1]} × {ramps.shape[0]}",
        )
    layout = Classes.from_ramps(ramps)
    classes = (layout.column + len(layout) * layout.reference).astype(np.uint8)
    good = np.isfinite(mean) & np.isfinite(std) & (std > 0)
    classes[~good] = NO_CLASS
    anchor = good & ((dq & ~np.asarray(int(Flag.REFERENCE_PIXEL), dq.dtype)) == 0)
    # Dead reference pixels are flagged by neither; the median does not mind the few there are.
    anchor &= layout.usable | layout.reference
    present = [k for k in range(2 * len(layout)) if (classes == k).any()]
    sigma = []
    for number, k in enumerate(present):
        where = anchor & (classes == k)
        if not where.any():
            raise InputError(details, f"every pixel of {_name(layout, k)} is flagged")
        sigma.append(float(np.median(std[where])))
        classes[classes == k] = number
    level = np.rint(np.where(good, mean, 0)).astype(np.int32)
    return Template(level, np.array(sigma), classes, anchor)


def _name(layout, k):
    kind = "reference" if k >= len(layout) else "active"
    return f"{layout.names[k % len(layout)]}, {kind} pixels"


def state_of(ramps: RampSet, template: Template) -> State:
    """Return the state of every ramp of a set: one unit each, its group 0.

    Parameters
    ----------
    ramps : RampSet
    template : Template

    Returns
    -------
    State

    Raises
    ------
    InputError
        When a ramp does not fit the template; the message names its file.
    """
    stack = GroupStack(ramps, 0, flags=_UNUSABLE)
    frame = np.empty(ramps.shape, np.float32)
    whole = empty(template)
    for ramp, (number, integration) in enumerate(ramps.ramps):
        path = ramps.files[number].path
        stack.read_frame(ramp, 0, frame)
        name = f"{path.name.partition('.')[0]} {integration + 1}"
        try:
            whole = merge(whole, of_unit(template, name, frame, ~np.isfinite(frame)))
        except ValueError as error:
            raise InputError(path, str(error)) from error
    return whole
