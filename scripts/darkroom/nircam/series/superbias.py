"""Superbiases over epochs: the template of a series, and its states, of group 0 of each ramp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.state import State, empty, merge, of_unit
from darkroom.epochs.template import NO_CLASS, REFERENCE, Template, noise_steps
from darkroom.errors import InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.series.units import names_of, read_details, single_ramps
from darkroom.nircam.superbias.flags import Flag

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET
# Fewer ramps know the level of a pixel too badly: more pixels lose their certificate.
ENOUGH_RAMPS = 16


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
        pixels. The scatter is the median of the scatter of the class's unflagged pixels; noisy
        pixels have their own.

    Raises
    ------
    InputError
        When the file holds no such superbias, has another shape, or a class has no good pixel.
    """
    mean, std, dq = read_details(details, "superbias", ("SCI", "STD", "DQ"), ramps)
    layout = Classes.from_ramps(ramps)
    classes = (layout.column + len(layout) * layout.reference).astype(np.uint8)
    good = np.isfinite(mean) & np.isfinite(std) & (std > 0)
    classes[~good] = NO_CLASS
    # Not DRIFT: where a whole class changed between the epochs it is set in all of its pixels.
    unfit = int(Flag.DO_NOT_USE | Flag.FEW | Flag.NOISY)
    anchor = good & ((dq & np.asarray(unfit, dq.dtype)) == 0)
    # Dead reference pixels are flagged by neither; the median does not mind the few there are.
    anchor &= layout.usable | layout.reference
    present = [k for k in range(2 * len(layout)) if (classes == k).any()]
    sigma = []
    for number, k in enumerate(present):
        where = anchor & (classes == k)
        if not where.any():
            raise InputError(details, f"every pixel of class {_name(layout, k)!r} is flagged")
        sigma.append(float(np.median(std[where])))
        classes[classes == k] = number
    level = np.rint(np.where(good, mean, 0)).astype(np.int32)
    names = tuple(_name(layout, k) for k in present)
    template = Template(level, np.array(sigma), classes, anchor, names, members=names_of(ramps))
    noisy = (dq & np.asarray(int(Flag.NOISY), dq.dtype)) > 0
    with np.errstate(invalid="ignore"):
        factor = np.where(noisy, std / template.spread(template.sigma, np.inf), 1.0)
    return replace(template, noise=noise_steps(factor, template))


def _name(layout, k):
    return layout.names[k % len(layout)] + (REFERENCE if k >= len(layout) else "")


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
    frame = np.empty(ramps.shape, np.float32)
    whole = empty(template)
    for one, name, mjd, facts in single_ramps(ramps):
        GroupStack(one, 0, flags=_UNUSABLE).read_frame(0, 0, frame)
        try:
            part = of_unit(template, name, frame, ~np.isfinite(frame), mjd, facts)
            whole = merge(whole, part)
        except ValueError as error:
            raise InputError(one.files[one.ramps[0][0]].path, str(error)) from error
    return whole
