"""The reads of a simulated WFC3/IR exposure, and what is hidden in them."""

from __future__ import annotations

import numpy as np

from darkroom.simulate.settings import stream
from darkroom.wfc3.simulate.detector import (
    BAD_ZERO,
    MEAN_GAIN,
    UNSTABLE,
    detector_of,
    measured_from_true,
)
from darkroom.wfc3.simulate.names import BORDER, FULL_SIDE
from darkroom.wfc3.simulate.sky import pointing_of, source_image, sources_of
from darkroom.wfc3.simulate.values import sample_times

#: Seconds that the zeroth read lacks of the time to the first.
ZEROTH_OVERHEAD = 0.020535
# Brightness of scattered light across the field: e-folding length as a fraction of the side.
_PROFILE = 0.35
# Counted as bad: intervals in which the bright side or the field is brighter by this fraction.
_BAD = 0.1
_REFERENCE_NOISE = 0.7  # of reference pixels, as a fraction of the others'
_HIGHEST = 65535


def zeroth_time(times):
    """Return the seconds between reset and zeroth read, for the times of all reads."""
    return times[1] - ZEROTH_OVERHEAD if len(times) > 1 else 2.9


def make_reads(full, exposure):
    """Make the reads of an exposure.

    Parameters
    ----------
    full : dict
        Complete settings.
    exposure : darkroom.wfc3.simulate.exposures.Exposure

    Returns
    -------
    reads : (n, ny, nx) uint16 array
        DN, border included, in time order.
    truth : dict of arrays
        ``incident`` (side, side) float32: e-/s of sky and sources, without what comes and goes;
        ``profile`` (side,) and ``fading`` (n-1,): extra light = their product, e-/s, in the
        interval that ends with each read; ``bad_reads``: EXTVERs of the intervals in which that is
        a tenth of the zodiacal light or more where it is brightest; ``light``; ``times`` (n,) s;
        ``x``, ``y`` (pixels from 0 inside the border), ``rate`` (e-/s) and ``radius`` (pixels) of
        the sources; ``trail`` (side, side) bool; ``hits`` (side, side) int: read in which a cosmic
        ray came first, 0 for none.
    """
    times = sample_times(full["sampseq"], full["nsamp"], full["subarray"])
    detector, name = detector_of(full), exposure.name
    pointing, sources = pointing_of(full, exposure), sources_of(full)
    light, x, y = source_image(full, pointing, sources)
    side, n = pointing.side, len(times)
    across = np.linspace(0.5, -0.5, side, dtype=np.float32)
    incident = light + np.float32(full["zodiacal"]) * (1 + np.float32(full["gradient"]) * across)
    profile, fading = extra_light(full, exposure, times, side)
    trail = _trail(full, exposure, side)

    trail_read = (n + 1) // 2
    bad = bad_reads(full, profile, fading) if trail is None else [n - trail_read]

    seconds = np.diff([-zeroth_time(times), *times])
    hits = np.zeros((side, side), np.int16)
    electrons = np.zeros((side, side), np.float32)
    wander = np.cumsum(stream(full, "wander", name).standard_normal(n)) * full["bias_drift"]
    reset = stream(full, "reset", name).standard_normal((side, side), dtype=np.float32)
    zero = detector.zero + np.float32(full["reset_noise"]) * reset
    reads = np.empty((n, side + 2 * BORDER, side + 2 * BORDER), np.uint16)
    charge, shake = stream(full, "charge", name), stream(full, "unstable_charge", name)
    rays, noise = stream(full, "rays", name), stream(full, "read", name)
    for k in range(n):
        extra = profile * fading[k - 1] if k else np.float32(0)
        rate = (incident + extra) * detector.response + detector.dark
        electrons += charge.poisson(rate * seconds[k])
        if trail is not None and k == trail_read:
            electrons += charge.poisson(trail * detector.response)
        _add_rays(full, rays, electrons, seconds[k], k, hits)
        restless = (detector.flags & UNSTABLE) != 0
        electrons[restless] += 25 * shake.standard_normal(restless.sum()) ** 2
        signal = measured_from_true(electrons / detector.gain, detector) + zero
        if k == 0:
            signal[(detector.flags & BAD_ZERO) != 0] += 200
        reads[k] = _read_out(full, detector, signal, wander[k], noise)
    truth = {
        "incident": incident,
        "profile": profile,
        "fading": fading,
        "bad_reads": np.array(bad, int),
        "light": np.array(full["exposures"][exposure.number]["light"]),
        "times": np.array(times),
        "x": x,
        "y": y,
        "rate": sources.rate,
        "radius": sources.radius,
        "trail": np.zeros((side, side), bool) if trail is None else trail > 1,
        "hits": hits,
    }
    return reads, truth


