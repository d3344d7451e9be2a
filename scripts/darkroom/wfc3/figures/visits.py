"""The combined images that are shown, and what was recorded of them."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from darkroom.campaign.exposure import read_exposure
from darkroom.errors import InputError
from darkroom.wfc3.reads.records import read_record


def read_visits(folder, archive=None):
    """Read the two combined images of an item and, when it is given, the archive's.

    Parameters
    ----------
    folder : pathlib.Path
        Of the item.
    archive : path-like, optional
        The archive's combined image, or its status file.

    Returns
    -------
    records : dict
        By version, as combine_visit wrote them.
    pictures : dict
        For `darkroom.wfc3.figures.story.tell_visit`.
    """
    records, pictures = {}, {}
    words = {"reprocessed": "reprocessed DRZ", "original": "DRZ as taken"}
    for version in ("reprocessed", "original"):
        records[version] = read_record(folder / f"{version}_drz.json")
        image = fits.getdata(folder / f"{version}_drz_sci.fits")
        weight = fits.getdata(folder / f"{version}_drz_wht.fits")
        seen = np.where(weight > 0, image, np.nan)
        pictures[version] = seen, records[version]["exptime"], words[version]
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
            raise InputError(path, "is no combined image: it has no SCI", "give the DRZ")
        image = hdus["SCI"].data.astype(float)
        if "WHT" in names:
            image = np.where(hdus["WHT"].data > 0, image, np.nan)
        return image, float(hdus[0].header["EXPTIME"]), "the archive's DRZ"
