"""Whether a combined visit holds every exposure: its weights against their footprints and times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from darkroom.errors import DarkroomError
from darkroom.wfc3.dq import BLOB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath

# Largest relative difference between the weight and the exposure time that it must equal.
_MAX_WEIGHT_ERROR = 0.005
# Weights are compared with the footprints of exposures at about this number of points a side.
_GRID = 100
# Pixels left out at the edge of a footprint, where weights fall off.
_EDGE = 3.0


def check_visit(
    copies: Sequence[Path],
    flts: Sequence[StrPath],
    header: fits.Header,
    weight: np.ndarray,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Check the weights and skies of a visit that was combined, and return its report.

    Parameters
    ----------
    copies : sequence of pathlib.Path
        The exposures as AstroDrizzle left them, with their skies (MDRIZSKY).
    flts : sequence of path-like
        The same exposures as they were, with their exposure times.
    header : astropy.io.fits.Header
        Of the mosaic.
    weight : (ny, nx) float32 array
        Weight of the mosaic, seconds where ``final_wht_type`` is EXP.
    settings : mapping
        Parameters of AstroDrizzle.

    Returns
    -------
    dict
        Exposures, times, skies, weights, pixels without data, and ``warnings``, sentences.

    Raises
    ------
    DarkroomError
        When the weight is not the exposure time (an exposure was dropped), or the sky of an
        exposure was not matched.
    """
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
        "without_data": int((weight == 0).sum()),
        "fill": settings["final_fillval"],
    }
    if report["weight_checked"]:
        ratio = found[covered & (found > 0)] / expected[covered & (found > 0)]
        report["weight_ratio"] = float(np.median(ratio)) if ratio.size else 0.0
        everywhere = share.all(axis=0) & (found > 0)
        report["weight_median"] = float(np.median(found[everywhere])) if everywhere.any() else None
        report["weight_of_each"] = _weight_ratios(found, expected, share)
        _check_weights(report)
    if settings["skymethod"] == "match":
        _check_skies(report)
    report |= _holes(copies, header, weight, found, covered)
    report["warnings"] = []
    if report["blob_holes"]:
        report["warnings"].append(
            f"{report['blob_holes']} of {report['blob_pixels']} pixels under blobs have no data: "
            "the dithers do not step across them (those of WFC3-IR-DITHER-BLOB do)"
        )
    return report


def _expected(copies, header, shape, times):
    """Return points of the output image and the exposure time expected at each of them.

    Returns
    -------
    places : tuple of int arrays
        Rows and columns of the points.
    expected : float array
        Seconds, scaled by the area of a pixel as drizzle does.
    covers : (exposures, points) bool array
        Which exposure covers which point.
    """
    steps = [max(1, size // _GRID) for size in shape]
    y, x = (a.ravel() for a in np.mgrid[0 : shape[0] : steps[0], 0 : shape[1] : steps[1]])
    # Each point, and the points half a pixel to the right and above.
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


def _weight_ratios(found, expected, share):
    """Return, for each exposure, the median of weight over expected time in its footprint."""
    ratios = []
    for covered in share:
        good = covered & (found > 0)
        ratios.append(float(np.median(found[good] / expected[good])) if good.any() else 0.0)
    return ratios


def _check_weights(report):
    """Refuse weights that differ from the exposure time: an exposure was dropped.

    In a mosaic the median over all points may miss it; the median over the footprint of each
    exposure does not.
    """
    worst = int(np.argmin(report["weight_of_each"]))
    ratio, where = report["weight_ratio"], ""
    if abs(ratio - 1) <= _MAX_WEIGHT_ERROR:
        ratio = report["weight_of_each"][worst]
        where = f" in the field of {report['exposures'][worst]}"
    if abs(ratio - 1) > _MAX_WEIGHT_ERROR:
        raise DarkroomError(
            f"the median weight{where} is {ratio:.4f} of the summed exposure time "
            f"({report['exptime']:.1f} s), 1 ± {_MAX_WEIGHT_ERROR:g} is needed: an exposure was "
            f"dropped; check the flags of {report['exposures'][worst]}"
        )


def _check_skies(report):
    """Refuse a visit in which the sky of an exposure was not matched."""
    names = [n for n, sky in zip(report["exposures"], report["skies"], strict=True) if sky is None]
    if names and len(report["skies"]) > 1:
        raise DarkroomError(
            f"AstroDrizzle did not match the sky of {', '.join(names)}: MDRIZSKY is missing; do "
            "the exposures overlap?"
        )


def _holes(copies, header, weight, found, covered):
    """Count pixels without data: in all, and under blobs that the dithers do not step across.

    Blobs at the edge of a dithered visit are not counted: where only one exposure points, their
    pixels cannot be filled.
    """
    output, footprints = WCS(header), []
    for path in copies:
        with fits.open(path, memmap=False) as hdus:
            wcs = WCS(hdus["SCI", 1].header, hdus)
            footprints.append((wcs, hdus["SCI", 1].shape, np.nonzero(hdus["DQ", 1].data & BLOB)))
    needed = min(2, len(copies))
    blobs = holes = 0
    for wcs, _, (y, x) in footprints:
        if not y.size:
            continue
        sky = wcs.all_pix2world(x, y, 0)
        exposures = sum(
            _inside(other.all_world2pix(*sky, 0, quiet=True), size) for other, size, _ in footprints
        )
        u, v = (np.rint(a).astype(int) for a in output.all_world2pix(*sky, 0))
        counted = (u >= 0) & (u < weight.shape[1]) & (v >= 0) & (v < weight.shape[0])
        counted &= exposures >= needed
        blobs += int(counted.sum())
        holes += int((weight[v[counted], u[counted]] == 0).sum())
    return {
        "empty_share": float((found[covered] == 0).mean()) if covered.any() else 1.0,
        "blob_pixels": blobs,
        "blob_holes": holes,
    }


def _inside(place, size):
    """Return 1 for places inside an exposure without its edge, 0 for others."""
    (u, v), (ny, nx) = place, size
    inside = (u > _EDGE) & (u < nx - 1 - _EDGE) & (v > _EDGE) & (v < ny - 1 - _EDGE)
    return inside.astype(int)
