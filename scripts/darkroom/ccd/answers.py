"""The CCD notebook's questions, answered with numbers."""

from __future__ import annotations

import numpy as np

# A gradient is seen when it exceeds so many errors.
_SEEN = 5.0


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


def _noise(rows, word):
    time = rows["dark_exptime"].value
    naive, ours = rows["variance_added_by_dark"].notebook, rows["variance_added_by_dark"]
    noise = rows["noise_added_by_dark"]
    if noise.value is None or not np.isfinite(noise.value):
        text = (
            f"none that can be seen: the variance of the darks of {time:g} s exceeds that of the "
            f"biases by {ours.value:.3f} ± {ours.uncertainty:.3f} {word}²"
        )
    else:
        text = (
            f"{noise.value:.3f} ± {noise.uncertainty:.3f} {word} in {time:g} s "
            f"(variance {ours.value:.3f} ± {ours.uncertainty:.3f} {word}²)"
        )
    if naive > 0:
        share = 100 * (1 - ours.value / naive)
        text += (
            f"; the plain difference of squared mean noises is {naive:.3f} {word}², "
            f"{share:.0f} % of which is not dark current but few samples, outliers and offsets"
        )
    return {"question": "How much noise did the dark current add?", "answer": text}


def _held(rows, word):
    row, time = rows["dark_counts_in_bias"], rows["bias_exptime"].value
    noise = rows["mean_read_noise"].value
    share = abs(row.value) / noise
    text = (
        f"{row.value:.4f} ± {row.uncertainty:.4f} {word} in {time:g} s, "
        f"{100 * share:.2g} % of the read noise of one frame"
    )
    text += ": a bias for all purposes" if share < 0.05 else ": not negligible"
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
        f"{verdict}: left minus right is {bias.value:.2f} ± {bias.uncertainty:.2f} {word} in the "
        f"bias and {dark.value:.2f} ± {dark.uncertainty:.2f} {word} in the dark counts"
    )
    return {"question": "Is the gradient in the bias or in the dark?", "answer": text}


def _improved(cards, word):
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
    return {"question": f"Did dark subtraction improve {cards['name']}?", "answer": text}
