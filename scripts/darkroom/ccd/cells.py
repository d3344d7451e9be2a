"""Sorting of frames into cells: frames of one exposure time and one temperature group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.settings import SAME_EXPTIME
from darkroom.errors import InputError
from darkroom.fits.describe import Frame, describe

if TYPE_CHECKING:
    from darkroom.fits.cards import Recover
    from darkroom.hints import StrPath

#: Exposure times of bias frames may differ by this many seconds: dark counts do not show.
SAME_BIAS_S = 0.02
#: A cooled camera keeps the temperature that was asked for within this many °C, in steps of its
#: thermometer (0.41 °C in SBIG's).
REGULATED_C = 1.0
#: The largest such step, °C.
STEP_C = 0.5


@dataclass(frozen=True)
class Cell:
    """Frames of one role, exposure time and temperature group.

    Parameters
    ----------
    role : {"bias", "dark", "science"}
        Kind of the frames.
    exptime : float
        Exposure time in seconds.
    group : int
        Number of the temperature group; 1 is the coldest, 0 are frames that are not grouped.
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
    def paths(self) -> list[Path]:
        """Paths of the frames."""
        return [frame.path for frame in self.frames]

    def in_time(self) -> np.ndarray:
        """Return the numbers of its frames in the order of their times; as given without them."""
        times = [frame.mjd for frame in self.frames]
        order = np.arange(len(times))
        return order if None in times else order[np.argsort(times, kind="stable")]

    def __str__(self):
        where = "" if self.temperature is None else f" at {self.temperature:.2f} C"
        return f"{len(self.frames)} {self.role} frames of {self.exptime:g} s{where}"


def load(
    paths: Sequence[StrPath],
    recover: Sequence[Recover] = (),
    cards: Mapping[str, str] | None = None,
) -> list[Frame]:
    """Read the headers of frames that are to be used together.

    Parameters
    ----------
    paths : sequence of path-like
        FITS files.
    recover : sequence of darkroom.fits.cards.Recover
        Malformed header cards that may be repaired.
    cards : mapping, optional
        Cards of the exposure time, the temperature and the role, where they are not the usual ones.

    Returns
    -------
    list of Frame
        In the order given.

    Raises
    ------
    InputError
        For a frame of another instrument, binning or shape than most; see also `describe`.
    """
    frames = [describe(path, recover, cards) for path in paths]
    for name, unit in (("instrument", ""), ("binning", ""), ("shape", " (rows, columns)")):
        counts = Counter(getattr(frame, name) for frame in frames)
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            deviant = next(frame for frame in frames if getattr(frame, name) != usual)
            raise InputError(
                deviant.path,
                f"its {name} is {getattr(deviant, name)}{unit}, that of most frames is {usual}",
                "frames of one detector and one mode are needed",
            )
    return frames


def cells(darks: Sequence[Frame], biases: Sequence[Frame] = (), *, tolerance: float) -> list[Cell]:
    """Sort frames into cells of one exposure time and one temperature group.

    Temperature groups are formed from the darks alone, so that every program numbers them in the
    same way. A bias frame joins the group nearest in temperature: its dark counts are few.

    Parameters
    ----------
    darks, biases : sequence of Frame
    tolerance : float
        Largest difference of temperature within a group, degrees Celsius.

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


def bias_cell(frames: Sequence[Frame]) -> Cell:
    """Return bias frames as one cell, of group 0: all temperatures.

    Its exposure time is that of the first.

    Raises
    ------
    InputError
        When exposure times differ by more than `SAME_BIAS_S`.
    """
    first = frames[0].exptime
    for frame in frames:
        if abs(frame.exptime - first) > max(SAME_BIAS_S, SAME_EXPTIME * first):
            raise InputError(
                frame.path,
                f"bias frame of {frame.exptime:g} s, the first one has {first:g} s",
                "bias frames need one exposure time; use longer ones as darks",
            )
    return Cell("bias", first, 0, mean_temperature(frames), tuple(frames))


def temperature_groups(frames: Sequence[Frame], tolerance: float) -> list[int]:
    """Return the number of the temperature group of each frame; 1 is the coldest.

    Frames of a cooled camera belong together when one temperature was asked for and kept: the
    readings then differ by steps of the thermometer. Other frames are grouped by what was measured:
    from the coldest frame up, a group takes all frames within `tolerance` (degrees Celsius) of its
    coldest one, which gives the fewest groups. Frames without a temperature form one group.

    Raises
    ------
    InputError
        When only some of the frames state their temperature.
    """
    temperatures = [frame.temperature for frame in frames]
    if all(value is None for value in temperatures):
        return [1] * len(frames)
    if None in temperatures:
        raise InputError(
            frames[temperatures.index(None)].path,
            "states no detector temperature, other frames do",
            "temperature groups need it in all frames or in none",
        )
    if all(map(is_regulated, frames)):
        temperatures = [frame.set_temperature for frame in frames]
    numbers, number, coldest = {}, 0, -np.inf
    for value in sorted(set(temperatures)):
        if value > coldest + tolerance + 1e-9:
            number, coldest = number + 1, value
        numbers[value] = number
    return [numbers[value] for value in temperatures]


def is_regulated(frame: Frame) -> bool:
    """Tell whether a frame states the temperature that was asked for, and kept it."""
    asked = frame.set_temperature
    return None not in (asked, frame.temperature) and abs(frame.temperature - asked) <= REGULATED_C


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
    """Return exposure times, with nearly equal ones replaced by the shortest of them."""
    times, known = {}, -1.0
    for value in sorted({frame.exptime for frame in frames}):
        if known < 0 or value > known * (1 + SAME_EXPTIME):
            known = value
        times[value] = known
    return [times[frame.exptime] for frame in frames]


def mean_temperature(frames: Sequence[Frame]) -> float | None:
    """Return the mean temperature of frames (degrees Celsius); None if one states none."""
    values = [frame.temperature for frame in frames]
    return None if not values or None in values else float(np.mean(values))


def group_temperature(cells: Sequence[Cell], group: int) -> float | None:
    """Return the mean temperature of a group's darks (degrees Celsius); None if unknown."""
    values = [
        frame.temperature
        for cell in cells
        if cell.role == "dark" and cell.group == group
        for frame in cell.frames
    ]
    return None if None in values else float(np.mean(values))


def unit_name(frame: Frame) -> str:
    """Return the name of a frame in a series: cameras give the same file names every night.

    Signs that a FITS table cannot hold are written as escapes; two names never become one.
    """
    name = frame.name if frame.date_obs is None else f"{frame.name} {frame.date_obs}"
    return name if name.isascii() and name.isprintable() else name.encode("unicode_escape").decode()
