"""calwf3 itself, run through wfc3tools on a copy of the RAW in a private folder.

wfc3tools uses the working folder and the environment of its process, and does not report every
failure of calwf3 (exit status 1, a kill). So it runs in a process of its own, and the run counts as
successful only when both products exist and are complete.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import check_structure
from darkroom.fits.verify import unpacked
from darkroom.fits.write import write
from darkroom.provenance import stamp
from darkroom.wfc3.engine import exptime
from darkroom.wfc3.engine.headers import mask_cards, put_statistics
from darkroom.wfc3.engine.references import FILETYPES, locate
from darkroom.wfc3.files.imsets import Imsets, extver_of
from darkroom.wfc3.files.mask import check_reads, clear_mask, mask_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath

PROGRAM, WRAPPER = "calwf3.e", "wfc3tools"
_CODE = f"import sys; from {WRAPPER} import calwf3; calwf3(sys.argv[1])"
# Cards of numbers that calwf3 calculates; those of the first two it leaves in some products.
_NUMBERS = (
    "DATAMIN", "DATAMAX", "MEANDARK", "MEANBLEV", "GOODMIN", "GOODMAX", "GOODMEAN", "SNRMIN",
    "SNRMAX", "SNRMEAN", "PHOTFLAM", "PHOTFNU", "PHOTPLAM", "PHOTBW", "PHOTZPT",
)  # fmt: skip
_NO_NUMBER = -9999.0
_MAX_QUOTED = 3  # lines of calwf3's output in a message


def require_calwf3() -> None:
    """Raise `DarkroomError`, saying what to install, when calwf3 or wfc3tools is missing."""
    if shutil.which(PROGRAM) is None:
        raise DarkroomError(
            f"{PROGRAM} is not on PATH: install hstcal from conda-forge (it is not on PyPI), "
            "or use the builtin engine, which gives the same pixels"
        )
    if importlib.util.find_spec(WRAPPER) is None:
        raise DarkroomError(
            f"{WRAPPER}, which starts calwf3, is not installed for this Python: use that of the "
            "toolset hst (.venvs/hst/bin/python), or the builtin engine"
        )


def run(
    raw: StrPath, references: StrPath, folder: StrPath, masked: Iterable[int] = ()
) -> tuple[Path, Path]:
    """Calibrate a RAW with calwf3.

    Parameters
    ----------
    raw : path-like
        RAW file (``.gz`` too); never changed.
    references : path-like
        Folder of references; those that exist only as ``.gz`` are unpacked.
    folder : path-like
        Private, empty folder to work in.
    masked : iterable of int
        EXTVERs whose DQ is set to 1024 in the copy.

    Returns
    -------
    (IMA, FLT) : tuple of pathlib.Path

    Raises
    ------
    DarkroomError
        When calwf3 or wfc3tools is missing, or calwf3 fails; its error messages are quoted.
    """
    require_calwf3()
    folder = Path(folder)
    root = Path(raw).name.removesuffix(".gz").removesuffix(".fits").removesuffix("_raw")
    _gather_references(located_references(raw, references), folder / "iref")
    copy = folder / f"{root}_raw.fits"
    mask_copy(raw, copy, masked)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, copy.name],
        cwd=folder,
        env={**os.environ, "iref": f"{(folder / 'iref').resolve()}/"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    products = folder / f"{root}_ima.fits", folder / f"{root}_flt.fits"
    faults = [fault for path in products if (fault := _fault(path))]
    if done.returncode or faults:
        lines = [line.strip() for line in done.stdout.splitlines()]
        errors = [line for line in lines if "ERROR" in line][:_MAX_QUOTED]
        cause = "; ".join(errors or faults or lines[-1:])
        raise DarkroomError(f"calwf3 failed on {Path(raw).name}: {cause}")
    return products


def _fault(path):
    """Say why a product is missing or incomplete; return "" when it is complete."""
    if not path.exists():
        return f"it wrote no {path.name}"
    try:
        # Checksums are not compared: calwf3 may leave those of the RAW in its headers.
        check_structure(path)
    except InputError as error:
        return f"its {path.name}: {error.fault}"
    return ""


def located_references(raw: StrPath, folder: StrPath) -> list[tuple[str, Path]]:
    """Return (name in the header, path) of every reference in `folder` that a RAW names."""
    with Imsets(raw) as imsets:
        found = [locate(imsets.primary, keyword, folder) for keyword in FILETYPES]
    return [item for item in found if item is not None]


def _gather_references(found, folder):
    """Link references into a folder, under the names by which calwf3 opens them."""
    folder.mkdir()
    for label, path in found:
        target = folder / label.split("$", 1)[-1]
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".gz":
            with unpacked(path) as plain:
                shutil.copyfile(plain, target)
        else:
            target.symlink_to(path.resolve())


def make_legal(path: StrPath) -> None:
    """Replace the cards of a product of calwf3 whose value is NAN or INF, which no header may hold.

    Parameters
    ----------
    path : path-like
        IMA or FLT; changed in place, if it has such a card. Statistics become those of the finite
        pixels (`put_statistics`), DATAMIN and DATAMAX, which calwf3 leaves in some, go, and any
        other becomes -9999.
    """
    with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
        faulty = {id(hdu): names for hdu in hdus if (names := _illegal(hdu.header))}
        if not faulty:
            return
        for hdu in hdus:
            for name in faulty.get(id(hdu), ()):
                place = hdu.header.index(name)
                hdu.header.remove(name)
                if name not in ("DATAMIN", "DATAMAX"):
                    hdu.header.insert(place, (name, _NO_NUMBER))
        for extver in sorted({hdu.ver for hdu in hdus[1:] if id(hdu) in faulty}):
            _put_statistics(hdus, extver)
        write(path, hdus)


def _illegal(header):
    """Return the keywords of cards whose value is no number."""
    with warnings.catch_warnings():
        # astropy turns such a value into text when it is read, and says so.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        return [c.keyword for c in header.cards if c.keyword in _NUMBERS and _is_none(c.image[10:])]


def _is_none(text):
    return text.split("/")[0].strip("' -") in ("NAN", "INF")


def _put_statistics(hdus, extver):
    """Write the statistics of one image set again; the border has no errors, so it is left out."""
    science, error, dq = (hdus[name, extver] for name in ("SCI", "ERR", "DQ"))
    sci = np.ascontiguousarray(science.data, np.float32)
    err, flags = (
        np.full(sci.shape, hdu.header["PIXVALUE"], dtype)
        if hdu.data is None
        else np.ascontiguousarray(hdu.data, dtype)
        for hdu, dtype in ((error, np.float32), (dq, np.int16))
    )
    headers = {"SCI": science.header, "ERR": error.header}
    window, bad = (0, sci.shape[0], 0, sci.shape[1]), int(science.header.get("SDQFLAGS", 65535))
    put_statistics(headers, window, sci, err, flags, bad & 65535)


def finish_flt(
    path: StrPath,
    raw: StrPath,
    masked: Iterable[int],
    provenance: dict[str, Any],
    own_mask: np.ndarray | None = None,
) -> None:
    """Add the provenance to an FLT of calwf3 and correct its exposure time for masked reads.

    Pixels stay as calwf3 wrote them; the flag 1024 in DQ too, unless `own_mask` is given.

    Parameters
    ----------
    path : path-like
        The FLT; replaced.
    raw : path-like
        The RAW it was made from.
    masked : iterable of int
        EXTVERs of the reads left out.
    provenance : dict
        Keyword arguments of `darkroom.provenance.stamp`.
    own_mask : (rows, columns) bool array, optional
        Pixels that had the flag 1024 before; the others lose it (`clear_mask`).
    """
    with Imsets(raw) as imsets, fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
        nsamp = int(imsets.primary["NSAMP"])
        masked = check_reads(masked, nsamp, Path(raw).name)
        science = [imsets.header("SCI", extver_of(k, nsamp)) for k in range(nsamp)]
        primary = hdus[0].header
        if own_mask is not None and masked and hdus["DQ"].data is not None:
            clear_mask(hdus["DQ"].data, own_mask)
        mask_cards(primary, "calwf3", masked, "calwf3")
        stamp(primary, **provenance)
        if masked:
            times = [float(header["SAMPTIME"]) for header in science]
            exptime.correct(primary, hdus["SCI"].header, science.__getitem__, times, masked)
        write(path, hdus)
