"""Preparation of raw frames (level L1) for darks, with a few frames in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.raw import best, peer
from darkroom.cgi.raw.calibration import Calibration
from darkroom.cgi.raw.frames import RawPixels, check_raw, em_gain, peer_em_gain, read_raw
from darkroom.cgi.raw.headers import (
    best_history,
    best_values,
    common_values,
    peer_history,
    prepared_headers,
)
from darkroom.cgi.raw.inner_working_angle import inside_inner_working_angle
from darkroom.cgi.stack_keys import alike
from darkroom.cgi.stacks.frame import Headers, open_frame
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike

    from darkroom.cgi.geometry import Geometry
    from darkroom.hints import StrPath

#: Frames of one stack that mode best compares with each other.
BATCH = 8


@dataclass(frozen=True)
class Settings:
    """How frames are prepared.

    Attributes
    ----------
    mode : str
        ``best`` or ``peer``.
    calibration : darkroom.cgi.raw.calibration.Calibration
    divide : bool
        Divide by the EM gain (for traditional darks).
    rules : darkroom.cgi.raw.peer.Rules
        Keywords of mode peer.
    discard : bool
        Mode peer: take oversaturated frames out instead of marking them.
    """

    mode: str
    calibration: Calibration
    divide: bool = False
    rules: peer.Rules = field(default_factory=peer.Rules)
    discard: bool = False


@dataclass(frozen=True)
class Prepared:
    """A prepared frame; its pixels are converted to electrons when they are read.

    Attributes
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
        Those of level L2a.
    raw : darkroom.cgi.raw.frames.RawPixels
    bias : darkroom.cgi.raw.peer.Bias
    dq : (ny, nx) uint16 array
        Data-quality flags.
    gain : float
        EM gain that was used.
    settings : Settings
    """

    headers: Headers
    raw: RawPixels
    bias: peer.Bias
    dq: np.ndarray
    gain: float
    settings: Settings

    # As in `darkroom.cgi.stacks.frame.Pixels`: float32 is as exact as prepared files are.
    single = True

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.raw.counts.shape

    @property
    def bad(self) -> bool:
        """True when the frame should not be used."""
        return bool(self.headers.image["IS_BAD"])

    def read_into(
        self, first: int, data: np.ndarray, err: np.ndarray | None, dq: np.ndarray
    ) -> None:
        """Convert a band of rows to electrons.

        Parameters
        ----------
        first : int
            First row.
        data, err : (nrows, nx) float32 or float64 arrays
            Filled with electrons and their errors; `err` may be None.
        dq : (nrows, nx) uint16 array
            Filled with flags.
        """
        rows = slice(first, first + len(data))
        calibration, gain = self.settings.calibration, self.gain
        divisor = gain if self.settings.divide else 1.0
        table, curve = calibration.nonlinearity.counts, calibration.nonlinearity.curve(gain)
        load_kernel("darkroom.cgi.raw.kernel").electrons(
            self.raw.counts[rows], self.raw.highest[rows], self.bias.level[rows], table, curve,
            calibration.kgain, divisor, data,
        )  # fmt: skip
        dq[...] = self.dq[rows]
        if err is None:
            return
        # The error of the bias is common to a row, scaled by the relative gain of small signals.
        slope = curve[0] if self.settings.mode == "best" else 1.0
        error = self.bias.error[rows] * slope * calibration.kgain / divisor
        err[...] = error[:, None]
        if calibration.kgain_error and self.settings.mode == "peer":
            err[...] = np.hypot(err, data * (calibration.kgain_error / calibration.kgain))

    def planes(self, dtype: DTypeLike = np.float32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return data, errors and flags of the full frame."""
        data, err = np.empty(self.shape, dtype), np.empty(self.shape, dtype)
        dq = np.empty(self.shape, np.uint16)
        self.read_into(0, data, err, dq)
        return data, err, dq


def prepare(
    paths: Sequence[StrPath],
    geometry: Geometry,
    settings: Settings,
    scratch: StrPath | None = None,
) -> Iterator[Prepared]:
    """Prepare raw frames, in their order.

    Parameters
    ----------
    paths : sequence of path-like
        One set of frames: mode peer uses the gain of the last one for tails and thresholds.
    geometry : darkroom.cgi.geometry.Geometry
    settings : Settings
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames.

    Yields
    ------
    Prepared
        One per frame; setup frames (ISACQ = 1) are skipped.

    Raises
    ------
    InputError, DarkroomError
        When a frame is not of level L1, is damaged, has no usable gain, or does not fit.
    """
    mode = _prepare_peer if settings.mode == "peer" else _prepare_best
    return mode([Path(path) for path in paths], geometry, settings, scratch)


def _read_frame(path, geometry, scratch):
    """Read a raw frame: its headers and its pixels."""
    with open_frame(path, scratch) as frame:
        check_raw(frame.headers, frame.pixels.shape, geometry)
        return frame.headers, read_raw(path, frame.pixels.data)


def _read_headers(path, geometry, scratch=None):
    with open_frame(path, scratch) as frame:
        check_raw(frame.headers, frame.pixels.shape, geometry)
        return frame.headers


