"""Numbers by which the pixels of a frame are judged, from a sample of its rows.

The sample is read while the file is in the page cache after its verification: judging adds no
second pass over the frames.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.details import details

if TYPE_CHECKING:
    from darkroom.ccd.overscan.sections import Parts
    from darkroom.fits.tiles import Plane

# Rows of the sample, evenly spaced; all rows of small frames.
_ROWS = 64
# Blocks along each axis of the coarse image, and the pixels that each needs along an axis.
_BLOCKS, _BLOCK_PIXELS = 8, 8
# Pixels whose values are kept, to find copies that were converted or changed in level.
_KEPT = 256
# Share of the pixels beyond which missing values and wrapped integers are said.
_NOTABLE = 0.01
# Outliers of a block beyond this many robust standard deviations are left out.
_OUTLIER = 5.0
# A two-byte number further from zero than this is near its end.
_NEAR_END = 30_000


def sample_rows(plane: Plane, pixels: np.ndarray | None = None) -> np.ndarray:
    """Read evenly spaced rows of a frame.

    Parameters
    ----------
    plane : darkroom.fits.tiles.Plane
        Where its pixels are.
    pixels : (ny, nx) array, optional
        The stored numbers, where they had to be unpacked.

    Returns
    -------
    (nrows, nx) float32 array
        ADU; at most 64 rows.
    """
    ny, nx = plane.shape
    rows = sampled(ny)
    values = np.empty((len(rows), nx), np.float32)
    if pixels is None:
        for row, line in zip(rows, values, strict=True):
            plane.read_into(line[None], int(row))
        return values
    stored = pixels[rows]
    values[...] = stored.astype(float) * plane.bscale + plane.bzero
    if plane.blank is not None:
        values[stored == plane.blank] = np.nan
    return values


def sampled(ny: int) -> np.ndarray:
    """Return the numbers of the rows that are read of `ny`."""
    return np.unique(np.linspace(0, ny - 1, min(ny, _ROWS)).astype(int))


def without_overscan(values: np.ndarray, parts: Parts | None, ny: int) -> np.ndarray:
    """Return the image part of a sample, the level of the overscan subtracted.

    A level that drifts is no fault of a frame whose overscan tells it.

    Parameters
    ----------
    values : (nrows, nx) array
        From `sample_rows`.
    parts : darkroom.ccd.overscan.sections.Parts or None
        Image and overscan of the frame.
    ny : int
        Rows of the whole frame.

    Returns
    -------
    (nrows, nx) array
        The values themselves where the frame has no overscan, or no row of either was read.
    """
    if parts is None:
        return values
    rows = sampled(ny)
    image = _cut(values, rows, parts.image)
    if not image.size:
        return values
    strip = values[:0] if parts.overscan is None else _cut(values, rows, parts.overscan)
    if not np.isfinite(strip).any():
        return image
    return image - np.float32(np.median(strip[np.isfinite(strip)]))


def _cut(values, rows, section):
    inside = (rows >= section.rows[0]) & (rows < section.rows[1])
    return values[inside][:, slice(*section.columns)]


def pixel_values(values: np.ndarray, stored: np.ndarray | None = None) -> dict[str, Any]:
    """Return the numbers that are compared between frames.

    Parameters
    ----------
    values : (nrows, nx) array
        From `sample_rows`, or `without_overscan`.
    stored : array, optional
        What the digest is made of, by default `values`.

    Returns
    -------
    dict
        ``pixels`` (digest), ``constant`` (the value of all pixels, if it is one), ``level``,
        ``noise`` (from pixel to pixel, ADU), ``blocks`` (coarse image, ADU) and ``kept`` (values of
        some pixels), and what `darkroom.ccd.details` returns; only ``missing`` (fraction of the
        pixels) when there is no value.
    """
    stored = values if stored is None else stored
    stored = np.where(np.isfinite(stored), stored, np.float32(np.nan))
    finite = np.isfinite(values)
    missing = 1.0 - float(finite.mean())
    if not finite.any():
        return {"missing": missing}
    if missing:
        values = np.where(finite, values, np.float32(np.nan))
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    found: dict[str, Any] = {"missing": missing}
    if low == high:
        return found | {"constant": low, "level": low}
    noise = _noise(values)
    blocks = _blocks(values, noise)
    flat = values.ravel()[:: max(1, values.size // _KEPT)][:_KEPT]
    return (
        found
        | (details(values, noise) if noise else {})
        | {
            "pixels": hashlib.sha256(np.ascontiguousarray(stored).tobytes()).hexdigest(),
            "level": float(np.nanmean(blocks)),
            "noise": noise,
            "blocks": [round(float(block), 4) for block in blocks],
            "kept": [float(f"{value:.7g}") for value in np.nan_to_num(flat)],
        }
    )


def pixel_remarks(values: np.ndarray, plane: Plane) -> tuple[list[str], list[str]]:
    """Return what is wrong with the values of a frame alone.

    Parameters
    ----------
    values : (nrows, nx) array
        From `sample_rows`.
    plane : darkroom.fits.tiles.Plane
        How they are stored.

    Returns
    -------
    faults, remarks : lists of str
        Faults make the frame useless; remarks are said.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ["has no finite value in the rows that were read"], []
    remarks = []
    missing = 1 - finite.size / values.size
    if missing > _NOTABLE:
        remarks.append(f"{100 * missing:.3g} % of its pixels are missing (NaN, infinite or BLANK)")
    whole = plane.dtype.kind in "iu"
    if not whole and finite.min() >= 0 and 0 < finite.max() <= 1:
        remarks.append(
            f"its values lie between 0 and 1 (mean {finite.mean():.4g}), they were divided by "
            "something: they are taken as ADU, and saturation_adu is never reached"
        )
    signed = plane.dtype.kind == "i" and plane.dtype.itemsize == 2 and plane.bscale == 1
    if signed:
        stored = finite - plane.bzero
        # At the very ends lie saturated and empty pixels, which are no sign of a wrap.
        high = np.mean((stored > _NEAR_END) & (stored < 32767))
        low = np.mean((stored < -_NEAR_END) & (stored > -32768))
        if min(high, low) > _NOTABLE:
            fault = (
                f"{100 * high:.2g} % of its values lie at the upper end of 16-bit integers and "
                f"{100 * low:.2g} % at the lower end: integers that wrapped at 32768"
            )
            if plane.bzero == 0:
                fault += "; they are unsigned, write them with BZERO = 32768"
            # Of most of the pixels no level can be told.
            most = np.mean(np.abs(stored) < _NEAR_END) < high + low
            return ([fault], remarks) if most else ([], [*remarks, fault])
    if signed and plane.bzero == 0 and np.median(finite) < 0:
        remarks.append(
            f"its median is {np.median(finite):.0f}: 16-bit integers without BZERO, probably "
            "unsigned ones that were written as signed; add BZERO = 32768 if levels should be "
            "positive"
        )
    return [], remarks


