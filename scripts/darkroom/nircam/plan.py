"""What the NIRCam road's jobs need, told from an item's settings alone.

Read each time the workflow is planned: standard library only.
"""

from __future__ import annotations

import json
import shlex

from darkroom.errors import DarkroomError

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
#: The products that ramps are calibrated for.
PURPOSES = ("superbias", "readnoise")


def reference_kinds(steps):
    """Return the reference types that steps need, sorted, each once.

    Raises
    ------
    DarkroomError
        For a step that there is not.
    """
    if unknown := [name for name in steps if name not in STEP_KINDS]:
        raise DarkroomError(f"there is no step {unknown[0]!r}; there are {', '.join(STEP_KINDS)}")
    return sorted({kind for name in steps for kind in STEP_KINDS[name]})


def item_kinds(nircam):
    """Return the reference types that an item needs: for its steps and to compare with.

    Parameters
    ----------
    nircam : dict
        The item's settings of the NIRCam road.
    """
    kinds = {kind for purpose in PURPOSES for kind in reference_kinds(nircam["steps"][purpose])}
    kinds |= {purpose for purpose in PURPOSES if nircam[purpose]["previous"] == "crds"}
    return sorted(kinds)


def subtracts_made(nircam, purpose):
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


def calibrate_options(nircam, purpose):
    """Return the options of calibrate.py for an item's ramps, as one argument string."""
    steps = nircam["steps"]
    chosen = {
        name: steps["parameters"][name] for name in steps[purpose] if name in steps["parameters"]
    }
    words = ["--steps", *steps[purpose]]
    if chosen:
        words += ["--parameters", json.dumps(chosen, sort_keys=True)]
    return shlex.join(words)


def check_alike(item, rows):
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


def ramp_memory(facts, megabytes=800, bytes_per_sample=20):
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
