"""A visit combined by AstroDrizzle, on copies in a private folder, and proof that it worked.

AstroDrizzle goes on where it should stop: an error in its matching of skies turns into another
method, an exposure whose pixels are all flagged is dropped, and its header still claims the whole
exposure time. Here both are errors.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from darkroom.campaign.settings import defaults
from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.dq import BLOB, MASKED
from darkroom.wfc3.visit.settings import DrizzleSettings

_STEPS_OFF = {"driz_separate": False, "median": False, "blot": False, "driz_cr": False}
#: The notebook's parameters of AstroDrizzle; None: AstroDrizzle's own choice.
NOTEBOOK = _STEPS_OFF | {k: v for k, v in defaults(DrizzleSettings).items() if k != "astrometry"}
# Largest departure of the weight from the exposure time it must be.
_WEIGHT = 0.005
_LOG = "astrodrizzle.log"
_FALLBACK = "Reverting sky computation"
# Points a side at which the footprints of exposures are compared with the weights.
_GRID = 100
# Pixels by which a footprint is narrowed: at its edge weights fall off.
_EDGE = 3.0


@dataclass
class Visit:
    """What AstroDrizzle made of a visit.

    Parameters
    ----------
    science, weight : (ny, nx) float32 arrays
        e-/s, and s of exposure (for weights of type EXP).
    header : astropy.io.fits.Header
        Of the science image.
    report : dict
        Exposure times, weights, skies and holes, JSON types.
    """

    science: np.ndarray
    weight: np.ndarray
    header: fits.Header
    report: dict


def combine(flts, references, private, *, parameters=None, database=False):
    """Combine FLTs.

    Parameters
    ----------
    flts : sequence of path-like
        Never changed: AstroDrizzle writes into its inputs, so it gets copies.
    references : path-like
        Folder of the references they name (IDCTAB).
    private : path-like
        Empty folder to work in.
    parameters : dict, optional
        Changes to `NOTEBOOK`.
    database : bool
        Ask the astrometric database (needs a network).

    Returns
    -------
    Visit

    Raises
    ------
    DarkroomError
        When exposures do not belong together, or AstroDrizzle fails, or falls back on another
        matching of skies, or drops an exposure.
    """
    settings = {**NOTEBOOK, **(parameters or {})}
    # Whole paths: AstroDrizzle works in the folder itself.
    private = Path(private).resolve()
    copies = [_copy(path, private) for path in flts]
    _check_together(flts)
    _update_wcs(copies, references, private, database)
    with _working_in(private):
        _astrodrizzle([path.name for path in copies], settings)
    log = (private / _LOG).read_text(errors="replace")
    if settings["skymethod"] == "match" and _FALLBACK in log:
        raise DarkroomError(
            "AstroDrizzle could not match the skies and would have subtracted all of each "
            f"('{_line(log, _FALLBACK)}'); spherical-geometry must be older than 1.4"
        )
    image, header = fits.getdata(private / "visit_drz_sci.fits", header=True, memmap=False)
    weight = fits.getdata(private / "visit_drz_wht.fits", memmap=False)
    return Visit(image, weight, header, _report(copies, flts, header, weight, settings))


def _copy(path, private):
    """Copy an FLT; 1024 is cleared: calwf3 leaves it in every pixel when reads were masked."""
    target = private / Path(path).name
    if target.exists():
        raise DarkroomError(f"two exposures are called {target.name}")
    shutil.copyfile(path, target)
    with fits.open(target, mode="update", memmap=False) as hdus:
        data = hdus["DQ", 1].data
        if data is not None and (data & MASKED).any():
            data &= np.int16(~MASKED)
    return target


def _check_together(flts):
    """Refuse a visit of several filters, or none."""
    if not flts:
        raise DarkroomError("there is no exposure to combine")
    filters = {str(fits.getheader(path).get("FILTER", "")).strip(): path for path in flts}
    if len(filters) > 1:
        raise DarkroomError(
            f"exposures of several filters cannot be combined ({', '.join(sorted(filters))}); make "
            "an item of each"
        )


def _update_wcs(copies, references, private, database):
    """Give every copy the distorted WCS; without the database nothing is asked."""
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
                raise InputError(path, "has no distortion after updatewcs", "look at its IDCTAB")


def _astrodrizzle(names, settings):
    from drizzlepac import astrodrizzle

    chosen = {name: value for name, value in settings.items() if value is not None}
    try:
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
    """Work in a folder: AstroDrizzle leaves files wherever it is called."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _line(log, words):
    return next(line.strip() for line in log.splitlines() if words in line)


