"""The sky from read to read: medians of read differences over regions, with uncertainties."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import extver_of, read_of
from darkroom.wfc3.files.reads import (
    BORDER,
    FULL_SIDE,
    LEFT,
    MEDIAN_ERROR,
    RIGHT,
    Cube,
    difference,
    limit_rates,
    region,
)
from darkroom.wfc3.reads.lines import line_excess
from darkroom.wfc3.reads.sky import sky_pixels
from darkroom.wfc3.reads.statistics import Statistics
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


SOURCES = ("mask", "limit", "none")
#: Limit of the notebook on rates, e-/s, chosen there for its own exposure.
SOURCE_LIMIT = Wfc3Settings.source_limit
_REFERENCE_COLUMNS = 8
# A pixel counts as bright in an interval when it exceeds the median by so many sigma.
_BRIGHT = 5.0
# With so few reads an interval is most of the exposure, and does not differ from it.
_FEW_READS = 3
# A read differs from the one before by no noise when the scatter is below this fraction of the
# largest: read noise alone is 0.3 of that of the brightest sky in the longest interval.
_NOISELESS = 0.15


@dataclass(frozen=True)
class RegionStatistics:
    """Statistics of one region in every difference, (n-1,) arrays.

    Parameters
    ----------
    median, std : arrays
        Median and standard deviation of the pixels, e-/s.
    sigma : array
        Robust standard deviation of the pixels, 1.4826 median absolute deviations, e-/s.
    count : array
        Number of pixels used.
    noise : array, optional
        Robust standard deviation of the change from the whole exposure, e-/s, which sources and
        anything else that is constant do not widen; by default `sigma`.
    """

    median: np.ndarray
    std: np.ndarray
    sigma: np.ndarray
    count: np.ndarray
    noise: np.ndarray | None = None

    @property
    def change_error(self) -> np.ndarray:
        """Uncertainty of the change of the median from interval to interval, e-/s."""
        noise = self.sigma if self.noise is None else self.noise
        with np.errstate(divide="ignore", invalid="ignore"):
            return MEDIAN_ERROR * noise / np.sqrt(self.count)

    @property
    def error(self) -> np.ndarray:
        """Uncertainty of the median, e-/s."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return MEDIAN_ERROR * self.sigma / np.sqrt(self.count)


