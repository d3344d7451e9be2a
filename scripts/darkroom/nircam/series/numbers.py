"""A noise spectrum over epochs: the numbers of each ramp, from the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.series import LN
from darkroom.epochs.table import TableState, TableTemplate, empty, merge, of_unit
from darkroom.errors import InputError, as_written
from darkroom.gates import units as unit_tables
from darkroom.nircam.series.units import single_ramps

if TYPE_CHECKING:
    from darkroom.gates.units import Units
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

#: Columns of the units of each product that are followed: words and unit.
_NUMBERS = {
    "spectrum": {
        "ln_slow": ("ln of the noise power below 100 Hz", LN),
        "ln_knee": ("ln of the noise power from 100 to 1000 Hz", LN),
        "ln_above": ("ln of the noise power from 1 to 10 kHz", LN),
        "ln_white": ("ln of the noise power above 10 kHz", LN),
        "coherence": ("coherence below 100 Hz with other amplifiers", ""),
    },
}


def units_of(path: StrPath, product: str) -> Units:
    """Return the numbers of the ramps of a product.

    Parameters
    ----------
    path : path-like
        A noise spectrum.
    product : {"spectrum"}

    Raises
    ------
    InputError
        When the file is no such product.
    """
    advice = "give the product of these ramps"
    with as_written(path, f"no product {product}", advice):
        found = unit_tables.read(path)
    if found is None or not {*_NUMBERS[product]} <= {*found.values}:
        raise InputError(path, f"has no table UNITS of a {product}", advice)
    return found


def template_of(units: Units, product: str) -> TableTemplate:
    """Return the numbers of a series that starts with a product.

    Parameters
    ----------
    units : Units
        Result of `units_of`; a number that no ramp of an amplifier has is left out.
    product : {"spectrum"}

    Raises
    ------
    ValueError
        When no number is known.
    """
    names = [
        (f"{words}, amplifier {amplifier}", unit)
        for column, (words, unit) in _NUMBERS[product].items()
        for k, amplifier in enumerate(units.amplifiers)
        if np.isfinite(units.values[column][:, k]).any()
    ]
    return TableTemplate(tuple(name for name, _ in names), tuple(unit for _, unit in names))


def state_of(
    ramps: RampSet, template: TableTemplate, units: Units, product: str, path: StrPath
) -> TableState:
    """Return the state of every ramp of a product: one unit each.

    Parameters
    ----------
    ramps : RampSet
        The ramps that the product was made of.
    template : TableTemplate
    units : Units
        Result of `units_of`.
    product : {"spectrum"}
    path : path-like
        The product, for messages.

    Raises
    ------
    InputError
        When the product lacks a ramp, or a ramp one of the numbers.
    """
    places = {
        (name, int(integration)): k
        for k, (name, integration) in enumerate(zip(units.exposure, units.integration, strict=True))
    }
    columns = {
        f"{words}, amplifier {amplifier}": units.values[column][:, k]
        for column, (words, _) in _NUMBERS[product].items()
        for k, amplifier in enumerate(units.amplifiers)
    }
    whole = empty(template)
    nothing = np.full(len(units), np.nan)
    for one, name, mjd, facts in single_ramps(ramps):
        file, integration = one.ramps[0]
        place = places.get((one.files[file].path.name, integration + 1))
        if place is None:
            raise InputError(path, f"was made without {name}", "give the product of these ramps")
        row = np.array([columns.get(number, nothing)[place] for number in template.names])
        try:
            whole = merge(whole, of_unit(template, name, row, mjd, facts))
        except ValueError as error:
            raise InputError(path, str(error)) from error
    return whole
