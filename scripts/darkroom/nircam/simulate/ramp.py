"""Simulated NIRCam ramps: every group of one exposure, and the truth behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.simulate.detector import layout, make_detector, stream
from darkroom.nircam.simulate.noise import integration_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Largest value of a pixel, DN.
SATURATION = 65535


def make_ramp(full: dict[str, Any], name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the groups of an exposure and their truth.

    `make_groups` makes the same without holding all groups in memory.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    name : str
        Name of the exposure; with the seed it determines every random number.

    Returns
    -------
    data : (nints, ngroups, ny, nx) uint16 array
        Groups, DN, DMS frame.
    truth : dict of arrays
        DN unless noted; maps in the DMS frame, amplifiers from the left of the detector frame:
        ``bias``, ``read_noise`` (one group, rounding included), ``ktc_rms``, ``dark_rate`` (DN/s,
        hot pixels included), ``hot``, ``telegraph``, ``reference``, ``noisy_reference`` (ny, nx);
        ``coupling`` (noutputs); ``ktc`` (nints, ny, nx); ``ramp_offset`` (nints),
        ``amplifier_ramp_offset`` (nints, noutputs), ``parity_ramp_offset`` (nints, noutputs, 2);
        ``pedestal`` (nints, ngroups), ``amplifier_pedestal`` (nints, ngroups, noutputs);
        ``correlated_mean`` (nints, ngroups, noutputs, 2): mean of 1/f and alternating-column noise
        over the active pixels of an amplifier and column parity;
        ``cosmic_rays``: table of integration, group, y, x (DMS) and charge; ``telegraph_state``
        (nints, ngroups, pixels of ``telegraph`` > 0 in order): share of the frames in the upper
        state; ``unstable`` (ny, nx): dark current (DN/s) that is added where ``unstable_state``
        (nints, pixels of ``unstable`` > 0 in order) is set; of active pixels ``cycle`` (nints) and
        ``settling`` (ngroups): levels that are no part of the bias.
    """
    readout = layout(full)
    data = np.empty((full["nints"], full["ngroups"], *readout.shape), np.uint16)
    planes = iter(data.reshape(-1, *readout.shape))

    def keep(group: np.ndarray) -> None:
        next(planes)[...] = group

    return data, make_groups(full, name, keep)


def make_groups(
    full: dict[str, Any],
    name: str,
    take: Callable[[np.ndarray], None],
    change: np.ndarray | None = None,
    hot_regions: Sequence[tuple[slice, slice, float]] = (),
    first: int = 1,
) -> dict[str, np.ndarray]:
    """Make the groups of an exposure one by one; return their truth.

    Parameters
    ----------
    full, name
        As in `make_ramp`.
    take : callable
        ``take(group)`` is called for every group in order, (ny, nx) float32 array of whole DN from
        0 to `SATURATION`, DMS frame.
    change : (noutputs,) float32 array, optional
        Change of the level of each amplifier's active pixels since the first epoch, DN; it is not
        in the truth's bias.
    hot_regions : sequence of (slice, slice, float)
        Rows and columns, DMS frame, that have become hot since the first epoch, and the dark
        current that is added there, e-/s; not in the truth either.
    first : int
        Number that the first of these integrations has in its exposure, from 1.

    Returns
    -------
    dict of arrays
        As of `make_ramp`.
    """
    return _Maker(full, name, take, change, hot_regions, first).make()


