"""The steps of the JWST pipeline from raw exposure to rate, with one file exchanged.

What comes before the exchanged step is computed once and used for both files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import InputError
from darkroom.nircam.detector.dq import Group, Pixel
from darkroom.nircam.planning import DECK_KINDS

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Steps before a superbias is subtracted, and from there to corrected ramps.
BEFORE = ("dq_init", "saturation")
CORRECTION = ("superbias", "refpix", "linearity")
#: Reference types that all of them need.
KINDS = DECK_KINDS
_FIT = {"jump": ("jwst.jump", "JumpStep"), "ramp_fit": ("jwst.ramp_fitting", "RampFitStep")}
#: Samples that no estimate uses.
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED


@dataclass(frozen=True)
class Corrected:
    """Ramps after superbias, reference pixels and linearity.

    Attributes
    ----------
    model : stdatamodels RampModel
    first : (nints, ny, nx) float32 array
        Group 0 after reference pixels (DN), before linearity; NaN where unusable.
    """

    model: Any
    first: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """What the consumer makes of one exposure.

    Attributes
    ----------
    rate, error : (nints, ny, nx) float32 arrays
        Rate and its error (DN/s); NaN where there is none.
    var_rnoise : (nints, ny, nx) float32 array
        Part of the read noise in the variance of the rate.
    flags : (nints, ngroups, ny, nx) uint8 array
        GROUPDQ after the jump step.
    pixel_flags : (ny, nx) uint32 array
    """

    rate: np.ndarray
    error: np.ndarray
    var_rnoise: np.ndarray
    flags: np.ndarray
    pixel_flags: np.ndarray

    @property
    def jumps(self) -> np.ndarray:
        """Where the step found a jump: (nints, ngroups, ny, nx) bool array."""
        return (self.flags & np.uint8(Group.JUMP_DET)) != 0


def prepare(path: StrPath, references: Mapping[str, StrPath]) -> Any:
    """Return the ramps of a raw exposure before a superbias is subtracted.

    `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        Raw exposure, not compressed.
    references : dict
        ``{type: path}`` of `KINDS`.
    """
    from darkroom.nircam.steps import run_steps

    return run_steps(path, BEFORE, references, {}, keep=True)


def correct(
    path: StrPath,
    ramps: Any,
    references: Mapping[str, StrPath],
    superbias: StrPath,
) -> Corrected:
    """Subtract a superbias, correct by reference pixels, and linearise.

    Parameters
    ----------
    path : path-like
        Named in messages.
    ramps : stdatamodels RampModel
        From `prepare`; not changed.
    references : dict
        ``{type: path}``.
    superbias : path-like
        The file that is subtracted.
    """
    from darkroom.nircam.steps import STEPS

    model, first = ramps.copy(), np.empty(0)
    for name in CORRECTION:
        if name == "refpix" and not _has_reference(model):
            first = _first(model)
            continue
        if name == "refpix":
            overrides: dict[str, StrPath] = {"refpix": "N/A", "sirskernel": "N/A"}
        else:
            overrides = {name: superbias if name == "superbias" else references[name]}
        step = getattr(import_module(STEPS[name].module), STEPS[name].name)()
        model = _run(path, name, step, model, overrides)
        if name == "refpix":
            first = _first(model)
    return Corrected(model, first)


def subtract_dark(path: StrPath, corrected: Corrected, dark: StrPath) -> Corrected:
    """Subtract a dark from corrected ramps, as the step dark_current does.

    Parameters
    ----------
    path : path-like
        Named in messages.
    corrected : Corrected
        Not changed.
    dark : path-like
        The file that is subtracted.
    """
    from darkroom.nircam.steps import STEPS

    step = getattr(import_module(STEPS["dark_current"].module), STEPS["dark_current"].name)()
    model = _run(path, "dark_current", step, corrected.model.copy(), {"dark": dark})
    return Corrected(model, corrected.first)


def fit(
    path: StrPath,
    corrected: Corrected,
    references: Mapping[str, StrPath],
    readnoise: StrPath,
) -> Fitted:
    """Find jumps and fit the ramps with a map of the read noise.

    Parameters
    ----------
    path : path-like
        Named in messages.
    corrected : Corrected
        Not changed.
    references : dict
        ``{type: path}``, of which the gain is used.
    readnoise : path-like
        Map of the read noise.
    """
    given = {"gain": references["gain"], "readnoise": readnoise}
    ramps = _run(path, "jump", _step("jump"), corrected.model.copy(), given)
    flags = np.array(ramps.groupdq)
    rate, ints = _run(path, "ramp_fit", _step("ramp_fit"), ramps.copy(), given)
    result = rate if ints is None else ints
    stack = flags.shape[0]
    found = Fitted(
        rate=_cube(result.data, stack),
        error=_cube(result.err, stack),
        var_rnoise=_cube(result.var_rnoise, stack),
        flags=flags,
        pixel_flags=np.array(rate.dq if ramps.pixeldq is None else ramps.pixeldq),
    )
    bad = (found.pixel_flags & np.uint32(Pixel.DO_NOT_USE)) != 0
    for values in (found.rate, found.error, found.var_rnoise):
        values[:, bad] = np.nan
    return found


def jumps_of(
    path: StrPath,
    model: Any,
    data: np.ndarray,
    references: Mapping[str, StrPath],
    readnoise: StrPath,
) -> np.ndarray:
    """Return where the jump step finds jumps in other data, e.g. ramps of white noise.

    Parameters
    ----------
    path : path-like
        Named in messages.
    model : stdatamodels RampModel
        Corrected ramps, whose header is used; not changed.
    data : (nints, ngroups, ny, nx) array
        Ramps in DN.
    references, readnoise
        As for `fit`.
    """
    ramps = model.copy()
    ramps.data = np.asarray(data, np.float32)
    ramps.groupdq = np.zeros(data.shape, np.uint8)
    ramps.meta.exposure.nints = data.shape[0]
    given = {"gain": references["gain"], "readnoise": readnoise}
    found = _run(path, "jump", _step("jump"), ramps, given)
    return (np.array(found.groupdq) & np.uint8(Group.JUMP_DET)) != 0


def identical(one: Fitted, other: Fitted, first: np.ndarray, other_first: np.ndarray) -> bool:
    """Return whether two runs agree in every pixel, flag and jump."""
    pairs = [(first, other_first), (one.rate, other.rate), (one.error, other.error),
             (one.var_rnoise, other.var_rnoise)]  # fmt: skip
    flags = [(one.flags, other.flags), (one.pixel_flags, other.pixel_flags)]
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs) and all(
        np.array_equal(a, b) for a, b in flags
    )


def _has_reference(model: Any) -> bool:
    """Return whether the subarray has reference pixels; without, the step has nothing to do."""
    return bool(np.any(np.array(model.pixeldq) & np.uint32(Pixel.REFERENCE_PIXEL)))


def _first(model: Any) -> np.ndarray:
    first = np.array(model.data[:, 0], np.float32)
    first[(np.array(model.groupdq[:, 0]) & np.uint8(_UNUSABLE)) != 0] = np.nan
    return first


def _step(name: str) -> Any:
    module, cls = _FIT[name]
    return getattr(import_module(module), cls)()


def _run(path, name, step, model, overrides):
    """Run a step with given references; one that does not complete is an error."""
    for kind, reference in overrides.items():
        setattr(step, f"override_{kind}", str(reference))
    try:
        result = step.run(model)
    # CRDS calls sys.exit on some errors.
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(path, f"jwst's step {name} cannot work on it ({said})") from error
    said = (result[0] if isinstance(result, tuple) else result).meta.cal_step
    status = getattr(said, "dark_sub" if name == "dark_current" else name)
    if status != "COMPLETE":
        raise InputError(
            path,
            f"jwst's step {name} ended with {status}, not COMPLETE",
            "leave this exposure out of the deck",
        )
    return result


def _cube(values: Any, count: int) -> np.ndarray:
    array = np.array(values, np.float32)
    return array.reshape(count, *array.shape[-2:])
