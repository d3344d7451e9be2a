"""What the products say of the overscan that was subtracted: header cards and warnings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.ccd.overscan.amplifiers import TrimmedFrames, remarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.ccd.products.hdus import Card
    from darkroom.ccd.stack.frames import Stack
    from darkroom.hints import StrPath

# A drift that is left within frames is said from this many times the error of the level, and from
# this share of the noise of a pixel: shared by whole rows, less does not show.
_SIGNIFICANT, _VISIBLE = 3.0, 0.1
# Lines at an edge look like overscan: at least this many, with less than this share of the usual
# rate, by this many errors. A gradient of the dark current is seldom so steep.
_FEWEST, _DARKLESS, _CERTAIN = 3, 0.3, 8.0


def cards(stack: Stack, bunit: str) -> list[Card]:
    """Return the header cards on trimming and overscan; none for frames without.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        The frames.
    bunit : str
        Unit of the stack.
    """
    source = stack.source
    if not isinstance(source, TrimmedFrames):
        return []
    found: list[Card] = [("TRIMMED", str(source.parts.image), "section of the frames, image")]
    if not source.levels:
        return found
    level = stack.gain * np.array([one.mean for one in source.levels])
    scatter = float(np.std(level, ddof=1)) if len(level) > 1 else np.nan
    noise, drift, left = (
        stack.gain * np.array([getattr(one, name) for one in source.levels])
        for name in ("noise", "drift", "residual")
    )
    return [
        *found,
        ("OVERSCAN", str(source.parts.overscan), "section of the frames, overscan"),
        ("OSFIT", source.fit, "level of the overscan that was subtracted"),
        ("OSLEVEL", float(level.mean()), f"[{bunit}] mean level of the overscan"),
        ("OSSCAT", scatter, f"[{bunit}] std of the level between frames"),
        ("OSNOISE", float(np.median(noise)), f"[{bunit}] noise of an overscan sample"),
        ("OSADDED", np.sqrt(stack.overscan_variance), f"[{bunit}] noise put into a pixel"),
        ("OSDRIFT", float(drift.max()), f"[{bunit}] largest range within a frame"),
        ("OSLEFT", float(left.max()), f"[{bunit}] largest rms drift left in overscan"),
    ]


def sentences(
    paths: Sequence[StrPath], readout: Readout, read_noise: float, stacks: Sequence[Stack]
) -> list[str]:
    """Return warnings about the overscan of frames.

    Parameters
    ----------
    paths : sequence of path-like
        The frames; the first one's cards are read.
    readout : darkroom.ccd.overscan.amplifiers.Readout
        How they were read.
    read_noise : float
        Noise of a sample, in the unit of the stacks.
    stacks : sequence of darkroom.ccd.stack.frames.Stack
        Its cells.
    """
    found = [f"overscan: {remark}" for remark in remarks(paths[0], readout)]
    for stack in stacks:
        source = stack.source
        if not isinstance(source, TrimmedFrames) or not source.levels:
            continue
        worst = int(np.argmax([one.residual for one in source.levels]))
        left = source.levels[worst].residual * stack.gain
        if left > max(_VISIBLE * read_noise, _SIGNIFICANT * np.sqrt(stack.overscan_variance)):
            found.append(
                f"the overscan of {source.source.paths[worst].name} drifts: {left:.2g} rms is left "
                f"after the fit ({source.fit}); overscan: row follows it"
            )
    return found


def evident(rate: np.ndarray, error: np.ndarray) -> list[str]:
    """Return a warning where columns or rows at an edge hold no dark counts, as overscan does.

    Parameters
    ----------
    rate, error : (ny, nx) arrays
        Dark rate of frames that were read as one image, and its error.

    Returns
    -------
    list of str
        Empty when the edges are as dark as the rest, or the rate is too small to tell.
    """
    found = []
    for words, along in (("columns", 0), ("rows", 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a line without a value
            lines = _line_medians(rate, along)
            # The error of a median is 1.25 times that of a mean.
            noise = 1.25 * _line_medians(error, along) / np.sqrt(rate.shape[along])
        usual = np.nanmedian(lines)
        without = (lines < _DARKLESS * usual) & (usual - lines > _CERTAIN * noise)
        for last, edge in ((False, without), (True, without[::-1])):
            count = int(np.argmin(edge)) if not edge.all() else 0
            if _FEWEST <= count <= len(lines) // 4:
                first = len(lines) - count if last else 0
                found.append(
                    f"{words} {first + 1} to {first + count} (from 1) hold no dark counts, as "
                    "overscan does, and no card or key says so: give overscan_section"
                )
    return found


def _line_medians(image, along):
    """Return the medians of the columns (0) or rows (1) without NaN; those of all lines at once."""
    lines = order.columns(image) if along == 0 else image
    known = ~np.isnan(lines).any(axis=1)
    medians = np.empty(len(lines), image.dtype)
    # To ask numpy for the two in the middle takes twice as long as for one.
    some, middle = lines[known], lines.shape[1] // 2
    some.partition(middle, axis=1)
    below = some[:, :middle].max(axis=1) if lines.shape[1] % 2 == 0 else some[:, middle]
    medians[known] = (below + some[:, middle]) / some.dtype.type(2)
    if not known.all():
        medians[~known] = np.nanmedian(lines[~known], axis=1)
    return medians
