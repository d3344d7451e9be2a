"""The combined images to show, and their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.campaign.exposure import read_exposure
from darkroom.errors import InputError
from darkroom.wfc3.reads.records import read_record

if TYPE_CHECKING:
    from pathlib import Path

    from darkroom.hints import StrPath


def read_visits(
    folder: Path, archive: StrPath | None = None
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Read the two combined images of an item and, when given, that of the archive.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the item.
    archive : path-like, optional
        The archive's combined image, or its status file.

    Returns
    -------
    records : dict
        Records of the program ``combine_visit`` by version, ``reprocessed`` and ``original``.
    pictures : dict
        Argument of `darkroom.wfc3.figures.story.tell_visit`.
    """
    records: dict[str, dict[str, Any]] = {}
    pictures: dict[str, Any] = {}
    words = {"reprocessed": "reprocessed DRZ", "original": "DRZ as taken"}
    for version in ("reprocessed", "original"):
        records[version] = read_record(folder / f"{version}_drz.json")
        image = fits.getdata(folder / f"{version}_drz_sci.fits")
        weight = fits.getdata(folder / f"{version}_drz_wht.fits")
        with_data = np.where(weight > 0, image, np.nan)
        pictures[version] = with_data, records[version]["exptime"], words[version]
        pictures["weight" if version == "reprocessed" else "original_weight"] = weight
    if archive is not None:
        found = read_exposure(archive)
        if found["accepted"]:
            pictures["archive"] = _archived(found["path"])
    return records, pictures


def _archived(path):
    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus]
        if "SCI" not in names:
            raise InputError(path, "is not a combined image: it has no SCI", "give the DRZ")
        image = hdus["SCI"].data.astype(float)
        if "WHT" in names:
            image = np.where(hdus["WHT"].data > 0, image, np.nan)
        return image, float(hdus[0].header["EXPTIME"]), "the archive's DRZ"
