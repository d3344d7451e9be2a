"""Files of states: FITS, one format for every instrument, with a digest of what they hold."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.epochs.state import FAR, State, Template
from darkroom.errors import InputError, as_written
from darkroom.fits.write import binary_table, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath

#: Of DATATYPE; a change of the format gets another number, old ones are refused in words.
DATATYPE = "darkroom state 1"
_ADVICE = "make the state again from its exposures"
_IMAGES = {"LEVEL": np.int32, "CLASSES": np.uint8, "ANCHOR": np.uint8}
_SUMS = {"COUNT": np.uint16, "TOTAL": np.int64, "SQUARES": np.int64}


def digest(state: State) -> str:
    """Return the SHA-256 of everything that a state holds.

    Parameters
    ----------
    state : State

    Returns
    -------
    str
        64 hexadecimal digits; equal for states that are equal in every bit.
    """
    form = state.template
    total = hashlib.sha256(f"{DATATYPE} {form.level.shape} {form.inner!r} {form.outer!r}".encode())
    for array in (
        form.level.astype("<i4"),
        form.classes.astype("u1"),
        form.anchor.astype("u1"),
        form.sigma.astype("<f8"),
        state.count.astype("<u2"),
        state.total.astype("<i8"),
        state.squares.astype("<i8"),
        state.offsets.astype("<i4"),
        state.mjd.astype("<f8"),
        state.spread.astype("<f8"),
        *(state.far[name].astype("<i4") for name in FAR.names or ()),
    ):
        total.update(np.ascontiguousarray(array).data)
    total.update("\n".join([*form.names, "", *state.units]).encode())
    return total.hexdigest()


def save(
    path: StrPath,
    state: State,
    cards: Mapping[str, tuple[str | float, str]],
    *,
    made_by: str,
    inputs: Sequence[StrPath],
) -> None:
    """Write a state.

    Parameters
    ----------
    path : path-like
    state : State
    cards : dict
        What the series is of (instrument, detector, product, set-up): value and comment by keyword.
        States whose cards differ do not merge.
    made_by : str
        Program.
    inputs : sequence of path-like
        Files that the header names with their SHA-256.
    """
    form = state.template
    primary = fits.PrimaryHDU()
    header = primary.header
    header["DATATYPE"] = (DATATYPE, "sums of units that merge")
    for name, (value, comment) in cards.items():
        header[name] = (value, comment)
    header["SERIES"] = (",".join(cards), "cards that states must share to merge")
    header["NUNITS"] = (len(state.units), "number of units")
    header["INNER"] = (form.inner, "[sigma] samples within it are summed")
    header["OUTER"] = (form.outer, "[sigma] samples beyond it are clipped")
    header["STATESUM"] = digest(state)
    provenance.stamp(
        header, made_by=made_by, inputs=inputs, settings={}, packages=("numpy", "astropy")
    )
    images = {
        "LEVEL": form.level, "CLASSES": form.classes, "ANCHOR": form.anchor.astype(np.uint8),
        "COUNT": state.count, "TOTAL": state.total, "SQUARES": state.squares,
    }  # fmt: skip
    classes = form.sigma.size
    width = max([1, *(len(unit.encode()) for unit in state.units)])
    write(
        path,
        [
            primary,
            *(fits.ImageHDU(image, name=name) for name, image in images.items()),
            binary_table(
                [
                    fits.Column("NAME", f"{max(map(len, form.names))}A", array=list(form.names)),
                    fits.Column("SIGMA", "D", array=form.sigma),
                ],
                "CLASSNAMES",
            ),
            binary_table(
                [
                    fits.Column("UNIT", f"{width}A", array=list(state.units)),
                    fits.Column("MJD", "D", unit="d", array=state.mjd),
                    fits.Column("OFFSETS", f"{classes}J", array=state.offsets),
                    fits.Column("SPREAD", f"{classes}D", array=state.spread),
                ],
                "UNITS",
            ),
            binary_table(
                [fits.Column(name.upper(), "J", array=state.far[name]) for name in FAR.names or ()],
                "FAR",
            ),
        ],
    )


def load(path: StrPath) -> tuple[State, dict[str, str | float]]:
    """Read a state.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    state : State
    cards : dict
        What its series is of.

    Raises
    ------
    InputError
        When it is no state, of another format, damaged, or its numbers are not those of its
        digest.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    with as_written(path, "no state", _ADVICE):
        with fits.open(path, memmap=False) as hdus:
            header = hdus[0].header
            if header.get("DATATYPE") != DATATYPE:
                raise InputError(
                    path, f"DATATYPE is {header.get('DATATYPE')!r}, not {DATATYPE!r}", _ADVICE
                )
            image = {
                name: np.ascontiguousarray(hdus[name].data.astype(kind))
                for name, kind in (_IMAGES | _SUMS).items()
            }
            template = Template(
                image["LEVEL"],
                hdus["CLASSNAMES"].data["SIGMA"].astype(np.float64),
                image["CLASSES"],
                image["ANCHOR"].astype(bool),
                tuple(str(name) for name in hdus["CLASSNAMES"].data["NAME"]),
                float(header["INNER"]),
                float(header["OUTER"]),
            )
            far = np.zeros(len(hdus["FAR"].data), FAR)
            for name in FAR.names or ():
                far[name] = hdus["FAR"].data[name.upper()]
            units = hdus["UNITS"].data
            shape = len(units), template.sigma.size
            state = State(
                template,
                image["COUNT"],
                image["TOTAL"],
                image["SQUARES"],
                tuple(str(unit) for unit in units["UNIT"]),
                units["OFFSETS"].astype(np.int32).reshape(shape),
                units["MJD"].astype(np.float64),
                units["SPREAD"].astype(np.float64).reshape(shape),
                far,
            )
            series = str(header["SERIES"])
            cards = {name: header[name] for name in series.split(",") if name}
            stated = header["STATESUM"]
        found = digest(state)
    if found != stated:
        raise InputError(
            path, f"its numbers have SHA-256 {found}, its header says {stated}", _ADVICE
        )
    return state, cards
