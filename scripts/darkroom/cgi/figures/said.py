"""What a product says in words, as sentences of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io import fits


def with_signs(sentence: str) -> str:
    """Return a sentence of a FITS header or table, whose ASCII ``+-`` is a sign again."""
    return sentence.replace(" +- ", " ± ")


def warnings_in(header: fits.Header) -> list[str]:
    """Return the warnings in the HISTORY of a product, without full stop.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image; indented lines of HISTORY continue a sentence.
    """
    sentences: list[str] = []
    for line in map(str, header.get("HISTORY", [])):
        if line.startswith("  ") and sentences:
            sentences[-1] += f" {line.strip()}"
        else:
            sentences.append(line)
    said = [one.removeprefix("warning: ") for one in sentences if one.startswith("warning: ")]
    return [with_signs(one) for one in said]
