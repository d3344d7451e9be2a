"""Planning of the NIRCam jobs from the settings of an item: references, steps, memory.

Imported each time the workflow is planned: standard library only.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from darkroom.errors import DarkroomError
from darkroom.nircam.chain.parameters import chosen_steps

#: Reference types that each step of the pipeline needs, by the step's name.
STEP_KINDS = {
    "group_scale": (),
    "dq_init": ("mask",),
    "saturation": ("saturation", "superbias"),
    "ipc": ("ipc",),
    "superbias": ("superbias",),
    "refpix": (),
    "linearity": ("linearity",),
    "dark_current": ("dark",),
}
#: Reference types that an exposure may do without: CRDS may have no file.
OPTIONAL_KINDS = ("sirskernel",)
#: The reference files that are made; ramps are calibrated for each.
PURPOSES = ("superbias", "readnoise")
#: Parameters of the refpix step for each correction that is compared; None: they are measured.
CORRECTIONS = {
    "top_bottom": {"use_side_ref_pixels": False},
    "side": {"use_side_ref_pixels": True},
    "sirs": {"refpix_algorithm": "sirs"},
    "optimal": None,
}
#: Reference types that the steps need through which new files are compared.
DECK_KINDS = ("gain", "linearity", "mask", "readnoise", "saturation", "superbias")
_SEGMENT = re.compile(r"-seg\d+")
_ONE_OUTPUT = "through one output the pipeline subtracts one mean, regardless of the side pixels"
_NO_FULL_FRAME = "the pipeline applies SIRS kernels to full frames only"
_CORRECTED_STEPS = ("dq_init", "saturation", "superbias", "refpix")


def reference_kinds(steps: Iterable[str]) -> list[str]:
    """Return the reference types that steps need, sorted, each once.

    Raises
    ------
    DarkroomError
        For a step that does not exist.
    """
    if unknown := [name for name in steps if name not in STEP_KINDS]:
        raise DarkroomError(
            f"there is no step {unknown[0]!r}; known steps: {', '.join(STEP_KINDS)}"
        )
    return sorted({kind for name in steps for kind in STEP_KINDS[name]})


def item_kinds(nircam: Mapping[str, Any]) -> list[str]:
    """Return the reference types that an item needs, for its steps and for comparison.

    Parameters
    ----------
    nircam : dict
        The item's settings of the NIRCam pipeline.
    """
    steps = [nircam["steps"][purpose] for purpose in PURPOSES]
    if nircam["spectrum"]["make"]:
        steps.append(nircam["steps"]["noise"])
    chosen = [nircam["steps"]["parameters"].get("refpix", {}).get("refpix_algorithm")]
    if nircam["reference_pixels"]["make"] and nircam["reference_pixels"]["corrections"]:
        steps.append(_CORRECTED_STEPS)
        chosen += nircam["reference_pixels"]["corrections"]
    kinds = {kind for names in steps for kind in reference_kinds(names)}
    if "sirs" in chosen:
        kinds |= set(OPTIONAL_KINDS)
    kinds |= {purpose for purpose in PURPOSES if nircam[purpose]["previous"] == "crds"}
    kinds |= {
        product
        for product in ("dark", "mask")
        if nircam[product]["make"] and nircam[product]["previous"] == "crds"
    }
    if nircam["dark"]["make"] and nircam["dark"]["gain"] is None:
        kinds.add("gain")
    return sorted(kinds)


def without_segment(name: str) -> str:
    """Return the name of the exposure of which a file is a segment."""
    return _SEGMENT.sub("", name)


def check_dark(nircam: Mapping[str, Any], item: str) -> None:
    """Refuse a dark or a mask that cannot be made with the other settings of an item.

    Raises
    ------
    DarkroomError
        Saying what to set.
    """
    dark, mask = nircam["dark"], nircam["mask"]
    if mask["make"] and mask["method"] != "classes":
        raise DarkroomError(
            f"item {item}: mask.method reffiles needs the slopes of ramp_fit, which is not run "
            "here; use method classes, or run the program mask on _rateints.fits files"
        )
    if mask["make"] and not (dark["make"] and dark["method"] == "gls"):
        raise DarkroomError(
            f"item {item}: mask.make needs the dark of method gls; set dark.make: true, "
            "dark.method: gls"
        )
    if not dark["make"]:
        return
    if dark["method"] != "gls":
        raise DarkroomError(
            f"item {item}: dark.method reffiles needs the flags of the step jump, which is not run "
            "here; use method gls, or run the program dark on ramps after jump"
        )
    steps = nircam["steps"]["readnoise"]
    lacking = [name for name in ("superbias", "linearity") if name not in steps]
    if lacking or "dark_current" in steps:
        raise DarkroomError(
            f"item {item}: dark.make uses the ramps of steps.readnoise, which must include "
            f"superbias and linearity, and not dark_current; they are {', '.join(steps)}"
        )
    dark_origin(nircam, item)


def dark_origin(nircam: Mapping[str, Any], item: str) -> str:
    """Return the time at which the dark of an item is 0: that which its superbias needs.

    Raises
    ------
    DarkroomError
        When the settings say another one than the superbias made here needs.
    """
    origin, superbias = nircam["dark"]["origin"], nircam["superbias"]
    at_reset = superbias["method"] == "aligned" and (
        superbias["sample"] == "intercept"
        or (superbias["sample"] == "pedestal" and superbias["pedestal"] == "reset")
    )
    made = subtracts_made(nircam, "readnoise")
    needed = "reset" if made and at_reset else "first_group"
    if origin == "superbias":
        return needed
    if made and origin != needed:
        raise DarkroomError(
            f"item {item}: dark.origin is {origin}, but with superbias.sample "
            f"{superbias['sample']} the superbias made here needs {needed}; leave dark.origin out"
        )
    return str(origin)


def subtracts_made(nircam: Mapping[str, Any], purpose: str) -> bool:
    """Return whether the superbias made here is subtracted before a product.

    Raises
    ------
    DarkroomError
        When the superbias would be needed to make itself, or one would be made of exposures of
        which one was subtracted: it would be 0.
    """
    steps = nircam["steps"]
    if "superbias" not in steps[purpose]:
        return False
    if purpose == "superbias":
        raise DarkroomError(
            "steps.superbias includes the step superbias: a superbias made after these steps would "
            "be 0; leave that step out"
        )
    return bool(steps["superbias_from"] == "made")


def calibrate_options(nircam: Mapping[str, Any], purpose: str) -> str:
    """Return the options of calibrate.py for an item's ramps, as one argument string."""
    steps = nircam["steps"]
    chosen = {
        name: steps["parameters"][name] for name in steps[purpose] if name in steps["parameters"]
    }
    return _step_options(steps[purpose], chosen)


