"""What the header of a ramp file says, and where it contradicts itself or the contents."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import ORIENTATION, OUTPUTS, SIZE, Readout

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Steps of the JWST pipeline that change pixel values, by the card of their status.
STEP_CARDS = {
    "S_GRPSCL": "group_scale",
    "S_IPC": "ipc",
    "S_SUPERB": "superbias",
    "S_REFPIX": "refpix",
    "S_LINEAR": "linearity",
    "S_PERSIS": "persistence",
    "S_DARK": "dark_current",
    "S_GANSCL": "gain_scale",
    "S_CLNFNS": "clean_flicker_noise",
}
_READ = ("S_DQINIT", "S_SATURA", "S_JUMP", "R_SIRSKL", "R_SUPERB", "CAL_VER", "STEPSBY")
# What a card of a step may say.
_STEP_WORDS = ("", "COMPLETE", "SKIPPED", "NOT SET", "N/A", "NONE")
#: Cards that are read.
CARDS = (
    *("INSTRUME", "DETECTOR", "SUBARRAY", "READPATT", "FASTAXIS", "SLOWAXIS", "EXP_TYPE"),
    *("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "NOUTPUTS", "NFRAMES", "GROUPGAP"),
    *("TGROUP", "TFRAME", "NINTS", "NGROUPS", "INTSTART", "INTEND", "ZEROFRAM"),
    *("DRPFRMS1", "DRPFRMS3", "NSAMPLES", "NRSTSTRT", "NRESETS"),
    *("EXPSTART", "EXPEND", "DATE-OBS", "TIME-OBS", "CHANNEL", "MODULE"),
    *("OBSERVTN", "VISIT"),
    *STEP_CARDS,
    *_READ,
)
# Relative difference of times above which they contradict: headers round to 1e-5 s, and the frames
# of the smallest subarrays take 1.4e-3 s.
_TIME_TOLERANCE = 0.01


def as_number(value: Any) -> float | None:
    """Return a header value as a finite number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _count(header, card):
    """Return a card as a whole number, or None."""
    number = as_number(header.get(card))
    return int(number) if number is not None and number == int(number) else None


@dataclass(frozen=True)
class Segment:
    """The integrations of an exposure that a file holds.

    Attributes
    ----------
    first, last : int
        Counted from 1, within the exposure.
    total : int
        Integrations of the exposure.
    """

    first: int
    last: int
    total: int

    @property
    def count(self) -> int:
        """Integrations in the file."""
        return self.last - self.first + 1

    @classmethod
    def from_header(cls, header: Mapping[str, Any], nints: int) -> Segment:
        """Return the segment of a file with `nints` integrations: all of them without INTSTART."""
        first = _count(header, "INTSTART")
        first = 1 if first is None or first < 1 else first
        last = first + nints - 1
        return cls(first, last, max(last, _count(header, "NINTS") or 0))


