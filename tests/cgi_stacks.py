"""Stacks of dark frames for the tests of the CGI pipeline, as statistics in memory."""

import json

import numpy as np
from astropy.io import fits

from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.simulate.register import amplify
from darkroom.cgi.stacks.measured import Measured
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.sources import MomentsSource
from darkroom.cgi.stacks.stacks import Member, Stack, Template
from darkroom.cgi.units import EM_ELECTRON

GAINS, EXPTIMES = (1.5, 30.0, 500.0, 5000.0), (2.0, 30.0, 100.0)
READ_NOISE = 100.0

REGIONS = {
    "frame_rows": 40,
    "frame_cols": 60,
    "image": {"rows": 30, "cols": 30, "r0c0": [3, 24]},
    "prescan": {"rows": 40, "cols": 24, "r0c0": [0, 0], "col_start": 0, "col_end": 24},
    "prescan_reliable": {"rows": 40, "cols": 24, "r0c0": [0, 0]},
    "parallel_overscan": {"rows": 7, "cols": 32, "r0c0": [33, 24]},
    "serial_overscan": {"rows": 40, "cols": 4, "r0c0": [0, 56]},
}


def tiny_geometry(folder, **changes):
    """Write a geometry of 40 x 60 pixels and read it back."""
    path = folder / "tiny.json"
    path.write_text(json.dumps({"name": "tiny", "SCI": REGIONS} | changes))
    return read_geometry(path)


def stack_of(geometry, gain, exptime, nframes, *, kgain=8.7, threshold_dn=1e5, start="2026-01-06"):
    """Describe a stack."""
    header = fits.Header([("SCTSRT", start), ("EXCAMT", -85.0)])
    name = f"g{gain:g}_t{exptime:g}"
    return Stack(
        exptime=exptime,
        commanded_gain=gain,
        kgain=kgain,
        unit=EM_ELECTRON,
        shape=geometry.shape,
        threshold_dn=threshold_dn,
        template=Template(start, fits.Header(), header, fits.Header(), fits.Header()),
        earliest={"SCTSRT": start},
        members=[Member(f"{name}_{k}.fits", "", start, gain) for k in range(nframes)],
    )


def source_of(geometry, gain, exptime, frames, dq=None, err=None, **more):
    """Return a source of frames, (n, ny, nx), that are in memory."""
    moments = Moments.zeros(geometry.shape)
    dq = np.zeros(frames.shape, np.uint16) if dq is None else dq
    moments.add(frames, np.zeros_like(frames) if err is None else err, dq)
    return MomentsSource(stack_of(geometry, gain, exptime, len(frames), **more), moments)


def units_rows(facts):
    """Return the columns of the table UNITS of frames: ``{name: what was measured, start}``."""
    measured = [Measured.from_values(one) for one in facts.values()]
    return {
        "FILE": list(facts), "START": [one["start"] for one in facts.values()],
        **{name.upper(): [getattr(one, name) for one in measured]
           for name in ("temperature", "level", "scatter", "masked", "pixels")},
    }  # fmt: skip


def truth(geometry, rng, hot_fraction=0.0):
    """Draw maps F, C, D of the full frame, and tell which pixels are hot."""
    shape = geometry.shape
    fixed = rng.normal(4.9, 3.5, shape)
    cic = np.abs(rng.normal(0.0088, 0.0018, shape))
    dark, hot = np.zeros(shape), np.zeros(shape, bool)
    imaging = geometry.imaging
    dark[imaging] = np.abs(rng.normal(0.001, 0.00016, dark[imaging].shape))
    hot[imaging] = rng.random(hot[imaging].shape) < hot_fraction
    dark[hot] = 10 ** rng.uniform(-2, 0, hot.sum())
    return np.array([fixed, cic, dark]), hot


def sources(
    geometry, maps, nframes, rng, *, masked=0.0, odd=None, offset=5.0, gains=GAINS,
    exptimes=EXPTIMES, leaking=None, light=0.0, row_noise=0.0, full_well=np.inf,
    flag=32,
):  # fmt: skip
    """Simulate all stacks of some gains and times.

    `odd` is the (gain, exptime) of a stack with an offset [e-] and twice the read noise; `leaking`
    that of one with light in its imaging area [e-]; `row_noise` [e-] is common to a row of a frame.
    Samples at 0.95 of the `full_well` [e-] of the register are flagged.
    """
    fixed, cic, dark = maps
    found = []
    for exptime in exptimes:
        for gain in gains:
            shape = (nframes, *geometry.shape)
            electrons = rng.poisson(cic + exptime * dark, shape)
            amplified = amplify(electrons, gain, geometry.em_stages, rng)
            frames = fixed + np.minimum(amplified, full_well)
            is_odd = odd == (gain, exptime)
            frames += (2 if is_odd else 1) * READ_NOISE * rng.standard_normal(shape)
            frames += offset if is_odd else 0.0
            if leaking == (gain, exptime):
                frames[(slice(None), *geometry.imaging)] += light
            if row_noise:
                frames += row_noise * rng.standard_normal((*shape[:2], 1))
            dq = np.zeros(shape, np.uint16)
            if masked:
                dq[rng.random(shape) < masked] = 128
            dq[amplified >= 0.95 * full_well] |= flag
            found.append(source_of(geometry, gain, exptime, frames.astype(np.float32), dq))
    return found


def case(path, geometry):
    """Return the stacks in a file of the shared cases, and its arrays."""
    content = dict(np.load(path))
    frames = content["data"].astype(np.float32)
    masked = np.unpackbits(content["masked"], count=frames.size).reshape(frames.shape)
    found = []
    for number in np.unique(content["stack"]):
        chosen = content["stack"] == number
        dq = (128 * masked[chosen]).astype(np.uint16)
        gain, exptime = (float(content[key][number]) for key in ("gain", "exptime"))
        found.append(source_of(geometry, gain, exptime, frames[chosen], dq))
    return sorted(found, key=lambda source: source.stack.key), content
