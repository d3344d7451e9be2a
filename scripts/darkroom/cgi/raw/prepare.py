"""From raw frames (level L1) to what darks are made of, a few frames in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from darkroom.cgi.raw import best as l1_best
from darkroom.cgi.raw import headers as l1_headers
from darkroom.cgi.raw import peer as l1_peer
from darkroom.cgi.raw.calibration import Calibration
from darkroom.cgi.raw.frames import Raw, as_peer_reads, check_raw, em_gain, read_raw
from darkroom.cgi.raw.inner_working_angle import inner_working_angle
from darkroom.cgi.stacks.frame import Headers, open_frame
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

#: Frames of one stack that are looked at together in mode best.
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
    rules: l1_peer.Rules = field(default_factory=l1_peer.Rules)
    discard: bool = False


@dataclass(frozen=True)
class Prepared:
    """A prepared frame, its pixels not yet converted: that is done band by band.

    Attributes
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
        As of level L2a.
    raw : darkroom.cgi.raw.frames.Raw
    bias : darkroom.cgi.raw.peer.Bias
    dq : (ny, nx) uint16 array
    gain : float
        EM gain that was used.
    settings : Settings
    """

    headers: Headers
    raw: Raw
    bias: l1_peer.Bias
    dq: np.ndarray
    gain: float
    settings: Settings

    # As of `darkroom.cgi.stacks.frame.Pixels`: float32 is enough, as in the files.
    single = True

    @property
    def shape(self):
        """Rows and columns."""
        return self.raw.counts.shape

    @property
    def bad(self):
        """True when the frame should not be used."""
        return bool(self.headers.image["IS_BAD"])

    def read_into(self, first, data, err, dq):
        """Convert a band of rows (as `darkroom.cgi.stacks.frame.Pixels.read_into`)."""
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
        # An error of the bias is common to a row; the non-linearity of small signals scales it.
        slope = curve[0] if self.settings.mode == "best" else 1.0
        error = self.bias.error[rows] * slope * calibration.kgain / divisor
        err[...] = error[:, None]
        if calibration.kgain_error and self.settings.mode == "peer":
            err[...] = np.hypot(err, data * (calibration.kgain_error / calibration.kgain))

    def planes(self, dtype=np.float32):
        """Return data, error and flags of the whole frame."""
        data, err = np.empty(self.shape, dtype), np.empty(self.shape, dtype)
        dq = np.empty(self.shape, np.uint16)
        self.read_into(0, data, err, dq)
        return data, err, dq


def prepare(paths, geometry, settings, scratch=None):
    """Prepare raw frames, in their order.

    Parameters
    ----------
    paths : sequence of path-like
        One set of frames: mode peer takes the gain of the last one for tails and thresholds.
    geometry : darkroom.cgi.geometry.Geometry
    settings : Settings
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames.

    Yields
    ------
    Prepared
        Setup frames (ISACQ = 1) are passed over.

    Raises
    ------
    InputError, DarkroomError
        When a frame is none of level L1, is damaged, has no usable gain, or does not fit.
    """
    way = _prepare_peer if settings.mode == "peer" else _prepare_best
    return way([Path(path) for path in paths], geometry, settings, scratch)


def _opened(path, geometry, scratch):
    """Read a raw frame: its headers and its pixels."""
    with open_frame(path, scratch) as frame:
        check_raw(frame.headers, frame.pixels.shape, geometry)
        return frame.headers, read_raw(path, frame.pixels.data)


def _headers_of(path, geometry, scratch=None):
    with open_frame(path, scratch) as frame:
        check_raw(frame.headers, frame.pixels.shape, geometry)
        return frame.headers


def _is_setup(headers):
    return headers.image.get("ISACQ") == 1


def _prepare_peer(paths, geometry, settings, scratch):
    for path in reversed(paths):
        headers = _headers_of(path, geometry, scratch)
        if not _is_setup(headers):
            last_gain = as_peer_reads(headers)
            break
    removed, paths = _remove(paths, geometry, settings, scratch)
    division = ""
    if settings.divide:
        gains = {_headers_of(path, geometry, scratch).commanded_gain for path in paths}
        division = "the same" if len(gains) == 1 else "different"
    for path in paths:
        headers, raw = _opened(path, geometry, scratch)
        if not _is_setup(headers):
            yield peer_frame(headers, raw, last_gain, geometry, settings, division, removed)


def peer_frame(headers, raw, last_gain, geometry, settings, division="", removed=""):
    """Prepare one frame by corgidrp's rules.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
        Of level L1; changed in place.
    raw : Raw
    last_gain : float
        EM gain of the last frame of the set.
    geometry, settings
    division, removed : str
        See `darkroom.cgi.raw.headers.peer_history`.

    Returns
    -------
    Prepared
    """
    calibration, rules, gain = settings.calibration, settings.rules, as_peer_reads(headers)
    bias = l1_peer.row_bias(raw, geometry, calibration)
    hole = inner_working_angle(headers, raw.counts.shape)
    found = l1_peer.find_cosmic_rays(
        raw, bias, gain, last_gain, geometry, calibration, rules, hole, headers.path
    )
    values = l1_headers.common_values(calibration, found.saturation, found.bad)
    texts = l1_headers.peer_history(found, rules, calibration, geometry, division, removed)
    headers = l1_headers.prepared_headers(headers, values, *texts, settings.divide)
    return Prepared(headers, raw, bias, found.dq, gain, settings)


def _remove(paths, geometry, settings, scratch):
    """Take oversaturated frames out; return what HISTORY says of it, and the others."""
    if not settings.discard:
        return "", paths
    kept, sentences = [], []
    for path in paths:
        headers, raw = _opened(path, geometry, scratch)
        bias = l1_peer.row_bias(raw, geometry, settings.calibration)
        percent = l1_peer.saturated_percent(
            raw, bias, as_peer_reads(headers), settings.calibration, settings.rules
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
        headers, raw = _opened(path, geometry, scratch)
        if _is_setup(headers):
            continue
        if batch and (len(batch) == BATCH or _key(batch[0][0]) != _key(headers)):
            yield from best_frames(batch, geometry, settings)
            batch = []
        batch.append((headers, raw))
    if batch:
        yield from best_frames(batch, geometry, settings)


def _key(headers):
    return headers.commanded_gain, headers.exptime


def best_frames(batch, geometry, settings):
    """Prepare a few frames of one stack by the physics of the detector.

    Parameters
    ----------
    batch : list of (darkroom.cgi.stacks.frame.Headers, Raw)
        Headers are changed in place.
    geometry, settings

    Returns
    -------
    list of Prepared
    """
    calibration = settings.calibration
    gains = [em_gain(headers) for headers, _ in batch]
    counts = np.stack([raw.counts for _, raw in batch])
    raws = [replace(raw, counts=frame) for (_, raw), frame in zip(batch, counts, strict=True)]
    rows = [
        l1_best.row_bias(raw, gain, geometry, calibration)
        for raw, gain in zip(raws, gains, strict=True)
    ]
    biases, noises = zip(*rows, strict=True)
    exptime = batch[0][0].exptime
    found = l1_best.find_cosmic_rays(counts, biases, noises, gains, exptime, geometry, calibration)
    frames = []
    for (headers, _), raw, gain, bias, result in zip(
        batch, raws, gains, biases, found, strict=True
    ):
        values = l1_headers.common_values(calibration, result.saturation, result.bad)
        values |= l1_headers.best_values(result, gain, l1_best.expected_loss())
        texts = l1_headers.best_history(result, calibration, settings.divide)
        headers = l1_headers.prepared_headers(headers, values, *texts, settings.divide)
        frames.append(Prepared(headers, raw, bias, result.dq, gain, settings))
    return frames
