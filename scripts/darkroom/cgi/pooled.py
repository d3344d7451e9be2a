"""Noise maps by weighted least squares with pooled variances: the estimator ``pooled``.

Every stack's weight is the number of usable samples over the variance of a sample, which is pooled
over the pixels of a population (`darkroom.cgi.pooling`), or is a hot pixel's own
(`darkroom.cgi.hot`). The estimate is linear in the means with weights that hardly depend on them:
it is unbiased, and its covariance is the inverse of the normal matrix. Maps are signed.
"""

from __future__ import annotations

import numpy as np

from darkroom.cgi import hot, offsets
from darkroom.cgi.compiled import kernel
from darkroom.cgi.design import LEAST_STACKS, Design, check_stacks, number_warnings, truncated
from darkroom.cgi.geometry import IMAGING, KINDS, TELEMETRY
from darkroom.cgi.maps import PAIRS, BandReader, BiasOffset, NoiseMaps, StackReport
from darkroom.cgi.moments_kernel import NONFINITE
from darkroom.cgi.pooling import Pool, runs_of, strips
from darkroom.errors import DarkroomError

_MOST_TURNS = 4
_HOT_TURNS = 3
# Read noise is told only where the noise of charge is less than this part of the variance.
_CHARGE_NOISE = 0.5


def fit_pooled(sources, geometry, *, check_thresholds=True, correct_offsets=True,
               dtype=np.float64):  # fmt: skip
    """Fit the noise maps.

    Parameters
    ----------
    sources : list of sources
        One a stack, in the order of `darkroom.cgi.sources.join_parts`.
    geometry : darkroom.cgi.geometry.Geometry
    check_thresholds : bool
        Leave out stacks whose cosmic-ray threshold cuts into their dark signal.
    correct_offsets : bool
        Subtract the offset of a stack whose prescan disagrees with the others'.
    dtype : dtype
        Of the maps.

    Returns
    -------
    NoiseMaps
        Full frame; NaN and flagged in telemetry rows and where fewer than four stacks, or not
        the right ones, have a usable sample.

    Raises
    ------
    DarkroomError
        When the stacks cannot be fitted (see `darkroom.cgi.design.check_stacks`), or one has no
        pixel with two usable frames.
    """
    check_stacks([source.stack for source in sources])
    fit = _PooledFit(sources, geometry, check_thresholds, correct_offsets, dtype)
    for rows in strips(geometry.shape[0]):
        fit.fit_strip(rows)
    return fit.finish()


