"""Files of states: FITS, one format for every instrument, with a digest of what they hold."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.epochs.laws import AnyState
from darkroom.epochs.state import FAR, State
from darkroom.epochs.table import TableState, TableTemplate
from darkroom.epochs.template import Template
from darkroom.epochs.units import FACTS
from darkroom.epochs.variance import VarianceState, VarianceTemplate
from darkroom.errors import InputError, as_written
from darkroom.fits.verify import verify
from darkroom.fits.write import binary_table, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath

#: Of DATATYPE; a change of the format gets another number, old ones are refused in words.
DATATYPE = "darkroom state 2"
_ADVICE = "make the state again from its exposures"
#: Images by law, with the kind of number that each holds.
_IMAGES: dict[str, dict[str, Any]] = {
    "mean": {
        "LEVEL": "i4", "CLASSES": "u1", "ANCHOR": "u1", "NOISE": "u1",
        "COUNT": "u2", "TOTAL": "i8", "SQUARES": "i8",
    },
    "variance": {"CLASSES": "u1", "WHOLE": "u1", "DOF": "u4", "TOTAL": "i8"},
    "table": {},
}  # fmt: skip
#: Columns of the units, beside name and time.
_COLUMNS = {
    "mean": {"FACTS": "D", "OFFSETS": "J", "SPREAD": "D"},
    "variance": {"FACTS": "D", "SPREAD": "D"},
    "table": {"FACTS": "D", "VALUES": "D"},
}
#: Begin names of images of constants and of sums, and of columns of further rows of units.
_CONSTANT, _SUM, _ROW = "C_", "S_", "R_"


def _law(state):
    kinds = {State: "mean", VarianceState: "variance", TableState: "table"}
    return kinds[type(state)]


def _images(state):
    form = state.template
    if isinstance(state, TableState):
        return {}
    if isinstance(state, VarianceState):
        return {
            "CLASSES": form.classes, "WHOLE": form.whole, "DOF": state.dof, "TOTAL": state.total
        }  # fmt: skip
    noise = np.zeros(form.level.shape, np.uint8) if form.noise is None else form.noise
    return {
        "LEVEL": form.level, "CLASSES": form.classes, "ANCHOR": form.anchor, "NOISE": noise,
        "COUNT": state.count, "TOTAL": state.total, "SQUARES": state.squares,
    }  # fmt: skip


def _numbers(state):
    """Return the single numbers of a template: value and comment by card."""
    form = state.template
    if isinstance(state, TableState):
        return {}
    if isinstance(state, VarianceState):
        return {"FACTOR": (form.factor, "noise of the product over that of the residuals")}
    return {
        "INNER": (form.inner, "[sigma] samples within it are summed"),
        "OUTER": (form.outer, "[sigma] samples beyond it are clipped"),
    }


def _constants(state):
    return {} if isinstance(state, VarianceState) else dict(state.template.constants)


def _sums(state):
    return dict(state.sums) if isinstance(state, TableState) else {}


def _rows(state):
    return dict(state.rows) if isinstance(state, TableState) else {}


def _members(state):
    return state.template.members if isinstance(state, State) else ()


def _classes(state):
    """Return the columns beside NAME of the table of classes, or of numbers."""
    form = state.template
    if isinstance(state, TableState):
        return [fits.Column("KIND", f"{max([1, *map(len, form.kinds)])}A", array=list(form.kinds))]
    return [fits.Column("SIGMA", "D", array=form.sigma)]


def digest(state: AnyState) -> str:
    """Return the SHA-256 of everything that a state holds.

    Parameters
    ----------
    state : State, VarianceState or TableState

    Returns
    -------
    str
        64 hexadecimal digits; equal for states that are equal in every bit.
    """
    law, images, form = _law(state), _images(state), state.template
    numbers = [value for value, _ in _numbers(state).values()]
    shape = images["CLASSES"].shape if images else state.values.shape
    total = hashlib.sha256(f"{DATATYPE} {law} {shape} {numbers!r}".encode())
    arrays = [images[name].astype(f"<{kind}") for name, kind in _IMAGES[law].items()]
    arrays += [] if isinstance(form, TableTemplate) else [form.sigma.astype("<f8")]
    arrays += [state.mjd.astype("<f8")]
    kinds = {"D": "<f8", "J": "<i4"}
    arrays += [
        getattr(state, name.lower()).astype(kinds[kind]) for name, kind in _COLUMNS[law].items()
    ]
    if isinstance(state, State):
        arrays += [state.far[name].astype("<i4") for name in FAR.names or ()]
    for kind, every in (("<f8", _constants), ("<f8", _rows), ("<i8", _sums)):
        for name, value in sorted(every(state).items()):
            total.update(f"{name} {value.shape}".encode())
            arrays.append(value.astype(kind))
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    kept = form.kinds if isinstance(form, TableTemplate) else ()
    total.update("\n".join([*form.names, *kept, "", *state.units, "", *_members(state)]).encode())
    return total.hexdigest()


def save(
    path: StrPath,
    state: AnyState,
    cards: Mapping[str, tuple[str | float, str]],
    *,
    made_by: str,
    inputs: Sequence[StrPath],
) -> None:
    """Write a state.

    Parameters
    ----------
    path : path-like
    state : State, VarianceState or TableState
    cards : dict
        What the series is of (instrument, detector, product, set-up): value and comment by keyword.
        States whose cards differ do not merge.
    made_by : str
        Program.
    inputs : sequence of path-like
        Files that the header names with their SHA-256.
    """
    law, form = _law(state), state.template
    primary = fits.PrimaryHDU()
    header = primary.header
    header["DATATYPE"] = (DATATYPE, "sums of units that merge")
    header["LAW"] = (law, "what the sums make")
    for name, (value, comment) in cards.items():
        header[name] = (value, comment)
    header["SERIES"] = (",".join(cards), "cards that states must share to merge")
    header["NUNITS"] = (len(state.units), "number of units")
    for name, (value, comment) in _numbers(state).items():
        header[name] = (value, comment)
    header["STATESUM"] = digest(state)
    provenance.stamp(
        header, made_by=made_by, inputs=inputs, settings={}, packages=("numpy", "astropy")
    )
    width = max([1, *(len(unit.encode()) for unit in state.units)])
    hdus = [
        primary,
        *(
            fits.ImageHDU(image.astype(_IMAGES[law][name]), name=name)
            for name, image in _images(state).items()
        ),
        *(
            fits.ImageHDU(value.astype(np.float64), name=_CONSTANT + name)
            for name, value in _constants(state).items()
        ),
        *(
            fits.ImageHDU(value.astype(np.int64), name=_SUM + name)
            for name, value in _sums(state).items()
        ),
        binary_table(
            [
                fits.Column("NAME", f"{max(map(len, form.names))}A", array=list(form.names)),
                *_classes(state),
            ],
            "CLASSNAMES",
        ),
        binary_table(
            [
                fits.Column("UNIT", f"{width}A", array=list(state.units)),
                fits.Column("MJD", "D", unit="d", array=state.mjd),
                *(
                    fits.Column(
                        name, f"{_width(name, form)}{kind}", array=getattr(state, name.lower())
                    )
                    for name, kind in _COLUMNS[law].items()
                ),
                *(
                    fits.Column(_ROW + name, f"{value.shape[1]}D", array=value)
                    for name, value in _rows(state).items()
                ),
            ],
            "UNITS",
        ),
    ]
    if isinstance(state, State):
        columns = [
            fits.Column(name.upper(), "J", array=state.far[name]) for name in FAR.names or ()
        ]
        hdus.append(binary_table(columns, "FAR"))
        members = list(state.template.members)
        width = max([1, *map(len, members)])
        hdus.append(
            binary_table([fits.Column("UNIT", f"{width}A", array=members)], "TEMPLATE_UNITS")
        )
    write(path, hdus)


def _width(column, form):
    """Return how many numbers a column holds in each row."""
    return len(FACTS if column == "FACTS" else form.names)


def load(path: StrPath) -> tuple[AnyState, dict[str, str | float]]:
    """Read a state.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    state : State, VarianceState or TableState
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
        # Sizes in headers, before anything is made of that size; and checksums.
        verify(path)
        with fits.open(path, memmap=False) as hdus:
            header = hdus[0].header
            if header.get("DATATYPE") != DATATYPE or header.get("LAW") not in _IMAGES:
                raise InputError(
                    path,
                    f"DATATYPE is {header.get('DATATYPE')!r}, LAW {header.get('LAW')!r}, not "
                    f"{DATATYPE!r} with one of {', '.join(_IMAGES)}",
                    _ADVICE,
                )
            state, cards = _read(hdus, header), _cards(header)
            stated = header["STATESUM"]
        found = digest(state)
    if found != stated:
        raise InputError(
            path, f"its numbers have SHA-256 {found}, its header says {stated}", _ADVICE
        )
    return state, cards


