"""The reads of a simulated WFC3/IR exposure, and their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.simulate.settings import stream
from darkroom.wfc3.dq import BAD_ZEROTH_READ, UNSTABLE
from darkroom.wfc3.simulate.dark import Dark
from darkroom.wfc3.simulate.detector import MEAN_GAIN, detector_of, measured_from_true
from darkroom.wfc3.simulate.faults import abort, drifting_image, pointing_errors
from darkroom.wfc3.simulate.names import BORDER, FULL_SIDE
from darkroom.wfc3.simulate.sky import pointing_of, source_image, sources_of
from darkroom.wfc3.simulate.values import sample_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.wfc3.simulate.plan import Exposure

#: Seconds by which the time from reset to zeroth read is shorter than that to the first read.
ZEROTH_OVERHEAD = 0.020535
# Scattered light falls exponentially across the field: e-folding length, fraction of the side.
_PROFILE = 0.35
# Intervals are bad in which the brightest tenth of the field is brighter by this fraction.
_BAD = 0.1
_REFERENCE_NOISE = 0.7  # read noise of reference pixels, as a fraction of that of the others
_HIGHEST = 65535


def zeroth_time(times: Sequence[float]) -> float:
    """Return the time from reset to zeroth read, s, given those of all reads."""
    return times[1] - ZEROTH_OVERHEAD if len(times) > 1 else 2.9


def make_reads(
    full: dict[str, Any], exposure: Exposure
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Simulate the reads of an exposure.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.wfc3.simulate.plan.Exposure
        The exposure as planned.

    Returns
    -------
    reads : (n, ny, nx) uint16 array
        DN, border included, in time order.
    truth : dict of arrays
        ``incident`` (side, side) float32: e-/s of sky and sources, without the variable light;
        ``profile`` (side,) and ``fading`` (n-1,): their product is the variable light, e-/s, in
        the interval that ends with each read; ``bad_reads``: EXTVERs of the intervals in which it
        exceeds a tenth of the zodiacal light where it is brightest, or of the trail; ``light``:
        kind of variable light; ``times`` (n,): s; ``x``, ``y`` (pixels from 0 inside the border),
        ``rate`` (e-/s) and ``radius`` (pixels) of the sources; ``trail`` (side, side) bool;
        ``hits`` (side, side) int: read before which the first cosmic ray hit, 0 for none;
        ``pointing_errors`` (n, 2): arcsec beside the commanded pointing along x and y at each read
        (``incident``, ``x`` and ``y`` are of the first); ``last_read``: the last that was taken.
        Of a dark also what `darkroom.wfc3.simulate.dark.Dark.truth` returns.
    """
    times = sample_times(full["sampseq"], full["nsamp"], full["subarray"])
    detector, name = detector_of(full), exposure.name
    one, sources = full["exposures"][exposure.number], sources_of(full)
    errors = pointing_errors(one, times)
    pointing = pointing_of(full, exposure, errors[0])
    light, x, y = source_image(full, pointing, sources)
    side, n = pointing.side, len(times)
    dark = Dark.of(full, exposure, detector)
    across = np.linspace(0.5, -0.5, side, dtype=np.float32)
    sky = np.float32(full["zodiacal"]) * (1 + np.float32(full["gradient"]) * across)
    incident = light + sky
    if dark is not None:
        incident = np.zeros_like(incident)
    profile, fading = variable_light(full, exposure, times, side)
    trail = _trail(full, exposure, side)

    trail_read = (n + 1) // 2
    bad = bad_reads(full, profile, fading) if trail is None else [n - trail_read]

    seconds = np.diff([-zeroth_time(times), *times])
    hits = np.zeros((side, side), np.int16)
    electrons = np.zeros((side, side), np.float32)
    drift = np.cumsum(stream(full, "wander", name).standard_normal(n)) * full["bias_drift"]
    reset = stream(full, "reset", name).standard_normal((side, side), dtype=np.float32)
    zero = detector.zero + np.float32(full["reset_noise"]) * reset
    reads = np.empty((n, side + 2 * BORDER, side + 2 * BORDER), np.uint16)
    charge, unstable_charge = stream(full, "charge", name), stream(full, "unstable_charge", name)
    rays, noise = stream(full, "rays", name), stream(full, "read", name)
    for k in range(n):
        extra = profile * fading[k - 1] if k else np.float32(0)
        seen = incident
        if dark is None and k and (errors[k] != errors[0]).any():
            seen = drifting_image(full, exposure, sources, errors[k - 1], errors[k]) + sky
        rate = (seen + extra) * detector.response + detector.dark
        if dark is not None:
            rate = dark.rate(times[k] - seconds[k], times[k])
        electrons += charge.poisson(rate * seconds[k])
        if trail is not None and k == trail_read:
            electrons += charge.poisson(trail * detector.response)
        _add_rays(full, rays, electrons, seconds[k], k, hits)
        unstable = (detector.flags & UNSTABLE) != 0
        electrons[unstable] += 25 * unstable_charge.standard_normal(unstable.sum()) ** 2
        signal = measured_from_true(electrons / detector.gain, detector) + zero
        if k == 0:
            signal[(detector.flags & BAD_ZEROTH_READ) != 0] += 200
        reads[k] = _read_out(full, detector, signal, drift[k], noise)
    abort(one, reads)
    truth = {
        "incident": incident,
        "profile": profile,
        "fading": fading,
        "bad_reads": np.array(bad, int),
        "light": np.array(one["light"]),
        "times": np.array(times),
        "x": x,
        "y": y,
        "rate": sources.rate,
        "radius": sources.radius,
        "trail": np.zeros((side, side), bool) if trail is None else trail > 1,
        "hits": hits,
        "pointing_errors": errors,
        "last_read": np.array(n - 1 if one["last_read"] is None else one["last_read"]),
    }
    return reads, truth | ({} if dark is None else dark.truth(times))


