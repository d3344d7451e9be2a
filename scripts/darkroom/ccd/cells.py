"""Which frames belong together: one exposure time, one temperature group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from darkroom.errors import InputError
from darkroom.fits.describe import Frame, describe

#: Exposure times that differ by less than this fraction are taken as equal.
SAME_EXPTIME = 1e-3


@dataclass(frozen=True)
class Cell:
    """Frames of one role, exposure time and temperature group.

    Parameters
    ----------
    role : {"bias", "dark"}
        What the frames are.
    exptime : float
        Exposure time in seconds.
    group : int
        Temperature group, counted from 1, coldest first; 0 for frames not grouped.
    temperature : float or None
        Mean detector temperature of its frames, degrees Celsius.
    frames : tuple of Frame
        The frames, in the order given.
    """

    role: str
    exptime: float
    group: int
    temperature: float | None
    frames: tuple[Frame, ...]

    @property
    def paths(self):
        """Paths of its frames."""
        return [frame.path for frame in self.frames]

    def __str__(self):
        where = "" if self.temperature is None else f" at {self.temperature:.2f} C"
        return f"{len(self.frames)} {self.role} frames of {self.exptime:g} s{where}"


def load(paths, recover=()):
    """Read the facts of frames that are to be used together.

    Parameters
    ----------
    paths : sequence of path-like
        FITS files.
    recover : sequence of darkroom.fits.describe.Recover
        Malformed cards that may be repaired.

    Returns
    -------
    list of Frame
        In the order given.

    Raises
    ------
    InputError
        For a frame of another instrument, binning or shape than most; see also `describe`.
    """
    frames = [describe(path, recover) for path in paths]
    for name, unit in (("instrument", ""), ("binning", ""), ("shape", " (rows, columns)")):
        counts = Counter(getattr(frame, name) for frame in frames)
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            odd = next(frame for frame in frames if getattr(frame, name) != usual)
            raise InputError(
                odd.path,
                f"its {name} is {getattr(odd, name)}{unit}, that of most frames is {usual}",
                "frames of one detector and one mode are needed",
            )
    return frames


def load_roles(darks, biases, recover=()):
    """Read the facts of darks and biases that are to be used together (see `load`).

    Returns
    -------
    darks, biases : lists of Frame
        In the order given.
    """
    frames = load([*darks, *biases], recover)
    return frames[: len(darks)], frames[len(darks) :]


def cells(darks, biases=(), *, tolerance):
    """Sort frames into cells of one exposure time and one temperature group.

    Temperature groups are made of the darks alone, so that every program numbers them alike. A
    bias frame joins the group nearest in temperature: the dark counts in it are few.

    Parameters
    ----------
    darks, biases : sequence of Frame
        Frames.
    tolerance : float
        Largest difference of temperature inside a group, degrees Celsius.

    Returns
    -------
    list of Cell
        Biases first, then by exposure time, then by group.
    """
    groups = temperature_groups(darks, tolerance)
    found = []
    for role, frames, numbers in (
        ("bias", biases, _nearest_groups(biases, darks, groups)),
        ("dark", darks, groups),
    ):
        keys = list(zip(_exposure_times(frames), numbers, strict=True))
        for exptime, group in sorted(set(keys)):
            members = tuple(
                f for f, key in zip(frames, keys, strict=True) if key == (exptime, group)
            )
            found.append(Cell(role, exptime, group, mean_temperature(members), members))
    return found


def bias_cell(frames):
    """Return bias frames as one cell (group 0: whatever their temperature).

    Raises
    ------
    InputError
        When one has another exposure time.
    """
    times = _exposure_times(frames)
    for frame, exptime in zip(frames, times, strict=True):
        if exptime != times[0]:
            raise InputError(
                frame.path,
                f"bias frame of {frame.exptime:g} s, the first one has {frames[0].exptime:g} s",
                "bias frames need one exposure time; use longer ones as darks",
            )
    return Cell("bias", frames[0].exptime, 0, mean_temperature(frames), tuple(frames))


def temperature_groups(frames, tolerance):
    """Return the temperature group of each frame: 1 is the coldest.

    Going up in temperature, a group takes every frame that lies within `tolerance` of its
    coldest one; that gives the fewest groups.

    Raises
    ------
    InputError
        When only some of the frames tell their temperature.
    """
    temperatures = [frame.temperature for frame in frames]
    if all(value is None for value in temperatures):
        return [1] * len(frames)
    if None in temperatures:
        raise InputError(
            frames[temperatures.index(None)].path,
            "tells no detector temperature, other frames do",
            "temperature groups need it in all of them or in none",
        )
    numbers, number, coldest = {}, 0, -np.inf
    for value in sorted(set(temperatures)):
        if value > coldest + tolerance + 1e-9:
            number, coldest = number + 1, value
        numbers[value] = number
    return [numbers[value] for value in temperatures]


def _nearest_groups(frames, darks, groups):
    """Return the dark group nearest in temperature to each frame."""
    if not darks or any(frame.temperature is None for frame in (*frames, *darks)):
        return [1] * len(frames)
    numbers = sorted(set(groups))
    centres = np.array(
        [np.mean([d.temperature for d, g in zip(darks, groups, strict=True) if g == number])
         for number in numbers]
    )  # fmt: skip
    return [numbers[np.argmin(abs(centres - frame.temperature))] for frame in frames]


def _exposure_times(frames):
    """Return exposure times with near-equal ones made equal (to the shortest of them)."""
    times, known = {}, -1.0
    for value in sorted({frame.exptime for frame in frames}):
        if known < 0 or value > known * (1 + SAME_EXPTIME):
            known = value
        times[value] = known
    return [times[frame.exptime] for frame in frames]


def mean_temperature(frames):
    """Return the mean temperature (C) of frames, or None when one does not tell."""
    values = [frame.temperature for frame in frames]
    return None if not values or None in values else float(np.mean(values))


def group_temperature(cells, group):
    """Return the mean temperature (C) of the darks of a group, or None."""
    values = [
        frame.temperature
        for cell in cells
        if cell.role == "dark" and cell.group == group
        for frame in cell.frames
    ]
    return None if None in values else float(np.mean(values))
