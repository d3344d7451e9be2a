"""A sample of rows of every group: digests, lost groups, level, noise and slope of an exposure.

It costs a fraction of reading the file, and tells whether an exposure is worth reading.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.detector.dq import Group
from darkroom.nircam.detector.readout import BORDER, OUTPUTS, SIZE
from darkroom.nircam.ramps.files import FULL_SCALE
from darkroom.nircam.ramps.medians import median

if TYPE_CHECKING:
    from darkroom.nircam.ramps.files import RampFile

# Planes up to this size are read as a whole, of larger ones some rows.
_WHOLE_BYTES = 1 << 17
_ROWS = 8
# Pixels, at least, of a piece of a row of which a digest is taken.
_PIECE = 16
# Integrations that enter level, noise and slope.
_INTEGRATIONS = 20
# A group repeats an earlier one when more than this fraction of its rows do: the noise of a row of
# 64 pixels is never the same twice.
_REPEATED = 0.05
# A group is lost when this fraction of it has one value or is marked DO_NOT_USE: the pipeline marks
# neither reference pixels nor some that have no saturation limit.
_LOST = 0.9
# Fraction of saturated pixels in the last group above which an exposure was not taken in the dark.
_BRIGHT = 0.1
# Fraction of unusable or saturated pixels above which an exposure is refused.
_MOST = 0.5
# Amplifiers side by side; a subarray read by one of them is divided alike.
_OUTPUTS = 4
_NOTHING = (float("nan"),) * 3


@dataclass(frozen=True)
class Sample:
    """What a sample of rows says of an exposure.

    Attributes
    ----------
    digests : list of str
        Of each integration: digests of pieces of its first group with data, as
        `darkroom.judge.common.Copies` compares them; empty without one.
    lost : list of list of int
        Groups without data, counted from 0, of each integration.
    copied : list of list of int
        Groups that repeat an earlier one of their integration, counted from 0.
    partly : int
        Groups of which some sampled rows have no data, in an amplifier at least.
    unusable, saturated : list of float
        Fraction of the pixels of each integration that are not finite, and that are at full scale,
        in the first group with data; NaN without one.
    bright : float
        Largest fraction at full scale in the last group.
    level, noise, slope : float
        Median of the first group, DN; noise of one group from the difference of the first two, DN;
        median change from group to group, DN. NaN when there is no such group.
    """

    digests: list[str]
    lost: list[list[int]]
    copied: list[list[int]]
    partly: int
    unusable: list[float]
    saturated: list[float]
    bright: float
    level: float
    noise: float
    slope: float


def sample(file: RampFile) -> Sample:
    """Read some rows of every group of a ramp file.

    Parameters
    ----------
    file : darkroom.nircam.ramps.files.RampFile

    Returns
    -------
    Sample
    """
    nints, ngroups = file.sci.shape[:2]
    chosen = np.unique(np.linspace(0, nints - 1, min(nints, _INTEGRATIONS)).round().astype(int))
    digests, lost, copied, partly, numbers, fractions = [], [], [], 0, [], []
    for integration in range(nints):
        groups = np.stack([_rows(file, integration, group) for group in range(ngroups)])
        gone, parts = _lost(file, integration, groups)
        lost.append(gone)
        partly += parts
        good = [group for group in range(ngroups) if group not in gone]
        copied.append(_copied(groups, good))
        digests.append(_digest(groups[good[0]]) if good else "")
        fractions.append(_fractions(groups, good))
        if good and integration in chosen:
            numbers.append(_numbers(groups, good))
    unusable, saturated, bright = zip(*fractions, strict=True)
    level, noise, slope = (
        _median(np.array(column)) for column in zip(*(numbers or [_NOTHING]), strict=True)
    )
    return Sample(
        digests, lost, copied, partly, list(unusable), list(saturated), max(bright), level, noise,
        slope,
    )  # fmt: skip


def _rows(file, integration, group):
    """Return the sampled rows of one group: (nrows, nx) float32, DN; lost rows are 0."""
    plane = file.sci.plane(integration, group)
    ny, nx = plane.shape
    if plane.nbytes <= _WHOLE_BYTES:
        values = np.empty((ny, nx), np.float32)
        plane.read_into(values, 0, file.path)
        return values
    rows = _places(ny)
    values = np.empty((rows.size, nx), np.float32)
    for k, row in enumerate(rows):
        plane.read_into(values[k : k + 1], row, file.path)
    return values


def _places(ny):
    """Return the rows that are sampled of large planes."""
    return np.linspace(BORDER, ny - 1 - BORDER, _ROWS).round().astype(int)


def _lost(file, integration, groups):
    """Return the groups without data, and the number of those with some rows without."""
    ngroups, nrows, nx = groups.shape
    parts = groups.reshape(ngroups, nrows, OUTPUTS if nx == SIZE else 1, -1)
    rows = _constant(groups) & (groups[:, :, 0] < FULL_SCALE)
    empty = (parts == 0).all(axis=3) | rows[:, :, None]  # (group, row, amplifier)
    share = empty.mean(axis=(1, 2))
    gone = set(np.flatnonzero(share > _LOST).tolist())
    if file.groupdq is not None:
        gone |= {group for group in range(len(groups)) if _marked(file, integration, group) > _LOST}
    parts = sum(bool(share[group] > 0) for group in range(len(groups)) if group not in gone)
    return sorted(gone), parts


def _constant(rows):
    """Return which rows have one value: (..., nx) -> (...)."""
    return rows.min(axis=-1) == rows.max(axis=-1)


def _copied(groups, good):
    """Return the groups of an integration that repeat an earlier one."""
    found, seen = [], {}
    for group in good:
        said = np.isfinite(groups[group]).any(axis=1) & ~_constant(groups[group])
        with_noise = np.flatnonzero(said).tolist()
        rows = [(row, zlib.crc32(groups[group, row].data)) for row in with_noise]
        repeated = sum(seen.setdefault(row, group) != group for row in rows)
        if repeated > _REPEATED * len(rows):
            found.append(group)
    return found


def _marked(file, integration, group):
    """Return the fraction of sampled samples that GROUPDQ marks DO_NOT_USE."""
    plane = file.groupdq.plane(integration, group)
    ny = plane.shape[0]
    if plane.nbytes <= _WHOLE_BYTES:
        bits = plane.stored(0, ny, file.path)
    else:
        bits = np.concatenate([plane.stored(row, 1, file.path) for row in _places(ny)])
    return (bits & bits.dtype.type(Group.DO_NOT_USE) != 0).mean()


def _digest(values):
    """Return the digests of pieces of an image, each of another row and other columns.

    Differences of neighbours are taken, so that a constant added to them changes nothing. A piece
    with one value says nothing.
    """
    nrows, nx = values.shape
    width = min(max(nx // _ROWS, _PIECE), nx)
    rows = np.linspace(0, nrows - 1, _ROWS).round().astype(int)
    starts = np.linspace(0, nx - width, _ROWS).astype(int)
    pieces = [values[row, first : first + width] for row, first in zip(rows, starts, strict=True)]
    said = [
        "" if _constant(piece) or np.isnan(piece).all()
        else f"{zlib.crc32(np.diff(piece).astype('<f4').data):08x}"
        for piece in pieces
    ]  # fmt: skip
    return "-".join(said) if any(said) else ""


def _fractions(groups, good):
    """Return the fractions of unusable, saturated, and at last saturated pixels."""
    if not good:
        return _NOTHING
    first, last = groups[good[0]], groups[good[-1]]
    full = [float((values >= FULL_SCALE).mean()) for values in (first, last)]
    return float((~np.isfinite(first)).mean()), *full


def _numbers(groups, good):
    """Return level, noise and slope."""
    first, last = groups[good[0]], groups[good[-1]]
    noise = slope = np.nan
    if len(good) > 1:
        step = groups[good[1]] - first
        # The level of each amplifier moves from group to group by as much as its noise.
        parts = np.array_split(step, _OUTPUTS, axis=1)
        around = np.concatenate([np.abs(part - _median(part)).ravel() for part in parts])
        noise = 1.4826 / np.sqrt(2 * (good[1] - good[0])) * _median(around)
        slope = _median(last - first) / (good[-1] - good[0])
    return _median(first), noise, slope


def _median(values):
    finite = values[np.isfinite(values)]
    return float(median(finite)) if finite.size else float("nan")


def sample_faults(found: Sample) -> tuple[list[str], list[str]]:
    """Return what makes an exposure useless, and what is odd about its pixels.

    Parameters
    ----------
    found : Sample

    Returns
    -------
    faults, remarks : lists of str
    """
    nints = len(found.lost)
    faults, remarks = [], []
    if all(0 in gone for gone in found.lost):
        which = "its integration" if nints == 1 else f"each of its {nints} integrations"
        faults.append(
            f"the first group of {which} has no data (one value in all pixels): lost packets"
        )
    elif any(found.lost):
        remarks.append(lost_words(found))
    if found.partly:
        groups = "group has" if found.partly == 1 else "groups have"
        remarks.append(
            f"{found.partly} {groups} rows without data (one value), which are left out: lost "
            "packets"
        )
    faults += [
        f"integration {number}: {_range(groups)} repeat{'s' * (len(groups) == 1)} an earlier "
        "group: the readout had stopped"
        for number, groups in enumerate(found.copied, 1)
        if groups
    ]
    for number, (share, full) in enumerate(zip(found.unusable, found.saturated, strict=True), 1):
        if share > _MOST:
            faults.append(
                f"integration {number}: {share:.0%} of its pixels have no usable value (NaN)"
            )
        elif full > _MOST:
            faults.append(
                f"integration {number}: saturated, {full:.0%} of its pixels are at {FULL_SCALE} "
                "DN, the full scale of the ADC"
            )
    if not faults and found.bright > _MOST:
        faults.append(
            f"{found.bright:.0%} of its pixels are at full scale in the last group of an "
            "integration: it was not dark, or lost packets are filled with this value"
        )
    elif not faults and found.bright > _BRIGHT:
        remarks.append(
            f"{found.bright:.0%} of its pixels are at full scale in the last group: was it dark?"
        )
    return faults, remarks


def lost_words(found: Sample) -> str:
    """Return a sentence on the groups without data, which are left out."""
    several = [(k, gone) for k, gone in enumerate(found.lost, 1) if gone]
    count = sum(len(gone) for _, gone in several)
    shown = ", ".join(f"integration {k}: {_range(gone)}" for k, gone in several[:3])
    more = f" and {len(several) - 3} more integrations" if len(several) > 3 else ""
    groups = "group has" if count == 1 else "groups have"
    return (
        f"{count} {groups} no data and {'is' if count == 1 else 'are'} left out ({shown}{more}): "
        "lost packets, or an aborted integration"
    )


def _range(groups):
    """Return the numbers of some groups, counted from 1: ``group 3``, ``groups 3 to 8``."""
    first, last = groups[0] + 1, groups[-1] + 1
    if first == last:
        return f"group {first}"
    if last - first + 1 == len(groups):
        return f"groups {first} to {last}"
    return "groups " + ", ".join(str(group + 1) for group in groups)
