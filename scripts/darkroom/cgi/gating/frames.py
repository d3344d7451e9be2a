"""Statistics of the frames of CGI products, one row a frame: the table UNITS of the product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.campaign.status import read_status
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.gating.harms import HARMS
from darkroom.cgi.raw.prepare import prepare
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.preconditions import L1, level_of
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import InputError, as_written
from darkroom.gates.gate import exact
from darkroom.gates.harms import of_product
from darkroom.gates.repeats import same_pieces
from darkroom.gates.standard import Statistic, column, unit_gates, with_harms
from darkroom.gates.units import UNITS, Units
from darkroom.gates.written import parts_of, slope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

_FRAMES = of_product(HARMS, "noise_maps")
# Frames that are read for the file as it is written.
_SAMPLE = 20
#: Halves of an image, which are compared one by one.
HALVES = ("lower half", "upper half")


def facts_of(listing: StrPath) -> dict[str, dict[str, Any]]:
    """Return stack and path of each accepted frame: ``{name of the file: facts}``.

    Parameters
    ----------
    listing : path-like
        List of status files, one a line.
    """
    found = {}
    for line in Path(listing).read_text(encoding="utf-8").splitlines():
        path = line.strip()
        if not path or path.startswith("#"):
            continue
        status = read_status(path)
        if status["accepted"] and "judged" in status["facts"]:
            facts = status["facts"]["judged"] | {"path": status["path"]}
            found[Path(status["path"]).name] = facts
    return found


def names_in(path: StrPath) -> list[str]:
    """Return the files of the frames that a product was made of."""
    with fits.open(path) as hdus:
        return [str(name) for name in read_table(hdus["FRAMES"])["FILE"]]


def of_stacks(
    names: Iterable[str], facts: Mapping[str, Mapping[str, Any]], used: Iterable[str]
) -> list[str]:
    """Return those of some exposures that are of the same stacks as the frames of a product.

    Parameters
    ----------
    names : iterable of str
        Exposures.
    facts : dict
        As from `facts_of`.
    used : iterable of str
        Files of the frames of the product.
    """
    by_exposure = {name.partition(".")[0]: one for name, one in facts.items()}
    stacks = {_stack(facts[name]) for name in used if name in facts}
    return [
        name for name in names if name not in by_exposure or _stack(by_exposure[name]) in stacks
    ]


def _stack(one):
    time = one.get("exptime")
    gain, counting = one.get("commanded_gain"), one.get("photon_counting")
    return None if time is None else f"{float(time):.4g}", gain, counting


def read_rows(path: StrPath) -> dict[str, np.ndarray]:
    """Return the table UNITS of a product, a row a frame (`darkroom.cgi.darks.headers`).

    Raises
    ------
    InputError
        When the product has none, or not one row for each of its frames.
    """
    with as_written(path, f"no table {UNITS}", "make the product again"), fits.open(path) as hdus:
        rows, frames = (read_table(hdus[name]) for name in (UNITS, "FRAMES"))
    if list(rows["FILE"]) != list(frames["FILE"]):
        raise InputError(path, f"tables {UNITS} and FRAMES are of other frames",
                         "make the product again")  # fmt: skip
    return rows


def units_of(rows: Mapping[str, np.ndarray], chosen: np.ndarray | None = None) -> Units:
    """Return the units of the frames of a product.

    Parameters
    ----------
    rows : dict of (n,) arrays
        As from `read_rows`.
    chosen : (n,) bool array, optional
        Which frames; by default all.
    """
    here = np.flatnonzero(np.ones(len(rows["FILE"]), bool) if chosen is None else chosen)
    scatter = np.asarray(rows["SCATTER"], float)[here]
    with np.errstate(invalid="ignore", divide="ignore"):
        lnvar = np.where(scatter > 0, 2 * np.log(scatter), np.nan)
    # Frames are numbered by their start: no drift is seen where it is not known.
    starts = [str(rows["START"][k]) for k in here]
    order = np.argsort(np.argsort(starts, kind="stable"), kind="stable").astype(float)
    twin = same_pieces([str(rows["PIXELS"][k]) for k in here]).astype(float)
    numbers = {name: np.asarray(rows[name.upper()], float)[here] for name in ("level", "masked")}
    columns = {**numbers, "lnvar": lnvar, "twin": twin}
    return Units(
        exposure=[str(rows["FILE"][k]) for k in here],
        integration=np.ones(len(here), int),
        mjd=order,
        temperature=np.asarray(rows["TEMPERATURE"], float)[here],
        amplifiers=[0],
        values={name: values[:, None] for name, values in columns.items()},
    )


def frame_gates(units: Units, noise: float, label: str, harms: Mapping[str, float]) -> list[Gate]:
    """Return the gates of the frames of a stack.

    Parameters
    ----------
    units : Units
        Of its frames.
    noise, label
        As of `of_frames`.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    return [*unit_gates(units, with_harms(of_frames(noise, label), harms)),
            _masked(units, label, harms)]  # fmt: skip