def extra_light(full, exposure, times, side):
    """Return what comes and goes: brightness across the field and mean over each interval.

    Returns
    -------
    profile : (side,) float32 array
        1 at the brightest.
    fading : (n-1,) float64 array
        e-/s.
    """
    one = full["exposures"][exposure.number]
    times = np.asarray(times, float)
    if one["light"] == "airglow":
        scale = full["airglow_scale"] * times[-1]
        risen = -scale * np.exp(-times / scale)
        level = one["airglow"] * full["zodiacal"]
        return np.ones(side, np.float32), level * np.diff(risen) / np.diff(times)
    place = (np.arange(side) + 0.5) / side
    place = place if one["side"] == "left" else place[::-1]
    profile = np.exp(-place / _PROFILE).astype(np.float32)
    if one["light"] not in ("start", "end"):
        return profile, np.zeros(times.size - 1)
    since = times if one["light"] == "start" else times[-1] - times
    since = np.clip(since, 0, one["duration_s"])
    # Fading is linear, 1 - t / duration: its integral.
    total = since - since**2 / (2 * one["duration_s"])
    return profile, (one["strength"] * full["zodiacal"] * np.abs(np.diff(total)) / np.diff(times))


def bad_reads(full, profile, fading):
    """Return the EXTVERs of the intervals whose brightest tenth of the field is affected."""
    bright = profile[np.argsort(profile)[-max(1, profile.size // 10) :]].mean()
    n = fading.size + 1
    affected = np.flatnonzero(fading * bright > _BAD * full["zodiacal"]) + 1
    return sorted(int(n - k) for k in affected)


def _trail(full, exposure, side):
    """Return the charge of a satellite's trail, (side, side) e-, or None."""
    if full["exposures"][exposure.number]["light"] != "trail":
        return None
    y, x = np.mgrid[:side, :side].astype(np.float32)
    distance = (y - side * 0.35) * np.cos(0.4) - x * np.sin(0.4)
    return full["trail"] * np.exp(-(distance**2) / (2 * 2.0**2))


def _add_rays(full, rng, electrons, seconds, k, hits):
    """Add cosmic rays of one to four pixels in a row; charge is exponential."""
    side = electrons.shape[0]
    mean = full["cosmic_rays"] * seconds * (side / FULL_SIDE) ** 2
    for _ in range(rng.poisson(mean)):
        y, x, length = rng.integers(side), rng.integers(side), rng.integers(1, 5)
        electrons[y, x : x + length] += rng.exponential(full["cosmic_ray_mean"])
        first = hits[y, x : x + length]
        first[first == 0] = k


def _read_out(full, detector, signal, wander, rng):
    """Return a read: border of reference pixels, common drift, noise, whole numbers."""
    side = signal.shape[0]
    image = np.empty((side + 2 * BORDER, side + 2 * BORDER), np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    typical = np.float32(detector.read_noise.mean() / MEAN_GAIN)
    image[:] = np.float32(full["bias"]) + _REFERENCE_NOISE * typical * noise
    inside = slice(BORDER, BORDER + side), slice(BORDER, BORDER + side)
    image[inside] = signal + noise[inside] * (detector.read_noise / detector.gain)
    return np.clip(np.rint(image + np.float32(wander)), 0, _HIGHEST).astype(np.uint16)
