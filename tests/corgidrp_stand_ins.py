"""A pytest plugin for corgidrp's own tests: darkroom's functions in the place of corgidrp's.

It runs in corgidrp's environment. Each function takes and returns corgidrp's objects; what it
returns is loaded by corgidrp from a file that darkroom wrote, and then has the numbers in double
precision, which corgidrp keeps in memory. Numbers are those of the ways that follow corgidrp:
``--peer``, ``--weights frames``.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

# Of darkroom's environment, for what corgidrp's lacks: numba.
sys.path.append(os.environ["DARKROOM_PACKAGES"])

import corgidrp.darks
import numpy as np
from astropy.io import fits
from corgidrp.data import Dark, DetectorNoiseMaps, Image

from darkroom.cgi.darks import mean
from darkroom.cgi.darks.darks import synthesized_dark, traditional_dark
from darkroom.cgi.darks.product import write_dark, write_noise_maps, write_synthesized_dark
from darkroom.cgi.darks.read import NoiseMapsFile
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps.peer import fit_peer
from darkroom.cgi.stacks.frame import Headers
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.sources import MomentsSource
from darkroom.cgi.stacks.stacks import Stack
from darkroom.errors import DarkroomError

FOLDER = Path(tempfile.mkdtemp(prefix="stand-ins-"))


def regions(areas):
    if areas is None:
        return read_geometry("sci")
    path = FOLDER / "regions.json"
    path.write_text(json.dumps({"SCI": areas["SCI"]}))
    return read_geometry(path)


def planes(frame):
    """Return data, error and flags of a frame; those of a frame without data from its file."""
    if frame.data is None:
        frame = Image(frame.filepath)
    return frame.data, frame.err[0], frame.dq


def stacks_of(dataset, geometry):
    """Return a source for each stack of a data set."""
    groups = {}
    for frame in dataset:
        image = frame.ext_hdr
        key = tuple(image[card] for card in ("EXPTIME", "EMGAIN_C", "KGAINPAR"))
        groups.setdefault(key, []).append(frame)
    found = []
    for _, frames in sorted(groups.items()):
        moments, stack = Moments.zeros(geometry.shape), None
        for frame in frames:
            headers = Headers(
                Path(frame.filename or "frame.fits"), frame.pri_hdr.copy(), frame.ext_hdr.copy(),
                frame.err_hdr.copy(), frame.dq_hdr.copy(),
            )  # fmt: skip
            stack = stack or Stack.begin(headers, geometry.shape)
            stack.join(headers)
            data, err, dq = planes(frame)
            moments.add(np.asarray(data, float), np.asarray(err, float), dq.astype(np.uint16))
        found.append(MomentsSource(stack, moments))
    return found


def in_double(product, path, made):
    """Return what corgidrp loads from a file, with the numbers that were written, in double."""
    loaded = product(str(path))
    loaded.data = np.array(made.data, float)
    loaded.err = np.array(made.err, float)[None]
    loaded.filename = loaded.pri_hdr["FILENAME"]
    return loaded


def mean_combine(image_list, bpmap_list, err=False):
    return tuple(mean.mean_combine(image_list, bpmap_list, err))


def build_trad_dark(dataset, detector_params, detector_regions=None, full_frame=False):
    geometry = regions(detector_regions)
    (source,) = stacks_of(dataset, geometry)
    moments = Moments.zeros(geometry.shape)
    source.add_to(moments, slice(0, geometry.shape[0]))
    dark = traditional_dark(source.stack, moments, geometry, way="peer")
    if not full_frame:
        dark = dark.cut(geometry.section("image"))
    path = FOLDER / "dark.fits"
    write_dark(path, dark, [source.stack], made_by="cgi_master_dark", inputs=[], settings={})
    return in_double(Dark, path, dark)


def build_synthesized_dark(dataset, noisemaps, detector_regions=None, full_frame=False):
    geometry = regions(detector_regions)
    image = dataset[0].ext_hdr
    headers = noisemaps.pri_hdr, noisemaps.ext_hdr, noisemaps.err_hdr, noisemaps.dq_hdr
    maps = NoiseMapsFile(
        Path(noisemaps.filename or "maps.fits"), noisemaps.data, noisemaps.err[0],
        np.bitwise_or.reduce(noisemaps.dq.astype(np.uint16), axis=0), None, np.zeros(0),
        noisemaps.ext_hdr["DRPNFILE"], image["KGAINPAR"], False, headers,
    )  # fmt: skip
    try:
        dark = synthesized_dark(maps, image["EXPTIME"], image["EMGAIN_C"])
    except DarkroomError as error:
        raise TypeError(str(error)) from error
    if not full_frame:
        dark = dark.cut(geometry.section("image"))
    path, source = FOLDER / "synthesized.fits", FOLDER / maps.path.name
    fits.PrimaryHDU(header=noisemaps.pri_hdr).writeto(source, overwrite=True)
    maps.path = source
    write_synthesized_dark(path, dark, maps, settings={})
    return in_double(Dark, path, dark)


def calibrate_darks_lsq(
    dataset, detector_params, weighting=True, detector_regions=None, CR_threshold_check=True
):
    geometry, path = regions(detector_regions), FOLDER / "maps.fits"
    try:
        maps = fit_peer(
            stacks_of(dataset, geometry), geometry, version="frames", weighting=weighting,
            check_thresholds=CR_threshold_check,
        )  # fmt: skip
        write_noise_maps(path, maps, geometry, inputs=[], settings={})
    except DarkroomError as error:
        raise corgidrp.darks.CalDarksLSQException(str(error)) from error
    loaded = in_double(DetectorNoiseMaps, path, maps)
    for name, plane in (("FPN", 0), ("CIC", 1), ("DC", 2)):
        setattr(loaded, f"{name}_map", loaded.data[plane])
        setattr(loaded, f"{name}_err", loaded.err[0][plane])
    return loaded


for stand_in in (mean_combine, build_trad_dark, build_synthesized_dark, calibrate_darks_lsq):
    setattr(corgidrp.darks, stand_in.__name__, stand_in)