def _masked(units, label, harms):
    """Return the gate of the flagged pixels of a frame.

    Cosmic rays are few, with tails of all lengths: their share is far from normal, and a tenth of
    the frame is no chance.
    """
    share, harm = units.values["masked"][:, 0], _FRAMES["masked"].size(harms)
    usual = float(np.nanmedian(share)) if np.isfinite(share).any() else 0.0
    lost = [f"{units.exposure[k]} lacks {100 * share[k]:.3g} %"
            for k in np.flatnonzero(share - usual > harm)]  # fmt: skip
    null = f"no frame has {100 * harm:.3g} % more flagged pixels than most"
    reason = _FRAMES["masked"].reason
    return exact(f"flagged pixels, {label}", "masked", null, "; ".join(lost[:4]), reason)


def of_frames(noise: float, label: str) -> tuple[Statistic, ...]:
    """Return the statistics of the frames of a stack.

    Parameters
    ----------
    noise : float
        Noise of a pixel in one frame, electrons before the EM register.
    label : str
        Name of the stack.
    """
    return (
        Statistic.of(_FRAMES["frame_level"], f"level, {label}", "e-", "level of the imaging area",
                     column("level"), noise, changes=False),
        Statistic.of(_FRAMES["frame_noise"], f"noise, {label}", "ln variance", "ln of the variance "
                     "of the imaging area", column("lnvar"), whole=True, drifts=False,
                     changes=False),
    )  # fmt: skip


def sampled(
    units: Units,
    facts: Mapping[str, Mapping[str, Any]],
    read: Callable[[str, tuple[int, int]], np.ndarray],
    shape: tuple[int, int],
) -> Iterator[np.ndarray]:
    """Read some frames of a product, evenly spaced, one by one; only those whose place is known.

    Parameters
    ----------
    units : Units
        The frames.
    facts : dict
        As from `facts_of`.
    read : callable
        As from `reader`.
    shape : (int, int)
        Of the product.
    """
    known = [name for name in units.exposure if name in facts]
    count = min(len(known), _SAMPLE)
    for k in sorted(set(np.linspace(0, len(known) - 1, count).astype(int).tolist())):
        yield read(facts[known[k]]["path"], shape)


def slopes_by_half(frame: np.ndarray, image: np.ndarray) -> list[float]:
    """Return the slope of a frame on an image, in each of `HALVES`; NaN where it is not determined.

    Parameters
    ----------
    frame, image : (ny, nx) arrays
        NaN where there is no value.
    """
    _, parts = parts_of(np.zeros(image.shape[1], int), image.shape[0])
    return [slope_of(frame[half].ravel(), image[half].ravel(), reach=np.inf) for half, _ in parts]


def reader(
    geometry: Geometry, raw: Callable[[], Settings]
) -> Callable[[str, tuple[int, int]], np.ndarray]:
    """Return the function that reads the pixels of a frame for the gates of a dark.

    Parameters
    ----------
    geometry : darkroom.cgi.geometry.Geometry
    raw : callable
        Returns the settings by which raw frames are prepared and divided by their EM gain, as for
        the product: their headers state no conversion gain, and no pixel is flagged.
    """

    def read(path: str, shape: tuple[int, int]) -> np.ndarray:
        """Return a frame in electrons before EM gain, NaN where flagged: whole, or its image."""
        section = geometry.section("image")
        whole = shape == tuple(geometry.shape)
        with open_frame(path) as frame:
            is_raw = level_of(frame.headers) == L1
            if not is_raw:
                data = np.empty(frame.pixels.shape, np.float64)
                dq = np.empty(data.shape, np.uint16)
                frame.pixels.read_into(0, data, None, dq)
                if frame.headers.unit == EM_ELECTRON:
                    data /= frame.headers.em_gain
        if is_raw:
            (prepared,) = prepare([path], geometry, raw())
            data, _, dq = prepared.planes(np.float64)
        data[dq != 0] = np.nan
        return data if whole else data[section]

    return read
