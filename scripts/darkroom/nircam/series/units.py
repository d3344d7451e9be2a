"""Dark ramps as the units of a series: their names, what is known of them, what they must share."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet


def series_cards(ramps: RampSet, product: str) -> dict[str, tuple[str, str]]:
    """Return what the states of a series must share: value and comment by keyword."""
    layout = ramps.readout
    return {
        "INSTRUME": ("NIRCAM", "instrument"),
        "PRODUCT": (product, "product that the state makes"),
        "DETECTOR": (layout.detector, "detector"),
        "SUBARRAY": (layout.subarray, "subarray"),
        "READPATT": (str(ramps.files[0].header.get("READPATT", "")), "readout pattern"),
        "UNIT": ("e-/s" if product == "dark" else "DN", "unit of the product"),
    }


def single_ramps(ramps: RampSet) -> Iterator[tuple[RampSet, str, float, dict[str, float]]]:
    """Yield every ramp as a set of its own, with its name, its middle [MJD] and facts about it."""
    for place, (number, integration) in enumerate(ramps.ramps):
        file = ramps.files[number]
        one = copy.copy(ramps)
        one.files, one.ramps = [file], [(0, integration)]
        yield one, _name(file, integration), float(ramps.mjd[place]), facts_of(file.header)


def ramps_between(ramps: RampSet, bounds: tuple[float, float]) -> RampSet:
    """Return the ramps of a set whose middles are within some times [MJD]."""
    begin, end = bounds
    part = copy.copy(ramps)
    # Written so that a ramp without time is refused later, not left out here.
    part.ramps = [
        one
        for one, mjd in zip(ramps.ramps, ramps.mjd, strict=True)
        if not (mjd < begin or mjd >= end)
    ]
    return part


def names_of(ramps: RampSet) -> tuple[str, ...]:
    """Return the names of the ramps of a set as units, in their order."""
    return tuple(_name(ramps.files[number], integration) for number, integration in ramps.ramps)


def _name(file, integration):
    return f"{file.path.name.partition('.')[0]} {integration + 1}"


def facts_of(header: Mapping[str, Any]) -> dict[str, float]:
    """Return what a header says of a ramp that may be the cause of a change.

    The visit is that within its observation, plus a thousand times the observation's number.
    """
    visit, observation = (str(header.get(card) or "") for card in ("VISIT", "OBSERVTN"))
    if not visit.isdecimal():
        return {}
    return {"visit": float(visit) + 1000.0 * (float(observation) if observation.isdecimal() else 0)}


def read_details(
    path: StrPath, product: str, names: tuple[str, ...], ramps: RampSet
) -> tuple[np.ndarray, ...]:
    """Return images of a file of details that a series starts with.

    Raises
    ------
    InputError
        When the file lacks one, or has another shape than the exposures.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            found = tuple(np.asarray(hdus[name].data) for name in names)
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, KeyError, fits.VerifyError) as error:
        raise InputError(
            path,
            f"holds no details of a {product} ({error})",
            f"give the file of --details of a {product} made with darkroom's own method",
        ) from error
    if found[0].shape != ramps.shape:
        raise InputError(
            path,
            f"has {found[0].shape[1]} × {found[0].shape[0]} pixels, the exposures have "
            f"{ramps.shape[1]} × {ramps.shape[0]}",
        )
    return found
