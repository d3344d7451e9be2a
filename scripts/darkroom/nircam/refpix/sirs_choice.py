"""Choice of the file of SIRS kernels for an exposure.

Without a kernel for the detector, the pipeline's step refpix logs a warning and uses running
medians; here that is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.nircam.chain.sirs import detectors

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from darkroom.hints import StrPath

#: Reference type of SIRS kernels in the pipeline.
KIND = "sirskernel"


def asks_for_sirs(steps: Collection[str], parameters: dict[str, dict[str, Any]]) -> bool:
    """Tell whether steps with these parameters apply SIRS kernels."""
    return "refpix" in steps and parameters.get("refpix", {}).get("refpix_algorithm") == "sirs"


def choose_kernel(path: StrPath, candidates: Sequence[StrPath | None]) -> Path:
    """Return the first kernel file with kernels for the detector of an exposure.

    Parameters
    ----------
    path : path-like
        The exposure.
    candidates : sequence of path-like or None
        Kernel files in order of preference; None is skipped.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DarkroomError
        When the exposure is not a full frame, or no candidate has kernels for its detector.
    """
    header = fits.getheader(path)
    detector, subarray = (str(header.get(card, "")) for card in ("DETECTOR", "SUBARRAY"))
    if "FULL" not in subarray:
        raise DarkroomError(
            f"{path}: SUBARRAY is {subarray or 'not given'}; the pipeline's step refpix applies "
            "SIRS kernels to full frames only: use refpix_algorithm: median"
        )
    given = [Path(candidate) for candidate in candidates if candidate is not None]
    for candidate in given:
        if detector.lower() in detectors(candidate):
            return candidate
    held = ", ".join(f"{one.name} has none" for one in given) or "CRDS has no such file"
    raise DarkroomError(
        f"{path}: no SIRS kernels for {detector} ({held}); make them from the reference pixels of "
        "darks (sirs_kernel.py, option --sirs-kernel of calibrate.py), or use "
        "refpix_algorithm: median"
    )