def _noise(values):
    """Return the standard deviation of a pixel from its neighbours of the same colour."""
    step = 2 if values.shape[1] > 2 else 1
    difference = np.abs(values[:, step:] - values[:, :-step]).ravel()
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return 0.0
    scale = 1.4826 * float(np.median(difference))
    if not scale:  # most neighbours are equal: the camera rounds coarsely
        scale = float(np.percentile(difference, 99)) or float(difference.max())
    # The median of whole numbers is one: the mean square of all but outliers is finer.
    kept = difference[difference <= _OUTLIER * scale]
    return float(np.sqrt(np.square(kept).mean(dtype=float) / 2))


def _blocks(values, noise):
    """Return the mean of each block of the sample, without outliers."""
    means = []
    count = [min(_BLOCKS, max(1, size // _BLOCK_PIXELS)) for size in values.shape]
    for band in np.array_split(values, count[0], axis=0):
        for block in np.array_split(band, count[1], axis=1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a block without a value
                centre = np.nanmedian(block) if np.isnan(block).any() else np.median(block)
                scale = max(noise, 1.4826 * float(np.nanmedian(np.abs(block - centre))))
                kept = block[np.abs(block - centre) <= _OUTLIER * scale]
            means.append(kept.mean(dtype=float) if kept.size else centre)
    return np.array(means)
