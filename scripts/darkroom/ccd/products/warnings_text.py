"""Warnings about the frames of a CCD item: one sentence each, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.rate.temperature import CONFOUNDED
from darkroom.words import number

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.rate.cell_stacks import CellStacks
    from darkroom.ccd.rate.levels import Levels
    from darkroom.ccd.rate.temperature import Regression
    from darkroom.ccd.stack.survey import Survey

# A deviation is significant when it exceeds this many of its standard errors.
_SIGNIFICANT = 5.0
# Exposure times that span less than this share of the longest one tell a rate poorly.
_SHORT = 0.2
# Probability below which a misfit is said.
_MISFIT_CHANCE = 1e-3


def sentences(stacks: CellStacks, regressions: Sequence[Regression]) -> list[str]:
    """Return all warnings about the frames of a dark-rate fit.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The frames.
    regressions : sequence of darkroom.ccd.rate.temperature.Regression
        Level against time and temperature.

    Returns
    -------
    list of str
    """
    found = [
        *(discordance(c, s) for c, s in zip(stacks.cells, stacks.surveys, strict=True)),
        below_bias(stacks.cells, stacks.levels),
        short_lever(stacks.cells),
        misfit(stacks.levels),
        confounding(regressions),
        noise_growth(stacks.cells, stacks.surveys, stacks.levels),
    ]
    return [sentence for sentence in found if sentence]


def row_ranges(mask: np.ndarray) -> str:
    """Return the true rows of a mask as text: ``"rows 3-5, 9"``."""
    rows = np.flatnonzero(mask)
    if not rows.size:
        return "no rows"
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    words = [f"{run[0]}-{run[-1]}" if run.size > 1 else f"{run[0]}" for run in runs[:8]]
    more = f" and {len(runs) - 8} more ranges" if len(runs) > 8 else ""
    return "rows " + ", ".join(words) + more


def discordance(cell: Cell, seen: Survey) -> str | None:
    """Return a warning when the frames of a cell disagree in some rows, else None."""
    if not seen.discordant.any():
        return None
    levels = ", ".join(
        f"{frame.name} {level:.0f}"
        for frame, level in zip(cell.frames, seen.row_level, strict=True)
    )
    return (
        f"{cell}: in {row_ranges(seen.discordant)} the frames disagree by more than their offsets, "
        f"by up to {seen.row_deviation.max():.0f}; these rows are flagged DISCORDANT; find the "
        f"damaged frames and exclude them (levels in these rows: {levels})"
    )


def below_bias(cells: Sequence[Cell], levels: Levels) -> str | None:
    """Return a warning when darks have a lower level than the bias frames, else None."""
    off = [
        (cell, above, error)
        for cell, above, error in zip(
            cells, levels.above_bias, levels.above_error, strict=True
        )
        if cell.role == "dark" and above < -_SIGNIFICANT * error
    ]  # fmt: skip
    if not off:
        return None
    listed = "; ".join(f"{c.exptime:g} s: {a:.2f} ± {e:.2f}" for c, a, e in off)
    return (
        f"darks lie below the bias frames ({listed}): dark counts cannot cause that, so the zero "
        "level of the camera differs between frames, and rates relative to the bias are not dark "
        "current alone"
    )


def short_lever(cells: Sequence[Cell]) -> str | None:
    """Return a warning when the exposure times are nearly equal and no bias frames help."""
    times = [cell.exptime for cell in cells]
    low, high = min(times), max(times)
    if not 0 < high - low < _SHORT * high:
        return None
    return (
        f"the exposure times lie between {number(low)} and {number(high)} s, and there are no bias "
        f"frames: a difference of {number(high - low)} s tells the rate poorly; add bias frames, "
        "or darks of another exposure time"
    )


def misfit(levels: Levels) -> str | None:
    """Return a warning when bias + rate · time does not describe the levels, else None."""
    if levels.freedom < 1 or levels.chance >= _MISFIT_CHANCE:
        return None
    return (
        f"bias + rate x time misses the mean levels by {number(levels.misfit, 2)} times their "
        f"errors (largest residual {np.abs(levels.residual).max():.2f}, probability by chance "
        f"{levels.chance:.1g}): the error of the rate that all pixels share is scaled up by that "
        "factor (RATESYS)"
    )


def confounding(regressions: Sequence[Regression]) -> str | None:
    """Return a warning when exposure time and temperature change together, else None."""
    tied = [line for line in regressions if np.isfinite(line.slope)]
    tied = [line for line in tied if abs(line.correlation) > CONFOUNDED] or [
        line for line in tied if abs(line.slope) > _SIGNIFICANT * line.slope_error
    ]
    if not tied:
        return None
    line = tied[0]
    alone = next(other for other in regressions if other.sample == line.sample)
    return (
        f"{line.sample}: exposure time and temperature are correlated "
        f"(r = {line.correlation:.2f}); the level changes by {alone.rate:.4f} ± "
        f"{alone.rate_error:.4f} per second when the temperature is ignored, by "
        f"{line.rate:.4f} ± {line.rate_error:.4f} per second and {line.slope:.2f} ± "
        f"{line.slope_error:.2f} per degree when it is fitted as well: the difference shows how "
        "uncertain the rate from these frames is"
    )


def noise_growth(cells: Sequence[Cell], surveys: Sequence[Survey], levels: Levels) -> str | None:
    """Return a warning when the noise grows with time while the level falls, else None.

    Parameters
    ----------
    cells, surveys : sequences of Cell and Survey
        One of each per cell.
    levels : Levels
        Mean levels of the cells.
    """
    rows = [
        (cell.exptime, seen.noise, level)
        for cell, seen, level in zip(cells, surveys, levels.level, strict=True)
        if np.isfinite(seen.noise)
    ]
    if len(rows) < 2:
        return None
    (short, quiet, before), (long, noisy, after) = min(rows), max(rows)
    if noisy <= 1.2 * quiet or after >= before:
        return None
    return (
        f"the noise of a pixel grows from {quiet:.1f} at {short:g} s to {noisy:.1f} at {long:g} s "
        f"although the level falls by {before - after:.1f}: charge is collected, but something "
        "else, such as a black-level correction in the camera, lowers the level"
    )