def _report(copies, flts, header, weight, settings):
    """Check the weights and skies of a visit, and tell what they are."""
    times = [float(fits.getheader(path)["EXPTIME"]) for path in flts]
    places, expected, share = _expected(copies, header, weight.shape, times)
    found = weight[places]
    covered = expected > 0
    report = {
        "exposures": [Path(path).name.removesuffix("_flt.fits") for path in flts],
        "exptimes": times,
        "exptime": sum(times),
        "header_exptime": float(header.get("EXPTIME", np.nan)),
        "skies": [fits.getheader(p, ("SCI", 1)).get("MDRIZSKY") for p in copies],
        "skymethod": settings["skymethod"],
        "parameters": {k: v for k, v in settings.items() if v is not None},
        "weight_checked": settings["final_wht_type"] == "EXP",
    }
    if report["weight_checked"]:
        ratio = found[covered & (found > 0)] / expected[covered & (found > 0)]
        report["weight_ratio"] = float(np.median(ratio)) if ratio.size else 0.0
        everywhere = share.all(axis=0) & (found > 0)
        report["weight_median"] = float(np.median(found[everywhere])) if everywhere.any() else None
        report["weight_of_each"] = _each(found, expected, share)
        _check_weights(report)
    if settings["skymethod"] == "match":
        _check_skies(report)
    report |= _holes(copies, header, weight, found, covered)
    report["warnings"] = []
    if report["blob_holes"]:
        report["warnings"].append(
            f"{report['blob_holes']} of {report['blob_pixels']} pixels under blobs have no data: "
            "the exposures do not step over them (WFC3-IR-DITHER-BLOB does)"
        )
    return report


def _expected(copies, header, shape, times):
    """Return points of the output and the exposure time that covers each of them.

    Returns
    -------
    places : tuple of int arrays
        Rows and columns.
    expected : float array
        Seconds; drizzle weighs pixels of unlike areas unlike, and so does this.
    share : (exposures, points) bool array
        Which exposure covers which point.
    """
    steps = [max(1, size // _GRID) for size in shape]
    y, x = (a.ravel() for a in np.mgrid[0 : shape[0] : steps[0], 0 : shape[1] : steps[1]])
    # Each point and its neighbours half a pixel to the right and above.
    place = np.concatenate([x, x + 0.5, x]), np.concatenate([y, y, y + 0.5])
    sky = WCS(header).all_pix2world(*place, 0)
    share = np.zeros((len(copies), x.size))
    for i, path in enumerate(copies):
        with fits.open(path, memmap=False) as hdus:
            size = hdus["SCI", 1].shape
            found = WCS(hdus["SCI", 1].header, hdus).all_world2pix(*sky, 0, quiet=True)
        (u, ux, uy), (v, vx, vy) = (a.reshape(3, -1) for a in found)
        # Drizzle divides by the area of an input pixel in output pixels.
        area = 4 * np.abs((ux - u) * (vy - v) - (uy - u) * (vx - v))
        share[i] = area * _inside((u, v), size)
    return (y, x), np.array(times) @ share, share > 0


def _each(found, expected, share):
    """Return, for each exposure, the median ratio of weight and time where it is among them."""
    ratios = []
    for covers in share:
        good = covers & (found > 0)
        ratios.append(float(np.median(found[good] / expected[good])) if good.any() else 0.0)
    return ratios


def _check_weights(report):
    """Refuse weights that are not the exposure time: an exposure was dropped.

    In a mosaic the median of all need not notice: that of each exposure's own field does.
    """
    worst = int(np.argmin(report["weight_of_each"]))
    ratio, where = report["weight_ratio"], ""
    if abs(ratio - 1) <= _WEIGHT:
        ratio, where = report["weight_of_each"][worst], " where it looks"
    if abs(ratio - 1) > _WEIGHT:
        raise DarkroomError(
            f"the median weight{where} is {ratio:.4f} of the summed exposure time "
            f"({report['exptime']:.1f} s), 1 ± {_WEIGHT:g} is needed: an exposure was dropped; "
            f"look at the flags of {report['exposures'][worst]}"
        )


def _check_skies(report):
    """Refuse a visit in which the sky of an exposure was not matched."""
    names = [n for n, sky in zip(report["exposures"], report["skies"], strict=True) if sky is None]
    if names and len(report["skies"]) > 1:
        raise DarkroomError(
            f"AstroDrizzle matched no sky of {', '.join(names)}: MDRIZSKY is missing; do the "
            "exposures overlap?"
        )


def _holes(copies, header, weight, found, covered):
    """Tell where nothing is left: in all, and under blobs that no exposure steps over.

    At the rim of a dithered visit, where only one exposure looks, holes cannot be helped.
    """
    output, looks = WCS(header), []
    for path in copies:
        with fits.open(path, memmap=False) as hdus:
            wcs = WCS(hdus["SCI", 1].header, hdus)
            looks.append((wcs, hdus["SCI", 1].shape, np.nonzero(hdus["DQ", 1].data & BLOB)))
    needed = min(2, len(copies))
    blobs = holes = 0
    for wcs, _, (y, x) in looks:
        if not y.size:
            continue
        sky = wcs.all_pix2world(x, y, 0)
        seen = sum(_inside(other.all_world2pix(*sky, 0, quiet=True), size)
                   for other, size, _ in looks)  # fmt: skip
        u, v = (np.rint(a).astype(int) for a in output.all_world2pix(*sky, 0))
        there = (u >= 0) & (u < weight.shape[1]) & (v >= 0) & (v < weight.shape[0])
        there &= seen >= needed
        blobs += int(there.sum())
        holes += int((weight[v[there], u[there]] == 0).sum())
    return {
        "empty_share": float((found[covered] == 0).mean()) if covered.any() else 1.0,
        "blob_pixels": blobs,
        "blob_holes": holes,
    }


def _inside(place, size):
    """Tell which places lie inside an exposure, its rim left out; 0 or 1."""
    (u, v), (ny, nx) = place, size
    inside = (u > _EDGE) & (u < nx - 1 - _EDGE) & (v > _EDGE) & (v < ny - 1 - _EDGE)
    return inside.astype(int)
