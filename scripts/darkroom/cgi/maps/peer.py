"""Noise maps as corgidrp makes them, for validation: estimators ``frames`` and ``peer-3.2``.

``frames`` is the fit of corgidrp 5.1.1: both sides of the equations are multiplied by the number of
usable frames, so that the weight is its square. ``peer-3.2`` is that of 3.2.1 to 5.0: the weights
are one over the error of the mean, but all 1 for the last stack, as in 3.2.1. Both reproduce the
results of corgidrp with its defects: unweighted standard errors, stacks without a sample taken as
zero, CIC and dark current clipped at zero. Use ``pooled`` for scientific results.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.geometry import TELEMETRY
from darkroom.cgi.maps.design import Design, check_stacks, number_warnings, truncation
from darkroom.cgi.maps.maps import (
    BandReader,
    BiasOffset,
    NoiseMaps,
    StackReport,
    bands,
    count_dtype,
)
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.sources import Source

VERSIONS = ("frames", "peer-3.2")
_ROWS = 64
# The weight of a stack without a sample is this over the number of all frames (corgidrp 5.1.1).
_EMPTY_WEIGHT = 0.01
# A stack is unreliable in a pixel with at most (frames), or less than (peer-3.2), this fraction of
# its frames.
_RELIABLE = {"frames": 0.75, "peer-3.2": 0.5}


def fit_peer(
    sources: Sequence[Source],
    geometry: Geometry,
    *,
    version: str = "frames",
    weighting: bool = True,
    check_thresholds: bool = True,
    dtype: DTypeLike = np.float64,
) -> NoiseMaps:
    """Fit the noise maps as corgidrp does.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
        One per stack, in the order of `darkroom.cgi.stacks.sources.join_parts`.
    geometry : darkroom.cgi.geometry.Geometry
    version : str
        ``"frames"`` or ``"peer-3.2"``.
    weighting : bool
        False gives all stacks the same weight.
    check_thresholds : bool
        Leave out stacks whose cosmic-ray threshold truncates their dark signal (``frames`` only).
    dtype : dtype
        Data type of the maps.

    Returns
    -------
    NoiseMaps

    Raises
    ------
    DarkroomError
        When the stacks cannot be fitted (see `darkroom.cgi.maps.design.check_stacks`).
    ValueError
        When `weighting` is not a bool, or the version is unknown.
    """
    if not isinstance(weighting, bool):
        msg = f"weighting is {weighting!r}, True or False is needed"
        raise ValueError(msg)
    if version not in VERSIONS:
        msg = f"version {version!r} is none of {', '.join(VERSIONS)}"
        raise ValueError(msg)
    check_stacks([source.stack for source in sources])
    fit = _PeerFit(sources, geometry, version, weighting, check_thresholds, dtype)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        return fit.run(Path(folder))


class _PeerFit:
    """One fit: its constants, and the results that are gathered band by band."""

    def __init__(self, sources, geometry, version, weighting, check_thresholds, dtype):
        self.geometry, self.version, self.weighting = geometry, version, weighting
        self.reports = [StackReport(source.stack) for source in sources]
        self.used = []
        for source, report in zip(sources, self.reports, strict=True):
            check = check_thresholds and version == "frames"
            report.reason = truncation(source.stack, geometry.em_stages) if check else ""
            report.used = not report.reason
            if report.used:
                self.used.append(source)
        stacks = [source.stack for source in self.used]
        check_stacks(stacks)
        self.nall = len(sources)
        self.all_frames = sum(source.stack.nframes for source in sources)
        self.design = Design.from_stacks(stacks, geometry.em_stages)
        ny, nx = geometry.shape
        self.maps = NoiseMaps(
            estimator=version,
            data=np.empty((3, ny, nx), dtype),
            err=np.empty((3, ny, nx), dtype),
            dq=np.zeros((ny, nx), np.uint16),
            r2=np.empty((ny, nx), dtype),
            usable=np.empty((ny, nx), np.uint8),
            unreliable=np.empty((ny, nx), np.uint8),
            counts=np.empty((len(stacks), ny, nx), count_dtype(stacks)),
            reports=self.reports,
            warnings=[r.reason for r in self.reports if r.reason] + number_warnings(stacks),
            settings={"weighting": weighting, "check_thresholds": check_thresholds},
        )

    def run(self, folder):
        """Fit all bands, then compute the results that need the full frame."""
        ny, nx = self.geometry.shape
        self.residuals = _Scratch(folder, len(self.used))
        self.count_sums = np.zeros(len(self.used))
        self.variance_sum = 0.0
        with_err = self.version == "peer-3.2"
        reader = BandReader(self.used, min(_ROWS, ny), nx, with_err=with_err)
        if with_err:
            self.single_errors = self._errors_of_single_samples(reader)
        for rows in bands(ny, _ROWS):
            self._fit_band(rows, reader.read(rows))
        for report, total in zip(self.maps.used, self.count_sums, strict=True):
            report.mean_count = total / (ny * nx)
        self._finish()
        return self.maps

    def _errors_of_single_samples(self, reader):
        """Return the error of the mean that each stack has in pixels with one sample.

        It is the standard deviation of a sample in the first pixel with the most samples.
        """
        most, errors = np.zeros(len(self.used)), np.zeros(len(self.used))
        for rows in bands(self.geometry.shape[0], _ROWS):
            band = reader.read(rows)
            flat = band.count.reshape(len(self.used), -1)
            places = flat.argmax(axis=1)
            for m, place in enumerate(places):
                if flat[m, place] > most[m]:
                    most[m] = flat[m, place]
                    errors[m] = np.sqrt(band.m2[m].reshape(-1)[place] / most[m])
        if most.min() <= 1:
            raise DarkroomError(
                f"{self.used[int(most.argmin())].stack.name}: no pixel has more than one usable "
                "frame"
            )
        return errors

    def _weights(self, band, telemetry):
        """Return the weights of every stack and pixel."""
        count = band.count.astype(np.float64)
        if not self.weighting:
            return np.ones_like(count)
        if self.version == "frames":
            count[count == 0] = _EMPTY_WEIGHT / self.all_frames
            return count
        scatter = band.std0() / np.sqrt(np.maximum(count, 1))
        scatter = np.where(count == 1, self.single_errors[:, None, None], scatter)
        scatter[count == 0] = 1.0
        scatter[:, telemetry] = 1.0
        total = np.sqrt(band.rms_error() ** 2 + scatter**2)
        # corgidrp 3.2.1 writes 1 to the wrong axis: to all pixels of the last stack.
        total[-1] = 1.0
        return 1.0 / total

    def _fit_band(self, rows, band):
        maps, design, geometry = self.maps, self.design.matrix, self.geometry
        nstacks, nrows, nx = band.count.shape
        telemetry = geometry.populations[rows][:, 0] == TELEMETRY
        means = band.mean()
        means[:, telemetry] = 1.0 if self.version == "frames" else np.nan
        parameters = np.empty((3, nrows * nx))
        load_kernel("darkroom.cgi.maps.lsq_kernel").solve_weighted(
            design, means.reshape(nstacks, -1),
            np.ascontiguousarray(self._weights(band, telemetry)).reshape(nstacks, -1), parameters,
        )  # fmt: skip
        parameters = parameters.reshape(3, nrows, nx)
        empty = (band.count == 0).sum(axis=0)
        if self.version == "frames":
            parameters[:, empty >= self.nall - 3] = 0.0
        self._store_errors(rows, means, parameters)
        maps.data[:, rows] = parameters
        maps.usable[rows] = nstacks - empty
        part = np.array([s.stack.nframes for s in self.used])[:, None, None]
        few = band.count <= _RELIABLE["frames"] * part
        if self.version == "peer-3.2":
            few = band.count < _RELIABLE["peer-3.2"] * part
        maps.unreliable[rows] = few.sum(axis=0)
        maps.counts[:, rows] = band.count
        self.count_sums += band.count.sum(axis=(1, 2))
        flags = np.bitwise_or.reduce(np.where(band.count == 0, band.seen, 0), axis=0)
        flags[empty < self.nall - 3] = 0
        maps.dq[rows] = flags

    def _store_errors(self, rows, means, parameters):
        """Store standard errors, adjusted R-square, and the prescan's residuals."""
        maps, design = self.maps, self.design.matrix
        nstacks = len(design)
        model = np.tensordot(design, parameters, axes=1)
        residual = means - model
        squares = (residual**2).sum(axis=0)
        variance = squares / (nstacks - 3)
        unit = np.diag(np.linalg.inv(design.T @ design))
        errors = np.sqrt(variance * unit[:, None, None])
        maps.err[:, rows] = errors
        explained = ((means.mean(axis=0) - model) ** 2).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = explained / (squares + explained)
        maps.r2[rows] = 1 - (1 - r2) * (nstacks - 1) / (nstacks - 3)
        imaging = _overlap(self.geometry.imaging, rows)
        self.variance_sum = self.variance_sum + variance[imaging].sum()
        self.residuals.add(
            residual[(slice(None), *_overlap(self.geometry.section("prescan"), rows))],
            np.tensordot(design, errors, axes=1)[
                (slice(None), *_overlap(self.geometry.section("prescan"), rows))
            ],
        )

    def _finish(self):
        """Compute the results that need the full frame; clip the maps as corgidrp does."""
        maps, geometry = self.maps, self.geometry
        imaging, telemetry = geometry.imaging, geometry.telemetry_rows
        design = self.design.matrix
        unit = np.diag(np.linalg.inv(design.T @ design))
        area = np.prod([s.stop - s.start for s in imaging])
        maps.variances = self.variance_sum / area * unit
        maps.bias = self._bias()
        maps.read_noise = self._read_noise()
        fixed, cic, dark = (plane[imaging] for plane in maps.data)
        dark_mean = dark.mean()
        kept, kept_err = dark.copy(), maps.err[2][imaging].copy()
        maps.data[2], maps.err[2] = 0.0, 0.0
        maps.data[2, telemetry] = np.nan
        maps.data[2][imaging], maps.err[2][imaging] = kept, kept_err
        with np.errstate(invalid="ignore"):
            for plane in maps.data[1:]:
                plane[plane < 0] = 0.0
        maps.means = {
            "FPN_IMM": fixed.mean(), "CIC_IMM": cic.mean(),
            "DC_IMM": dark_mean, "FPN_IMME": np.median(fixed),
        }  # fmt: skip

    def _bias(self):
        """Return the median residual of the prescan, averaged over the stacks, and its bounds."""
        values = np.array(
            [
                [np.nanmedian(plane) / gain for plane in self.residuals.planes(m)]
                for m, gain in enumerate(self.design.kgain)
            ]
        )
        value, low, up = values.mean(axis=0)
        return BiasOffset(value, max(up - value, value - low), low, up, measured=True)

    def _read_noise(self):
        """Return the read noise from the stack of least gain times time, as corgidrp does."""
        maps, design, imaging = self.maps, self.design, self.geometry.imaging
        product = design.gain * design.exptime
        least = int(product.argmin())
        partner = _partner(design, least)
        one, two = (self._mean_image(k) for k in (least, partner))
        correlation = np.corrcoef(one.ravel(), two.ravel())[0, 1]
        number = maps.used[least].mean_count
        fixed, cic, dark = (plane[imaging].astype(np.float64) for plane in maps.data)
        variance = (
            np.var(one) * number
            - design.gain[least] ** 2 * np.var(dark * design.exptime[least] + cic)
            - ((number - 1) * correlation + 1) * np.var(fixed)
        )
        if variance < 0:
            maps.warnings.append(
                "the read noise cannot be measured: more frames per stack, or a lower EM gain, are "
                "needed"
            )
            return np.nan
        return float(np.sqrt(variance))

    def _mean_image(self, number):
        rows, columns = self.geometry.imaging
        return self.used[number].patch(rows, columns).mean()


