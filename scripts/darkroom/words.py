"""Numbers for a reader: how a value, its uncertainty, a unit and a count are written."""

from __future__ import annotations

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """Write a number with `digits` significant digits; very large and small ones as powers of ten.

    Parameters
    ----------
    value : float or None
        None, NaN and infinity give an en dash: the quantity was not measured.
    digits : int
        Significant digits; all digits before the decimal point are kept. Zeros at the end are not
        written.

    Returns
    -------
    str
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent >= 9:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
        return f"{mantissa} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    decimals = max(0, digits - 1 - exponent)
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace("-", "−")


def measured(value: float | None, error: float | None, unit_words: str = "") -> str:
    """Write ``value ± error unit``, both rounded to two significant digits of the error.

    Parameters
    ----------
    value, error : float or None
        Without an error that is finite and positive the value has six significant digits.
    unit_words : str
        Unit, written after a space when not empty.

    Returns
    -------
    str
    """
    if value is None or not math.isfinite(value):
        text = "–"
    elif error is None or not math.isfinite(error) or error <= 0:
        text = number(value, 6)
    else:
        decimals = 1 - math.floor(math.log10(error))
        if 0 <= decimals <= 6:
            text = f"{value:.{decimals}f} ± {error:.{decimals}f}"
        elif decimals < 0:
            # Rounded left of the decimal point: 12340 ± 250.
            text = f"{round(value, decimals):.0f} ± {round(error, decimals):.0f}"
        else:
            text = f"{number(value, 4)} ± {number(error, 2)}"
        text = text.replace("-", "−")
    return f"{text} {unit_words}" if unit_words and text != "–" else text


def unit(fits_unit: str) -> str:
    """Write the unit of a FITS product for a reader: ``adu/s`` as ADU/s, ``electron2`` as e⁻²."""
    words = fits_unit.replace("adu", "ADU").replace("electron", "e⁻").replace("Celsius", "°C")
    return words.replace("2", "²")


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 frame``, ``29 frames``, ``1,228,800 pixels``.

    Parameters
    ----------
    n : int
        The count.
    singular, plural : str
        The noun; without a plural an s is appended to the singular.

    Returns
    -------
    str
    """
    noun = singular if n == 1 else (plural or f"{singular}s")
    return f"{n:,} {noun}"


def share(part: float, whole: float) -> str:
    """Write the ratio ``part / whole`` in percent, or in parts per million below 0.01 %."""
    if not whole:
        return "–"
    fraction = part / whole
    if fraction == 0 or fraction >= 1e-4:
        return f"{number(100 * fraction, 3)} %"
    return f"{number(1e6 * fraction, 3)} ppm"


def sentence(words: str) -> str:
    """Return a program's message as a sentence: capital letter, full stop, e⁻/s for e-/s."""
    words = words.replace("e-/s", "e⁻/s")
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
