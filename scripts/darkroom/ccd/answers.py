"""The CCD notebook's questions, answered with numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from darkroom.ccd.quantities import Quantity

# A gradient is detected when it exceeds this many of its standard errors.
_SIGNIFICANT = 5.0
# Dark counts below this fraction of the read noise are negligible in a bias frame.
_NEGLIGIBLE = 0.05


def answers(
    quantities: Sequence[Quantity], science: Sequence[Mapping[str, Any]], unit: str
) -> list[dict[str, str]]:
    """Answer the notebook's questions from the table of quantities.

    Parameters
    ----------
    quantities : sequence of darkroom.ccd.quantities.Quantity
        The table.
    science : sequence of dict
        For each science frame ``name`` and the header cards of its product.
    unit : str
        ``adu`` or ``electron``.

    Returns
    -------
    list of dict
        ``question`` and ``answer``.
    """
    rows = {row.name: row for row in quantities}
    word = "ADU" if unit == "adu" else "e-"
    found = [_noise(rows, word), _dark_counts_in_bias(rows, word), _gradient(rows, word)]
    return found + [_improved(cards, word) for cards in science]


def plus_minus(value: float, error: float | None) -> str:
    """Return ``"value ± error"``, both rounded to two significant digits of the error."""
    if error is None or not np.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    digits = 1 - int(np.floor(np.log10(error)))
    if digits > 6:
        return f"{value:.1e} ± {error:.1e}"
    return f"{value:.{max(digits, 0)}f} ± {error:.{max(digits, 0)}f}"


def _noise(rows, word):
    time, row = rows["dark_exptime"].value, rows["variance_added_by_dark"]
    noise, variance = rows["noise_added_by_dark"], plus_minus(row.value, row.uncertainty)
    if noise.value is None or not np.isfinite(noise.value):
        text = (
            f"none is detected: the variance of the darks of {time:g} s exceeds that of the "
            f"biases by {variance} {word}²"
        )
    else:
        text = (
            f"{plus_minus(noise.value, noise.uncertainty)} {word} in {time:g} s "
            f"(variance {variance} {word}²)"
        )
    naive = row.notebook
    text += f"; the plain difference of squared mean noises is {naive:.2f} {word}²"
    if naive > row.value > 0:
        share = 100 * (1 - row.value / naive)
        text += (
            f", {share:.0f} % of which is not dark current but the bias of few samples, anomalous "
            "pixels, offsets and temperature"
        )
    return {"question": "How much noise did the dark current add?", "answer": text}


def _dark_counts_in_bias(rows, word):
    row, time = rows["dark_counts_in_bias"], rows["bias_exptime"].value
    noise = rows["mean_read_noise"].value
    share = abs(row.value) / noise if noise else np.inf
    text = (
        f"{plus_minus(row.value, row.uncertainty)} {word} in {time:g} s, "
        f"{100 * share:.2g} % of the read noise of one frame"
    )
    if row.value < 3 * row.uncertainty:
        text += ": not significant"
    else:
        text += ": negligible" if share < _NEGLIGIBLE else ": not negligible"
    return {"question": "How many dark counts does a bias frame hold?", "answer": text}


def _gradient(rows, word):
    bias, dark = rows["bias_left_minus_right"], rows["dark_left_minus_right"]
    in_bias = abs(bias.value) > _SIGNIFICANT * bias.uncertainty
    in_dark = abs(dark.value) > _SIGNIFICANT * dark.uncertainty
    verdict = {
        (True, False): "in the bias; none is detected in the dark",
        (False, True): "in the dark; none is detected in the bias",
        (True, True): "in both",
        (False, False): "none is detected in either",
    }[in_bias, in_dark]
    text = (
        f"{verdict}: left minus right is {plus_minus(bias.value, bias.uncertainty)} {word} in the "
        f"bias and {plus_minus(dark.value, dark.uncertainty)} {word} in the dark counts"
    )
    return {"question": "Is the gradient in the bias or in the dark?", "answer": text}


def _improved(cards, word):
    question = f"Did dark subtraction improve {cards['name']}?"
    if cards["SPRBEF"] is None or cards["SPRAFT"] is None:
        return {"question": question, "answer": "unknown: all pixels are flagged"}

    def pair(key, digits=2):
        """Return a number before and after, with its unit."""
        return f"{cards[key + 'BEF']:.{digits}f} to {cards[key + 'AFT']:.{digits}f} {word}"

    better = cards["SPRAFT"] < cards["SPRBEF"]
    text = (
        f"{'yes' if better else 'no'}: the background's spread changed from {pair('SPR')}, the "
        f"range of its column profile from {pair('RNG')}"
    )
    if cards["HOTBEF"] is not None:
        text += f", the residual of hot pixels from {pair('HOT')}"
    text += (
        f"; the pixel-to-pixel noise changed from {pair('FIN')}, "
        f"{cards['DARKSTD']:.2f} {word} of it from the dark itself "
        f"({cards['DARKHOW']}, {cards['EXPTIME']:g} s)"
    )
    return {"question": question, "answer": text}