def _step_options(steps, parameters):
    words = ["--steps", *steps]
    if parameters:
        words += ["--parameters", json.dumps(parameters, sort_keys=True)]
    return shlex.join(words)


def noise_purpose(nircam: Mapping[str, Any]) -> str:
    """Return the purpose whose ramps are used to measure the noise.

    It is that of the superbias when its steps are the same, so that ramps are calibrated once.
    """
    same = calibrate_options(nircam, "superbias") == calibrate_options(nircam, "noise")
    return "superbias" if same else "noise"


def check_engine(nircam: Mapping[str, Any]) -> None:
    """Refuse steps and parameters that the engine of an item cannot do.

    Raises
    ------
    DarkroomError
        Naming the purpose of the ramps.
    """
    if nircam["engine"] == "jwst":
        return
    for purpose in (*PURPOSES, "noise"):
        steps = nircam["steps"][purpose]
        try:
            chosen_steps(steps, nircam["steps"]["parameters"])
        except DarkroomError as error:
            raise DarkroomError(f"steps of the {purpose}: {error}") from error


def correction_options(correction: str) -> str:
    """Return the options of calibrate.py for one of `CORRECTIONS`, as one argument string."""
    parameters = CORRECTIONS[correction]
    return _step_options(_CORRECTED_STEPS, {"refpix": parameters} if parameters else {})


def corrections_of(nircam: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, str]:
    """Return the corrections to compare for exposures of a subarray.

    Parameters
    ----------
    nircam : dict
        The item's settings of the NIRCam pipeline.
    facts : dict
        Header values in the lock: ``subarray``.

    Returns
    -------
    dict
        ``{name: ""}``, or the reason why that correction is not possible. At least one is possible,
        unless none was chosen.
    """
    chosen = nircam["reference_pixels"]["corrections"]
    subarray = facts.get("subarray") or "FULL"
    if subarray == "FULL":
        why = {}
    elif subarray.startswith("SUBGRISM"):
        why = {"sirs": _NO_FULL_FRAME}
    else:
        why = dict.fromkeys(("side", "sirs", "optimal"), _ONE_OUTPUT)
    found = {name: why.get(name, "") for name in chosen}
    return found if not found or "" in found.values() else {"top_bottom": ""} | found


def ramp_memory(
    facts: Mapping[str, str], megabytes: int = 800, bytes_per_sample: float = 20
) -> int:
    """Return the memory in MB that the pipeline's steps take on one exposure.

    Parameters
    ----------
    facts : dict
        Header values in the lock: ``shape`` (rows x columns), ``nints``, ``ngroups``; where they
        are unknown, a full frame and 20 groups are assumed.
    megabytes : int
        Memory of the program without data (MB).
    bytes_per_sample : float
        Memory per sample (measured: 1.25 GB for 10 full frames).
    """
    ny, _, nx = facts.get("shape", "2048x2048").partition("x")
    groups = int(facts.get("nints") or 1) * int(facts.get("ngroups") or 20)
    samples = int(ny) * int(nx) * groups
    return megabytes + int(samples * bytes_per_sample / 1e6)
