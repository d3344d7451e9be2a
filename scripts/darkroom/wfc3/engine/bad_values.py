"""Values of references that are no numbers (NaN, infinite), counted for a warning.

calwf3 calculates with them, so the pixels that they touch are NaN or infinite in its products, and
nothing in the data quality says so. The pixels stay as calwf3 makes them; the warning names the
file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.wfc3.engine.references import Reference


class BadValues:
    """Counts of the values that are no numbers, by reference and plane.

    Parameters
    ----------
    window : tuple of int
        (y0, y1, x0, x1) inside the border of the exposure; only pixels in it are counted.
    """

    def __init__(self, window: tuple[int, int, int, int]) -> None:
        y0, y1, x0, x1 = window
        self._inside = slice(y0, y1), slice(x0, x1)
        self._found: dict[tuple[str, str, str], tuple[int, int]] = {}

    def count(self, reference: Reference, plane: str, values: np.ndarray) -> None:
        """Count the values of a plane that are no numbers.

        Parameters
        ----------
        reference : Reference
            The file of the plane.
        plane : str
            Its name, e.g. ``SCI``; planes of the same name are counted together.
        values : (ny, nx) float32 array
            Of the exposure's size.
        """
        inside = values[self._inside]
        number = inside.size - int(np.count_nonzero(np.isfinite(inside)))
        if not number:
            return
        key = reference.keyword, reference.label, plane
        planes, total = self._found.get(key, (0, 0))
        self._found[key] = planes + 1, total + number

    @property
    def warnings(self) -> list[str]:
        """One sentence for each reference that has such values."""
        by_file: dict[tuple[str, str], list[str]] = {}
        for (keyword, label, plane), (planes, total) in self._found.items():
            words = f"{total} in {plane}" + (f" of {planes} planes" if planes > 1 else "")
            by_file.setdefault((keyword, label), []).append(words)
        return [
            f"{keyword} {label} has values that are NaN or infinite ({', '.join(words)}): "
            "the pixels that they touch are kept as calwf3 makes them"
            for (keyword, label), words in by_file.items()
        ]
