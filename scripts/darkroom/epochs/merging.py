"""Files of states: merged, one withdrawn from another, made into a product."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.epochs import laws, table, variance
from darkroom.epochs import state as states
from darkroom.epochs.state_file import load, save
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.write import binary_table, write

Made = TypeVar("Made")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    if other := difference(found, expected):
        raise InputError(path, f"is of another series: {other}")


def difference(found: Mapping[str, str | float], expected: Mapping[str, str | float]) -> str:
    """Return the first card that says that two states are of different series, or nothing."""
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            return f"{name} is {found.get(name)!r}, not {expected.get(name)!r}"
    return ""


def template_in(path: StrPath, cards: Mapping[str, tuple[str | float, str]]) -> Any:
    """Return the template of the series that a state is of.

    Parameters
    ----------
    path : path-like
        A state.
    cards : dict
        What a new state of that series is of: value and comment by keyword.

    Raises
    ------
    InputError
        When the state is damaged, or of another series.
    """
    earlier, found = load(path)
    check_series(path, found, {name: value for name, (value, _) in cards.items()})
    return earlier.template


def merged(
    paths: Sequence[StrPath], withdrawn: Sequence[StrPath] = ()
) -> tuple[laws.AnyState, dict[str, str | float]]:
    """Read and merge states of one series, without withdrawn units.

    Parameters
    ----------
    paths : sequence of path-like
    withdrawn : sequence of path-like
        States of the units to leave out.

    Returns
    -------
    state : State, VarianceState or TableState
    cards : dict
        What the series is of.

    Raises
    ------
    DarkroomError
        Without a path; `InputError` when a state is of another series, holds a unit of another, or
        a withdrawn unit is not there as it is.
    """
    if not paths:
        raise DarkroomError("no state to merge: give at least one")
    whole, cards = load(paths[0])
    for path in paths[1:]:
        part, found = load(path)
        check_series(path, found, cards)
        whole = tried(path, partial(laws.merge, whole, part))
    for path in withdrawn:
        part, found = load(path)
        check_series(path, found, cards)
        whole = tried(path, partial(laws.remove, whole, part))
    return whole, cards


def merge_files(paths: Sequence[StrPath], output: StrPath) -> int:
    """Merge states of one series into a file; return the number of units.

    Raises
    ------
    DarkroomError
        See `merged`.
    """
    whole, cards = merged(paths)
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
    left, cards = merged([path], [withdrawn])
    _save(output, left, cards, [path, withdrawn])
    return len(left.units)


def tried(path: StrPath, change: Callable[[], Made]) -> Made:
    """Return what is made of a state; its refusal names the file.

    Raises
    ------
    InputError
        When it is refused.
    """
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


def write_product(
    state: laws.AnyState,
    cards: Mapping[str, str | float],
    inputs: Sequence[StrPath],
    output: StrPath,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the product of a state.

    Of a mean: mean, error, counts and certificate of each pixel, and the levels of the classes; the
    mean holds the mean level of its class. Of a variance: noise, error and degrees of freedom. Of a
    table: the mean of each number over the units, or the fit to them, with its error.

    Parameters
    ----------
    state : State, VarianceState or TableState
    cards : dict
        What the series is of.
    inputs : sequence of path-like
        Files it was read from.
    output : path-like
    settings : dict, optional
        Which units of the series these are, and why: for the provenance.

    Raises
    ------
    InputError
        When the state has no unit, or its units do not tell the numbers.
    """
    if not state.units:
        raise InputError(inputs[0], "holds no unit: there is nothing to make a product of")
    primary = fits.PrimaryHDU()
    header = primary.header
    header["DATATYPE"] = ("darkroom product of a state 2", "made of the units of a series")
    for name, value in cards.items():
        header[name] = value
    header["NUNITS"] = (len(state.units), "number of units")
    provenance.stamp(
        header,
        made_by="epochs",
        inputs=inputs,
        settings=settings or {},
        packages=("numpy", "astropy"),
    )
    if isinstance(state, states.State):
        images, tables = _mean(state, header)
    elif isinstance(state, table.TableState):
        images, tables = {}, [tried(inputs[0], partial(_means, state))]
    else:
        found = variance.product(state)
        images, tables = {"SCI": found.noise, "ERR": found.error, "DOF": found.dof}, []
    kinds = {"f": np.float32, "i": np.int32, "u": np.int32, "b": np.uint8}
    write(
        output,
        [
            primary,
            *(
                fits.ImageHDU(image.astype(kinds[image.dtype.kind]), name=name)
                for name, image in images.items()
            ),
            *tables,
        ],
    )


def _mean(state, header):
    found = states.product(state)
    level, error = states.levels(state)
    scale = state.template.scale
    lost = ~found.certified & (state.template.classes != states.NO_CLASS)
    header["NOTCERT"] = (int(lost.sum()), "pixels without certificate")
    images = {
        "SCI": (found.mean + state.template.spread(level, np.nan)) / scale,
        "ERR": found.error / scale,
        "COUNT": found.count,
        "NCLIP": found.clipped,
        "CERTIFIED": found.certified,
    }
    levels = binary_table(
        [
            fits.Column("CLASS", "J", array=np.arange(level.size)),
            fits.Column("OFFSET", "D", array=level / scale),
            fits.Column("ERROR", "D", array=error / scale),
        ],
        "LEVELS",
    )
    return images, [levels]


def _means(state):
    found, form = table.product(state), state.template
    text = [
        fits.Column(name, f"{max([1, *map(len, texts)])}A", array=list(texts))
        for name, texts in (("NAME", form.names), ("KIND", form.kinds))
    ]
    numbers = [
        fits.Column("MEAN", "D", array=found.mean),
        fits.Column("ERROR", "D", array=found.error),
    ]
    return binary_table([*text, *numbers], "MEANS")
