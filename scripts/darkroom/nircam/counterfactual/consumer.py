"""The steps of the JWST pipeline from raw exposure to rate, with one file exchanged.

What comes before the exchanged step is computed once and used for both files.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
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
# Fewer groups the step jump skips.
_LEAST_GROUPS = 3
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


def load_steps() -> None:
    """Import the steps, and keep what they consist of out of the search for unused memory.

    A step makes that search each time it is run, which took a fifth of the whole.
    """
    from darkroom.nircam.steps import STEPS

    for name in (*BEFORE, *CORRECTION, "dark_current"):
        import_module(STEPS[name].module)
    for module, _ in _FIT.values():
        import_module(module)
    # The first model reads 800 schemas; worker processes of a batch share them.
    import_module("stdatamodels.jwst.datamodels").RampModel().close()
    gc.collect()
    gc.freeze()


def prepare(path: StrPath, references: Mapping[str, StrPath], plain: StrPath) -> Any:
    """Return the ramps of a raw exposure before a superbias is subtracted.

    `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        Raw exposure, named in messages.
    references : dict
        ``{type: path}`` of `KINDS`.
    plain : path-like
        The file that is read, not compressed.
    """
    from darkroom.nircam.steps import run_steps

    return run_steps(path, BEFORE, references, {}, plain=plain, keep=True)


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
    paths: Sequence[StrPath],
    corrected: Corrected,
    counts: Sequence[int],
    references: Mapping[str, StrPath],
    readnoise: StrPath,
) -> list[Fitted]:
    """Find jumps and fit the ramps of each exposure of a stack with a map of the read noise.

    The functions of the steps are called with the steps' own settings, for each exposure by itself,
    whose integrations they compare. Run for each, the steps would open the references and build
    models with all cards anew, which takes several times as long as jumps and fit.

    Parameters
    ----------
    paths : sequence of path-like
        Exposures, named in messages.
    corrected : Corrected
        Of the stack; not changed.
    counts : sequence of int
        Integrations of each exposure.
    references : dict
        ``{type: path}``, of which the gain is used.
    readnoise : path-like
        Map of the read noise.

    Returns
    -------
    list of Fitted
    """
    given = {"gain": references["gain"], "readnoise": readnoise}
    data, groupdq = np.array(corrected.model.data), np.array(corrected.model.groupdq)
    pixeldq = np.array(corrected.model.pixeldq)
    model = corrected.model.copy()
    jumps, planes = _jump_data(paths[0], model, given), _planes(paths[0], model, given)
    found, start = [], 0
    for path, count in zip(paths, counts, strict=True):
        part = slice(start, start + count)
        start += count
        flags, pixels = _jumps(path, jumps, data[part], groupdq[part], pixeldq)
        model.data, model.groupdq, model.pixeldq = data[part].copy(), flags.copy(), pixels.copy()
        model.meta.exposure.nints = count
        found.append(_fitted(_slopes(path, model, planes), flags, pixels))
    return found


def _fitted(result, flags, pixels):
    found = Fitted(
        rate=np.array(result["slope"], np.float32),
        error=np.array(result["err"], np.float32),
        var_rnoise=np.array(result["var_rnoise"], np.float32),
        flags=flags,
        pixel_flags=pixels,
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
    jumps = _jump_data(path, model, {"gain": references["gain"], "readnoise": readnoise})
    values, nothing = np.asarray(data, np.float32), np.zeros(data.shape, np.uint8)
    flags, _ = _jumps(path, jumps, values, nothing, np.array(model.pixeldq))
    return (flags & np.uint8(Group.JUMP_DET)) != 0


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


def step_of(name: str) -> Any:
    """Return the step jump or ramp_fit, with the pipeline's own settings."""
    module, cls = _FIT[name]
    return getattr(import_module(module), cls)()


def _override(step, references):
    for kind, reference in references.items():
        setattr(step, f"override_{kind}", str(reference))


def _run(path, name, step, model, overrides):
    """Run a step with given references; one that does not complete is an error."""
    _override(step, overrides)
    try:
        result = step.run(model)
    # CRDS calls sys.exit on some errors.
    except (Exception, SystemExit) as error:
        fault = f"jwst's step {name} cannot work on it ({_words(error)})"
        raise InputError(path, fault) from error
    status = getattr(result.meta.cal_step, "dark_sub" if name == "dark_current" else name)
    if status != "COMPLETE":
        raise InputError(
            path,
            f"jwst's step {name} ended with {status}, not COMPLETE",
            "leave this exposure out of the deck",
        )
    return result


def _jump_data(path, model, given):
    """Return settings and references of the step jump for ramps, as it puts them together."""
    step = step_of("jump")
    _override(step, given)
    if model.data.shape[1] < _LEAST_GROUPS:
        raise InputError(
            path, f"jwst's step jump works on {_LEAST_GROUPS} groups or more",
            "leave this exposure out of the deck",
        )  # fmt: skip
    try:
        return step._setup_jump_data(model)
    # CRDS calls sys.exit on some errors.
    except (Exception, SystemExit) as error:
        fault = f"jwst's step jump cannot work on it ({_words(error)})"
        raise InputError(path, fault) from error


def _jumps(path, jumps, data, groupdq, pixeldq):
    """Return the flags of groups and of pixels of an exposure after the step jump."""
    from stcal.jump.jump import detect_jumps_data

    jumps.init_arrays_from_arrays(data, groupdq.copy(), pixeldq.copy())
    try:
        flags, pixels, _, _ = detect_jumps_data(jumps)
    except Exception as error:
        fault = f"jwst's step jump cannot work on it ({_words(error)})"
        raise InputError(path, fault) from error
    return np.array(flags), np.array(pixels)


def _planes(path, model, given):
    """Return read noise and gain of the pixels of ramps, as the step ramp_fit cuts them."""
    from jwst.ramp_fitting.ramp_fit_step import get_reference_file_subarrays
    from stdatamodels.jwst import datamodels

    try:
        with (
            datamodels.ReadnoiseModel(str(given["readnoise"])) as first,
            datamodels.GainModel(str(given["gain"])) as second,
        ):
            return tuple(
                np.array(one) for one in get_reference_file_subarrays(model, first, second)
            )
    except Exception as error:
        raise InputError(
            path, f"jwst's step ramp_fit cannot work on it ({_words(error)})"
        ) from error


def _slopes(path, ramps, planes):
    """Fit ramps as the step ramp_fit does: ``{name: (nints, ny, nx) array}``."""
    from jwst.datamodels import dqflags
    from stcal.ramp_fitting.ramp_fit import ramp_fit

    step = step_of("ramp_fit")
    # The fit scales them in place.
    noise, gain = (one.copy() for one in planes)
    try:
        _, found, _ = ramp_fit(
            ramps, False, noise, gain, step.algorithm, step.weighting, step.maximum_cores,
            dqflags.pixel, suppress_one_group=step.suppress_one_group,
        )  # fmt: skip
    except Exception as error:
        raise InputError(
            path, f"jwst's step ramp_fit cannot work on it ({_words(error)})"
        ) from error
    if found is None:
        raise InputError(
            path, "jwst's step ramp_fit finds no slope in it", "leave this exposure out of the deck"
        )
    return found


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
