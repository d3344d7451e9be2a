"""The linear model of a stack's mean, and the stacks it can be fitted to.

The mean of stack m, bias-subtracted and in electrons after the EM register, is

    Y_m = F + g_m C + g_m t_m D

with F the fixed pattern [e-], C the clock-induced charge [e-], D the dark current [e-/s], g the EM
gain and t the exposure time [s].
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from darkroom.cgi.stacks.stacks import RECOMMENDED_FRAMES
from darkroom.errors import DarkroomError

# Frames of a stack that the products' counts can hold, and stacks.
_MOST_FRAMES, _MOST_STACKS = 32767, 255
#: Stacks that must be usable in a pixel: three parameters, and one more to judge them by.
LEAST_STACKS = 4
# Dark signal expected in the image, for the check of cosmic-ray thresholds: F, C in e-, D in e-/s.
_EXPECTED = (4.9, 0.0088, 0.001)
_EXPECTED_DEVIATIONS = 4.0


@dataclass(frozen=True)
class Design:
    """Gains and times of the stacks that are fitted.

    Attributes
    ----------
    gain, exptime, kgain : (M,) float arrays
        EM gain, exposure time [s], electrons per DN.
    enf2 : (M,) float array
        Square of the excess-noise factor at each gain.
    """

    gain: np.ndarray
    exptime: np.ndarray
    kgain: np.ndarray
    enf2: np.ndarray

    @classmethod
    def from_stacks(cls, stacks, em_stages):
        """Make the design of stacks (`darkroom.cgi.stacks.stacks.Stack`)."""
        gain = np.array([stack.em_gain for stack in stacks])
        return cls(
            gain,
            np.array([stack.exptime for stack in stacks]),
            np.array([stack.kgain for stack in stacks]),
            excess_noise(gain, em_stages) ** 2,
        )

    @property
    def matrix(self):
        """Return X, (M, 3): what F, C and D contribute to each stack."""
        return np.column_stack([np.ones_like(self.gain), self.gain, self.gain * self.exptime])


def excess_noise(gain, em_stages):
    """Return the excess-noise factor of an EM register.

    Parameters
    ----------
    gain : float or array
        EM gain, at least 1.
    em_stages : int
        Stages of the register, N.

    Returns
    -------
    float or array
        sqrt(2 (g - 1) g^(-(N+1)/N) + 1/g): noise of Poisson-distributed electrons behind the
        register over that before it, per unit of gain (Robbins & Hadwen 2003, IEEE Trans.
        Electron Devices 50, 1227).
    """
    gain = np.asarray(gain, float)
    return np.sqrt(2 * (gain - 1) * gain ** (-(em_stages + 1) / em_stages) + 1 / gain)


def truncated(stack, em_stages):
    """Tell whether a stack's cosmic-ray threshold cuts into its own dark signal.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    em_stages : int

    Returns
    -------
    str
        Empty when it does not (or no threshold is known), else the finding in words.

    Notes
    -----
    corgidrp's rule: the threshold must lie above the mean of the expected dark signal by four of
    its standard deviations. Samples above it are masked, so a lower one biases the mean.
    """
    threshold = stack.threshold_e
    if threshold is None:
        return ""
    fixed, cic, rate = _EXPECTED
    electrons = cic + rate * stack.exptime
    noise = float(excess_noise(stack.em_gain, em_stages)) * stack.em_gain * np.sqrt(electrons)
    needed = fixed + electrons + _EXPECTED_DEVIATIONS * noise
    if threshold > needed:
        return ""
    return (
        f"{stack.name}: its cosmic-ray threshold of {threshold:.0f} e- cuts into the dark signal "
        f"(which reaches {needed:.0f} e-), so its mean is too low"
    )


def check_stacks(stacks):
    """Refuse stacks that the three maps cannot be fitted to.

    Parameters
    ----------
    stacks : list of darkroom.cgi.stacks.stacks.Stack
        Those that go into the fit.

    Raises
    ------
    DarkroomError
        When there are fewer than four, with fewer than two gains or exposure times, a gain
        below 1, a negative time, a conversion gain that is not positive, or a combination of
        gain and time twice; or when they differ in shape.
    """
    if len(stacks) < LEAST_STACKS:
        names = "; ".join(stack.name for stack in stacks) or "none"
        raise DarkroomError(
            f"{len(stacks)} stacks to fit ({names}): at least {LEAST_STACKS} of different EM gain "
            "and exposure time are needed"
        )
    if len(stacks) > _MOST_STACKS:
        raise DarkroomError(f"{len(stacks)} stacks to fit: at most {_MOST_STACKS} can be counted")
    shapes = Counter(stack.shape for stack in stacks)
    if len(shapes) > 1:
        usual = shapes.most_common(1)[0][0]
        odd = next(stack for stack in stacks if stack.shape != usual)
        raise DarkroomError(
            f"{odd.name}: frames of {odd.shape[0]} x {odd.shape[1]}, those of the other stacks "
            f"have {usual[0]} x {usual[1]}"
        )
    for stack in stacks:
        _check_values(stack)
    for label, values in (
        ("EM gain", {stack.em_gain for stack in stacks}),
        ("exposure time", {stack.exptime for stack in stacks}),
    ):
        if len(values) < 2:
            raise DarkroomError(
                f"all {len(stacks)} stacks have the {label} {values.pop():g}: at least two "
                f"different ones are needed"
            )
    pair, times = Counter((stack.em_gain, stack.exptime) for stack in stacks).most_common(1)[0]
    if times > 1:
        raise DarkroomError(
            f"{times} stacks have the EM gain {pair[0]:g} and the exposure time {pair[1]:g} s: "
            "each combination may be there once (do their conversion gains differ?)"
        )


def _check_values(stack):
    if not 0 < stack.nframes <= _MOST_FRAMES:
        raise DarkroomError(
            f"{stack.name}: {stack.nframes} frames; from 1 to {_MOST_FRAMES} can be counted"
        )
    if stack.em_gain < 1:
        raise DarkroomError(f"{stack.name}: its EM gain is {stack.em_gain:g}, it must be 1 or more")
    if stack.exptime < 0:
        raise DarkroomError(f"{stack.name}: its exposure time is negative")
    if stack.kgain <= 0:
        raise DarkroomError(
            f"{stack.name}: its conversion gain KGAINPAR is {stack.kgain:g} e-/DN, it must be "
            "positive"
        )


def number_warnings(stacks):
    """Return sentences about stacks that are small, or unequal in their number of frames."""
    found = []
    numbers = sorted({stack.nframes for stack in stacks})
    if numbers[0] < RECOMMENDED_FRAMES:
        small = sum(stack.nframes < RECOMMENDED_FRAMES for stack in stacks)
        found.append(
            f"{small} of {len(stacks)} stacks have fewer than the recommended "
            f"{RECOMMENDED_FRAMES} frames (the smallest {numbers[0]})"
        )
    if len(numbers) > 1:
        found.append(f"the stacks are unequal: from {numbers[0]} to {numbers[-1]} frames")
    return found
