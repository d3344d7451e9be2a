"""Read noise over epochs: the template of a series, and its states, of the residuals of ramps.

A ramp is cut at cosmic rays by what it shows itself and by the noise of its class in the template:
what the other ramps of a campaign show must not decide, or states would not merge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.epochs.template import NO_CLASS, REFERENCE
from darkroom.epochs.variance import VarianceState, VarianceTemplate, empty, merge, of_unit
from darkroom.errors import InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.blocks import RampBlocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.readnoise.measure import MIN_GROUPS, Flag, check_groups, pixel_kinds
from darkroom.nircam.series.units import read_details, single_ramps

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED


def template_of(details: StrPath, ramps: RampSet) -> VarianceTemplate:
    """Return the template of a series that starts with a read noise.

    Parameters
    ----------
    details : path-like
        File of details of a read noise of method ``line``, of the same readout.
    ramps : RampSet
        Exposures of the series.

    Returns
    -------
    VarianceTemplate
        Classes are those of amplifier, active and reference pixels. The product is the CDS noise
        of single frames, as in the reference file.

    Raises
    ------
    InputError
        When the file holds no such read noise, has another shape, or a class has no good pixel.
    """
    single, dq = read_details(details, "read noise", ("SINGLE", "DQ"), ramps)
    layout = Classes.from_ramps(ramps)
    kinds = pixel_kinds(layout)
    nframes = frames_per_group(ramps)
    flagged = (dq & np.asarray(int(Flag.NO_VALUE | Flag.NOISY | Flag.TELEGRAPH), dq.dtype)) > 0
    classes = np.full(ramps.shape, NO_CLASS, np.uint8)
    sigma, names = [], []
    for k in np.unique(kinds):
        where = (kinds == k) & np.isfinite(single)
        good = where & ~flagged
        name = f"amplifier {k % layout.noutputs}" + (REFERENCE if k >= layout.noutputs else "")
        if not good.any():
            raise InputError(details, f"every pixel of class {name!r} is flagged")
        classes[where] = len(names)
        sigma.append(float(np.median(single[good])) / math.sqrt(nframes))
        names.append(name)
    whole = (dq & np.asarray(int(Flag.TELEGRAPH), dq.dtype)) > 0
    return VarianceTemplate(np.array(sigma), classes, whole, tuple(names), math.sqrt(2.0 * nframes))


def state_of(ramps: RampSet, template: VarianceTemplate) -> VarianceState:
    """Return the state of every ramp of a set: one unit each.

    Parameters
    ----------
    ramps : RampSet
    template : VarianceTemplate

    Returns
    -------
    VarianceState

    Raises
    ------
    InputError
        When a ramp does not fit the template, or has fewer than 3 groups; the message names its
        file.
    """
    check_groups(ramps, MIN_GROUPS)
    whole = empty(template)
    for one, name, mjd, facts in single_ramps(ramps):
        squares, dof = _residuals(RampBlocks(one, _UNUSABLE), template)
        try:
            whole = merge(whole, of_unit(template, name, squares, dof, mjd, facts))
        except ValueError as error:
            raise InputError(one.files[one.ramps[0][0]].path, str(error)) from error
    return whole


def _residuals(blocks, template):
    """Return the squares of the residuals of one ramp and their degrees of freedom, by pixel."""
    kernel = load_kernel("darkroom.nircam.readnoise.kernel")
    shape = template.shape
    squares, dof = np.zeros(shape), np.zeros(shape, np.int32)
    step_noise = math.sqrt(2.0) * template.sigma
    never = np.full(step_noise.size, np.inf)  # telegraph noise is known from the template
    kinds = np.where(template.classes == NO_CLASS, 0, template.classes).astype(np.int32)

    def work(values, rows, columns):
        n = values.shape[1]
        total, raw, pairs = (np.empty(n) for _ in range(3))
        nu, raw_nu, pairs_nu, jumps = (np.empty(n, np.int32) for _ in range(4))
        tests = [np.empty(n, np.float32) for _ in range(3)]
        by_ramp = np.zeros((1, step_noise.size)), np.zeros((1, step_noise.size), np.int64)
        kernel.residuals(
            values, blocks.starts, np.ascontiguousarray(kinds[rows, columns]).ravel(), step_noise,
            never, 2, total, nu, raw, raw_nu, pairs, pairs_nu, jumps, *tests, *by_ramp,
        )  # fmt: skip
        uncut = template.whole[rows, columns]
        squares[rows, columns] = np.where(
            uncut, raw.reshape(uncut.shape), total.reshape(uncut.shape)
        )
        dof[rows, columns] = np.where(uncut, raw_nu.reshape(uncut.shape), nu.reshape(uncut.shape))

    blocks.over(work)
    return squares, dof
