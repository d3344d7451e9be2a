"""What the sky does from read to read: medians of differences over regions, with uncertainties."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import extver_of
from darkroom.wfc3.files.reads import (
    BORDER,
    FULL_SIDE,
    LEFT,
    RIGHT,
    difference,
    limit_rates,
    region,
)
from darkroom.wfc3.settings import Wfc3Settings

SOURCES = ("mask", "limit", "none")
#: The notebook's limit on rates, e-/s, for its own exposure.
SOURCE_LIMIT = Wfc3Settings.source_limit
# Standard error of the median of a normal sample, in units of sigma / sqrt(N): sqrt(pi / 2).
_MEDIAN_ERROR = 1.2533
_MAD_SIGMA = 1.4826
_REFERENCE_COLUMNS = 8
# Source mask: smoothing and detection, growth of what is found (pixels), blocks of the sky's fit,
# parts of the exposure that are compared to find cosmic rays, and their limit in sigma.
_SMOOTH, _DETECT, _GROW = 1.0, 3.0, 3
_BLOCKS = 16
_PARTS, _LEAST_PARTS, _RAY = 5, 3, 4.0
# A pixel is bright in an interval when it stands out by so many sigma of a pixel.
_BRIGHT = 5.0


@dataclass(frozen=True)
class Regional:
    """One region's statistics in every difference, (n-1,) arrays.

    Parameters
    ----------
    median, std : arrays
        Median and plain standard deviation, e-/s.
    sigma : array
        Robust scatter of a pixel, 1.4826 median absolute deviations, e-/s.
    count : array
        Pixels used.
    """

    median: np.ndarray
    std: np.ndarray
    sigma: np.ndarray
    count: np.ndarray

    @property
    def error(self):
        """Uncertainty of the median, e-/s."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return _MEDIAN_ERROR * self.sigma / np.sqrt(self.count)


@dataclass(frozen=True)
class Differences:
    """The sky in every interval between two reads of an exposure.

    Parameters
    ----------
    name, unit : str
        Exposure, unit of rates.
    method, sources : str
        How differences were taken and sources left out.
    times : (n,) array
        Seconds since the zeroth read.
    full, left, right : Regional
    boxes : dict
        Regions used: x0, x1, y0, y1 in pixels of this array.
    scaled : bool
        Whether they were scaled to a subarray.
    sky_share : float
        Fraction of the pixels inside the border that count as sky, in a typical difference.
    rows : int
        Rows of reference pixels that the level of a read was taken from.
    bright : (n-1,) array
        Fraction of the sky's pixels that are brighter in the interval than in the whole exposure by
        five sigma: cosmic rays, and satellites' trails.
    """

    name: str
    unit: str
    method: str
    sources: str
    times: np.ndarray
    full: Regional
    left: Regional
    right: Regional
    bright: np.ndarray
    boxes: dict = field(default_factory=dict)
    scaled: bool = False
    sky_share: float = 1.0
    rows: int = FULL_SIDE - 2 * BORDER

    @property
    def nsamp(self):
        """Number of reads, the zeroth included."""
        return self.times.size

    @property
    def steps(self):
        """Seconds between reads."""
        return np.diff(self.times)

    @property
    def extvers(self):
        """EXTVER of the read that ends each interval."""
        return np.array([extver_of(j, self.nsamp) for j in range(1, self.nsamp)])

    @property
    def ratio(self):
        """Left over right."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.left.median / self.right.median

    @property
    def common_error(self):
        """Uncertainty that all pixels of a difference share, e-/s: BLEVCORR's reference pixels."""
        return self.full.sigma / np.sqrt(_REFERENCE_COLUMNS * self.rows)

    @property
    def level_error(self):
        """Uncertainty of the level of the whole field, e-/s."""
        return np.hypot(self.full.error, self.common_error)

    @property
    def ratio_error(self):
        """Uncertainty of the ratio, from those of the two medians and of the level they share."""
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [(r.error / r.median) ** 2 for r in (self.left, self.right)]
            common = self.common_error * (1 - self.ratio) / self.right.median
            return np.sqrt(self.ratio**2 * sum(parts) + common**2)

    @property
    def delta(self):
        """Left minus right, e-/s."""
        return self.left.median - self.right.median

    @property
    def delta_error(self):
        """Uncertainty of the difference, e-/s."""
        return np.hypot(self.left.error, self.right.error)