def _partner(design, least):
    """Return the stack to correlate with: same time, next gain; else next gain times time."""
    higher = design.gain[design.gain > design.gain[least]].min(initial=np.inf)
    same = np.flatnonzero((design.exptime == design.exptime[least]) & (design.gain == higher))
    return int(same[0]) if same.size else int(np.argsort(design.gain * design.exptime)[1])


def _overlap(section, rows):
    """Return the part of a section within a band, with rows counted from the band's first."""
    first, stop = max(section[0].start, rows.start), min(section[0].stop, rows.stop)
    return slice(first - rows.start, max(stop, first) - rows.start), section[1]


class _Scratch:
    """Residuals of the prescan and their bounds, stored on disk until all bands are fitted."""

    def __init__(self, folder, nstacks):
        self._paths = [
            [Path(folder, f"{m}.{name}") for name in ("value", "bound")] for m in range(nstacks)
        ]

    def add(self, residual, bound):
        """Append the residuals of a band, and their changes within the errors of the fit."""
        for m, paths in enumerate(self._paths):
            for path, plane in zip(paths, (residual[m], bound[m]), strict=True):
                with path.open("ab") as stream:
                    stream.write(np.ascontiguousarray(plane).data)

    def planes(self, m):
        """Return residual, lower and upper bound of a stack, flat."""
        value, bound = (np.fromfile(path) for path in self._paths[m])
        return value, value - bound, value + bound
