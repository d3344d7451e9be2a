"""What a program says about the frames it was given: warnings in words, numbers included."""

from __future__ import annotations

import numpy as np

from darkroom.ccd.rate.temperature import CONFOUNDED

# A level differs when it is off by so many errors.
_CLEAR = 5.0


def sentences(stacks, regressions):
    """Return all that is odd about the frames of a rate fit, one sentence each.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The frames.
    regressions : sequence of darkroom.ccd.rate.temperature.Regression
        Level against time and temperature.
    """
    said = [
        *(discordance(c, s) for c, s in zip(stacks.cells, stacks.surveys, strict=True)),
        below_bias(stacks.cells, stacks.levels),
        misfit(stacks.levels),
        confounding(regressions),
        noise_growth(stacks.cells, stacks.surveys, stacks.levels),
    ]
    return [sentence for sentence in said if sentence]


def row_ranges(mask):
    """Return the set rows of a mask in words: ``"rows 3-5, 9"``."""
    rows = np.flatnonzero(mask)
    if not rows.size:
        return "no rows"
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    words = [f"{run[0]}-{run[-1]}" if run.size > 1 else f"{run[0]}" for run in runs[:8]]
    more = f" and {len(runs) - 8} more ranges" if len(runs) > 8 else ""
    return "rows " + ", ".join(words) + more


def discordance(cell, seen):
    """Return a sentence when frames of a cell disagree row by row, else None."""
    if not seen.discordant.any():
        return None
    levels = ", ".join(
        f"{frame.name} {level:.0f}"
        for frame, level in zip(cell.frames, seen.row_level, strict=True)
    )
    return (
        f"{cell}: in {row_ranges(seen.discordant)} the frames disagree as no common offset "
        f"explains, by up to {seen.row_deviation.max():.0f}; these rows are flagged DISCORDANT, "
        f"look which frames are damaged and exclude them (levels there: {levels})"
    )


def below_bias(cells, levels):
    """Return a sentence on darks whose level lies below that of the bias frames, else None."""
    off = [
        (cell, above, error)
        for cell, above, error in zip(
            cells, levels.above_bias, levels.above_error, strict=True
        )
        if cell.role == "dark" and above < -_CLEAR * error
    ]  # fmt: skip
    if not off:
        return None
    listed = "; ".join(f"{c.exptime:g} s: {a:.2f} ± {e:.2f}" for c, a, e in off)
    return (
        f"darks lie below the bias frames ({listed}): dark counts cannot do that, the zero level "
        "of the camera differs between frames; rates against the bias are not dark current alone"
    )


def misfit(levels):
    """Return a sentence when bias + rate · time does not describe the levels, else None."""
    if levels.freedom < 1 or levels.chi2 / levels.freedom < _CLEAR**2:
        return None
    return (
        f"bias + rate x time misses the mean levels by {levels.misfit:.0f} times their errors "
        f"(largest residual {np.abs(levels.residual).max():.2f}): the common-mode errors do not "
        "cover what is wrong with the model"
    )


def confounding(regressions):
    """Return a sentence when exposure time and temperature change together, else None."""
    tied = [line for line in regressions if np.isfinite(line.slope)]
    tied = [line for line in tied if abs(line.correlation) > CONFOUNDED] or [
        line for line in tied if abs(line.slope) > _CLEAR * line.slope_error
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
        f"{line.slope_error:.2f} per degree when it is fitted, too: the "
        "difference is how little the frames can tell"
    )


def noise_growth(cells, surveys, levels):
    """Return a sentence when the noise grows with time while the level falls, else None."""
    rows = [
        (cell.exptime, seen.noise, level)
        for cell, seen, level in zip(cells, surveys, levels.level, strict=True)
        if np.isfinite(seen.noise)
    ]
    if len(rows) < 2:
        return None
    (short, quiet, before), (long, noisy, after) = min(rows), max(rows)
    if noisy < 1.2 * quiet or after > before:
        return None
    return (
        f"the noise of a pixel grows from {quiet:.1f} at {short:g} s to {noisy:.1f} at {long:g} s "
        f"although the level falls by {before - after:.1f}: charge does collect, and something "
        "else (a black-level correction in the camera would) takes the level down"
    )
