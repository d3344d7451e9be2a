"""The linear model of the mean of a stack, and the conditions that stacks must meet for its fit.

The mean of stack m, bias-subtracted and in electrons after the EM register, is

    Y_m = F + g_m C + g_m t_m D

with F the fixed pattern [e-], C the clock-induced charge [e-], D the dark current [e-/s], g the EM
gain and t the exposure time [s].
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.stacks.stacks import RECOMMENDED_FRAMES
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.stacks.stacks import Stack

# Largest numbers of frames in a stack, and of stacks, that the counts in products can hold.
_MAX_FRAMES, _MAX_STACKS = 32767, 255
#: Stacks that must be usable in a pixel: three parameters, and one degree of freedom.
MIN_STACKS = 4
# Expected dark signal of the image, for the check of cosmic-ray thresholds: F and C in e-, D in
# e-/s; and the standard deviations of it that must lie below a threshold.
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
        Squared excess-noise factor at each gain.
    """

    gain: np.ndarray
    exptime: np.ndarray
    kgain: np.ndarray
    enf2: np.ndarray

    @classmethod
    def from_stacks(cls, stacks: Sequence[Stack], em_stages: int) -> Design:
        """Make the design of stacks; the EM register has `em_stages` stages."""
        gain = np.array([stack.em_gain for stack in stacks])
        return cls(
            gain,
            np.array([stack.exptime for stack in stacks]),
            np.array([stack.kgain for stack in stacks]),
            excess_noise(gain, em_stages) ** 2,
        )

    @property
    def matrix(self) -> np.ndarray:
        """Design matrix X, (M, 3): the coefficients of F, C and D in each stack."""
        return np.column_stack([np.ones_like(self.gain), self.gain, self.gain * self.exptime])


def excess_noise(gain: float | np.ndarray, em_stages: int) -> np.ndarray:
    """Return the excess-noise factor of an EM register.

    Parameters
    ----------
    gain : float or array
        EM gain, at least 1.
    em_stages : int
        Stages of the register, N.

    Returns
    -------
    array
        sqrt(2 (g - 1) g^(-(N+1)/N) + 1/g): noise of Poisson-distributed electrons after the
        register over that before it, per unit of gain (Robbins & Hadwen 2003, IEEE Trans.
        Electron Devices 50, 1227).
    """
    gain = np.asarray(gain, float)
    return np.sqrt(2 * (gain - 1) * gain ** (-(em_stages + 1) / em_stages) + 1 / gain)


def truncation(stack: Stack, em_stages: int) -> str:
    """Return a sentence when the cosmic-ray threshold of a stack truncates its dark signal.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    em_stages : int
        Stages of the EM register.

    Returns
    -------
    str
        Empty when it does not, or no threshold is known.

    Notes
    -----
    corgidrp's rule: the threshold must lie above the mean of the expected dark signal by four of
    its standard deviations. Samples above the threshold are masked, so a lower one biases the mean.
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


def check_stacks(stacks: Sequence[Stack]) -> None:
    """Refuse stacks that the three maps cannot be fitted to.

    Parameters
    ----------
    stacks : sequence of darkroom.cgi.stacks.stacks.Stack
        Stacks of the fit.

    Raises
    ------
    DarkroomError
        When there are fewer than four stacks, or fewer than two gains or exposure times; when a
        gain is below 1, a time negative, or a conversion gain not positive; when two stacks have
        the same gain and time; or when stacks differ in shape.
    """
    if len(stacks) < MIN_STACKS:
        names = "; ".join(stack.name for stack in stacks) or "none"
        raise DarkroomError(
            f"{len(stacks)} stacks to fit ({names}): at least {MIN_STACKS} of different EM gain "
            "and exposure time are needed"
        )
    if len(stacks) > _MAX_STACKS:
        raise DarkroomError(f"{len(stacks)} stacks to fit: at most {_MAX_STACKS} can be counted")
    shapes = Counter(stack.shape for stack in stacks)
    if len(shapes) > 1:
        usual = shapes.most_common(1)[0][0]
        other = next(stack for stack in stacks if stack.shape != usual)
        raise DarkroomError(
            f"{other.name}: frames of {other.shape[0]} x {other.shape[1]}, those of the other "
            f"stacks have {usual[0]} x {usual[1]}"
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
            "each combination may occur once (do their conversion gains differ?)"
        )


def _check_values(stack):
    if not 0 < stack.nframes <= _MAX_FRAMES:
        raise DarkroomError(
            f"{stack.name}: {stack.nframes} frames; from 1 to {_MAX_FRAMES} can be counted"
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


def number_warnings(stacks: Sequence[Stack]) -> list[str]:
    """Return warnings about stacks with few frames, or unequal numbers of frames."""
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
