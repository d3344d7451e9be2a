"""An exposure calibrated with a new dark or flat, and with the one in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.wfc3.counterfactual.compare import Exposure, Image
from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.engine.working import working_copy

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Pointings that differ by less than this share of a pixel show the sky at the same pixels.
_SAME = 0.5


def calibrated(
    kind: str,
    files: tuple[StrPath, StrPath],
    exposures: Sequence[tuple[str, StrPath, Mapping[str, Path | None]]],
    context: str,
) -> Iterator[Exposure]:
    """Calibrate exposures with the candidate, with the file in use and with a copy of it.

    Parameters
    ----------
    kind : str
        CRDS type of the file that is exchanged: ``darkfile`` or ``pfltfile``.
    files : (path-like, path-like)
        Candidate and file in use.
    exposures : sequence of (str, path-like, dict)
        Name, RAW, and ``{type: path}`` of the references of each.
    context : str
        Pinned CRDS context.

    Raises
    ------
    InputError
        When the engine cannot use a file for an exposure.
    """
    for name, raw, references in exposures:
        images = [
            _flt((name, raw), dict(references), (kind, Path(path)), context)
            for path in (*files, files[1])
        ]
        yield Exposure(name, images[0][1], *(image for image, _ in images))


def _flt(exposure, references, exchanged, context):
    """Calibrate an exposure with one file exchanged; return its FLT and where it points."""
    name, raw = exposure
    kind, path = exchanged
    with TemporaryDirectory() as folder:
        place = Path(folder, "iref")
        place.mkdir()
        # The same name each time: it is written into the products.
        references[kind] = place / f"exchanged{''.join(path.suffixes[-2:])}"
        for one in (value for key, value in references.items() if value and key != kind):
            beside = place / one.name
            beside.symlink_to(one.resolve())
        beside = place / references[kind].name
        beside.symlink_to(path.resolve())
        copy = Path(folder, f"{name.removesuffix('_raw')}_raw.fits")
        working_copy(raw, copy, references, context)
        _, flt = calibrate(copy, place, Path(folder, "made"))
        with fits.open(flt) as hdus:
            image = Image(np.array(hdus["SCI"].data), np.array(hdus["DQ"].data))
            return image, _pointing(hdus["SCI"].header)


def _pointing(header: fits.Header) -> tuple[int, ...]:
    """Return where an image points, in half pixels; the same for images of one pointing."""
    scale = abs(float(header.get("CD2_2") or 0)) or 0.128 / 3600
    declination = float(header.get("CRVAL2", 0.0))
    ascension = float(header.get("CRVAL1", 0.0)) * np.cos(np.radians(declination))
    return tuple(round(angle / scale / _SAME) for angle in (ascension, declination))


def in_use(kind: str, references: Sequence[tuple[str, Mapping[str, Path | None]]]) -> Path:
    """Return the file in use of a kind, which is the same for all exposures of a visit.

    Raises
    ------
    InputError
        When the exposures have several, or none.
    """
    found = {str(given[kind]) for _, given in references if given[kind] is not None}
    if len(found) != 1:
        several = ", ".join(sorted(Path(one).name for one in found)) or "none"
        raise InputError(
            references[0][0],
            f"exposures of its item have {several} as {kind.upper()}, one is needed",
            "compare on exposures of one read sequence, subarray and filter",
        )
    return Path(found.pop())