class _PooledFit:
    """One fit: what is fixed before, and what is gathered strip by strip."""

    def __init__(self, sources, geometry, check_thresholds, correct_offsets, dtype):
        self.geometry = geometry
        reports = [StackReport(source.stack) for source in sources]
        for report in reports:
            if check_thresholds:
                report.reason = truncated(report.stack, geometry.em_stages)
            report.used = not report.reason
        used = [s for s, report in zip(sources, reports, strict=True) if report.used]
        stacks = [source.stack for source in used]
        check_stacks(stacks)
        self.design = Design.of(stacks, geometry.em_stages)
        matrix = self.design.matrix
        self.scale = 1 / np.sqrt((matrix**2).mean(axis=0))
        self.matrix = np.ascontiguousarray(matrix * self.scale)
        self.offsets = offsets.measure(used, geometry, self.design)
        self.subtracted = np.where(self.offsets.odd & correct_offsets, self.offsets.offset, 0.0)
        ny, nx = geometry.shape
        self.reader = BandReader(used, max(s.stop - s.start for s in strips(ny)), nx)
        nstacks = len(used)
        self.count_sums = np.zeros(nstacks)
        self.noise_sums, self.residual_sums = np.zeros((nstacks, 2)), np.zeros((nstacks, 2))
        self.maps = NoiseMaps(
            estimator="pooled",
            data=np.empty((3, ny, nx), dtype),
            err=np.empty((3, ny, nx), dtype),
            dq=np.zeros((ny, nx), np.uint16),
            covariance=np.empty((6, ny, nx), dtype),
            chi2=np.empty((ny, nx), dtype),
            r2=np.empty((ny, nx), dtype),
            usable=np.empty((ny, nx), np.uint8),
            unreliable=np.empty((ny, nx), np.uint8),
            counts=np.empty((nstacks, ny, nx), ">i2"),
            hot=np.empty((ny, nx), np.uint8),
            reports=reports,
            warnings=[r.reason for r in reports if r.reason] + number_warnings(stacks),
            settings={"check_thresholds": check_thresholds, "correct_offsets": correct_offsets},
        )

    def fit_strip(self, rows):
        """Fit the pixels of a strip, again as long as it changes which of them are hot."""
        band = self.reader.read(rows)
        strip = _Strip(self, band, self.geometry.kinds[rows].reshape(-1))
        for turn in range(_MOST_TURNS):
            strip.fit()
            if not strip.find_hot(dark_only=turn == 0):
                break
        self._store(rows, band, strip)

    def _store(self, rows, band, strip):
        """Put a strip's results into the maps, and add up what the reports tell."""
        maps, shape = self.maps, band.count.shape[1:]
        scale = self.scale[:, None]
        covariance = strip.covariance_of_parameters()
        theta = strip.theta * scale
        error = np.sqrt(covariance[[0, 3, 5]])
        outside = strip.kinds != IMAGING
        known = np.isfinite(theta[0])
        theta[2, outside & known] = error[2, outside & known] = 0.0
        covariance[[2, 4, 5]] = np.where(outside & known, 0.0, covariance[[2, 4, 5]])
        maps.data[:, rows] = theta.reshape(3, *shape)
        maps.err[:, rows] = error.reshape(3, *shape)
        maps.covariance[:, rows] = covariance.reshape(6, *shape)
        maps.chi2[rows] = strip.chi2.reshape(shape)
        maps.r2[rows] = strip.adjusted_r2().reshape(shape)
        maps.usable[rows] = strip.usable.reshape(shape)
        maps.hot[rows] = strip.fitted_as.reshape(shape)
        nframes = np.array([r.stack.nframes for r in maps.used])[:, None, None]
        maps.unreliable[rows] = (2 * band.count < nframes).sum(axis=0)
        maps.counts[:, rows] = band.count
        flags = np.bitwise_or.reduce(np.where(band.count == 0, band.seen, 0), axis=0)
        maps.dq[rows] = np.where(known.reshape(shape), 0, flags | NONFINITE)
        self.count_sums += band.count.sum(axis=(1, 2))
        self._add_up(strip, known & ~outside)

    def _add_up(self, strip, imaging):
        """Add up variances and residuals of the imaging area, by stack."""
        number = imaging.sum()
        variance = strip.variance[:, IMAGING]
        self.noise_sums += np.column_stack([number * variance, np.full_like(variance, number)])
        self.residual_sums += np.column_stack(
            [strip.residuals[:, IMAGING], strip.residual_variances(imaging)]
        )

    def finish(self):
        """Take what needs the full frame."""
        maps, geometry, design = self.maps, self.geometry, self.design
        imaging = geometry.imaging
        ny, nx = geometry.shape
        pixels = self.noise_sums[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.sqrt(self.noise_sums[:, 0] / pixels)
            residual = self.residual_sums[:, 0] / pixels
            residual_error = np.sqrt(self.residual_sums[:, 1]) / pixels
        for m, report in enumerate(maps.used):
            report.mean_count = self.count_sums[m] / (ny * nx)
            report.level, report.offset = self.offsets.level[m], self.offsets.offset[m]
            report.offset_error = self.offsets.offset_error[m]
            report.corrected = bool(self.subtracted[m])
            report.noise = noise[m]
            report.residual, report.residual_error = residual[m], residual_error[m]
        maps.warnings += _offset_warnings(maps.used, self.offsets)
        fixed, cic, dark = (plane[imaging] for plane in maps.data)
        maps.means = {
            "FPN_IMM": np.nanmean(fixed, dtype=float), "CIC_IMM": np.nanmean(cic, dtype=float),
            "DC_IMM": np.nanmean(dark, dtype=float), "FPN_IMME": float(np.nanmedian(fixed)),
        }  # fmt: skip
        maps.variances = np.array(
            [np.nanmean(np.square(plane[imaging], dtype=float)) for plane in maps.err]
        )
        maps.bias = _bias(self.offsets, design)
        maps.read_noise = _read_noise(design, noise**2, maps.means)
        return maps


class _Strip:
    """The pixels of a strip: their statistics, and their fit."""

    def __init__(self, fit, band, kinds):
        nstacks = len(band.count)
        self.design, self.matrix, self.scale = fit.design, fit.matrix, fit.scale
        self.subtracted, self.kinds = fit.subtracted, kinds
        self.count, self.total, self.m2 = (
            a.reshape(nstacks, -1) for a in (band.count, band.total, band.m2)
        )
        self.runs = runs_of(kinds, TELEMETRY)
        self.pool = Pool(self.count, self.m2, self.runs, kinds, len(KINDS), self.design.gain)
        npixels = kinds.size
        self.theta, self.covariance = np.full((3, npixels), np.nan), np.full((6, npixels), np.nan)
        self.chi2, self.null = np.full(npixels, np.nan), np.full(npixels, np.nan)
        self.usable = np.zeros(npixels)
        self.residuals = np.zeros((nstacks, len(KINDS)))
        self.hot = np.zeros(npixels, np.uint8)
        self.fitted_as = self.hot
        self.variance, self.own = None, None

    def fit(self):
        """Fit all pixels with pooled variances, then the hot ones with their own."""
        self.variance = self.pool.variances(np.flatnonzero(self.hot))
        self._check_variance()
        self.residuals[...] = 0.0
        arrays = (
            self.theta, self.covariance, self.chi2, self.null, self.usable, self.residuals
        )  # fmt: skip
        self._run(self.count, self.total, 1 / self.variance, self.runs, arrays)
        self.fitted_as = self.hot
        self.base = self._normal_parameters()
        places = np.flatnonzero(self.hot)
        for _ in range(_HOT_TURNS if places.size else 0):
            self._fit_hot(places)

    def _check_variance(self):
        bad = ~(self.variance > 0).all(axis=1)
        if bad.any():
            m = int(np.argmax(bad))
            raise DarkroomError(
                f"stack of EM gain {self.design.gain[m]:g} and {self.design.exptime[m]:g} s: no "
                "pixel has two usable frames that differ, so its noise is unknown"
            )

    def _run(self, count, total, inverse, runs, arrays):
        kernel("pooled_kernel").fit(
            self.matrix, LEAST_STACKS, count, total, self.subtracted, inverse, runs, *arrays
        )

    def _fit_hot(self, places):
        """Fit hot pixels with the variance that their present parameters tell."""
        pooled = self.variance[:, self.kinds[places]]
        variance = hot.own_variance(
            pooled, self.design.gain, self.design.enf2, self.design.exptime,
            self._excess(places), self.hot[places],
        )  # fmt: skip
        number = np.arange(places.size)
        arrays = [
            np.ascontiguousarray(a[..., places])
            for a in (self.theta, self.covariance, self.chi2, self.null, self.usable)
        ]
        residuals = np.zeros((len(self.matrix), places.size))
        self._run(
            np.ascontiguousarray(self.count[:, places]),
            np.ascontiguousarray(self.total[:, places]),
            1 / variance, np.column_stack([number, number + 1, number]), (*arrays, residuals),
        )  # fmt: skip
        for whole, part in zip(
            (self.theta, self.covariance, self.chi2, self.null, self.usable), arrays, strict=True
        ):
            whole[..., places] = part
        self.own = (places, variance)

    def _normal_parameters(self):
        """Return the mean parameters of each population's pixels that are not hot, (3, K)."""
        known = np.isfinite(self.theta[0]) & (self.hot == 0)
        base = np.zeros((3, len(KINDS)))
        number = np.bincount(self.kinds[known], minlength=len(KINDS))
        for k in range(3):
            total = np.bincount(self.kinds[known], self.theta[k, known], len(KINDS))
            base[k] = self.scale[k] * total / np.maximum(number, 1)
        return base

    def _excess(self, places=slice(None)):
        """Return the parameters over those of the normal pixels around."""
        theta = self.theta[:, places] * self.scale[:, None]
        return theta - self.base[:, self.kinds[places]]

    def covariance_of_parameters(self):
        """Return the covariance in the units of the maps."""
        pairs = np.array([self.scale[i] * self.scale[j] for i, j in PAIRS])
        return self.covariance * pairs[:, None]

    def find_hot(self, *, dark_only):
        """Look for hot pixels; return whether there are others now.

        The first look is for dark current alone: a pixel hot in that also seems hot in
        clock-induced charge, as long as its noise is taken for that of a normal one.
        """
        limit = np.column_stack([self._limits(k) for k in range(len(KINDS))])
        found = hot.flag(self._excess(), self.covariance_of_parameters(), limit[:, self.kinds])
        # Once found hot in dark current, always so: with its own, larger noise it may not be.
        found = (found & hot.DARK) if dark_only else found | (self.hot & hot.DARK)
        changed = not np.array_equal(found, self.hot)
        self.hot = found
        return changed

    def _limits(self, kind):
        """Return the limits of `hot.limits` for a normal pixel of a population."""
        here = np.concatenate(
            [np.arange(0)] + [np.arange(a, b) for a, b, k in self.runs if k == kind]
        )
        if not here.size:
            return np.full(2, np.inf)
        count = np.maximum(np.median(self.count[:, here[:: here.size // 4096 + 1]], axis=1), 1)
        variance = self.variance[:, kind]
        weighted = self.matrix * (count / variance)[:, None]
        estimator = np.linalg.pinv(weighted.T @ self.matrix) @ weighted.T * self.scale[:, None]
        return hot.limits(
            estimator, variance, self.design.gain, self.design.exptime, count, self.base[:, kind]
        )

    def adjusted_r2(self):
        """Return the adjusted coefficient of determination of the weighted fit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            left = (self.chi2 / (self.usable - 3)) / (self.null / (self.usable - 1))
        return 1 - left

    def residual_variances(self, chosen):
        """Return the variance of the sum of residuals over pixels, one number a stack."""
        number = np.maximum(self.count[:, chosen], 1)
        return (self.variance[:, IMAGING][:, None] / number).sum(axis=1)


def _offset_warnings(reports, found):
    """Say which stacks are odd."""
    return [
        f"{report.stack.name}: its bias region is {report.offset:+.2f} +- "
        f"{report.offset_error:.2f} e- off the other stacks'"
        + (", which was subtracted" if report.corrected else ", which was left in")
        for report, odd in zip(reports, found.odd, strict=True)
        if odd
    ]


def _bias(found, design):
    """Return the offset that is left in the bias region, over the stacks that agree, in DN."""
    if not found.measured:
        return BiasOffset()
    agree = ~found.odd
    weight = (design.kgain / found.offset_error)[agree] ** 2
    value = float((weight * (found.offset / design.kgain)[agree]).sum() / weight.sum())
    error = float(1 / np.sqrt(weight.sum()))
    return BiasOffset(value, error, value - error, value + error, measured=True)


def _read_noise(design, variance, means):
    """Return the read noise [e-] that the stack with least charge tells, NaN if it does not."""
    charge = design.gain**2 * design.enf2 * (means["CIC_IMM"] + design.exptime * means["DC_IMM"])
    least = int(np.argmin(design.gain * design.exptime))
    own = max(charge[least], 0.0)
    if not own < _CHARGE_NOISE * variance[least]:
        return float("nan")
    return float(np.sqrt(variance[least] - own))
