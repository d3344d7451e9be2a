"""Dark ramps in memory with known truth: rates, drift, cosmic rays, odd pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.ramps.classes import Classes

DT = 10.73677


@dataclass
class RampsInMemory:
    """What `RampBlocks` offers, of an array (nramps, ngroups, ny, nx) in DN."""

    data: np.ndarray
    cards: dict = field(default_factory=dict)

    def __post_init__(self):
        n, groups, ny, nx = self.data.shape
        header = {
            "NFRAMES": 1,
            "GROUPGAP": 0,
            "TFRAME": DT,
            "READPATT": "RAPID",
        } | self.cards
        file = SimpleNamespace(header=header, groupdq=None, path=Path("x.fits"))
        self.ramps = SimpleNamespace(
            shape=(ny, nx), files=[file], ramps=[(0, k) for k in range(n)], product="dark"
        )
        self.starts = np.arange(n + 1, dtype=np.int64) * groups

    def over(self, work, _threads=1, layout=None):
        """Call a function for every block, as `RampBlocks.over` does."""
        n, groups, ny, nx = self.data.shape
        layout = layout or [(slice(y, min(y + 4, ny)), slice(0, nx)) for y in range(0, ny, 4)]
        return [
            work(np.ascontiguousarray(self.data[:, :, r, c]).reshape(n * groups, -1), r, c)
            for r, c in layout
        ]


def classes(shape):
    """Return one amplifier of active pixels only."""
    ny, nx = shape
    inner = Readout("NRCA1", "SUB64P", -1, 2, 1001, 1001, nx, ny, 1)
    return Classes.of_layout(inner)


def make_ramps(
    nramps,
    ngroups,
    shape,
    *,
    seed,
    rate=0.001,
    read=10.0,
    ktc=40.0,
    drift=0.0,
    hits=1e-4,
    gain=2.0,
    settling=0.0,
):
    """Return ramps in DN: Poisson charge, white noise, drift (AR 0.95), cosmic rays, settling.

    `rate` is in e-/s, a number or an array (nramps, ny, nx); `read` in e-, a number or an image.
    """
    rng = np.random.default_rng(seed)
    out = np.empty((nramps, ngroups, *shape), np.float32)
    rates = np.broadcast_to(rate, (nramps, *shape))
    for ramp, mean in zip(out, rates, strict=True):
        level = ktc * rng.standard_normal(shape)
        slow = drift * rng.standard_normal(shape)
        for group in range(ngroups):
            level += rng.poisson(mean * DT)
            hit = rng.random(shape) < hits * DT
            level[hit] += 40 + rng.exponential(800.0, int(hit.sum()))
            ramp[group] = level + read * rng.standard_normal(shape)
            ramp[group] += slow - settling * np.exp(-group * DT / 40.0)
            slow = 0.95 * slow + np.sqrt(1 - 0.95**2) * drift * rng.standard_normal(shape)
    return out / np.float32(gain)
