"""The real calwf3, run through wfc3tools on a copy in a folder of its own.

wfc3tools takes paths and references from the process it runs in, and lets some failures of calwf3
pass (status 1, a kill). So it gets a process to itself, and what counts is that the products are
there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import check_structure
from darkroom.fits.verify import unpacked
from darkroom.fits.write import write
from darkroom.provenance import stamp
from darkroom.wfc3.engine import exptime
from darkroom.wfc3.engine.headers import mask_cards
from darkroom.wfc3.engine.references import FILETYPES, locate
from darkroom.wfc3.files.imsets import Imsets, extver_of
from darkroom.wfc3.files.mask import check_reads, mask_copy

PROGRAM, WRAPPER = "calwf3.e", "wfc3tools"
_CODE = f"import sys; from {WRAPPER} import calwf3; calwf3(sys.argv[1])"
_LAST_WORDS = 3


def require_calwf3():
    """Say what to do when calwf3 or what starts it is not there."""
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


def run(raw, references, folder, masked=()):
    """Calibrate a RAW with calwf3.

    Parameters
    ----------
    raw : path-like
        RAW file (``.gz`` too); never touched.
    references : path-like
        Folder of references; those that are there as ``.gz`` alone are unpacked.
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
        When calwf3 or wfc3tools is not there, or calwf3 fails; with its last words.
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
    products = tuple(folder / f"{root}_{kind}.fits" for kind in ("ima", "flt"))
    faults = [fault for path in products if (fault := _fault(path))]
    if done.returncode or faults:
        lines = [line.strip() for line in done.stdout.splitlines()]
        said = [line for line in lines if "ERROR" in line][:_LAST_WORDS]
        words = "; ".join(said or faults or lines[-1:])
        raise DarkroomError(f"calwf3 failed on {Path(raw).name}: {words}")
    return products


def _fault(path):
    """Tell why a product is not there or not whole; empty when it is."""
    if not path.exists():
        return f"it wrote no {path.name}"
    try:
        # Not its checksums: calwf3 may leave those of the RAW in its headers.
        check_structure(path)
    except InputError as error:
        return f"its {path.name}: {error.fault}"
    return ""


def located_references(raw, folder):
    """Return (label, path) of every reference that a RAW names."""
    with Imsets(raw) as imsets:
        found = [locate(imsets.primary, keyword, folder) for keyword in FILETYPES]
    return [item for item in found if item is not None]


def _gather_references(found, folder):
    """Link references into a folder, under the names calwf3 looks for."""
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


def finish_flt(path, raw, masked, provenance):
    """Say in an FLT of calwf3 what ran, and correct its exposure time for the reads left out.

    Pixels stay as calwf3 wrote them, 1024 in DQ included.

    Parameters
    ----------
    path : path-like
        The FLT; replaced.
    raw : path-like
    masked : iterable of int
        EXTVERs.
    provenance : dict
        For `darkroom.provenance.stamp`.
    """
    with Imsets(raw) as imsets, fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
        nsamp = int(imsets.primary["NSAMP"])
        masked = check_reads(masked, nsamp, Path(raw).name)
        science = [imsets.header("SCI", extver_of(k, nsamp)) for k in range(nsamp)]
        primary = hdus[0].header
        mask_cards(primary, "calwf3", masked, "calwf3")
        stamp(primary, **provenance)
        if masked:
            times = [float(header["SAMPTIME"]) for header in science]
            exptime.correct(primary, hdus["SCI"].header, science.__getitem__, times, masked)
        write(path, hdus)
