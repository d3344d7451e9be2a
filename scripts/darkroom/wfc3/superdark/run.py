"""A superdark made of dark RAWs, from files to files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.atomic import private_folder, write_text
from darkroom.wfc3.dq import HOT, SATURATED, UNSTABLE, WARM
from darkroom.wfc3.simulate.names import MOST_READS
from darkroom.wfc3.superdark.combine import combine
from darkroom.wfc3.superdark.compare import compare
from darkroom.wfc3.superdark.product import hst_date, write_details, write_reference
from darkroom.wfc3.superdark.ramps import Reads, check_alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.wfc3.superdark.combine import Superdark
    from darkroom.wfc3.superdark.ramps import Dark
    from darkroom.wfc3.superdark.settings import SuperdarkSettings

#: Change of a dark's level that is more than any seen from 2009 to 2016 (Data Handbook 7.4), e-/s.
USUAL_LEVEL = 0.03
#: Variance over that of the noise model beyond which the report says so.
_USUAL_FACTORS = 0.8, 1.25


def make(
    darks: Sequence[Dark],
    settings: SuperdarkSettings,
    output: Path,
    details: Path,
    *,
    previous: StrPath | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Make a superdark and its details.

    Parameters
    ----------
    darks : sequence of Dark
    settings : SuperdarkSettings
    output, details : pathlib.Path
        Files to write.
    previous : path-like, optional
        The dark in use, to compare with.
    threads : int
        Threads of the calibration.

    Returns
    -------
    dict
        Numbers of the result, for the report; ``warnings``: sentences.

    Raises
    ------
    InputError
        When a file is no dark, or the darks are not alike.
    DarkroomError
        When USEAFTER is to be no date.
    """
    hst_date(settings.useafter)
    check_alike(darks)
    with private_folder(output.parent, output.stem) as folder:
        reads = Reads(folder, darks, threads)
        dark = combine(reads, reads.noise, reads.times, settings)
        compared = compare(previous, dark, reads) if previous else None
    recorded = asdict(settings)
    write_reference(output, dark, reads, darks, settings, recorded)
    write_details(details, dark, reads, darks, recorded)
    return _numbers(dark, reads, darks) | {
        "useafter": settings.useafter,
        "compared": asdict(compared) if compared else None,
        "warnings": [*reads.warnings, *_warnings(dark, reads, darks)],
    }


def _numbers(dark: Superdark, reads: Reads, darks: Sequence[Dark]) -> dict[str, Any]:
    """Return what the report tells of a superdark."""
    gain, seconds = float(np.mean(reads.noise.gain)), float(reads.times[-1])
    rate = dark.sci[-1] * reads.noise.gain / seconds
    error = dark.err[-1] * reads.noise.gain / seconds
    good = dark.dq[-1] == 0
    flagged = {
        name: int(((dark.dq[-1] & flag) != 0).sum())
        for name, flag in (("hot", HOT), ("unstable", UNSTABLE), ("warm", WARM),
                           ("saturated", SATURATED))
    }  # fmt: skip
    first = darks[0].primary
    return {
        "darks": len(darks),
        "samp_seq": str(first["SAMP_SEQ"]).strip(),
        "subtype": str(first["SUBTYPE"]).strip(),
        "reads": len(reads.times) + 1,
        "seconds": seconds,
        "rate": float(np.median(rate[good])),
        "rate_error": float(dark.levels.error[-1]) * gain / seconds,
        "level_scatter": float(dark.levels.scatter[-1]) * gain / seconds,
        "pixel_error": float(np.median(error[good])),
        "cut": dark.cut,
        "flagged": flagged,
        "pixels": int(good.size),
        "factor": float(np.median(dark.factors)),
    }


def _warnings(dark: Superdark, reads: Reads, darks: Sequence[Dark]) -> list[str]:
    """Return what a person must know of the darks and of their noise."""
    found = []
    gain, seconds = float(np.mean(reads.noise.gain)), float(reads.times[-1])
    for one, offset in zip(darks, dark.levels.offset[:, -1] * gain / seconds, strict=True):
        if abs(offset) > USUAL_LEVEL:
            found.append(
                f"{one.path.name}: its level is {offset:+.3f} e-/s from the mean of the darks; "
                f"levels of real ones differ by up to {USUAL_LEVEL:g} e-/s. It is used, aligned."
            )
    low, high = _USUAL_FACTORS
    for number, name in enumerate("ABCD"):
        factor = float(np.median(dark.factors[number]))
        if not low <= factor <= high:
            found.append(
                f"Amplifier {name}: the variance from dark to dark is {factor:.2f} times that of "
                "read noise (CCDTAB) and dark current; the errors given are the measured ones."
            )
    if len(reads.times) + 1 < MOST_READS:
        found.append(
            f"The darks have {len(reads.times) + 1} of {MOST_READS} reads: exposures with more "
            "reads cannot be calibrated with this file."
        )
    return found


def save_numbers(path: Path, numbers: dict[str, Any]) -> None:
    """Write the numbers of a superdark as JSON."""
    write_text(path, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
