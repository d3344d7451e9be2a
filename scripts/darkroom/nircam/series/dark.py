"""Dark current over epochs: the template of a series, and its states, of the rate of each ramp.

The noise model that rates are fitted with, and the limit of the test for cosmic rays, are those of
the first epoch, in the template: a fit that the other ramps of a campaign had a part in would not
merge. A ramp counts in a pixel with its full
weight where cosmic rays leave more than half of its information, else not at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.compiled import load_kernel
from darkroom.epochs.state import State, empty, merge, of_unit
from darkroom.epochs.template import NO_CLASS, Template, noise_steps
from darkroom.errors import InputError
from darkroom.nircam.dark.fit import RampFit, timing_of
from darkroom.nircam.dark.flags import Flag
from darkroom.nircam.dark.measure import UNUSABLE
from darkroom.nircam.ramps.blocks import RampBlocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.series.units import names_of, read_details, single_ramps

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

# Samples of about so many units of the scatter's size make rounding to 2⁻¹⁰ harmless.
_SCATTER = 16.0
#: Of the information of a ramp that no cosmic ray hit, a sample needs this much.
ENOUGH = 0.5


def template_of(details: StrPath, ramps: RampSet, gain: np.ndarray) -> Template:
    """Return the template of a series that starts with a dark.

    Parameters
    ----------
    details : path-like
        File of details of a dark of method ``gls``, of the same readout.
    ramps : RampSet
        Exposures of the series.
    gain : (noutputs,) float64 array
        e-/DN, by amplifier.

    Returns
    -------
    Template
        A class for each amplifier; flagged pixels have their own scatter. Constants hold gain,
        noise model, timing, and the dark's limit of the test for cosmic rays.

    Raises
    ------
    InputError
        When the file holds no such dark, has another shape, or an amplifier has no good pixel.
    """
    rate, error, nint, dq = read_details(details, "dark", ("RATE", "ERR", "NINT", "DQ"), ramps)
    layout = Classes.from_ramps(ramps)
    scatter = error.astype(np.float64) * np.sqrt(np.maximum(nint, 0))
    good = np.isfinite(rate) & np.isfinite(scatter) & (scatter > 0) & ~layout.reference
    classes = np.where(good, layout.amplifier, NO_CLASS).astype(np.uint8)
    anchor = good & layout.usable & (dq == 0)
    sigma = np.empty(layout.noutputs)
    for a in range(layout.noutputs):
        where = anchor & (classes == a)
        if not where.any():
            raise InputError(details, f"every pixel of amplifier {a} is flagged")
        sigma[a] = np.median(scatter[where])
    scale = 2.0 ** np.round(np.log2(_SCATTER / np.median(sigma)))
    step_sigma = _step_sigma(details)
    fit = RampFit(RampBlocks(ramps, UNUSABLE), layout, gain, step_sigma)
    template = Template(
        np.rint(np.where(good, rate * scale, 0)).astype(np.int32),
        sigma * scale,
        classes,
        anchor,
        tuple(f"amplifier {a}" for a in range(layout.noutputs)),
        members=names_of(ramps),
        constants={
            "SCALE": np.array([scale]),
            "KINDS": fit.kinds,
            "TIMES": fit.times,
            "SCALES": fit.scales,
            "STEP": np.array([step_sigma]),
        },
    )
    odd = (dq & np.asarray(int(Flag.HOT | Flag.WARM | Flag.UNSTABLE | Flag.NOISY), dq.dtype)) > 0
    factor = np.where(odd, scatter * scale / template.spread(template.sigma, np.inf), 1.0)
    return replace(template, noise=noise_steps(factor, template))


def _step_sigma(details):
    step_sigma = fits.getheader(details).get("STEPSIG")
    if step_sigma is None:
        raise InputError(
            details,
            "does not say the limit of its test for cosmic rays (STEPSIG)",
            "make the dark again",
        )
    return float(step_sigma)


def state_of(ramps: RampSet, template: Template) -> State:
    """Return the state of every ramp of a set: one unit each, its rate.

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
        When a ramp does not fit the template, or has another timing; the message names its file.
    """
    timing = timing_of(ramps)
    times = np.array([timing.tgroup, *timing.covariance])
    if not np.array_equal(times, template.constants["TIMES"]):
        raise InputError(
            ramps.files[0].path,
            f"has groups every {timing.tgroup:.6g} s, the series every "
            f"{template.constants['TIMES'][0]:.6g} s",
            "epochs of a series need one readout pattern",
        )
    whole = empty(template)
    for one, name, mjd, facts in single_ramps(ramps):
        frame = _rates(RampBlocks(one, UNUSABLE), template)
        try:
            part = of_unit(template, name, frame, ~np.isfinite(frame), mjd, facts)
            whole = merge(whole, part)
        except ValueError as error:
            raise InputError(one.files[one.ramps[0][0]].path, str(error)) from error
    return whole


def _rates(blocks, template):
    """Return the rate of one ramp by pixel, in samples; NaN where cosmic rays left too little."""
    kernel = load_kernel("darkroom.nircam.dark.kernel")
    kinds, times = template.constants["KINDS"], template.constants["TIMES"]
    ngroups, step_sigma = blocks.ngroups, float(template.constants["STEP"][0])
    scales = np.ones((len(kinds), max(template.constants["SCALES"].shape[1], ngroups - 1)))
    scales[:, : template.constants["SCALES"].shape[1]] = template.constants["SCALES"]
    frame = np.full(template.level.shape, np.nan)
    full = _information(kinds, times, ngroups - 1)
    number = np.where(template.classes == NO_CLASS, -1, template.classes.astype(np.int8))

    def work(values, rows, columns):
        n = values.shape[1]
        rate, info = np.empty((1, n)), np.empty((1, n))
        chi2 = np.empty(n)
        free, hits, down = (np.empty(n, np.int32) for _ in range(3))
        nothing = np.zeros((0, n), np.float32), np.zeros((0, n), np.int16)
        kind = np.ascontiguousarray(number[rows, columns]).ravel().astype(np.int8)
        kernel.rates(
            values, blocks.starts, kind, kinds, times, step_sigma, scales, rate, info, chi2, free,
            hits, down, *nothing,
        )  # fmt: skip
        cut = (hits > 0) & (info[0] < ENOUGH * full[np.maximum(kind, 0)])
        found = np.where(cut | ~(info[0] > 0), np.nan, rate[0])
        frame[rows, columns] = found.reshape(frame[rows, columns].shape)

    blocks.over(work)
    return frame * template.scale


def _information(kinds, times, n):
    """Return the information of a ramp of n differences that nothing hit, s2/e-2, by amplifier."""
    found = np.empty(len(kinds))
    for k, (_, rate, read, _) in enumerate(kinds):
        covariance = (rate * times[1] + 2 * read) * np.eye(n)
        covariance += (rate * times[2] - read) * (np.eye(n, k=1) + np.eye(n, k=-1))
        found[k] = np.linalg.solve(covariance, np.ones(n)).sum() * times[0] ** 2
    return found
