"""Calibrated ramps that are computed when they are read, with what a file of ramps offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import InputError
from darkroom.fits.tiles import DTYPES
from darkroom.integrity.records import advice_to_fetch_again
from darkroom.integrity.seen import expect
from darkroom.nircam.chain.bands import Chain
from darkroom.nircam.chain.exposure import RawExposure, lost_parts
from darkroom.nircam.chain.follows import VERSIONS
from darkroom.nircam.chain.groups import Inputs
from darkroom.nircam.chain.memory import Memory
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.recipe import Recipe, ramps_path, read_recipe
from darkroom.nircam.chain.references import References
from darkroom.nircam.chain.sirs import read_kernels
from darkroom.nircam.ramps.files import RampFile, blank_lost
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.hints import StrPath

#: Cards of the status of each step.
STATUS_CARDS = {
    "group_scale": "S_GRPSCL",
    "dq_init": "S_DQINIT",
    "saturation": "S_SATURA",
    "ipc": "S_IPC",
    "superbias": "S_SUPERB",
    "refpix": "S_REFPIX",
    "linearity": "S_LINEAR",
    "dark_current": "S_DARK",
}
#: Cards of the reference files.
REFERENCE_CARDS = {
    "mask": "R_MASK",
    "saturation": "R_SATURA",
    "superbias": "R_SUPERB",
    "ipc": "R_IPC",
    "linearity": "R_LINEAR",
    "dark": "R_DARK",
    "sirskernel": "R_SIRSKL",
}
_ZEROFRAME_LACKING = "ZEROFRAM is T, but the file has no extension"


class Job:
    """What the exposures of a job share: references, each read and verified once, and memory."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[str, int]] = {}
        self.references = References(self._check)
        self.memory = Memory()
        self._raws: dict[str, RawExposure] = {}
        self._lost: dict[tuple[str, bool], Mapping[tuple[int, int], np.ndarray]] = {}

    def keep_raw(self, paths: Iterable[StrPath]) -> None:
        """Let several ramps of one raw file share it: it is opened, and looked through, once."""
        for path in paths:
            if str(path) not in self._raws:
                self._raws[str(path)] = RawExposure(path)

    def raw(self, path: StrPath) -> RawExposure:
        """Return a raw exposure."""
        return self._raws.get(str(path)) or RawExposure(path)

    def lost(self, raw: RawExposure, whole: bool) -> Mapping[tuple[int, int], np.ndarray]:
        """Return what was lost of a raw exposure, see `lost_parts`."""
        if str(raw.path) not in self._raws:
            return lost_parts(raw, whole)
        key = str(raw.path), whole
        if key not in self._lost:
            self._lost[key] = lost_parts(raw, whole)
        return self._lost[key]

    def uncorrected(self, path: StrPath) -> RampFile | None:
        """Return a raw exposure that is kept, as a file whose reading others share; else None."""
        raw = self._raws.get(str(path))
        if raw is None:
            return None
        chain = Chain(raw, chosen_steps((), {}), Inputs({}), self.references, {}, self.memory)
        return replace(raw.file, sci=_Cube(chain, raw.file.sci.first.dtype))  # type: ignore[arg-type]

    def expect(self, recipe: Recipe) -> None:
        """Note the content that the files of a recipe must have."""
        for used in recipe.references.values():
            stated = used.sha256, used.size
            if self._sums.setdefault(used.path, stated) != stated:
                raise InputError(
                    used.path,
                    "this reference has changed since the ramps were checked: those of two "
                    "exposures state different bytes of it",
                    advice_to_fetch_again("jwst"),
                )

    def forget(self) -> None:
        """Give up the memory; what was in it is read again when it is needed again."""
        self.references.forget()
        self.memory.forget()

    def _check(self, path: Path) -> None:
        expected = self._sums.get(str(path))
        if expected is None:
            return
        again = advice_to_fetch_again("jwst")
        if not path.is_file() or path.stat().st_size != expected[1]:
            raise InputError(path, "this reference is gone or has changed since", again)
        if sha256(path) != expected[0]:
            raise InputError(path, "this reference has changed since the ramps were checked", again)