def _is_setup(headers):
    return headers.is_set("ISACQ")


def _prepare_peer(paths, geometry, settings, scratch):
    for path in reversed(paths):
        headers = _read_headers(path, geometry, scratch)
        if not _is_setup(headers):
            last_gain = peer_em_gain(headers)
            break
    removed, paths = _discard_oversaturated(paths, geometry, settings, scratch)
    division = ""
    if settings.divide:
        gains = {_read_headers(path, geometry, scratch).commanded_gain for path in paths}
        division = "the same" if len(gains) == 1 else "different"
    for path in paths:
        headers, raw = _read_frame(path, geometry, scratch)
        if not _is_setup(headers):
            yield peer_frame(headers, raw, last_gain, geometry, settings, division, removed)


def peer_frame(
    headers: Headers,
    raw: RawPixels,
    last_gain: float,
    geometry: Geometry,
    settings: Settings,
    division: str = "",
    removed: str = "",
) -> Prepared:
    """Prepare one frame by corgidrp's rules.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
        Of level L1; changed in place.
    raw : RawPixels
    last_gain : float
        EM gain of the last frame of the set.
    geometry : darkroom.cgi.geometry.Geometry
    settings : Settings
    division, removed : str
        See `darkroom.cgi.raw.headers.peer_history`.

    Returns
    -------
    Prepared
    """
    calibration, rules, gain = settings.calibration, settings.rules, peer_em_gain(headers)
    bias = peer.row_bias(raw, geometry, calibration)
    zeroed = inside_inner_working_angle(headers, raw.counts.shape)
    found = peer.find_cosmic_rays(
        raw, bias, gain, last_gain, geometry, calibration, rules, zeroed, headers.path
    )
    values = common_values(calibration, found.saturation, found.bad)
    texts = peer_history(found, rules, calibration, geometry, division, removed)
    headers = prepared_headers(headers, values, *texts, settings.divide)
    return Prepared(headers, raw, bias, found.dq, gain, settings)


def _discard_oversaturated(paths, geometry, settings, scratch):
    """Discard oversaturated frames; return the sentence for HISTORY, and the other frames."""
    if not settings.discard:
        return "", paths
    kept, sentences = [], []
    for path in paths:
        headers, raw = _read_frame(path, geometry, scratch)
        bias = peer.row_bias(raw, geometry, settings.calibration)
        percent = peer.saturated_percent(
            raw, bias, peer_em_gain(headers), settings.calibration, settings.rules
        )
        if percent > settings.rules.percent:
            sentences.append(
                f" {path.name} (oversat frame pct {percent:.5f} > {settings.rules.percent:.5f})"
            )
        else:
            kept.append(path)
    if not kept:
        raise DarkroomError(
            f"all {len(paths)} frames are oversaturated (more than {settings.rules.percent:g} % of "
            "their pixels)"
        )
    return f"Removed {len(sentences)} frames as bad:" + ",".join(sentences), kept


def _prepare_best(paths, geometry, settings, scratch):
    batch = []
    for path in paths:
        headers, raw = _read_frame(path, geometry, scratch)
        if _is_setup(headers):
            continue
        if batch and (len(batch) == BATCH or not alike(_key(batch[0][0]), _key(headers))):
            yield from best_frames(batch, geometry, settings)
            batch = []
        batch.append((headers, raw))
    if batch:
        yield from best_frames(batch, geometry, settings)


def _key(headers):
    return headers.exptime, headers.commanded_gain, 0.0


def best_frames(
    batch: Sequence[tuple[Headers, RawPixels]], geometry: Geometry, settings: Settings
) -> list[Prepared]:
    """Prepare a few frames of one stack by the physics of the detector.

    Parameters
    ----------
    batch : sequence of (darkroom.cgi.stacks.frame.Headers, RawPixels)
        Frames of one exposure time and commanded EM gain; headers are changed in place.
    geometry : darkroom.cgi.geometry.Geometry
    settings : Settings

    Returns
    -------
    list of Prepared
    """
    calibration = settings.calibration
    gains = [em_gain(headers) for headers, _ in batch]
    counts = np.stack([raw.counts for _, raw in batch])
    raws = [replace(raw, counts=frame) for (_, raw), frame in zip(batch, counts, strict=True)]
    rows = [
        best.row_bias(raw, gain, geometry, calibration)
        for raw, gain in zip(raws, gains, strict=True)
    ]
    biases, noises = zip(*rows, strict=True)
    exptime = batch[0][0].exptime
    found = best.find_cosmic_rays(counts, biases, noises, gains, exptime, geometry, calibration)
    frames = []
    for (headers, _), raw, gain, bias, result in zip(
        batch, raws, gains, biases, found, strict=True
    ):
        values = common_values(calibration, result.saturation, result.bad)
        values |= best_values(result, gain, best.expected_loss())
        texts = best_history(result, calibration, settings.divide)
        headers = prepared_headers(headers, values, *texts, settings.divide)
        frames.append(Prepared(headers, raw, bias, result.dq, gain, settings))
    return frames
