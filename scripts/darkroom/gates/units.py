"""The table UNITS of a product: one row a unit (ramp, frame) and amplifier.

It is written by the product in the pass it makes anyway. A product that does not know a quantity
leaves it NaN; the columns are always the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError, as_written
from darkroom.fits.write import binary_table

if TYPE_CHECKING:
    from darkroom.gates.rows import Statistics
    from darkroom.hints import StrPath

#: EXTNAME of the table, and of the one of a product minus the file in use.
UNITS, CHANGE = "UNITS", "CHANGE"
# Columns that say which unit and amplifier a row is of.
_PLACE = ("EXPOSURE", "INTEGRATION", "MJD", "TEMPERATURE", "AMPLIFIER")
#: Columns of numbers, with the unit: "sample" is the unit of the product.
NUMBERS = {
    "active": "sample",
    "reference": "sample",
    "parity": "sample",
    "reference_parity": "sample",
    "slow": "sample",
    "fast": "sample",
    "curvature": "sample",
    "lnvar": "",
    "clipped": "",
    "valid": "",
    "slope": "",
    "slope_lower": "",
    "slope_upper": "",
    "twin": "",
}


@dataclass(frozen=True)
class Units:
    """Statistics of the units of a product.

    Attributes
    ----------
    exposure : list of str
        Exposure of each unit.
    integration : (n,) int array
        Its number within the exposure, from 1.
    mjd, temperature : (n,) arrays
        Middle, days; temperature of the detector, NaN where unknown.
    amplifiers : list of int
    values : dict of (n, amplifiers) arrays
        By the names of `NUMBERS`, or others that a product has; NaN where there is none.
    """

    exposure: list[str]
    integration: np.ndarray
    mjd: np.ndarray
    temperature: np.ndarray
    amplifiers: list[int]
    values: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.exposure)

    def some(self, which: Sequence[int], values: Mapping[str, np.ndarray] | None = None) -> Units:
        """Return some of the units; with values of their own, or those that they have.

        Parameters
        ----------
        which : sequence of int
        values : dict of (len(which), amplifiers) arrays, optional
        """
        chosen = list(which)
        own = {name: known[chosen] for name, known in self.values.items()}
        return Units(
            [self.exposure[k] for k in chosen],
            self.integration[chosen],
            self.mjd[chosen],
            self.temperature[chosen],
            self.amplifiers,
            own if values is None else dict(values),
        )

    def label(self, unit: int) -> str:
        """Return the name of a unit for messages."""
        return f"{self.exposure[unit]} integration {int(self.integration[unit])}"


def columns(found: Statistics) -> dict[str, np.ndarray]:
    """Return the values of `Units` from statistics of rows."""
    values = {
        name: getattr(found, name)
        for name in NUMBERS
        if name not in ("slope_lower", "slope_upper", "twin")
    }
    values["slope_lower"], values["slope_upper"] = found.half[..., 0], found.half[..., 1]
    values["twin"] = np.repeat(found.twin[:, None], found.active.shape[1], axis=1)
    return values


def table(
    units: Units, unit: str, name: str = UNITS, numbers: Mapping[str, str] = NUMBERS
) -> fits.BinTableHDU:
    """Return the table of units as an HDU.

    Parameters
    ----------
    units : Units
    unit : str
        Unit of the samples.
    name : str
        EXTNAME.
    numbers : dict
        Columns of numbers, as `NUMBERS`.
    """
    count = len(units.amplifiers)

    def spread(values):
        return np.repeat(np.asarray(values), count)

    names = spread(units.exposure) if len(units) else np.array([], "U1")
    width = max([1, *map(len, units.exposure)])
    made = [
        fits.Column("EXPOSURE", f"{width}A", array=names),
        fits.Column("INTEGRATION", "J", array=spread(units.integration)),
        fits.Column("MJD", "D", unit="d", array=spread(units.mjd)),
        fits.Column("TEMPERATURE", "D", unit="Celsius", array=spread(units.temperature)),
        fits.Column("AMPLIFIER", "J", array=np.tile(units.amplifiers, len(units))),
    ]
    nothing = np.full((len(units), count), np.nan)
    for key, kind in numbers.items():
        values = units.values.get(key, nothing)
        shown = unit if kind else None
        made.append(fits.Column(key.upper(), "D", unit=shown, array=np.asarray(values).ravel()))
    return binary_table(made, name)


def read(path: StrPath, name: str = UNITS, extver: int = 1) -> Units | None:
    """Read the table of units of a product; None where the product has none.

    Raises
    ------
    InputError
        When its rows are not one of each unit and amplifier.
    """
    with as_written(path, f"no table {name}", "make the product again"), fits.open(path) as hdus:
        if (name, extver) not in hdus:
            return None
        hdu = hdus[name, extver]
        place, size = hdu.fileinfo()["datLoc"], Path(path).stat().st_size
        # A column that claims to be wider than its row would be made of that width.
        count = min(int(hdu.header["TFIELDS"]), 999)
        forms = (str(hdu.header.get(f"TFORM{n + 1}", "")) for n in range(count))
        repeats = [int(re.match("[0-9]*", form.strip())[0] or 1) for form in forms]
        if (
            hdu.header["TFIELDS"] > 999
            or place + hdu.size > size
            or max(repeats, default=0) > 8 * hdu.header["NAXIS1"]
        ):
            raise InputError(path, f"table {name} is larger than the file holds",
                             "make the product again")  # fmt: skip
        data: Any = hdu.data
        amplifiers = sorted({int(one) for one in data["AMPLIFIER"]})
        shape = len(data) // max(1, len(amplifiers)), len(amplifiers)
        if shape[0] * shape[1] != len(data):
            raise InputError(
                path,
                f"table {name} has {len(data)} rows, which is no multiple of its "
                f"{len(amplifiers)} amplifiers",
                "make the product again",
            )
        first = slice(None, None, max(1, len(amplifiers)))
        values = {
            key.lower(): np.array(data[key], float).reshape(shape)
            for key in data.names
            if key not in _PLACE
        }
        return Units(
            exposure=[str(one) for one in data["EXPOSURE"][first]],
            integration=np.array(data["INTEGRATION"][first], int),
            mjd=np.array(data["MJD"][first], float),
            temperature=np.array(data["TEMPERATURE"][first], float),
            amplifiers=amplifiers,
            values=values,
        )


def columns_of(hdu: fits.BinTableHDU) -> dict[str, np.ndarray]:
    """Return the columns of a table, texts as such: ``{name: (n, …) array}``."""
    data: Any = hdu.data
    return {name: np.array(data[name]) for name in data.names}


def rows_of(hdu: fits.BinTableHDU) -> list[dict[str, Any]]:
    """Return the rows of a table, texts as such."""
    found = columns_of(hdu)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def of_one(values: Mapping[str, np.ndarray], amplifiers: Sequence[int], label: str) -> Units:
    """Return a table of one unit: of the difference of two files.

    Parameters
    ----------
    values : dict of (1, amplifiers) arrays
    amplifiers : sequence of int
    label : str
        In place of the name of an exposure.
    """
    nothing = np.array([np.nan])
    return Units([label], np.array([1]), nothing, nothing, list(amplifiers), dict(values))