@dataclass(frozen=True)
class _Plane:
    """One group of the ramps: values or flags, computed when they are read."""

    chain: Chain
    integration: int
    group: int
    dtype: np.dtype
    shape: tuple[int, int]
    bzero: float = 0.0

    @property
    def nbytes(self) -> int:
        """Size of the plane in bytes."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def read_into(self, values: np.ndarray, first: int, _name: StrPath | None = None) -> None:
        """Read rows into an array, (nrows, nx) float32, DN."""
        target = values if values.flags.c_contiguous else np.empty(values.shape, np.float32)
        self.chain.values_into(self.integration, self.group, first, target)
        if target is not values:
            values[:] = target

    def stored(self, first: int, nrows: int, _name: StrPath | None = None) -> np.ndarray:
        """Return rows as a file of ramps has them."""
        if self.dtype.itemsize == 1:
            return self.chain.flags(self.integration, self.group, first, nrows)
        if self.dtype.kind == "i":
            return self.chain.raw.stored(self.integration, self.group, first, nrows).view(">i2")
        values = np.empty((nrows, self.shape[1]), np.float32)
        self.chain.values_into(self.integration, self.group, first, values)
        return values.astype(self.dtype)


@dataclass(frozen=True)
class _Cube:
    chain: Chain
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.chain.shape

    @property
    def first(self) -> _Plane:
        return self.plane(0, 0)

    def plane(self, integration: int, group: int) -> _Plane:
        """Return one group."""
        return _Plane(self.chain, integration, group, self.dtype, self.shape[2:])


@dataclass(frozen=True)
class _PixelFlags:
    """PIXELDQ as a file of ramps stores it: less 2^31."""

    chain: Chain
    bzero: float = 2.0**31

    @property
    def shape(self) -> tuple[int, ...]:
        return self.chain.shape[2:]

    def stored(self, first: int, nrows: int, _name: StrPath | None = None) -> np.ndarray:
        """Return rows of it."""
        rows = self.chain.pixeldq[first : first + nrows].astype(np.int64)
        return (rows - int(self.bzero)).astype(np.int32)


@dataclass(frozen=True)
class CalibratedRamp(RampFile):
    """An exposure after the steps of a recipe; it offers what `RampFile` does.

    Attributes
    ----------
    chain : Chain
    recipe : Recipe
    """

    chain: Any = None
    recipe: Any = None

    def read(
        self, integration: int, group: int, first: int, values: np.ndarray, flags: int = 0
    ) -> None:
        """Read rows of one group, as `RampFile.read` does."""
        if not flags:
            self.sci.plane(integration, group).read_into(values, first)
            blank_lost(values)
            return
        target = values if values.flags.c_contiguous else np.empty(values.shape, np.float32)
        bits = self.chain.read_into(integration, group, first, target)
        blank_lost(target)
        bits &= np.uint8(flags)
        if bits.any():
            target[bits != 0] = np.nan
        if target is not values:
            values[:] = target


def open_calibrated(path: StrPath, job: Job | None = None) -> CalibratedRamp:
    """Return the ramps of a recipe, without computing any.

    Parameters
    ----------
    path : path-like
        The recipe.
    job : Job, optional
        Shared by the exposures of a program.

    Raises
    ------
    InputError
        When the raw file or a reference is missing or has changed, or cannot be used.
    """
    recipe = read_recipe(path)
    return calibrated(recipe, ramps_path(path), job)


def calibrated(recipe: Recipe, path: Path, job: Job | None = None) -> CalibratedRamp:
    """Return the ramps of a recipe under the path that they would have."""
    job = job or Job()
    job.expect(recipe)
    again = "run again: the ramps are checked again"
    raw_path = Path(recipe.raw.path)
    if not raw_path.is_file() or raw_path.stat().st_size != recipe.raw.size:
        raise InputError(raw_path, "was checked, but is gone or has changed since", again)
    expect(raw_path, recipe.raw.sha256, "its recipe")
    raw, chosen = job.raw(raw_path), recipe.chosen
    files = {kind: Path(used.path) for kind, used in recipe.references.items()}
    made = files.pop("made", None)
    kernels = None
    if chosen.sirs:
        kernels = read_kernels(files["sirskernel"], str(raw.header["DETECTOR"]).strip())
    lost = {} if recipe.complete else job.lost(raw, "refpix" in chosen)
    chain = Chain(raw, chosen, Inputs(files, made, kernels), job.references, lost, job.memory)
    header = dict(raw.file.header)
    header |= {STATUS_CARDS[name]: status for name, status in chain.statuses.items()}
    if chosen.sirs:
        header["R_SIRSKL"] = recipe.references["sirskernel"].name
    if superbias := recipe.references.get("made") or recipe.references.get("superbias"):
        header["R_SUPERB"] = superbias.name
    header["STEPSBY"] = f"darkroom, as {VERSIONS}"
    faults = raw.file.faults
    if lacking := [fault for fault in faults if fault.startswith(_ZEROFRAME_LACKING)]:
        header["ZEROFRAM"] = False
        faults = tuple(fault for fault in faults if fault not in lacking)
    return CalibratedRamp(
        path=path,
        header=header,
        sci=_Cube(chain, np.dtype(DTYPES[-32])),  # type: ignore[arg-type]
        groupdq=_Cube(chain, np.dtype(np.uint8)),  # type: ignore[arg-type]
        pixeldq=_PixelFlags(chain),  # type: ignore[arg-type]
        mjd=raw.file.mjd,
        first_integration=raw.file.first_integration,
        faults=faults,
        remarks=raw.file.remarks,
        chain=chain,
        recipe=recipe,
    )
