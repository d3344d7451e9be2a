"""What the HISTORY of a product warns of, as sentences of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io import fits


def warnings_in(header: fits.Header) -> list[str]:
    """Return the warnings in the HISTORY of a product, without full stop.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image; indented lines of HISTORY continue a sentence. Its ASCII ``+-`` is a sign
        again.
    """
    sentences: list[str] = []
    for line in map(str, header.get("HISTORY", [])):
        if line.startswith("  ") and sentences:
            sentences[-1] += f" {line.strip()}"
        else:
            sentences.append(line)
    said = [one.removeprefix("warning: ") for one in sentences if one.startswith("warning: ")]
    return [one.replace(" +- ", " ± ") for one in said]
