"""Header values and a sample of the pixels of a received NIRCam exposure, for its judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.judging import values_of
from darkroom.nircam.ramps.files import open_ramp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from darkroom.campaign.lock_rows import Exposure


def read_header(
    path: Path,
    exposure: Exposure,
    item: Mapping[str, Any],  # noqa: ARG001 (every instrument has these arguments)
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the facts of an exposure, with what it is judged by below ``judged``.

    Its arguments and what it returns are those of `darkroom.archive.receive.facts_of_lock`.

    Raises
    ------
    InputError
        When the file holds no ramp, or is cut short.
    """
    file = open_ramp(path)
    ny, nx = file.sci.shape[2:]
    mjd = float(file.mjd[0])
    facts = {
        "instrument": str(file.header.get("INSTRUME") or exposure.facts.get("instrument") or ""),
        "shape": f"{ny}x{nx}",
        "mjd": mjd if np.isfinite(mjd) else None,
    }
    return dict(exposure.facts) | facts | {"judged": values_of(file)}, ()
