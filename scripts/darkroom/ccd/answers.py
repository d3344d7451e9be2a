"""The CCD notebook's questions, answered with numbers."""

from __future__ import annotations

import numpy as np

# A gradient is seen when it exceeds so many errors.
_SEEN = 5.0
# Dark counts below this fraction of the read noise do no harm in a bias frame.
_NEGLIGIBLE = 0.05


def answers(quantities, science, unit):
    """Answer the notebook's questions from the table of quantities.

    Parameters
    ----------
    quantities : sequence of darkroom.ccd.quantities.Quantity
        The table.
    science : sequence of dict
        Of each science frame: ``name`` and the cards of its product.
    unit : str
        ``adu`` or ``electron``.

    Returns
    -------
    list of dict
        ``question`` and ``answer``, in words with numbers.
    """
    rows = {row.name: row for row in quantities}
    word = "ADU" if unit == "adu" else "e-"
    found = [_noise(rows, word), _held(rows, word), _gradient(rows, word)]
    return found + [_improved(cards, word) for cards in science]


def plus_minus(value, error):
    """Return ``"value ± error"`` with two significant digits of the error."""
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
            f"none that can be seen: the variance of the darks of {time:g} s exceeds that of the "
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
            f", {share:.0f} % of which is not dark current but few samples, odd pixels, offsets "
            "and temperature"
        )
    return {"question": "How much noise did the dark current add?", "answer": text}


def _held(rows, word):
    row, time = rows["dark_counts_in_bias"], rows["bias_exptime"].value
    noise = rows["mean_read_noise"].value
    share = abs(row.value) / noise if noise else np.inf
    text = (
        f"{plus_minus(row.value, row.uncertainty)} {word} in {time:g} s, "
        f"{100 * share:.2g} % of the read noise of one frame"
    )
    if row.value < 3 * row.uncertainty:
        text += ": none that can be measured"
    else:
        text += ": a bias for all purposes" if share < _NEGLIGIBLE else ": not negligible"
    return {"question": "How many dark counts does a bias frame hold?", "answer": text}


def _gradient(rows, word):
    bias, dark = rows["bias_left_minus_right"], rows["dark_left_minus_right"]
    in_bias = abs(bias.value) > _SEEN * bias.uncertainty
    in_dark = abs(dark.value) > _SEEN * dark.uncertainty
    verdict = {
        (True, False): "in the bias, and none is seen in the dark",
        (False, True): "in the dark, and none is seen in the bias",
        (True, True): "in both",
        (False, False): "in neither is one seen",
    }[in_bias, in_dark]
    text = (
        f"{verdict}: left minus right is {plus_minus(bias.value, bias.uncertainty)} {word} in the "
        f"bias and {plus_minus(dark.value, dark.uncertainty)} {word} in the dark counts"
    )
    return {"question": "Is the gradient in the bias or in the dark?", "answer": text}


def _improved(cards, word):
    question = f"Did dark subtraction improve {cards['name']}?"
    if cards["SPRBEF"] is None or cards["SPRAFT"] is None:
        return {"question": question, "answer": "it cannot be told: no pixel is without a flag"}

    def pair(key, digits=2):
        return f"{cards[key + 'BEF']:.{digits}f} to {cards[key + 'AFT']:.{digits}f} {word}"

    better = cards["SPRAFT"] < cards["SPRBEF"]
    text = (
        f"{'yes' if better else 'no'}: the background's spread went from {pair('SPR')}, its left "
        f"to right range from {pair('RNG')}"
    )
    if cards["HOTBEF"] is not None:
        text += f", what hot pixels stand out from {pair('HOT')}"
    text += (
        f"; the noise from pixel to pixel went from {pair('FIN')}, "
        f"{cards['DARKSTD']:.2f} {word} of it from the dark itself "
        f"({cards['DARKHOW']}, {cards['EXPTIME']:g} s)"
    )
    return {"question": question, "answer": text}
