"""Comparison of an item's products with those of a previous night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.products import hdus as products
from darkroom.ccd.products.amplifiers import part_count
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# A change is said from this many of its errors on.
SIGNIFICANT = 5.0
# Product, image, error of its pixels, card of the value, card of its error, quantity.
_COMPARED = (
    ("master_bias", "SCI", "ERR", "MEAN", "CMERR", "bias level"),
    ("read_noise", "CORR", "ERR", "READNOIS", "RNERR", "read noise"),
    ("dark_rate", "SCI", "ERR", "RATELEV", "RATESYS", "dark rate"),
)


@dataclass(frozen=True)
class Change:
    """Change of a quantity since a previous night.

    Attributes
    ----------
    quantity, unit : str
    before, now : float
        Values of the detector.
    error : float
        Of the difference; NaN where one is unknown.
    beyond : int
        Pixels whose difference, without that of the detector, exceeds 5 of its errors.
    pixels : int
        Pixels with a value in both.
    temperatures : tuple
        Before and now, degrees Celsius; None where unknown.
    """

    quantity: str
    unit: str
    before: float
    now: float
    error: float
    beyond: int
    pixels: int
    temperatures: tuple[float | None, float | None]

    @property
    def sigma(self) -> float:
        """Difference in units of its error; NaN where that is unknown."""
        return (self.now - self.before) / self.error if self.error > 0 else np.nan


def compare(now: Mapping[str, StrPath], folder: StrPath) -> list[Change]:
    """Compare products with those of the same names in another folder.

    Parameters
    ----------
    now : mapping
        Paths of ``master_bias``, ``read_noise`` and ``dark_rate``, of those that the item has.
    folder : path-like
        Folder with the products of the previous night, as a campaign writes them.

    Returns
    -------
    list of Change
        For each quantity and amplifier. Products that the folder or the item lacks are left out.

    Raises
    ------
    InputError
        When the folder has none of the products, or one is of another camera, shape or unit.
    """
    folder, found = Path(folder), []
    for product, image, error, value, value_error, quantity in _COMPARED:
        before = folder / f"{product}.fits"
        if product not in now or not before.is_file():
            continue
        after = now[product]
        camera = [products.read_primary(path).get("INSTRUME") for path in (before, after)]
        if camera[0] != camera[1]:
            raise InputError(before, f"is of camera {camera[0]}, this item is of {camera[1]}")
        for number in range(part_count(after)):
            (old, old_error, was), (new, new_error, header) = (
                _read(path, image, error, number) for path in (before, after)
            )
            products.same_shape(old, new.shape, before, after)
            if was["BUNIT"] != header["BUNIT"]:
                raise InputError(before, f"is in {was['BUNIT']}, this item is in {header['BUNIT']}")
            scale = np.hypot(old_error, new_error)
            with np.errstate(invalid="ignore", divide="ignore"):
                pull = (new - old) / scale
                pull -= np.nanmedian(new - old) / scale
            usable = np.isfinite(pull)
            found.append(
                Change(
                    quantity + (f" of {header['AMPNAME']}" if "AMPNAME" in header else ""),
                    header["BUNIT"],
                    products.number(was, value),
                    products.number(header, value),
                    float(
                        np.hypot(
                            products.number(was, value_error), products.number(header, value_error)
                        )
                    ),
                    int((np.abs(pull[usable]) > SIGNIFICANT).sum()),
                    int(usable.sum()),
                    (was.get("CCD-TEMP"), header.get("CCD-TEMP")),
                )
            )
    if not found:
        raise InputError(
            folder,
            "holds no product of a previous night that this item has too (master_bias.fits, "
            "read_noise.fits …)",
        )
    return found


def _read(path, image, error, number):
    """Return an image, its error, and the header with the values of the detector."""
    data = products.read_image(path, image, 1, number)[0]
    return (
        data.astype(float),
        products.read_image(path, error, 1, number)[0].astype(float),
        products.read_image(path, "SCI", 1, number)[1],
    )


def table(changes: list[Change]) -> dict[str, object]:
    """Return the table of changes for the report."""
    return {
        "title": "Since the previous night",
        "columns": [
            "quantity", "unit", "previous", "now", "difference", "its error",
            "pixels beyond 5 errors", "of", "temperature before [°C]", "now [°C]",
        ],
        "rows": [
            [
                one.quantity, one.unit,
                *(_rounded(v) for v in (one.before, one.now, one.now - one.before, one.error)),
                one.beyond, one.pixels, *one.temperatures,
            ]
            for one in changes
        ],
        "note": "Errors of single pixels come from few frames: more of them lie beyond 5 errors "
        "than of a normal distribution.",
    }  # fmt: skip


def sentences(changes: list[Change]) -> list[str]:
    """Return a warning for each quantity that changed by more than 5 errors."""
    found = []
    for one in changes:
        if abs(one.sigma) > SIGNIFICANT:
            before, now = one.temperatures
            cooler = before is not None and now is not None and abs(before - now) > 0.5
            where = (
                f"; the detector was at {before:.1f} °C and is at {now:.1f} °C" if cooler else ""
            )
            found.append(
                f"The {one.quantity} changed since the previous night from {one.before:.5g} to "
                f"{one.now:.5g} {one.unit}, by {abs(one.sigma):.1f} errors{where}."
            )
    return found


def _rounded(value):
    return float(f"{value:.6g}") if np.isfinite(value) else None
