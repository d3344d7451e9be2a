"""A visit combined by AstroDrizzle on copies in a private folder, with checks of the result.

AstroDrizzle continues where it should stop: when its sky matching fails it silently uses another
method, and an exposure whose pixels are all flagged is dropped while the header still states the
total exposure time. Both are errors here.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from darkroom.campaign.settings import defaults
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.write import edited
from darkroom.wfc3.files.mask import flags_to_combine
from darkroom.wfc3.visit.registration import (
    REFUSE_PIXELS,
    WARN_PIXELS,
    Sources,
    find_sources,
    offsets,
)
from darkroom.wfc3.visit.settings import DrizzleSettings
from darkroom.wfc3.visit.skies import Kept, measured_once
from darkroom.wfc3.visit.weights import check_visit
from darkroom.words import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from darkroom.hints import StrPath

_STEPS_OFF = {"driz_separate": False, "median": False, "blot": False, "driz_cr": False}
#: The notebook's parameters of AstroDrizzle; None: AstroDrizzle's own choice.
NOTEBOOK = _STEPS_OFF | {k: v for k, v in defaults(DrizzleSettings).items() if k != "astrometry"}
# What is done here, after AstroDrizzle.
_OWN = ("final_fillval",)
_LOG = "astrodrizzle.log"
# What AstroDrizzle logs when it changes the method of sky matching.
_FALLBACK = "Reverting sky computation"


@dataclass
class Visit:
    """A visit combined by AstroDrizzle.

    Parameters
    ----------
    science, weight : (ny, nx) float32 arrays
        e-/s, and exposure time, s (for weights of type EXP).
    header : astropy.io.fits.Header
        Header of the science image.
    report : dict
        Exposure times, weights, skies and pixels without data, as JSON types.
    """

    science: np.ndarray
    weight: np.ndarray
    header: fits.Header
    report: dict[str, Any]


def combine(
    flts: Sequence[StrPath],
    references: StrPath,
    private: StrPath,
    *,
    parameters: dict[str, Any] | None = None,
    database: bool = False,
    exclude: bool = False,
    keep: Collection[str] = (),
    kept: Kept | None = None,
) -> Visit:
    """Combine the exposures of a visit.

    Parameters
    ----------
    flts : sequence of path-like
        FLTs. They are not changed: AstroDrizzle, which writes into its inputs, gets copies.
    references : path-like
        Folder of the reference that the FLTs name (IDCTAB).
    private : path-like
        Empty folder to work in.
    parameters : dict, optional
        Parameters of AstroDrizzle that differ from `NOTEBOOK`.
    database : bool
        Query the astrometric database (needs a network).
    exclude : bool
        Leave out exposures whose stars lie beside those of the others.
    keep : collection of str
        Exposures that are combined in any case.
    kept : darkroom.wfc3.visit.skies.Kept, optional
        What was computed of other versions of these exposures.

    Returns
    -------
    Visit

    Raises
    ------
    DarkroomError
        When stars of an exposure lie beside those of the others, the exposures cannot be combined,
        or AstroDrizzle fails, changes the method of sky matching or drops an exposure.
    """
    settings, kept = {**NOTEBOOK, **(parameters or {})}, kept or Kept()
    # An absolute path, since the working folder is changed for AstroDrizzle.
    private = Path(private).resolve()
    copies = [_copy(path, private) for path in flts]
    _check_together(flts)
    _update_wcs(copies, references, private, database)
    register = _registered(copies, keep, kept, exclude=exclude)
    used = [i for i, path in enumerate(copies) if _name(path) not in register["left_out"]]
    copies, flts = [copies[i] for i in used], [flts[i] for i in used]
    with _working_in(private):
        _astrodrizzle([path.name for path in copies], settings, kept)
    log = (private / _LOG).read_text(errors="replace")
    if settings["skymethod"] == "match" and _FALLBACK in log:
        raise DarkroomError(
            "AstroDrizzle could not match the skies and would have subtracted each of them whole "
            f"('{_line(log, _FALLBACK)}'); spherical-geometry must be older than 1.4"
        )
    image, header = fits.getdata(private / "visit_drz_sci.fits", header=True, memmap=False)
    weight = fits.getdata(private / "visit_drz_wht.fits", memmap=False)
    fill = settings["final_fillval"]
    if fill is not None:
        image[weight == 0] = float(fill)
    header["FILLVAL"] = (fill or "none", "value where the weight is 0; none: of flagged pixels")
    report = check_visit(copies, flts, header, weight, settings)
    report["warnings"] += register.pop("warnings")
    return Visit(image, weight, header, report | register)


def _name(path):
    return path.name.removesuffix("_flt.fits")


def _registered(copies, keep, kept, *, exclude):
    """Compare the positions of stars; refuse or leave out exposures whose pointing is off."""
    images, in_any_case = [], {name.removesuffix("_raw") for name in keep}
    for path in copies:
        with fits.open(path, memmap=False) as hdus:
            sci, dq = hdus["SCI", 1].data, _flags(hdus)
            places = kept.get(("sources", sci, dq), partial(find_sources, sci, dq))
            images.append(Sources(*places, WCS(hdus["SCI", 1].header, hdus), sci.shape))
    found = dict(zip(map(_name, copies), offsets(images), strict=True))
    off = {name: one for name, one in found.items() if one and one[0] > WARN_PIXELS}
    words = {
        name: f"{name}: its stars lie {pixels:.1f} pixels beside those of "
        f"{counted(count, 'other exposure')}"
        for name, (pixels, count) in off.items()
    }
    refused = {
        name: f"{text}, at most {REFUSE_PIXELS:g} is allowed: it did not point where its header "
        "says, as without guide stars"
        for name, text in words.items()
        if off[name][0] > REFUSE_PIXELS and name not in in_any_case
    }
    if refused and not exclude:
        listed = "\n  ".join(refused.values())
        raise DarkroomError(
            f"{len(refused)} of {len(copies)} exposures are not where the others are; align them, "
            f"or leave them out:\n  {listed}"
        )
    warned = [text for name, text in words.items() if name not in refused]
    shifts = {name: None if one is None else round(one[0], 3) for name, one in found.items()}
    return {"offsets_pixels": shifts, "left_out": refused, "warnings": warned}


def _flags(hdus):
    """Return DQ, zeros where it is a constant plane."""
    data = hdus["DQ", 1].data
    return np.zeros(hdus["SCI", 1].data.shape, np.int16) if data is None else data


def _copy(path, private):
    """Copy an FLT, with the flags by which its pixels are combined."""
    target = private / Path(path).name
    if target.exists():
        raise DarkroomError(f"two exposures have the name {target.name}")
    shutil.copyfile(path, target)
    with edited(target) as hdus:
        sci, dq = hdus["SCI", 1], hdus["DQ", 1]
        valueless = ~np.isfinite(sci.data)
        if dq.data is None and valueless.any():  # a constant plane
            dq.data = np.full(sci.data.shape, dq.header.get("PIXVALUE", 0), np.int16)
        if dq.data is not None:
            dq.data = flags_to_combine(sci.data, dq.data)
        sci.data[valueless] = 0  # AstroDrizzle multiplies by the weight 0, and NaN would stay
    return target


def _check_together(flts):
    """Refuse a visit without exposures, or with several filters."""
    if not flts:
        raise DarkroomError("there is no exposure to combine")
    filters = {str(fits.getheader(path).get("FILTER", "")).strip(): path for path in flts}
    if len(filters) > 1:
        raise DarkroomError(
            f"exposures of several filters cannot be combined ({', '.join(sorted(filters))}); make "
            "an item for each"
        )


def _update_wcs(copies, references, private, database):
    """Write the distorted WCS into every copy; the network is used only with the database."""
    os.environ["iref"] = f"{Path(references).resolve()}/"  # noqa: SIM112 (calwf3's own name)
    os.environ["ASTROMETRY_STEP_CONTROL"] = "On" if database else "Off"
    from stwcs import updatewcs

    with _working_in(private):
        for path in copies:
            try:
                updatewcs.updatewcs(path.name, use_db=database)
            except Exception as error:
                raise DarkroomError(f"updatewcs failed on {path.name}: {error}") from error
            if "A_ORDER" not in fits.getheader(path, ("SCI", 1)):
                raise InputError(path, "has no distortion after updatewcs", "check its IDCTAB")


def _astrodrizzle(names, settings, kept):
    from drizzlepac import astrodrizzle

    chosen = {
        name: value for name, value in settings.items() if value is not None and name not in _OWN
    }
    try:
        with measured_once(kept):
            astrodrizzle.AstroDrizzle(
                names,
                output="visit",
                preserve=False,
                build=False,
                context=False,
                clean=True,
                num_cores=1,
                **chosen,
            )
    except Exception as error:
        raise DarkroomError(f"AstroDrizzle failed: {error}") from error


@contextmanager
def _working_in(folder):
    """Change the working folder, in which AstroDrizzle leaves files."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _line(log, words):
    return next(line.strip() for line in log.splitlines() if words in line)