@dataclass(frozen=True)
class Differences:
    """The sky in every interval between two reads of an exposure.

    Parameters
    ----------
    name, unit : str
        Root name of the exposure, and unit of the rates.
    method, sources : str
        How differences were taken and sources left out, see `measure`.
    times : (n,) array
        Seconds since the zeroth read.
    full, left, right : RegionStatistics
        Of the whole field inside the border and of the two regions.
    bright : (n-1,) array
        Fraction of the sky pixels that are brighter in the interval than in the whole exposure by
        five sigma: cosmic rays, and trails of satellites.
    boxes : dict
        Regions used: x0, x1, y0, y1 in pixels of this array.
    scaled : bool
        Whether the regions were scaled to a subarray.
    sky_share : float
        Fraction of the pixels inside the border that are sky, in a typical difference.
    rows : int
        Number of rows of reference pixels from which the bias level of a read was measured.
    line : (n-1,) array
        Fraction of the sky pixels that are bright and lie on one straight band across the field, in
        excess of bright pixels elsewhere; see `darkroom.wfc3.reads.lines`.
    stale : dict
        ``{EXTVER: why}`` of the reads without data of their own. Intervals that touch one are not
        measured by themselves: they have the mean of the interval between the reads with data
        around them, and NaN after the last of these.
    """

    name: str
    unit: str
    method: str
    sources: str
    times: np.ndarray
    full: RegionStatistics
    left: RegionStatistics
    right: RegionStatistics
    bright: np.ndarray
    boxes: dict[str, list[int]] = field(default_factory=dict)
    scaled: bool = False
    sky_share: float = 1.0
    rows: int = FULL_SIDE - 2 * BORDER
    line: np.ndarray | None = None
    stale: dict[int, str] = field(default_factory=dict)

    @property
    def without_data(self) -> np.ndarray:
        """Which intervals begin or end with a stale read, (n-1,) bool."""
        stale = np.zeros(self.nsamp, bool)
        stale[[read_of(extver, self.nsamp) for extver in self.stale]] = True
        return stale[1:] | stale[:-1]

    @property
    def nsamp(self) -> int:
        """Number of reads, the zeroth included."""
        return self.times.size

    @property
    def steps(self) -> np.ndarray:
        """Seconds between reads."""
        return np.diff(self.times)

    @property
    def extvers(self) -> np.ndarray:
        """EXTVER of the read that ends each interval."""
        return np.array([extver_of(j, self.nsamp) for j in range(1, self.nsamp)])

    @property
    def ratio(self) -> np.ndarray:
        """Left over right, in every interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.left.median / self.right.median

    @property
    def common_error(self) -> np.ndarray:
        """Uncertainty common to all pixels of a difference, from the reference pixels, e-/s."""
        noise = self.full.sigma if self.full.noise is None else self.full.noise
        return noise / np.sqrt(_REFERENCE_COLUMNS * self.rows)

    @property
    def level_error(self) -> np.ndarray:
        """Uncertainty of changes of the whole field's median, common error included, e-/s."""
        return np.hypot(self.full.change_error, self.common_error)

    @property
    def ratio_error(self) -> np.ndarray:
        """Uncertainty of its changes, from those of the two medians and their common error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [(r.change_error / r.median) ** 2 for r in (self.left, self.right)]
            common = self.common_error * (1 - self.ratio) / self.right.median
            return np.sqrt(self.ratio**2 * sum(parts) + common**2)

    @property
    def delta(self) -> np.ndarray:
        """Left minus right, e-/s."""
        return self.left.median - self.right.median

    @property
    def delta_error(self) -> np.ndarray:
        """Uncertainty of changes of left minus right, e-/s; their common error cancels."""
        return np.hypot(self.left.change_error, self.right.change_error)


def measure(
    cube: Cube,
    *,
    method: str = "instantaneous",
    sources: str = Wfc3Settings.sources,
    limit: float = SOURCE_LIMIT,
    left: Sequence[int] = LEFT,
    right: Sequence[int] = RIGHT,
    stale: Mapping[int, str] | None = None,
) -> Differences:
    """Measure the sky in every difference of a cube.

    Parameters
    ----------
    cube : darkroom.wfc3.files.reads.Cube
        The calibrated reads.
    method : {"instantaneous", "cumulative"}
        See `darkroom.wfc3.files.reads.difference`.
    sources : {"mask", "limit", "none"}
        What is left out: with "mask" detected sources and flagged pixels; with "limit" rates beyond
        ± `limit`, as in the notebook, which keeps flagged pixels; with "none" nothing.
    limit : float
        e-/s.
    left, right : sequences of int
        Regions x0, x1, y0, y1 in pixels of the full array; scaled for subarrays.
    stale : mapping, optional
        ``{EXTVER: why}`` of the reads without data of their own, from the RAW (see
        `darkroom.wfc3.reads.stale`); by default those are found that differ from the read before
        by less than noise.

    Returns
    -------
    Differences

    Raises
    ------
    DarkroomError
        For an unknown method or way to leave out sources.
    """
    return measure_by(
        (method,), cube, sources=sources, limit=limit, left=left, right=right, stale=stale
    )[method]


def measure_by(
    methods: Sequence[str],
    cube: Cube,
    *,
    sources: str = Wfc3Settings.sources,
    limit: float = SOURCE_LIMIT,
    left: Sequence[int] = LEFT,
    right: Sequence[int] = RIGHT,
    stale: Mapping[int, str] | None = None,
) -> dict[str, Differences]:
    """Measure the sky in every difference of a cube, by several methods at once.

    Parameters
    ----------
    methods : sequence of {"instantaneous", "cumulative"}
        See `darkroom.wfc3.files.reads.difference`.
    cube, sources, limit, left, right, stale
        As of `measure`.

    Returns
    -------
    dict
        ``{method: Differences}``.

    Raises
    ------
    DarkroomError
        For an unknown method or way to leave out sources.
    """
    if sources not in SOURCES:
        raise DarkroomError(f"sources {sources!r} is not one of {', '.join(SOURCES)}")
    inside = np.zeros(cube.shape, bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    stale = dict(noiseless_reads(cube) if stale is None else stale)
    good = with_data(cube, stale)
    sky = sky_pixels(good) if sources == "mask" else inside
    if sources == "limit":
        good = limit_rates(good, limit)
    whole = slice(BORDER, cube.shape[0] - BORDER), slice(BORDER, cube.shape[1] - BORDER)
    parts = {"full": whole, "left": region(left, cube.shape), "right": region(right, cube.shape)}
    rows: dict[str, dict[str, list[tuple]]] = {m: {name: [] for name in parts} for m in methods}
    bright, line = [], []
    statistics = Statistics(inside.size)
    for j in range(1, good.nsamp):
        image = difference(good, j)
        change = image - good.rates[-1]
        noise = {name: statistics.robust(change[at], sky[at]) for name, at in parts.items()}
        marked = _bright(change, sky, noise["full"])[whole]
        count = np.count_nonzero(np.isfinite(image[whole]) & sky[whole])
        bright.append(float(marked.sum() / count) if count else 0.0)
        line.append(float(line_excess(marked) / count) if count else 0.0)
        for method in methods:
            compared = method == "instantaneous" and good.nsamp > _FEW_READS
            if method != "instantaneous":
                image = difference(good, j, method)
            for name, at in parts.items():
                found = statistics.of(image[at], sky[at])
                rows[method][name].append((*found, noise[name][1] if compared else found[2]))
    place = _interval_of(cube, stale)
    nothing = np.nan, np.nan, np.nan, 0, np.nan
    bright, line = ([found[i] if i is not None else 0.0 for i in place] for found in (bright, line))
    common = {
        "name": cube.name,
        "unit": cube.unit,
        "sources": sources,
        "times": cube.times,
        "bright": np.array(bright),
        "line": np.array(line),
        "stale": stale,
        "boxes": {n: [p[1].start, p[1].stop, p[0].start, p[0].stop] for n, p in parts.items()},
        "scaled": cube.shape != (FULL_SIDE, FULL_SIDE),
        "rows": cube.shape[0] - 2 * BORDER,
    }
    measured = {}
    for method, found in rows.items():
        regions = {
            name: np.array([of[i] if i is not None else nothing for i in place], float).T
            for name, of in found.items()
        }
        measured[method] = Differences(
            method=method,
            sky_share=float(np.median([row[3] for row in found["full"]]) / inside.sum()),
            **common,
            **{name: RegionStatistics(*values) for name, values in regions.items()},
        )
    return measured


def with_data(cube: Cube, stale: Iterable[int]) -> Cube:
    """Return a cube without its stale reads, given by their EXTVERs."""
    left_out = {read_of(extver, cube.nsamp) for extver in stale}
    if not left_out:
        return cube
    kept = [k for k in range(cube.nsamp) if k not in left_out]
    return Cube(cube.rates[kept], cube.times[kept], cube.flagged, cube.unit, cube.name)


def noiseless_reads(cube: Cube) -> dict[int, str]:
    """Find the reads of an IMA that differ from the read before by less than read noise.

    Returns
    -------
    dict
        ``{EXTVER: why}``.
    """
    good, statistics = ~cube.flagged, Statistics(cube.flagged.size)
    scatter = np.array(
        [
            statistics.robust(difference(cube, j), good)[1] * (cube.times[j] - cube.times[j - 1])
            for j in range(1, cube.nsamp)
        ]
    )
    highest = np.nanmax(scatter, initial=0.0)
    found = np.flatnonzero(scatter < _NOISELESS * highest) + 1
    return {
        extver_of(int(j), cube.nsamp): f"a copy of EXTVER {extver_of(int(j) - 1, cube.nsamp)}"
        for j in found
    }


def _interval_of(cube, stale):
    """Return, for each interval of a cube, the number of that between reads with data, or None."""
    n = cube.nsamp
    left_out = {read_of(extver, n) for extver in stale}
    kept = [k for k in range(n) if k not in left_out]
    return [next((i for i, later in enumerate(kept[1:]) if later >= j), None) for j in range(1, n)]


def _bright(image, sky, statistics):
    """Return which sky pixels exceed the median by `_BRIGHT` sigma."""
    middle, sigma, count = statistics
    if not count:
        return np.zeros(image.shape, bool)
    with np.errstate(invalid="ignore"):
        return sky & (image > middle + _BRIGHT * sigma)


def to_record(differences: Differences) -> dict[str, Any]:
    """Return `Differences` as a dictionary of JSON types; NaN becomes None."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return [plain(one) for one in value.tolist()]
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return {key: plain(value) for key, value in asdict(differences).items()}


def from_record(record: dict[str, Any]) -> Differences:
    """Return the `Differences` of a record by `to_record`."""

    def array(values: list[float | None]) -> np.ndarray:
        return np.array([np.nan if value is None else value for value in values], float)

    parts = {
        name: RegionStatistics(
            **{key: values and array(values) for key, values in record[name].items()}
        )
        for name in ("full", "left", "right")
    }
    plain = {key: record[key] and array(record[key]) for key in ("times", "bright", "line")}
    stale = {int(extver): why for extver, why in record["stale"].items()}
    return Differences(**{**record, **plain, **parts, "stale": stale})
