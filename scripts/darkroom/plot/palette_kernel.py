"""Compiled choice of the colours of a picture's palette."""

from __future__ import annotations

import numpy as np
from numba import int64, njit, types, uint8, uint32

_pixels = types.Array(uint32, 1, "C", readonly=True)
# Beyond the square of the distance of any two colours.
_FAR = 3 * 255**2 + 1


@njit(
    types.Tuple((uint8[::1], uint8[:, ::1]))(_pixels, int64, uint32[::1]),
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
)
def reduce_colours(
    pixels: np.ndarray, most: int, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the colours that are kept exactly, and replace the others by the nearest of them.

    One after another is kept: the one whose pixels would be most wrong without it (their number
    times the square of the distance to the colours kept so far), of several the one of the lowest
    number.

    Parameters
    ----------
    pixels : (n,) uint32 array
        Red in the lowest byte, then green, blue, and one that is not looked at.
    most : int
        Colours at most, up to 256.
    table : (2**24,) uint32 array
        All 0, and so again at the end. Only what is used of it takes memory.

    Returns
    -------
    indices : (n,) uint8 array
    palette : (k, 3) uint8 array
    """
    n = pixels.size
    where = np.empty(n, np.uint32)
    colours = np.empty(256, np.int64)
    counts = np.zeros(256, np.int64)
    number = 0
    before, place, repeats = pixels[0], np.uint32(0), 0
    for i in range(n):
        # Most pixels are as the one before.
        if pixels[i] == before and i:
            where[i] = place
            repeats += 1
            continue
        before, seen = pixels[i], np.int64(pixels[i])
        packed = ((seen & 255) << 16) | (seen & 0xFF00) | (seen >> 16 & 255)
        if table[packed] == 0:
            if number == colours.size:
                more, more_counts = np.empty(2 * number, np.int64), np.zeros(2 * number, np.int64)
                for c in range(number):
                    more[c], more_counts[c] = colours[c], counts[c]
                colours, counts = more, more_counts
            colours[number] = packed
            number += 1
            table[packed] = number
        counts[place] += repeats
        place, repeats = np.uint32(table[packed] - 1), 1
        where[i] = place
    counts[place] += repeats
    for c in range(number):
        table[colours[c]] = 0
    nearest = np.zeros(number, np.uint8)
    distance = np.full(number, _FAR)
    kept = min(most, number)
    palette = np.empty((kept, 3), np.uint8)
    for index in range(kept):
        best = 0
        for c in range(1, number):
            ahead = counts[c] * distance[c] - counts[best] * distance[best]
            if ahead > 0 or (ahead == 0 and colours[c] < colours[best]):
                best = c
        red, green, blue = colours[best] >> 16, colours[best] >> 8 & 255, colours[best] & 255
        palette[index, 0], palette[index, 1], palette[index, 2] = red, green, blue
        for c in range(number):
            dr = (colours[c] >> 16) - red
            dg = (colours[c] >> 8 & 255) - green
            db = (colours[c] & 255) - blue
            found = dr * dr + dg * dg + db * db
            if found < distance[c]:
                nearest[c], distance[c] = index, found
    indices = np.empty(n, np.uint8)
    for i in range(n):
        indices[i] = nearest[where[i]]
    return indices, palette
