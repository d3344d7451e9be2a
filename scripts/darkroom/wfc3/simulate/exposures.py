"""Simulated WFC3/IR exposures: RAWs as the archive delivers them, with their truth.

Full frame and subarrays, every sample sequence, stars and galaxies under a distorted and dithered
sky, zodiacal light, dark current, cosmic rays, blobs, anomalous pixels, non-linearity and
saturation; and the variable background that the pipeline treats: scattered light at the start or
the end of an exposure, airglow over the whole field, the trail of a satellite. Every component has
a random stream of its own, keyed by seed, component and exposure.

The archive finds a simulator by this module: `plan` lists the exposures, `deliver` writes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.simulate.settings import planned
from darkroom.wfc3.simulate.plan import plan
from darkroom.wfc3.simulate.values import complete

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["deliver", "plan"]


def deliver(settings: dict[str, Any], name: str, path: Path) -> None:
    """Write one exposure as the archive delivers it, and its truth.

    The bytes depend on settings and name alone.

    Parameters
    ----------
    settings : dict
        Overlay of `darkroom.wfc3.simulate.settings.Simulation`.
    name : str
        Name of one of the exposures of `plan(settings)`.
    path : pathlib.Path
        File to write. The truth (`darkroom.wfc3.simulate.ramp.make_reads`) goes to
        ``truth/<name>.npz`` in the same folder.

    Raises
    ------
    DarkroomError
        When no exposure has that name.
    """
    import numpy as np

    from darkroom.atomic import final_folder, written_atomically
    from darkroom.fits.write import save
    from darkroom.wfc3.simulate.ramp import make_reads
    from darkroom.wfc3.simulate.raw import raw

    full, exposure = complete(settings), planned("WFC3", plan(settings), name)
    reads, truth = make_reads(full, exposure)
    if full["truth"]:
        with written_atomically(final_folder(path) / "truth" / f"{name}.npz") as temporary:
            np.savez(temporary, **truth)
    with written_atomically(path) as temporary:
        save(temporary, raw(full, exposure, reads))
