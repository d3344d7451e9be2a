"""Simulated NIRCam darks: raw exposures as the archive delivers them, with their truth.

Ten detectors, full frame and subarrays, every read pattern, any number of integrations. Bias and
its offsets, reset noise, pedestals, dark current, hot pixels, cosmic rays, telegraph noise, white,
1/f (common and per amplifier) and alternating-column noise, each from a random stream of its own.

The archive finds a simulator by this module: `plan` lists the exposures, `deliver` writes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.nircam.simulate.plan import hot_regions, level_change, plan, timing
from darkroom.nircam.simulate.values import complete
from darkroom.simulate.settings import planned

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["deliver", "plan", "timing"]


def deliver(settings: dict[str, Any], name: str, path: Path) -> None:
    """Write one exposure as the archive delivers it, and its truth.

    The bytes depend on settings and name alone.

    Parameters
    ----------
    settings : dict
        Of `darkroom.nircam.simulate.settings.Simulation`; the others keep their defaults.
    name : str
        Name of one of the exposures of `plan(settings)`.
    path : pathlib.Path
        File to write. The truth (`darkroom.nircam.simulate.ramp.make_ramp`) goes to
        ``truth/<name>.npz`` in the same folder.

    Raises
    ------
    DarkroomError
        When no exposure has that name.
    """
    from functools import partial

    import numpy as np

    from darkroom.atomic import final_folder, written_atomically
    from darkroom.nircam.simulate.detector import layout
    from darkroom.nircam.simulate.faults import add_fault
    from darkroom.nircam.simulate.ramp import make_groups
    from darkroom.nircam.simulate.uncal import write_uncal

    full = complete(settings)
    exposure = planned("NIRCam", plan(settings), name)
    held = full | {"nints": exposure.nints}
    change = np.array(level_change(full, exposure, layout(full).noutputs), np.float32)
    regions = hot_regions(full, exposure)
    make = partial(
        make_groups, held, name, change=change, hot_regions=regions, first=exposure.first
    )
    with written_atomically(path) as temporary:
        truth = write_uncal(temporary, full, exposure, make)
        for fault in full["faults"]:
            if fault["exposure"] == exposure.number:
                add_fault(fault["kind"], temporary)
        if full["truth"]:
            with written_atomically(final_folder(path) / "truth" / f"{name}.npz") as beside:
                np.savez(beside, **truth)
