"""Ticks that are worked out once for each place and range of their axis while a figure is drawn.

To lay a figure out and to draw it, matplotlib places the ticks of each axis and measures their
labels some twelve times, and twice of these something has changed.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch
from weakref import WeakKeyDictionary

from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatterSciNotation

if TYPE_CHECKING:
    from collections.abc import Iterator


_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Powers(LogFormatterSciNotation):
    """Powers of ten in plain letters: to set formulas takes longer than to draw the picture."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos).replace("\\times", "×")
        text = re.sub(r"\^\{(-?\d+)\}", lambda found: found[1].translate(_POWERS), text)
        return re.sub(r"[${}]|\\mathdefault", "", text).replace("-", "−")


def write_powers(axis: Axis) -> None:
    """Let a logarithmic axis write its powers of ten in plain letters, 10⁻².

    Its ticks are labelled as matplotlib labels them.
    """
    axis.set_major_formatter(_Powers())
    axis.set_minor_formatter(_Powers(labelOnlyBase=False))


@contextmanager
def remembered() -> Iterator[None]:
    """Let axes keep their ticks and the boxes of tick labels until range or place change.

    In the block a figure is laid out and drawn, and nothing else may change its axes. Pictures are
    the same to the bit.
    """
    ticks: WeakKeyDictionary = WeakKeyDictionary()
    boxes: WeakKeyDictionary = WeakKeyDictionary()
    update, measure = Axis._update_ticks, Axis._get_ticklabel_bboxes

    def _update_ticks(axis):
        state = _state(axis)
        if axis not in ticks or ticks[axis][0] != state:
            ticks[axis] = state, update(axis)
        return list(ticks[axis][1])

    def _get_ticklabel_bboxes(axis, shown, renderer):
        state = *_state(axis), *map(id, shown)
        if axis not in boxes or boxes[axis][0] != state:
            boxes[axis] = state, measure(axis, shown, renderer)
        return tuple(map(list, boxes[axis][1]))

    with (
        patch.object(Axis, "_update_ticks", _update_ticks),
        patch.object(Axis, "_get_ticklabel_bboxes", _get_ticklabel_bboxes),
    ):
        yield


def _state(axis):
    """Return all that ticks and the places of their labels depend on: the range, and the place.

    The layout is worked out twice, and the second time the place is that of the first but for
    rounding: to a millionth of a dot they are one.
    """
    return *axis.get_view_interval(), *(round(float(side), 6) for side in axis.axes.bbox.bounds)
