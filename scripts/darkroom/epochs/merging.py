"""Files of states: merged, one withdrawn from another, made into a product."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.epochs import state as states
from darkroom.epochs.state_file import load, save
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.write import binary_table, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath


def check_series(
    path: StrPath, found: Mapping[str, str | float], expected: Mapping[str, str | float]
) -> None:
    """Refuse a state of another series.

    Raises
    ------
    InputError
        When the cards differ: it names the first that does, with both values.
    """
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            raise InputError(
                path,
                f"is of another series: {name} is {found.get(name)!r}, not {expected.get(name)!r}",
            )


def merge_files(paths: Sequence[StrPath], output: StrPath) -> int:
    """Merge states of one series.

    Parameters
    ----------
    paths : sequence of path-like
    output : path-like

    Returns
    -------
    int
        Number of units.

    Raises
    ------
    DarkroomError
        Without a path; `InputError` when a state is of another series or holds a unit of another.
    """
    if not paths:
        raise DarkroomError("no state to merge: give at least one")
    whole, cards = load(paths[0])
    for path in paths[1:]:
        part, found = load(path)
        check_series(path, found, cards)
        whole = _tried(path, partial(states.merge, whole, part))
    _save(output, whole, cards, paths)
    return len(whole.units)


def remove_file(path: StrPath, withdrawn: StrPath, output: StrPath) -> int:
    """Withdraw the units of one state from another.

    Parameters
    ----------
    path, withdrawn : path-like
        State of the series, and that of the units to withdraw.
    output : path-like

    Returns
    -------
    int
        Number of units that are left.

    Raises
    ------
    InputError
        When the states are of two series, or the units are not in the first as they are.
    """
    whole, cards = load(path)
    part, found = load(withdrawn)
    check_series(withdrawn, found, cards)
    left = _tried(withdrawn, partial(states.remove, whole, part))
    _save(output, left, cards, [path, withdrawn])
    return len(left.units)


def _tried(path, change):
    try:
        return change()
    except ValueError as error:
        raise InputError(path, str(error)) from error


def _save(output, state, cards, inputs):
    save(
        output,
        state,
        {name: (value, "") for name, value in cards.items()},
        made_by="epochs",
        inputs=inputs,
    )


def write_product(path: StrPath, output: StrPath) -> states.Product:
    """Write the product of a state: mean, error, counts and certificate of each pixel.

    Parameters
    ----------
    path : path-like
        State.
    output : path-like

    Returns
    -------
    Product
        As written: the mean holds the mean level of each class.

    Raises
    ------
    InputError
        When the state has no unit.
    """
    state, cards = load(path)
    if not state.units:
        raise InputError(path, "holds no unit: there is nothing to make a product of")
    found = states.product(state)
    level, error = states.levels(state)
    primary = fits.PrimaryHDU()
    header = primary.header
    header["DATATYPE"] = ("darkroom product of a state 1", "mean over the units of a series")
    for name, value in cards.items():
        header[name] = value
    header["NUNITS"] = (len(state.units), "number of units")
    header["NOTCERT"] = (
        int((~found.certified & (state.template.classes != states.NO_CLASS)).sum()),
        "pixels without certificate",
    )
    provenance.stamp(
        header, made_by="epochs", inputs=[path], settings={}, packages=("numpy", "astropy")
    )
    images = {
        "SCI": (found.mean + state.template.spread(level, np.nan)).astype(np.float32),
        "ERR": found.error.astype(np.float32),
        "COUNT": found.count.astype(np.int32),
        "NCLIP": found.clipped.astype(np.int32),
        "CERTIFIED": found.certified.astype(np.uint8),
    }
    write(
        output,
        [
            primary,
            *(fits.ImageHDU(image, name=name) for name, image in images.items()),
            binary_table(
                [
                    fits.Column("CLASS", "J", array=np.arange(level.size)),
                    fits.Column("OFFSET", "D", array=level),
                    fits.Column("ERROR", "D", array=error),
                ],
                "LEVELS",
            ),
        ],
    )
    return found