def structure_faults(
    header: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[str, ...]:
    """Return what a file lacks or has otherwise than its header says.

    Parameters
    ----------
    header : mapping
        Values of the primary header.
    shapes : mapping
        ``{extension: shape}`` of the images.
    """
    nints, ngroups, ny, nx = shapes["SCI"]
    return (
        *_foreign(header),
        *_size_fault(header, nx, ny),
        *_number_faults(header, nints, ngroups),
        *_zeroframe_fault(header, shapes, (nints, ny, nx)),
        *clock_faults(header, (ny, nx))[0],
    )


def _foreign(header):
    """Yield kinds of readout that are not that of NIRCam's full frames, stripes and squares."""
    pattern, subarray = (str(header.get(card, "")).upper() for card in ("READPATT", "SUBARRAY"))
    if "IRS2" in pattern:
        yield (
            f"READPATT is {pattern}: NIRSpec's IRS2 readout interleaves reference pixels, which is "
            "not supported"
        )
    stripes = [
        f"{card} is {value}"
        for card, value in header.items()
        if card.startswith("MSTR_") and value not in (0, False, None, "", "N/A")
    ]
    if re.search(r"STRIPE\d", subarray):
        stripes.insert(0, f"SUBARRAY is {subarray}")
    if stripes:
        yield (
            f"{stripes[0]}: a multistripe exposure (DHS) reads rows that are not adjacent on the "
            "detector, which is not supported"
        )


def _size_fault(header, nx, ny):
    stated = [_count(header, card) or size for card, size in (("SUBSIZE1", nx), ("SUBSIZE2", ny))]
    if stated != [nx, ny]:
        yield (f"SUBSIZE1 × SUBSIZE2 = {stated[0]} × {stated[1]}, but SCI has {nx} × {ny} pixels")


def _number_faults(header, nints, ngroups):
    stated = _count(header, "NGROUPS")
    if stated is not None and stated != ngroups:
        yield f"NGROUPS is {stated}, but SCI has {ngroups} groups"
    first, last, total = (_count(header, card) for card in ("INTSTART", "INTEND", "NINTS"))
    if first is not None and last is not None:
        if last - first + 1 != nints:
            yield f"INTSTART {first} to INTEND {last} are not the {nints} integrations of SCI"
        elif first < 1 or (total is not None and last > total):
            yield f"INTSTART {first} and INTEND {last} are not within NINTS {total}"
    elif first is not None and total is not None and first + nints - 1 > total:
        yield f"INTSTART {first} and {nints} integrations of SCI are not within NINTS {total}"
    elif first is None and total is not None and total != nints:
        yield (
            f"NINTS is {total}, but SCI has {nints} integrations, and no INTSTART and INTEND say "
            "which"
        )


def _zeroframe_fault(header, shapes, needed):
    if header.get("ZEROFRAM") in (True, "T", "True", 1):
        found = shapes.get("ZEROFRAME")
        if found is None:
            yield (
                "ZEROFRAM is T, but the file has no extension ZEROFRAME; get the file from the "
                "archive again, or set ZEROFRAM to F"
            )
        elif tuple(found) != needed:
            yield f"ZEROFRAM is T, but ZEROFRAME has shape {tuple(found)}, not {needed}"


def noutputs_of(header: Mapping[str, Any], nx: int) -> int:
    """Return the number of outputs; without NOUTPUTS that of the width, `nx` pixels."""
    return _count(header, "NOUTPUTS") or (OUTPUTS if nx == SIZE else 1)


def clock_faults(
    header: Mapping[str, Any], shape: tuple[int, int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Compare TFRAME with the time that the pixels take through the stated outputs.

    Parameters
    ----------
    header : mapping
        Values of the primary header.
    shape : tuple of int
        ``(ny, nx)``.

    Returns
    -------
    faults, doubts : tuples of str
        A fault when TFRAME is that of another number of outputs; a doubt when it is that of none.
    """
    (ny, nx), stated = shape, as_number(header.get("TFRAME"))
    noutputs = noutputs_of(header, nx)
    expected = _frame_time(nx, ny, noutputs)
    if not stated or expected is None or _near(stated, expected):
        return (), ()
    said = (
        f"TFRAME is {stated:.5g} s, but {nx} × {ny} pixels through {noutputs} "
        f"output{'s' * (noutputs > 1)} (NOUTPUTS) take {expected:.5g} s"
    )
    for other in {1, OUTPUTS} - {noutputs}:
        time = _frame_time(nx, ny, other)
        if time is not None and _near(stated, time):
            return (f"{said}; through {other} they take {time:.5g} s",), ()
    return (), (f"{said}: frequencies of its noise are in doubt",)


def _frame_time(nx, ny, noutputs):
    try:
        return Readout("", "", 1, 2, 1, 1, nx, ny, noutputs).frame_time
    except DarkroomError:
        return None


def _near(value, expected):
    return abs(value - expected) <= _TIME_TOLERANCE * expected


def pattern_doubts(header: Mapping[str, Any]) -> list[str]:
    """Return where read pattern, frames a group and times contradict each other."""
    pattern = str(header.get("READPATT", "")).strip().upper()
    frames, gap = nframes_of(header), groupgap_of(header)
    found = []
    if pattern and pattern not in PATTERNS:
        found.append(f"READPATT is {pattern}, which is no read pattern of NIRCam that is known")
    elif pattern and (frames, gap) != PATTERNS[pattern]:
        known = PATTERNS[pattern]
        found.append(
            f"READPATT {pattern} has NFRAMES {known[0]} and GROUPGAP {known[1]}, its header has "
            f"{frames} and {gap}"
        )
    group, frame = (as_number(header.get(card)) for card in ("TGROUP", "TFRAME"))
    if group and frame and frames is not None and gap is not None:
        expected = (frames + gap) * frame
        if not _near(group, expected):
            found.append(
                f"TGROUP is {group:.5g} s, but NFRAMES {frames} and GROUPGAP {gap} of TFRAME "
                f"{frame:.5g} s take {expected:.5g} s"
            )
    return found


def nframes_of(header: Mapping[str, Any]) -> int | None:
    """Return the frames averaged in a group: NFRAMES, else that of the read pattern, else None."""
    return _of_pattern(header, "NFRAMES", 0)


def groupgap_of(header: Mapping[str, Any]) -> int | None:
    """Return the frames dropped between groups: GROUPGAP, else that of the read pattern."""
    return _of_pattern(header, "GROUPGAP", 1)


def _of_pattern(header, card, place):
    stated = _count(header, card)
    if stated is not None:
        return stated
    known = PATTERNS.get(str(header.get("READPATT", "")).strip().upper())
    return None if known is None else known[place]


def axis_of(header: Mapping[str, Any], place: int) -> int | None:
    """Return FASTAXIS (`place` 0) or SLOWAXIS (1); without the card that of the detector."""
    stated = _count(header, ("FASTAXIS", "SLOWAXIS")[place])
    known = ORIENTATION.get(str(header.get("DETECTOR", "")).strip(), (None, None))
    return known[place] if stated is None else stated


def state_of(header: Mapping[str, Any]) -> str:
    """Return the pipeline's steps that have changed the pixel values, ``raw`` for none."""
    done = [name for card, name in STEP_CARDS.items() if _complete(header.get(card))]
    return ", ".join(done) or "raw"


def engine_of(header: Mapping[str, Any]) -> str:
    """Return what ran the steps, with versions, as products name it; empty for raw ramps."""
    cards_of_steps = (*STEP_CARDS, *_READ[:2])
    if not any(_complete(header.get(card)) for card in cards_of_steps):
        return ""
    version = str(header.get("CAL_VER", "")).strip()
    return str(header.get("STEPSBY") or f"jwst {version}".strip())


def _complete(value):
    return str(value).strip().upper() == "COMPLETE"


def state_doubts(header: Mapping[str, Any]) -> list[str]:
    """Return the cards of steps that say neither that the step was made nor that it was not."""
    return [
        f"{card} is {header[card]}, neither COMPLETE nor SKIPPED: was {step} made?"
        for card, step in STEP_CARDS.items()
        if str(header.get(card) or "").strip().upper() not in _STEP_WORDS
    ]