class _Maker:
    """Makes one exposure; holds its random generators and the truth collected so far."""

    def __init__(self, full, name, take, change, hot_regions, first):
        self.full, self.name, self.take, self.change = full, name, take, change
        self.first = first
        self.detector = make_detector(full)
        self.readout = self.detector.readout
        self.nframes, self.gap = PATTERNS[full["readpatt"]]
        self.frames = (full["ngroups"] - 1) * (self.nframes + self.gap) + self.nframes
        self.streams = {}
        self.new_rate = np.zeros(self.readout.shape if hot_regions else (0, 0), np.float32)
        for rows, columns, rate in hot_regions:
            self.readout.flip(self.new_rate)[rows, columns] += rate
        if hot_regions:
            self.new_rate[self.detector.reference] = 0.0

    def stream(self, component):
        """Return the random generator of a component of this exposure."""
        if component not in self.streams:
            self.streams[component] = stream(self.full, component, self.name)
        return self.streams[component]

    def make(self):
        full, readout = self.full, self.readout
        nints, ngroups, namp = full["nints"], full["ngroups"], readout.noutputs
        self.telegraph_at = np.nonzero(readout.flip(self.detector.telegraph))
        self.unstable_at = np.nonzero(readout.flip(self.detector.unstable))
        numbers = self.first - 1 + np.arange(nints)
        levels = np.array(full["cycle"] or [0.0])
        self.hidden = {
            "ktc": np.empty((nints, *readout.shape), np.float32),
            "ramp_offset": self._offsets("ramp_offset", full["ramp_offset_rms"], nints),
            "amplifier_ramp_offset": self._offsets(
                "amplifier_ramp_offset", full["amplifier_ramp_rms"], nints, namp
            ),
            "parity_ramp_offset": self._offsets(
                "parity_ramp_offset", full["parity_ramp_rms"], nints, namp, 2
            ),
            "correlated_mean": np.zeros((nints, ngroups, namp, 2)),
            "telegraph_state": np.zeros((nints, ngroups, self.telegraph_at[0].size), np.float32),
            "unstable_state": np.zeros((nints, self.unstable_at[0].size), bool),
            "cycle": levels[numbers % levels.size],
            "settling": np.zeros(ngroups),
        }
        self.pedestals = self._offsets("pedestal", full["pedestal_rms"], nints, self.frames)
        self.amplifier_pedestals = self._offsets(
            "amplifier_pedestal", full["amplifier_pedestal_rms"], nints, self.frames, namp
        )
        self.hits = []
        for integration in range(nints):
            self._integrate(integration)
        return self._truth()

    def _offsets(self, component, rms, *shape):
        return rms * self.stream(component).standard_normal(shape)

    def _integrate(self, integration):
        """Make the groups of one integration."""
        readout, full = self.readout, self.full
        level = self._level(integration)
        noise = None
        if full["noise_sampling"] != "off":
            coupling = self.detector.coupling
            noise = integration_noise(full, readout, self.frames, coupling, self.stream)
        charge = np.zeros(readout.shape, np.float32)
        upper = self.stream("rtn_state").random(self.telegraph_at[0].size) < 0.5
        self._added_rates(integration)
        frame, elapsed = 0, 1
        for group in range(full["ngroups"]):
            total = np.zeros(readout.shape, np.float32)
            for _ in range(self.nframes):
                self._collect(charge, integration, group, elapsed)
                upper = self._switch(upper, elapsed)
                self.hidden["telegraph_state"][integration, group] += upper / self.nframes
                total += level + charge
                if full["settling"]:
                    total += self._settle(integration, group, frame)
                self._add_telegraph(total, upper)
                total += self._frame_noise(integration, frame)
                if noise is not None:
                    correlated = noise.frame(frame)
                    self.hidden["correlated_mean"][integration, group] += self._means(correlated)
                    total += correlated
                frame, elapsed = frame + 1, 1
            frame, elapsed = frame + self.gap, 1 + self.gap
            total = np.rint(total / self.nframes)
            self.take(readout.flip(np.clip(total, 0, SATURATION, out=total)))

    def _level(self, integration):
        """Return the level after a reset, (ny, nx) float32, DN: bias, kTC noise and offsets."""
        readout, detector, hidden = self.readout, self.detector, self.hidden
        ktc = self.stream("ktc").standard_normal(readout.shape, dtype=np.float32) * detector.ktc
        hidden["ktc"][integration] = readout.flip(ktc)
        offsets = hidden["parity_ramp_offset"][integration].copy()
        offsets += hidden["amplifier_ramp_offset"][integration][:, None]
        offsets += hidden["ramp_offset"][integration]
        table = offsets.astype(np.float32)[readout.amplifiers(), readout.parity()]
        level = detector.bias + ktc + table
        if cycle := hidden["cycle"][integration]:
            level += np.float32(cycle) * ~detector.reference
        if self.change is not None and self.change.any():
            level += self.change[readout.amplifiers()] * ~detector.reference
        return level

    def _added_rates(self, integration):
        """Choose the dark current (e-/s) that this integration alone has."""
        self.added = None
        full, detector = self.full, self.detector
        first = full["first_integration"] * (self.first + integration == 1)
        if not (first or self.unstable_at[0].size):
            return
        self.added = np.where(detector.reference, 0.0, first)
        on = self.stream("unstable_state").random(self.unstable_at[0].size) < 0.5
        self.hidden["unstable_state"][integration] = on
        added, rates = (self.readout.flip(image) for image in (self.added, detector.unstable))
        added[self.unstable_at] += rates[self.unstable_at] * on

    def _settle(self, integration, group, frame):
        """Return the level (DN) that active pixels lack in a frame, (ny, nx) float32."""
        seconds = (frame + 1) * self.readout.frame_time
        level = -self.full["settling"] * np.exp(-seconds / self.full["settling_s"])
        if integration == 0:
            self.hidden["settling"][group] += level / self.nframes
        return np.float32(level) * ~self.detector.reference

    def _collect(self, charge, integration, group, elapsed):
        """Add the charge (DN) that active pixels collect in `elapsed` frame times."""
        full, detector, shape = self.full, self.detector, self.readout.shape
        seconds = elapsed * self.readout.frame_time
        gain = np.float32(full["gain"])
        active = ~detector.reference
        electrons = self.stream("dark").poisson(full["dark"] * seconds, shape)
        charge += electrons.astype(np.float32) * active / gain
        hot = detector.hot > 0
        charge[hot] += self.stream("hot_charge").poisson(detector.hot[hot] * seconds) / gain
        if self.new_rate.size:
            charge += self.stream("new_hot").poisson(self.new_rate * seconds) / gain
        if self.added is not None:
            charge += self.stream("added_charge").poisson(self.added * seconds) / gain
        rng = self.stream("cosmic_rays")
        count = rng.poisson(full["cosmic_rays"] * seconds / 100 * charge.size)
        y, x = (rng.integers(n, size=count) for n in shape)
        size = rng.exponential(full["cosmic_ray_mean"], count).astype(np.float32)
        # Drawn over all pixels; hits on reference pixels are dropped.
        hit = active[y, x]
        np.add.at(charge, (y[hit], x[hit]), size[hit])
        self.hits.append((integration, group, y[hit], x[hit], size[hit]))

    def _switch(self, upper, elapsed):
        """Return the states of the telegraph pixels after `elapsed` frame times."""
        switched = 0.5 * (1 - (1 - 2 * self.full["rtn_switch"]) ** elapsed)
        return upper ^ (self.stream("rtn_switch").random(upper.size) < switched)

    def _add_telegraph(self, total, upper):
        # The pixels are counted in the DMS frame, as the truth is written.
        in_dms = self.readout.flip(total)
        height = self.readout.flip(self.detector.telegraph)[self.telegraph_at]
        in_dms[self.telegraph_at] += height * (upper - np.float32(0.5))

    def _means(self, correlated):
        """Return means over active pixels by class, as the contribution of one frame to a group."""
        readout, active = self.readout, ~self.detector.reference
        by_column = np.einsum("yx,yx->x", correlated, active, dtype=np.float64)
        klass = 2 * readout.amplifiers()[0] + readout.parity()[0]
        total = np.bincount(klass, by_column, 2 * readout.noutputs)
        count = np.bincount(klass, active.sum(axis=0), 2 * readout.noutputs)
        return (total / count / self.nframes).reshape(-1, 2)

    def _frame_noise(self, integration, frame):
        """Return pedestals and white noise of one frame: (ny, nx) float32."""
        readout = self.readout
        white = self.stream("white").standard_normal(readout.shape, dtype=np.float32)
        white *= self.detector.white
        pedestal = self.amplifier_pedestals[integration, frame] + self.pedestals[integration, frame]
        return white + pedestal.astype(np.float32)[readout.amplifiers()]

    def _truth(self):
        detector, flip, full = self.detector, self.readout.flip, self.full
        kept = np.arange(full["ngroups"])[:, None] * (self.nframes + self.gap)
        kept = kept + np.arange(self.nframes)
        read_noise = np.sqrt(detector.white**2 / self.nframes + 1 / 12).astype(np.float32)
        return self.hidden | {
            "bias": flip(detector.bias),
            "read_noise": flip(read_noise),
            "ktc_rms": flip(detector.ktc),
            "dark_rate": flip((detector.dark + detector.hot) / np.float32(full["gain"])),
            "hot": flip(detector.hot > 0),
            "unstable": flip(detector.unstable / np.float32(full["gain"])),
            "telegraph": flip(detector.telegraph),
            "reference": flip(detector.reference),
            "noisy_reference": flip(detector.noisy_reference),
            "coupling": detector.coupling,
            "pedestal": self.pedestals[:, kept].mean(axis=2),
            "amplifier_pedestal": self.amplifier_pedestals[:, kept].mean(axis=2),
            "cosmic_rays": self._hit_table(),
        }

    def _hit_table(self):
        ny, nx = self.readout.shape
        kinds = [(n, "i4") for n in ("integration", "group", "y", "x")] + [("charge", "f4")]
        table = np.empty(sum(hit[2].size for hit in self.hits), kinds)
        start = 0
        for integration, group, y, x, size in self.hits:
            part = table[start : start + y.size]
            part["integration"], part["group"], part["charge"] = integration, group, size
            part["y"] = y if self.readout.slowaxis > 0 else ny - 1 - y
            part["x"] = x if self.readout.fastaxis > 0 else nx - 1 - x
            start += y.size
        return table
