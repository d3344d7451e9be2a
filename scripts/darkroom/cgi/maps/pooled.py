"""Noise maps by weighted least squares with pooled variances: the estimator ``pooled``.

The weight of a stack is its number of usable samples divided by the variance of a sample. The
variance is pooled over the pixels of a population (`darkroom.cgi.maps.pooling`); a hot pixel has
its own (`darkroom.cgi.maps.hot`). The estimate is linear in the means, with weights that hardly
depend on them: it is unbiased, and its covariance is the inverse of the normal matrix. Maps are
signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.campaign.settings import defaults
from darkroom.cgi.geometry import IMAGING
from darkroom.cgi.maps import hot_search
from darkroom.cgi.maps.chosen import choose
from darkroom.cgi.maps.design import check_stacks, number_warnings
from darkroom.cgi.maps.maps import BandReader, BiasOffset, NoiseMaps, count_dtype
from darkroom.cgi.maps.pooling import strips
from darkroom.cgi.maps.strip import Strip, workspace_for
from darkroom.cgi.settings import CgiSettings
from darkroom.cgi.units import NONFINITE
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.sources import Source

# Read noise is measured only in stacks where charge makes less than this fraction of the variance.
_CHARGE_NOISE = 0.2
# A stack whose noise differs from the expected one by more than this factor gives a warning.
_ANOMALOUS_NOISE = 1.3
# With fewer frames a stack, the scatter of pixels hot in CIC (0.6 e- and more) is a fifth larger
# than their errors, since one in twenty of them is taken for normal.
_FEW_FRAMES = 8


#: What is done with a stack that disagrees with the others, by default.
BAD_STACKS: str = defaults(CgiSettings)["bad_stacks"]


def fit_pooled(
    sources: Sequence[Source],
    geometry: Geometry,
    *,
    check_thresholds: bool = True,
    correct_offsets: bool = True,
    bad_stacks: str = BAD_STACKS,
    dtype: DTypeLike = np.float64,
) -> NoiseMaps:
    """Fit the noise maps.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
        One per stack, in the order of `darkroom.cgi.stacks.sources.join_parts`.
    geometry : darkroom.cgi.geometry.Geometry
    check_thresholds : bool
        Leave out stacks whose cosmic-ray threshold truncates their dark signal.
    correct_offsets : bool
        Subtract the offset of a stack whose prescan disagrees with the others'.
    bad_stacks : str
        A stack whose imaging area disagrees with the others gives a warning (``warn``), or is left
        out (``exclude``).
    dtype : dtype
        Data type of the maps.

    Returns
    -------
    NoiseMaps
        Maps of the full frame; NaN and flagged in telemetry rows, and where the stacks with a
        usable sample are fewer than four or do not determine the parameters.

    Raises
    ------
    DarkroomError
        When the stacks cannot be fitted (see `darkroom.cgi.maps.design.check_stacks`), one has no
        pixel with two usable frames, or no pixel of the imaging area can be fitted.
    """
    check_stacks([source.stack for source in sources])
    chosen = choose(
        sources, geometry, check_thresholds=check_thresholds, correct_offsets=correct_offsets,
        exclude=bad_stacks == "exclude",
    )  # fmt: skip
    settings = {
        "check_thresholds": check_thresholds, "correct_offsets": correct_offsets,
        "bad_stacks": bad_stacks,
    }  # fmt: skip
    fit = _PooledFit(sources, geometry, chosen, settings, dtype)
    for rows in strips(geometry.shape[0]):
        fit.fit_strip(rows)
    return fit.finish()


class _PooledFit:
    """One fit: its constants, and the results that are gathered strip by strip."""

    def __init__(self, sources, geometry, chosen, settings, dtype):
        self.geometry, self.chosen = geometry, chosen
        self.design, self.offsets = chosen.design, chosen.offsets
        self.subtracted = chosen.subtracted
        reports = chosen.reports
        used = [s for s, report in zip(sources, reports, strict=True) if report.used]
        stacks = [source.stack for source in used]
        ny, nx = geometry.shape
        self.reader = BandReader(used, max(s.stop - s.start for s in strips(ny)), nx)
        self.workspace = workspace_for(nx * max(s.stop - s.start for s in strips(ny)))
        nstacks = len(used)
        self.count_sums = np.zeros(nstacks)
        self.noise_sums, self.residual_sums = np.zeros((nstacks, 2)), np.zeros((nstacks, 3))
        self.maps = NoiseMaps(
            estimator="pooled",
            data=np.empty((3, ny, nx), dtype),
            err=np.empty((3, ny, nx), dtype),
            dq=np.zeros((ny, nx), np.uint16),
            covariance=np.empty((3, ny, nx), dtype),
            chi2=np.empty((ny, nx), dtype),
            r2=np.empty((ny, nx), dtype),
            usable=np.empty((ny, nx), np.uint8),
            unreliable=np.empty((ny, nx), np.uint8),
            counts=np.empty((nstacks, ny, nx), count_dtype(stacks)),
            hot=np.empty((ny, nx), np.uint8),
            reports=reports,
            warnings=[r.reason for r in reports if r.reason],
            settings=settings,
        )

    def fit_strip(self, rows):
        """Fit the pixels of a strip and store the results in the maps."""
        band = self.reader.read(rows)
        populations = self.geometry.populations[rows].reshape(-1)
        strip = Strip(self.design, self.subtracted, band, populations, self.workspace)
        strip.fit()
        maps, (nstacks, *shape) = self.maps, band.count.shape
        found = strip.results(np.float64 if maps.data.dtype.itemsize == 8 else np.float32)
        for planes, values in zip((maps.data, maps.err, maps.covariance), found, strict=True):
            planes[:, rows] = values.reshape(len(values), *shape)
        maps.chi2[rows] = strip.chi2.reshape(shape)
        maps.r2[rows] = strip.adjusted_r2().reshape(shape)
        maps.usable[rows] = strip.usable.reshape(shape)
        maps.hot[rows] = strip.hot.reshape(shape)
        maps.counts[:, rows] = band.count
        npixels = strip.populations.size
        flags, unreliable = np.empty(npixels, np.uint16), np.empty(npixels, np.uint8)
        load_kernel("darkroom.cgi.maps.pooled_kernel").summarize(
            strip.count, band.seen.reshape(nstacks, -1),
            np.array([report.stack.nframes for report in maps.used]), flags, unreliable,
        )  # fmt: skip
        known = np.isfinite(found[0][0])
        maps.dq[rows] = np.where(known, 0, flags | NONFINITE).reshape(shape)
        maps.unreliable[rows] = unreliable.reshape(shape)
        self.count_sums += strip.count.sum(axis=1)
        number, *sums = strip.imaging_sums()
        variance = strip.variance[:, IMAGING]
        here = np.where(strip.absent, 0, number)
        self.noise_sums += np.column_stack([here * variance, here])
        self.residual_sums += np.column_stack(sums)

    def finish(self):
        """Compute the results that need the full frame."""
        maps, geometry, design = self.maps, self.geometry, self.design
        imaging = geometry.imaging
        ny, nx = geometry.shape
        if not np.isfinite(maps.data[0][imaging]).any():
            raise DarkroomError(
                "no pixel of the imaging area can be fitted: fewer than four stacks, or stacks of "
                "one gain or one time only, have a usable sample there"
            )
        pixels = self.noise_sums[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.sqrt(self.noise_sums[:, 0] / pixels)
            residual = self.residual_sums[:, 0] / pixels
            residual_error = np.sqrt(self.residual_sums[:, 1]) / pixels
            left = self.residual_sums[:, 1] / self.residual_sums[:, 2]
        for m, report in enumerate(maps.used):
            report.mean_count = self.count_sums[m] / (ny * nx)
            report.level, report.offset = self.offsets.level[m], self.offsets.offset[m]
            report.offset_error = self.offsets.offset_error[m]
            report.corrected = bool(self.subtracted[m])
            report.noise = noise[m]
            report.residual, report.residual_error = residual[m], residual_error[m]
            report.residual_share = left[m]
        maps.warnings += _offset_warnings(maps.used, self.offsets) + self.chosen.warnings
        fixed, cic, dark = (plane[imaging] for plane in maps.data)
        maps.means = {
            "FPN_IMM": np.nanmean(fixed, dtype=float), "CIC_IMM": np.nanmean(cic, dtype=float),
            "DC_IMM": np.nanmean(dark, dtype=float), "FPN_IMME": float(np.nanmedian(fixed)),
        }  # fmt: skip
        maps.variances = np.array(
            [np.nanmean(np.square(plane[imaging], dtype=float)) for plane in maps.err]
        )
        maps.bias = _bias(self.offsets, design)
        normal = maps.hot[imaging] == 0
        base = np.array([np.nanmean(plane[normal]) for plane in (fixed, cic, dark)])
        electrons = base[1] + design.exptime * base[2]
        self._check_noise(np.maximum(electrons, 0), pixels)
        counts = np.array([report.mean_count for report in maps.used])
        maps.hot_limits = hot_search.smallest_excess(design, noise**2, base, counts)
        # What each set of few frames has stands behind what is wrong with this one.
        maps.warnings += _few_frames(maps)
        maps.warnings += number_warnings([report.stack for report in maps.used])
        return maps

    def _check_noise(self, electrons, pixels):
        """Measure the read noise; warn of stacks whose noise differs from the expected one.

        `electrons` (M,) is the mean charge of a normal pixel in each stack [e-], `pixels` (M,) the
        number of pixels.
        """
        maps, design = self.maps, self.design
        charge = design.gain**2 * design.enf2 * electrons
        noise = np.array([report.noise for report in maps.used])
        freedom = pixels * (np.array([report.mean_count for report in maps.used]) - 1)
        maps.read_noise, maps.read_noise_error = _read_noise(noise**2, charge, freedom)
        for report, expected in zip(maps.used, np.sqrt(maps.read_noise**2 + charge), strict=True):
            report.expected_noise = expected
            ratio = report.noise / expected
            if ratio > _ANOMALOUS_NOISE or ratio < 1 / _ANOMALOUS_NOISE:
                maps.warnings.append(
                    f"{report.stack.name}: its noise of {report.noise:.4g} e- is {ratio:.2g} times "
                    "that expected from read noise and charge; it is weighted accordingly"
                )


def _few_frames(maps):
    """Return a warning when hot pixels may hide behind the noise of few frames."""
    number = min(report.stack.nframes for report in maps.used)
    cic = maps.hot_limits[0]
    if number >= _FEW_FRAMES or not np.isfinite(cic):
        return []
    return [
        f"the smallest stack has {number} frames: with fewer than {_FEW_FRAMES}, noise hides "
        f"half of the pixels with {cic:.2g} e- of clock-induced charge more than others, and the "
        "errors of those that it hides are too small"
    ]


def _offset_warnings(reports, found):
    """Return a warning for each anomalous stack."""
    return [
        f"{report.stack.name}: its bias region is {report.offset:+.2f} +- "
        f"{report.offset_error:.2f} e- off the other stacks'"
        + (", which was subtracted" if report.corrected else ", which was not subtracted")
        for report, anomalous in zip(reports, found.anomalous, strict=True)
        if anomalous
    ]


def _bias(found, design):
    """Return the residual offset of the bias region in the stacks that agree [DN]."""
    if not found.measured:
        return BiasOffset()
    agree = np.isfinite(found.offset) & ~found.anomalous
    weight = (design.kgain / found.offset_error)[agree] ** 2
    value = float((weight * (found.offset / design.kgain)[agree]).sum() / weight.sum())
    error = float(1 / np.sqrt(weight.sum()))
    return BiasOffset(value, error, value - error, value + error, measured=True)


def _read_noise(variance, charge, freedom):
    """Return the read noise [e-] and its error; NaN when no stack is suited to measure it.

    Suited are stacks in which charge makes a small fraction of the variance. The median stack of
    them is used, so that one anomalous stack has no effect. The error is that of Gaussian noise
    with as many degrees of freedom.
    """
    suited = np.flatnonzero(charge < _CHARGE_NOISE * variance)
    if not suited.size:
        return np.nan, np.nan
    own = variance - charge
    middle = suited[np.argsort(own[suited])[(suited.size - 1) // 2]]
    noise = np.sqrt(own[middle])
    return float(noise), float(variance[middle] / noise / np.sqrt(2 * freedom[middle]))
