"""What the jobs of the NIRCam pipeline need, from the settings of an item alone.

Read each time the workflow is planned: standard library only.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.campaign.lock import Exposure

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
#: Types that an exposure may do without: rules need not have them.
OPTIONAL_KINDS = ("sirskernel",)
#: The reference files that are made; ramps are calibrated for each.
PURPOSES = ("superbias", "readnoise")
#: Parameters of the pipeline's step refpix for the corrections that are compared; those of the
#: best one by side pixels are measured.
CORRECTIONS = {
    "top_bottom": {"use_side_ref_pixels": False},
    "side": {"use_side_ref_pixels": True},
    "sirs": {"refpix_algorithm": "sirs"},
    "optimal": None,
}
_ONE_OUTPUT = "through one output the pipeline subtracts one mean, whatever is said of the sides"
_NO_FULL_FRAME = "the pipeline applies SIRS kernels to full frames only"
_CORRECTED_STEPS = ("dq_init", "saturation", "superbias", "refpix")


def reference_kinds(steps: Iterable[str]) -> list[str]:
    """Return the reference types that steps need, sorted, each once.

    Raises
    ------
    DarkroomError
        For a step that there is not.
    """
    if unknown := [name for name in steps if name not in STEP_KINDS]:
        raise DarkroomError(f"there is no step {unknown[0]!r}; there are {', '.join(STEP_KINDS)}")
    return sorted({kind for name in steps for kind in STEP_KINDS[name]})


def item_kinds(nircam: Mapping[str, Any]) -> list[str]:
    """Return the reference types that an item needs: for its steps and to compare with.

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
    return sorted(kinds)


def subtracts_made(nircam: Mapping[str, Any], purpose: str) -> bool:
    """Tell whether the superbias just made is subtracted before a product.

    Raises
    ------
    DarkroomError
        When it would be subtracted before it is made.
    """
    steps = nircam["steps"]
    if "superbias" not in steps[purpose] or steps["superbias_from"] == "crds":
        return False
    if purpose == "superbias":
        raise DarkroomError(
            "steps.superbias subtracts a superbias, which is only made from them; set "
            "steps.superbias_from: crds, or leave that step out"
        )
    return True


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


def check_alike(item: str, rows: Sequence[Exposure]) -> None:
    """Refuse an item whose exposures, by the lock, are not all of one kind.

    Parameters
    ----------
    item : str
    rows : sequence
        Of the lock: ``exposure`` and ``facts``.

    Raises
    ------
    DarkroomError
        Naming the first exposure that differs from most.
    """
    for fact in ("detector", "subarray", "readpatt"):
        values = [row.facts.get(fact) for row in rows]
        usual = max(values, key=values.count, default=None)
        odd = next((row for row, value in zip(rows, values, strict=True) if value != usual), None)
        if odd is not None:
            raise DarkroomError(
                f"item {item}: {fact} of {odd.exposure} is {odd.facts.get(fact) or 'unknown'}, of "
                f"{values.count(usual)} other exposures {usual}; one reference file is made of "
                "exposures of one kind: choose them, or make an item of each kind"
            )


def noise_purpose(nircam: Mapping[str, Any]) -> str:
    """Return the purpose whose ramps the noise is measured on.

    Those of the superbias when they are calibrated the same way, so that it is done once.
    """
    same = calibrate_options(nircam, "superbias") == calibrate_options(nircam, "noise")
    return "superbias" if same else "noise"


def correction_options(correction: str) -> str:
    """Return the options of calibrate.py for one of `CORRECTIONS`, as one argument string."""
    parameters = CORRECTIONS[correction]
    return _step_options(_CORRECTED_STEPS, {"refpix": parameters} if parameters else {})


def corrections_of(nircam: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, str]:
    """Return the corrections to compare for exposures with these facts of the lock.

    Returns
    -------
    dict
        ``{name: ""}``, or why that correction cannot be made of such exposures. One that can be is
        always among them, unless none was chosen.
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
        Of the lock: ``shape`` (rows x columns), ``nints``, ``ngroups``; where they are not known,
        a full frame and 20 groups are assumed.
    megabytes : int
        Of the programs themselves.
    bytes_per_sample : int
        Of each sample (measured: 1.25 GB for 10 full frames).
    """
    ny, _, nx = facts.get("shape", "2048x2048").partition("x")
    groups = int(facts.get("nints") or 1) * int(facts.get("ngroups") or 20)
    samples = int(ny) * int(nx) * groups
    return megabytes + int(samples * bytes_per_sample / 1e6)