def variable_light(
    full: dict[str, Any], exposure: Exposure, times: Sequence[float], side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variable light: its profile across the field and its mean in each interval.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.wfc3.simulate.plan.Exposure
        The exposure as planned.
    times : sequence of float
        Seconds since the zeroth read, one per read.
    side : int
        Pixels a side inside the border.

    Returns
    -------
    profile : (side,) float32 array
        Brightness by column, about 1 where it is brightest.
    fading : (n-1,) float64 array
        Mean rate in each interval where the profile is 1, e-/s.
    """
    one = full["exposures"][exposure.number]
    seconds = np.asarray(times, float)
    if one["light"] == "airglow":
        scale = full["airglow_scale"] * seconds[-1]
        integral = -scale * np.exp(-seconds / scale)
        level = one["airglow"] * full["zodiacal"]
        return np.ones(side, np.float32), level * np.diff(integral) / np.diff(seconds)
    place = (np.arange(side) + 0.5) / side
    place = place if one["side"] == "left" else place[::-1]
    profile = np.exp(-place / _PROFILE).astype(np.float32)
    if one["light"] not in ("start", "end"):
        return profile, np.zeros(seconds.size - 1)
    since = seconds if one["light"] == "start" else seconds[-1] - seconds
    since = np.clip(since, 0, one["duration_s"])
    # The integral of a linear decay, 1 - t / duration.
    integral = since - since**2 / (2 * one["duration_s"])
    level = one["strength"] * full["zodiacal"]
    return profile, level * np.abs(np.diff(integral)) / np.diff(seconds)


def bad_reads(full: dict[str, Any], profile: np.ndarray, fading: np.ndarray) -> list[int]:
    """Return the EXTVERs of the intervals with bad variable light.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    profile, fading : arrays
        From `variable_light`.
    """
    bright = profile[np.argsort(profile)[-max(1, profile.size // 10) :]].mean()
    n = fading.size + 1
    affected = np.flatnonzero(fading * bright > _BAD * full["zodiacal"]) + 1
    return sorted(int(n - k) for k in affected)


def _trail(full, exposure, side):
    """Return the charge of the trail of a satellite, (side, side) e-, or None without one."""
    if full["exposures"][exposure.number]["light"] != "trail":
        return None
    y, x = np.mgrid[:side, :side].astype(np.float32)
    distance = (y - side * 0.35) * np.cos(0.4) - x * np.sin(0.4)
    return full["trail"] * np.exp(-(distance**2) / (2 * 2.0**2))


def _add_rays(full, rng, electrons, seconds, k, hits):
    """Add cosmic rays: one to four pixels along a row, charge with an exponential distribution."""
    side = electrons.shape[0]
    mean = full["cosmic_rays"] * seconds * (side / FULL_SIDE) ** 2
    for _ in range(rng.poisson(mean)):
        y, x, length = rng.integers(side), rng.integers(side), rng.integers(1, 5)
        electrons[y, x : x + length] += rng.exponential(full["cosmic_ray_mean"])
        first = hits[y, x : x + length]
        first[first == 0] = k


def _read_out(full, detector, signal, drift, rng):
    """Return a read: reference pixels around the signal, common drift, read noise, integers."""
    side = signal.shape[0]
    image = np.empty((side + 2 * BORDER, side + 2 * BORDER), np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    typical = np.float32(detector.read_noise.mean() / MEAN_GAIN)
    image[:] = np.float32(full["bias"]) + _REFERENCE_NOISE * typical * noise
    inside = slice(BORDER, BORDER + side), slice(BORDER, BORDER + side)
    image[inside] = signal + noise[inside] * (detector.read_noise / detector.gain)
    return np.clip(np.rint(image + np.float32(drift)), 0, _HIGHEST).astype(np.uint16)