def _cards(header):
    return {name: header[name] for name in str(header["SERIES"]).split(",") if name}


def cards_of(path: StrPath) -> dict[str, str | float]:
    """Return what the series of a state is of, without reading the state.

    Raises
    ------
    InputError
        When it is no state.
    """
    with as_written(Path(path), "no state", _ADVICE):
        return _cards(fits.getheader(path))


def units_of(path: StrPath) -> dict[str, float]:
    """Return the names and times [MJD] of the units of a state, without its images.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    InputError
        When it is no state.
    """
    with as_written(Path(path), "no state", _ADVICE), fits.open(path) as hdus:
        table = hdus["UNITS"].data
        return {
            str(name): float(mjd) for name, mjd in zip(table["UNIT"], table["MJD"], strict=True)
        }


def _read(hdus, header):
    law = header["LAW"]
    image = {
        name: np.ascontiguousarray(hdus[name].data.astype(kind))
        for name, kind in _IMAGES[law].items()
    }
    classes, table = hdus["CLASSNAMES"].data, hdus["UNITS"].data
    names = tuple(str(name) for name in classes["NAME"])
    units = tuple(str(unit) for unit in table["UNIT"])
    mjd = table["MJD"].astype(np.float64)
    form: Any
    if law == "table":
        rows, sums = _further_rows(table), _images_named(hdus, _SUM, np.int64)
        form = TableTemplate(
            names,
            tuple(str(kind) for kind in classes["KIND"]),
            {name: value.shape[1] for name, value in rows.items()},
            {name: value.shape for name, value in sums.items()},
            _images_named(hdus, _CONSTANT, np.float64),
        )
    elif law == "variance":
        form = VarianceTemplate(
            classes["SIGMA"].astype(np.float64), image["CLASSES"], image["WHOLE"].astype(bool),
            names, float(header["FACTOR"]),
        )  # fmt: skip
    else:
        form = _mean_template(hdus, header, image, names)
    kinds = {"D": np.float64, "J": np.int32}
    column = {
        name: table[name].astype(kinds[kind]).reshape(len(table), _width(name, form))
        for name, kind in _COLUMNS[law].items()
    }
    if law == "table":
        return TableState(form, units, mjd, column["FACTS"], column["VALUES"], rows, sums)
    if law == "variance":
        return VarianceState(
            form, image["DOF"], image["TOTAL"], units, mjd, column["FACTS"], column["SPREAD"]
        )
    far = np.zeros(len(hdus["FAR"].data), FAR)
    for name in FAR.names or ():
        far[name] = hdus["FAR"].data[name.upper()]
    return State(
        form, image["COUNT"], image["TOTAL"], image["SQUARES"], units, column["OFFSETS"], mjd,
        column["FACTS"], column["SPREAD"], far,
    )  # fmt: skip


def _images_named(hdus, begin, kind):
    """Return the images whose names begin so, by the rest of their names."""
    return {
        hdu.name.removeprefix(begin): np.ascontiguousarray(hdu.data.astype(kind))
        for hdu in hdus
        if hdu.name.startswith(begin)
    }


def _further_rows(table):
    """Return the further rows of the units, (nunits, n) each."""
    return {
        name.removeprefix(_ROW): table[name].astype(np.float64).reshape(len(table), width)
        for name in table.columns.names
        if name.startswith(_ROW)
        for width in [int(str(table.columns[name].format).rstrip("D") or 1)]
    }


def _mean_template(hdus, header, image, names):
    return Template(
        image["LEVEL"], hdus["CLASSNAMES"].data["SIGMA"].astype(np.float64), image["CLASSES"],
        image["ANCHOR"].astype(bool), names, float(header["INNER"]), float(header["OUTER"]),
        image["NOISE"] if image["NOISE"].any() else None,
        tuple(str(unit) for unit in hdus["TEMPLATE_UNITS"].data["UNIT"]),
        _images_named(hdus, _CONSTANT, np.float64),
    )  # fmt: skip
