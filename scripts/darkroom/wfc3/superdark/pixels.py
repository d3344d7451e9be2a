"""Single pixels of a superdark: errors, flags; and statistics of single darks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from darkroom.gates.repeats import likeness
from darkroom.wfc3.dq import HOT, SATURATED, UNSTABLE, WARM

if TYPE_CHECKING:
    from darkroom.wfc3.superdark.combine import Block
    from darkroom.wfc3.superdark.settings import SuperdarkSettings

#: Darks from which a superdark can be made: of two that differ neither can be said to be wrong.
MIN_DARKS = 3
#: Weight of the scatter that all pixels of an amplifier have, in degrees of freedom.
PRIOR_DOF = 20
#: Chance that a good pixel is called unstable, for each of the tests.
UNSTABLE_CHANCE = 1e-6
# Scatter beyond that of chance from which a pixel is unstable; the usual noise is known to 1 %.
_UNSTABLE_FACTOR = 1.2
_HOT_SIGMA = 3.0
_MAD_SIGMA = 1.4826
# Deviations at which residuals are cut where darks are compared with each other.
_CUT = 4.0
# Scatter over that of chance below which no pixel is unstable for its scatter alone: chi2 of up to
# 500 degrees of freedom exceeds it by chance more often than the limit allows.
_MUCH = 1.3


def unit_statistics(
    block: Block, amplifier: np.ndarray, factors: np.ndarray, offset: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the statistics of single darks, see `darkroom.wfc3.superdark.combine.Superdark`.

    Parameters
    ----------
    block : Block
        A sample of pixels.
    amplifier : (pixels,) int array
    factors : (4, reads) array
    offset : (darks,) array
        Levels of the last read, DN.
    """
    darks, reads = block.whole.shape[1], block.count.shape[1]
    used = block.keep == reads
    residual = np.where(used, block.aligned[:, :, -1] - block.mean[:, -1:], np.nan)
    residual /= np.sqrt(factors[amplifier, -1] * block.variance[:, -1])[:, None]
    found = {name: np.full((darks, 4), np.nan) for name in ("level", "lnvar", "valid", "twin")}
    scale = np.sqrt(block.variance[:, -1])
    for number in range(4):
        own = amplifier == number
        if not own.any():
            continue
        values = residual[own]
        middle = np.nanmedian(values, axis=0)
        spread = _MAD_SIGMA * np.nanmedian(np.abs(values - middle), axis=0)
        found["level"][:, number] = offset + middle * np.median(scale[own])
        found["lnvar"][:, number] = 2 * np.log(spread)
        found["valid"][:, number] = used[own].mean(axis=0)
        kept = np.clip(np.nan_to_num(values - middle), -_CUT, _CUT)
        # Sums by numpy's own loop: those of a linear algebra library depend on its threads.
        products = np.einsum("pi,pj->ij", kept, kept)
        found["twin"][:, number] = likeness(products, used[own].any(axis=0))
    return found


def finish(
    block: Block,
    factors: np.ndarray,
    hit: float,
    times: np.ndarray,
    settings: SuperdarkSettings,
) -> tuple[np.ndarray, ...]:
    """Return SCI, ERR, DQ and number of darks of a block, (pixels, reads) each.

    Parameters
    ----------
    block : Block
    factors : (pixels, reads) array
        Variance of the amplifier over that of the noise model.
    hit : float
        Share of ramps that are cut.
    times : (reads,) float64 array
    settings : SuperdarkSettings
    """
    reads = times.size
    unstable = _unstable(block, factors, hit)
    if unstable.any():
        block.use_all(unstable)
    usual = factors * block.variance
    dof = np.maximum(block.count - 1, 1)
    pooled = (PRIOR_DOF * usual + block.squares) / (PRIOR_DOF + dof)
    own = np.maximum(block.squares / dof, usual)
    variance = np.where(unstable[:, None], own, pooled)
    sci, err = block.mean, np.sqrt(variance / np.maximum(block.count, 1))
    flags = np.where(unstable, UNSTABLE, 0)[:, None] * np.ones(reads, int)
    _extend(sci, err, flags, block.count, times)
    rate = sci[:, -1] * block.gain / times[-1]
    error = err[:, -1] * block.gain / times[-1]
    hot = (rate > settings.hot) & (rate - settings.hot > _HOT_SIGMA * error)
    hot |= (flags[:, -1] & SATURATED) != 0
    flags[hot] |= HOT
    if settings.warm is not None:
        warm = (rate > settings.warm) & (rate - settings.warm > _HOT_SIGMA * error) & ~hot
        flags[warm] |= WARM
    return sci, err, flags.astype(np.int16), block.count


def _unstable(block, factors, hit):
    """Tell which pixels differ from dark to dark by more than their noise.

    Two chances are multiplied (Fisher's method): that of so much scatter among the reads that are
    used, and that of cosmic rays in so many darks; an unstable pixel has some of both. So is a
    pixel of which no dark is left in a read.
    """
    darks, reads = block.whole.shape[1], block.count.shape[1]
    cut = (block.keep < block.whole).sum(axis=1)
    scatter = np.where(block.count >= MIN_DARKS, block.squares / (factors * block.variance), 0)
    scatter /= _UNSTABLE_FACTOR
    dof = np.maximum(block.count - 1, 1)
    chance = stats.binom.sf(np.arange(-1, darks), darks, hit)[cut]
    seen = ((scatter / dof).max(axis=1) > 1) & (chance < 1)
    seen |= (scatter / dof).max(axis=1) > _MUCH
    smallest = stats.chi2.sf(scatter[seen], dof[seen]).min(axis=1)
    chance[seen] *= np.minimum(smallest * reads, 1)
    known = block.whole.max(axis=1)[:, None] > np.arange(reads)
    # Of a product x of two chances the chance to be smaller is x (1 - ln x).
    small = np.maximum(chance, 1e-300)
    small *= 1 - np.log(small)
    return (small < UNSTABLE_CHANCE) | ((block.count == 0) & known).any(axis=1)


def _extend(sci, err, flags, count, times):
    """Fill the reads in which a pixel is saturated in all darks, and flag them."""
    lost = count == 0
    for p in np.flatnonzero(lost.any(axis=1)):
        n = int(np.argmax(lost[p]))
        later = times[n:] / times[n - 1] if n else np.zeros(times.size)
        sci[p, n:] = sci[p, n - 1] * later if n else 0
        err[p, n:] = err[p, n - 1] * later if n else 0
        flags[p, n:] |= SATURATED