def measure(
    cube,
    *,
    method="instantaneous",
    sources=Wfc3Settings.sources,
    limit=SOURCE_LIMIT,
    left=LEFT,
    right=RIGHT,
):
    """Measure the sky in every difference of a cube.

    Parameters
    ----------
    cube : darkroom.wfc3.files.reads.Cube
    method : {"instantaneous", "cumulative"}
    sources : {"mask", "limit", "none"}
        Leave out pixels where a source is found, or rates beyond ± `limit` as the notebook does, or
        nothing. Flagged pixels are left out with the mask alone, as the notebook keeps them.
    limit : float
        e-/s.
    left, right : sequences of int
        Regions x0, x1, y0, y1 in pixels of the full array; scaled for subarrays.

    Returns
    -------
    Differences
    """
    if sources not in SOURCES:
        raise DarkroomError(f"sources {sources!r} is not one of {', '.join(SOURCES)}")
    inside = np.zeros(cube.shape, bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    sky = sky_pixels(cube) if sources == "mask" else inside
    if sources == "limit":
        cube = limit_rates(cube, limit)
    whole = slice(BORDER, cube.shape[0] - BORDER), slice(BORDER, cube.shape[1] - BORDER)
    parts = {"full": whole, "left": region(left, cube.shape), "right": region(right, cube.shape)}
    rows, bright = {name: [] for name in parts}, []
    for j in range(1, cube.nsamp):
        image = difference(cube, j)
        bright.append(_bright_share((image - cube.rates[-1])[whole][sky[whole]]))
        if method != "instantaneous":
            image = difference(cube, j, method)
        for name, part in parts.items():
            rows[name].append(_statistics(image[part][sky[part]]))
    return Differences(
        name=cube.name,
        unit=cube.unit,
        method=method,
        sources=sources,
        times=cube.times,
        bright=np.array(bright),
        boxes={n: [p[1].start, p[1].stop, p[0].start, p[0].stop] for n, p in parts.items()},
        scaled=cube.shape != (FULL_SIDE, FULL_SIDE),
        rows=cube.shape[0] - 2 * BORDER,
        sky_share=float(np.median([row[-1] for row in rows["full"]]) / inside.sum()),
        **{name: Regional(*np.array(found, float).T) for name, found in rows.items()},
    )


def _statistics(values):
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan, np.nan, np.nan, 0
    middle = np.median(values)
    sigma = _MAD_SIGMA * np.median(np.abs(values - middle))
    return middle, values.std(dtype=float), sigma, values.size


def _bright_share(values):
    """Return which fraction of the values stands out."""
    middle, _, sigma, count = _statistics(values)
    return float((values > middle + _BRIGHT * sigma).sum() / count) if count else 0.0


def sky_pixels(cube):
    """Find the pixels that show nothing but sky.

    A smooth surface (second order, so that a gradient is no source) is taken off the mean of the
    exposure without cosmic rays; what stands out by three sigma after smoothing over a pixel, and
    its surroundings, is left out, and so are flagged pixels. The mask is the same for all reads.

    Returns
    -------
    (ny, nx) bool array
    """
    image = _without_rays(cube)
    good = ~cube.flagged & np.isfinite(image)
    sky = good
    for _ in range(2):
        residual = np.where(good, image - _surface(image, sky), 0)
        weight = gaussian_filter(good.astype(np.float32), _SMOOTH)
        smooth = gaussian_filter(residual, _SMOOTH) / np.maximum(weight, np.float32(0.1))
        level = np.median(smooth[sky])
        spread = _MAD_SIGMA * np.median(np.abs(smooth[sky] - level))
        found = (smooth - level > _DETECT * spread) & good
        sky = good & ~binary_dilation(found, iterations=_GROW)
        if not sky.any():
            return good
    return sky


def _without_rays(cube):
    """Return the mean rate of an exposure, the part with a cosmic ray left out of it."""
    targets = np.linspace(0, cube.times[-1], _PARTS + 1)
    ends = np.unique(np.abs(cube.times[:, None] - targets).argmin(axis=0))
    image, parts = cube.rates[-1], ends.size - 1
    if parts < _LEAST_PARTS:
        return image
    seconds = np.diff(cube.times[ends]).astype(np.float32)
    counts = [cube.rates[k] * np.float32(cube.times[k]) for k in ends]
    rates = np.stack(
        [(b - a) / s for a, b, s in zip(counts[:-1], counts[1:], seconds, strict=True)]
    )
    highest = rates.argmax(axis=0)
    peak = np.take_along_axis(rates, highest[None], 0)[0]
    others = (counts[-1] - peak * seconds[highest]) / (seconds.sum() - seconds[highest])
    jump = peak - others
    usual = np.nanmedian(jump)
    limit = usual + _RAY * _MAD_SIGMA * np.nanmedian(np.abs(jump - usual))
    return np.where(jump > limit, others, image)


def _surface(image, sky):
    """Fit a second-order surface to the medians of blocks of sky."""
    ny, nx = image.shape
    y, x = np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j].astype(np.float32)
    edges = [np.linspace(BORDER, size - BORDER, _BLOCKS + 1).astype(int) for size in (ny, nx)]
    points = []
    for y0, y1 in zip(edges[0][:-1], edges[0][1:], strict=True):
        for x0, x1 in zip(edges[1][:-1], edges[1][1:], strict=True):
            part = slice(y0, y1), slice(x0, x1)
            values = image[part][sky[part]]
            if values.size * 4 >= sky[part].size > 0:
                points.append((y[y0, 0] + y[y1 - 1, 0], x[0, x0] + x[0, x1 - 1], np.median(values)))
    if len(points) < 12:
        return np.float32(np.median(image[sky]))
    v, u, z = np.array(points).T / np.array([[2], [2], [1]])
    keep = np.ones(z.size, bool)
    for _ in range(3):
        terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], 1)
        fitted, *_ = np.linalg.lstsq(terms[keep], z[keep], rcond=None)
        off = z - terms @ fitted
        keep = np.abs(off) <= 3 * max(_MAD_SIGMA * np.median(np.abs(off[keep])), 1e-6)
    c = fitted.astype(np.float32)
    return c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * x * y + c[5] * y * y


def to_record(differences):
    """Return `Differences` as a dictionary of JSON types; NaN becomes None."""

    def plain(value):
        if isinstance(value, np.ndarray):
            return [plain(one) for one in value.tolist()]
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return plain(asdict(differences))


def from_record(record):
    """Return the `Differences` that `to_record` wrote."""

    def array(values):
        return np.array([np.nan if value is None else value for value in values], float)

    parts = {
        name: Regional(**{key: array(values) for key, values in record[name].items()})
        for name in ("full", "left", "right")
    }
    plain = {key: array(record[key]) for key in ("times", "bright")}
    return Differences(**{**record, **plain, **parts})
