"""Comparison of ramps of the engine with those of the pipeline, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.nircam.chain.ramp import REFERENCE_CARDS, STATUS_CARDS
from darkroom.nircam.ramps.files import open_ramp
from darkroom.nircam.ramps.ramps import read_pixeldq

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.chain.ramp import CalibratedRamp

_ROWS = 128
_NAMED = 3


def check_agreement(ramp: CalibratedRamp, path: StrPath) -> int:
    """Refuse ramps that differ from those of the pipeline; return the number of samples.

    Parameters
    ----------
    ramp : CalibratedRamp
        Of the engine.
    path : path-like
        Ramps of the pipeline.

    Raises
    ------
    InputError
        Naming what differs: how many samples, of which plane and group first, and the first three
        of them with both values.
    """
    from astropy.io import fits

    other = open_ramp(path)
    if other.sci.shape != ramp.sci.shape:
        raise InputError(path, f"has shape {other.sci.shape}, the built-in engine {ramp.sci.shape}")
    header = fits.getheader(path)
    for name, card in STATUS_CARDS.items():
        one, two = ramp.header.get(card, "absent"), header.get(card, "absent")
        if one != two:
            raise InputError(path, f"{card} ({name}) is {two}, that of the built-in engine {one}")
    for kind, used in ramp.recipe.references.items():
        card = REFERENCE_CARDS.get("superbias" if kind == "made" else kind, "")
        replaced = kind == "superbias" and "made" in ramp.recipe.references
        if card in header and not replaced and header[card] not in (used.name, "N/A"):
            raise InputError(
                path, f"{card} is {header[card]}, that of the built-in engine {used.name}"
            )
        # A product is known by its content, not by the bytes of its cards of time.
        if kind != "made":
            _check_bytes(header, used, path)
    _check_pixels(ramp, other, path)
    nints, ngroups, ny, _ = ramp.sci.shape
    found = _Differences()
    for integration in range(nints):
        for first in range(0, ny, _ROWS):
            nrows = min(_ROWS, ny - first)
            for group in range(ngroups):
                place = integration, group, first
                found.compare(ramp, other, place, nrows)
    if found.words:
        planes = ", ".join(f"{count} of {plane}" for plane, count in found.counts.items() if count)
        groups = sorted(found.groups)
        where = "; ".join(found.words)
        raise InputError(
            path,
            f"the built-in engine has other samples than the pipeline: {planes} differ, in "
            f"{len(groups)} groups, first integration {groups[0][0] + 1} group {groups[0][1] + 1} "
            f"({where})",
            "use engine: jwst, and report it",
        )
    return int(np.prod(ramp.sci.shape))


def _check_bytes(header, used, path):
    """Refuse ramps that were made from other bytes of a reference: HISTORY lists their SHA-256."""
    history = "".join(map(str, header.get("HISTORY", ())))
    if history and used.sha256 not in history:
        raise InputError(path, f"was made from other bytes of {used.name} than the engine uses")


class _Differences:
    """Counts of differing samples, and the first of them in words."""

    def __init__(self):
        self.counts = {"SCI": 0, "GROUPDQ": 0}
        self.groups: set[tuple[int, int]] = set()
        self.words: list[str] = []

    def compare(self, ramp, other, place, nrows):
        integration, group, first = place
        one, flags = ramp.chain.block(integration, group, first, nrows)
        two = np.empty_like(one)
        other.sci.plane(integration, group).read_into(two, first, other.path)
        bits = other.groupdq.plane(integration, group).stored(first, nrows, other.path)
        unlike = one.view(np.uint32) != two.view(np.uint32)
        unlike &= ~(np.isnan(one) & np.isnan(two))
        self._add("SCI", unlike, one, two, place)
        self._add("GROUPDQ", flags != bits, flags, bits, place)

    def _add(self, plane, unlike, one, two, place):
        count = int(unlike.sum())
        if not count:
            return
        integration, group, first = place
        self.counts[plane] += count
        self.groups.add((integration, group))
        for y, x in np.argwhere(unlike)[: max(0, _NAMED - len(self.words))]:
            self.words.append(
                f"{plane} of row {first + y}, column {x}: {two[y, x]:.9g} of the pipeline, "
                f"{one[y, x]:.9g} built in"
            )


def _check_pixels(ramp, other, path):
    one, two = ramp.chain.pixeldq, read_pixeldq(other)
    if two is None:
        raise InputError(path, "has no PIXELDQ")
    unlike = np.argwhere(one != two)
    if len(unlike):
        words = "; ".join(
            f"row {y}, column {x}: {two[y, x]} of the pipeline, {one[y, x]} built in"
            for y, x in unlike[:_NAMED]
        )
        raise InputError(
            path,
            f"the built-in engine has other flags than the pipeline: {len(unlike)} of PIXELDQ "
            f"differ ({words})",
            "use engine: jwst, and report it",
        )
