"""Raw groups of an exposure by bands of rows, and their flags.

The flags of a group follow from the groups before it (a pixel stays saturated) and the one behind
it. What is kept of them is the first group in which each pixel is saturated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.chain.exposure import RawExposure, group_scale
from darkroom.nircam.chain.follows import ADVICE
from darkroom.nircam.chain.memory import Band, Memory
from darkroom.nircam.chain.parameters import Steps
from darkroom.nircam.chain.references import NEVER

_NONE = 65535  # no group is saturated
# Steps from refpix on.
_BEHIND = ("refpix", "linearity", "dark_current")

if TYPE_CHECKING:
    from pathlib import Path

    from darkroom.nircam.chain.reading import Packed
    from darkroom.nircam.chain.references import References
    from darkroom.nircam.chain.sirs import Kernels


@dataclass(frozen=True)
class Inputs:
    """Files that the steps use.

    Attributes
    ----------
    references : mapping
        ``{type: path}``.
    superbias : path-like or None
        Superbias that is subtracted in place of that of `references`.
    kernels : Kernels or None
        SIRS kernels of the detector.
    """

    references: Mapping[str, Path]
    superbias: Path | None = None
    kernels: Kernels | None = None


@dataclass(eq=False)
class RawGroups:
    """Raw groups of one exposure, and their flags after the steps dq_init and saturation.

    Parameters
    ----------
    raw : RawExposure
    steps : Steps
    inputs : Inputs
    references : References
        Of the job.
    lost : mapping
        Parts of groups that were lost, see `exposure.lost_parts`.
    memory : Memory, optional
        Of the job.

    Attributes
    ----------
    shape : tuple of int
        Integrations, groups, rows, columns.
    statuses : dict
        ``{step: COMPLETE or SKIPPED}``.
    """

    raw: RawExposure
    steps: Steps
    inputs: Inputs
    references: References
    lost: Mapping[tuple[int, int], np.ndarray]
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        raw, steps, inputs = self.raw, self.steps, self.inputs
        self.shape = raw.shape
        # Chains that are the same up to refpix share flags, and values before that step.
        before = tuple(name for name in steps.names if name not in _BEHIND)
        names = tuple(sorted((kind, str(path)) for kind, path in inputs.references.items()))
        self._names, self._before = (names, str(inputs.superbias)), before
        key = *self._names, before, steps.saturation
        self._exposure = self.memory.number(raw.number)
        self._number = self.memory.number((raw.number, *key))
        self._kernel = load_kernel("darkroom.nircam.chain.kernel")
        self.statuses = dict.fromkeys(steps.names, "COMPLETE")
        window, files = raw.window, inputs.references
        self._scale = 1.0
        if "group_scale" in steps:
            scale = group_scale(raw)
            self.statuses["group_scale"] = "SKIPPED" if scale is None else "COMPLETE"
            self._scale = 1.0 if scale is None else scale
        self._bad = np.zeros(self.shape[2:], np.uint8)
        # Flags of the references, in the order of the steps.
        self._parts: list[Packed] = []
        if "dq_init" in steps:
            mask = self.references.mask(files["mask"], window)
            self._parts.append(mask)
            self._bad = self.references.shared(("bad", str(files["mask"]), window), mask.marked)
        if "saturation" in steps:
            self._parts.append(self.references.saturation(files["saturation"], window)[1])
            self._frames = self._whole("nframes")

    def _whole(self, name: str) -> int:
        found = getattr(self.raw, name)
        if found is None or found < (1 if name == "nframes" else 0):
            raise InputError(self.raw.path, f"its header has no valid {name.upper()}", ADVICE)
        return found

    @property
    def _limit(self) -> np.ndarray:
        """Limits of saturation; not held here, so that the job can give them up."""
        return self.references.saturation(self.inputs.references["saturation"], self.raw.window)[0]

    @property
    def _bias(self) -> np.ndarray:
        return self.references.bias(self.inputs.references["superbias"], self.raw.window)[0]

    @property
    def _reach(self) -> int:
        return self.steps.saturation.n_pix_grow_sat if "saturation" in self.steps else 0

    def _within(self, first: int, nrows: int, more: int) -> tuple[int, int]:
        """Return the rows first … first + nrows - 1 and `more` on either side, in the image."""
        return max(0, first - more), min(self.shape[2], first + nrows + more)

    def _band(self, integration: int, first: int, nrows: int, upto: int) -> tuple[tuple, Band]:
        """Return what is known of a band when the groups 0 … `upto` have been looked at."""
        low, high = self._within(first, nrows, 2 * self._reach)
        key = self._number, integration, low, high
        band = self.memory.take(key)
        if band is None:
            never = np.full((high - low, self.shape[3]), _NONE, np.uint16)
            band = Band(never, never)
        if "saturation" not in self.steps:
            return key, band
        before = band.count
        while band.groups <= upto:
            stored = self._stored(band, integration, band.groups, low, high)
            band.count += self._kernel.first_saturated(
                stored, self.raw.bzero, self._scale, self._limit, low, band.groups, band.first
            )
            band.groups += 1
        if band.count > before:
            band.early = band.first
            if self._reach:
                band.early = np.empty_like(band.first)
                self._kernel.grown(band.first, self._reach, band.early)
        return key, band

    def _stored(self, band: Band, integration: int, group: int, low: int, high: int) -> np.ndarray:
        if group not in band.stored:
            for old in sorted(band.stored)[:-1]:
                del band.stored[old]
            band.stored[group] = self._raw(integration, group, low, high - low)
        return band.stored[group]

    def _raw(self, integration: int, group: int, first: int, nrows: int) -> np.ndarray:
        """Return rows of a group as they are stored."""
        if not self.memory.shared(self._exposure):
            return self.raw.stored(integration, group, first, nrows)

        def read(first: int, nrows: int) -> np.ndarray:
            return self.raw.stored(integration, group, first, nrows)

        plane, rows = (integration, group), slice(first, first + nrows)
        return self.memory.rows(self._exposure, plane, rows, self.shape[2], read)

    def flags(self, integration: int, group: int, first: int, nrows: int) -> np.ndarray:
        """Return GROUPDQ of rows of a group: (nrows, nx) uint8."""
        where = integration, group, first, nrows
        if not self.memory.shared(self._number):
            return self._flagged(*where)[0]
        key = self._number, *where
        return self.memory.last("flags", key, lambda: self._flagged(*where)[0]).copy()

    def _flagged(
        self, integration: int, group: int, first: int, nrows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return GROUPDQ of rows of a group, and the rows as they are stored."""
        behind = group
        if "saturation" in self.steps and self.steps.saturation.use_readpatt:
            # Groups of one frame need no group behind, but for the test of group 1.
            wanted = group + 1 if self._frames > 1 or group == 1 else group
            behind = min(wanted, self.shape[1] - 1)
        key, band = self._band(integration, first, nrows, behind)
        low, high = self._within(first, nrows, 2 * self._reach)
        near, far = self._within(first, nrows, self._reach)
        stored = self._stored(band, integration, group, low, high)
        around = slice(near - low, far - low)
        flags = np.empty((far - near, self.shape[3]), np.uint8)
        self._kernel.group_flags(
            stored[around], self.raw.bzero, self._scale, band.early[around], group,
            "saturation" in self.steps, self._bad, near, flags,
        )  # fmt: skip
        lost = self.lost.get((integration, group))
        if lost is not None:
            parts = flags.reshape(far - near, lost.shape[1], -1)
            parts |= lost[near:far, :, None].astype(np.uint8)
        found = flags[first - near : first - near + nrows]
        if behind > group or (group == 1 and behind == 2):
            found = self._within_groups(integration, group, band, stored, flags, first, nrows)
        self.memory.keep(key, band)
        return found, stored[first - low : first - low + nrows]

    def _within_groups(self, integration, group, band, stored, flags, first, nrows):
        """Return flags of a group, with those of samples that saturate within its frames."""
        low, _ = self._within(first, nrows, 2 * self._reach)
        near, far = self._within(first, nrows, self._reach)
        around = slice(near - low, far - low)
        inside = slice(first - near, first - near + nrows)
        found = np.ascontiguousarray(flags[inside])
        if not band.count:
            return found
        rare = load_kernel("darkroom.nircam.chain.rare_kernel")
        frames = self._frames
        end = group * frames + frames
        share = (group * frames + (frames + 1) / 2) / end
        if share != 1:
            hit = np.empty_like(flags)
            values = self._values_of(stored[around])
            if rare.saturates_within(
                values, self._limit, near, share, float(NEVER), band.early[around], group, flags,
                hit,
            ):  # fmt: skip
                rare.spread(hit, first - near, self._reach, found)
        if group == 1 and self.shape[1] > 2:
            before = self._raw(integration, 0, first, nrows)
            here = slice(first - low, first - low + nrows)
            rare.second_group(
                self._values_of(before), self._values_of(stored[here]), self._limit, self._bias,
                first, (frames + 1) / 2, 3.0 * frames, frames, band.early[here], found,
            )  # fmt: skip
        return found

    def _values_of(self, stored: np.ndarray) -> np.ndarray:
        """Return stored numbers as DN, float32."""
        values = np.empty(stored.shape, np.float32)
        self._kernel.values(stored, self.raw.bzero, self._scale, values)
        return values
