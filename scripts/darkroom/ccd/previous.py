"""Comparison of an item's products with those of a previous night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.ccd import distributions
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products.amplifiers import part_count
from darkroom.ccd.robust import finite_median
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
    freedom : float
        Degrees of freedom of the error (Welch and Satterthwaite).
    """

    quantity: str
    unit: str
    before: float
    now: float
    error: float
    beyond: int
    pixels: int
    temperatures: tuple[float | None, float | None]
    freedom: float = np.inf

    @property
    def is_significant(self) -> bool:
        """Whether it is as unlikely as 5 errors of a normal distribution, by Student's t."""
        limit = distributions.student_above(float(special.ndtr(-SIGNIFICANT)), self.freedom)
        return bool(abs(self.sigma) > limit)

    @property
    def sigma(self) -> float:
        """Difference in units of its error; NaN where that is unknown."""
        return (self.now - self.before) / self.error if self.error > 0 else np.nan


def compare(now: Mapping[str, StrPath], folder: StrPath) -> tuple[list[Change], list[str]]:
    """Compare products with those of the same names in another folder.

    Parameters
    ----------
    now : mapping
        Paths of ``master_bias``, ``read_noise`` and ``dark_rate``, of those that the item has.
    folder : path-like
        Folder with the products of the previous night, as a campaign writes them.

    Returns
    -------
    changes : list of Change
        For each quantity and amplifier. Products that the folder or the item lacks are left out.
    faults : list of str
        A sentence for each product of the previous night that cannot be compared: of another
        camera, binning, gain, shape or number of amplifiers, damaged, or no such product; one
        when the folder holds none.
    """
    folder, changes, faults = Path(folder), [], []
    for compared in _COMPARED:
        before = folder / f"{compared[0]}.fits"
        if compared[0] not in now or not before.is_file():
            continue
        try:
            changes += _changes(now[compared[0]], before, *compared[1:])
        except InputError as error:
            faults.append(f"Not compared with the previous night: {_sentence(error)}")
    if not changes and not faults:
        missing = InputError(
            folder,
            "holds no product of a previous night that this item has too (master_bias.fits, "
            "read_noise.fits …)",
        )
        faults.append(f"Not compared with the previous night: {_sentence(missing)}")
    return changes, faults


def _sentence(error):
    """Return what is wrong in one line, with a full stop."""
    return " ".join(str(error).split()).rstrip(".") + "."


def _changes(after, before, image, error, value, value_error, quantity):
    """Return the change of each amplifier between two products of one kind."""
    try:
        return _measured(after, before, image, error, value, value_error, quantity)
    except (OSError, TypeError, ValueError) as fault:
        raise InputError(before, f"cannot be read ({fault}): it is damaged") from fault
    except (KeyError, IndexError) as fault:
        raise InputError(before, f"lacks {fault.args[0]}: it is no such product") from fault


def _measured(after, before, image, error, value, value_error, quantity):
    require_same_camera(before, after)
    found = []
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
            pull -= finite_median(new - old) / scale
        usable = np.isfinite(pull)
        errors = [products.number(one, value_error) for one in (was, header)]
        found.append(
            Change(
                quantity + (f" of {header['AMPNAME']}" if "AMPNAME" in header else ""),
                header["BUNIT"],
                products.number(was, value),
                products.number(header, value),
                float(np.hypot(*errors)),
                int((np.abs(pull[usable]) > SIGNIFICANT).sum()),
                int(usable.sum()),
                (was.get("CCD-TEMP"), header.get("CCD-TEMP")),
                _freedom(errors, [_of_freedom(one, value_error) for one in (was, header)]),
            )
        )
    return found


def _of_freedom(header, card):
    """Return the degrees of freedom of an error; that of the noise has those of all pixels."""
    if card == "CMERR":
        return header["NFRAMES"] - 1
    return header.get("RATECMNU", np.inf) if card == "RATESYS" else np.inf


def _freedom(errors, freedom):
    """Return the degrees of freedom of the error of a difference."""
    squares = np.square(errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = squares.sum() ** 2 / (squares**2 / np.array(freedom, float)).sum()
    return float(found) if np.isfinite(squares).all() and found > 0 else np.inf


def require_same_camera(before: StrPath, after: StrPath) -> None:
    """Refuse a product of another camera, binning, gain or number of amplifiers.

    Parameters
    ----------
    before, after : path-like
        The product of the previous night, and that of this one.

    Raises
    ------
    InputError
        Naming what differs.
    """
    old, new = (products.read_primary(path) for path in (before, after))
    for card, name in (("INSTRUME", "camera"), ("BINNING", "binning"), ("GAIN", "gain")):
        if old.get(card) != new.get(card):
            was, now = (one.get(card) or "none" for one in (old, new))
            raise InputError(before, f"is of {name} {was}, this item is of {now}")
    was, now = (part_count(path) for path in (before, after))
    if was != now:
        raise InputError(before, f"has {was} amplifiers, this item has {now}")


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
        if one.is_significant:
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
