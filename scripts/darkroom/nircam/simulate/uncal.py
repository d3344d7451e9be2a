"""The raw file of a simulated NIRCam exposure: ``_uncal.fits`` as the archive delivers it."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.dates import DAY, to_mjd
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.simulate.detector import layout
from darkroom.nircam.simulate.plan import PROGRAM, timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.hints import StrPath
    from darkroom.nircam.simulate.plan import Exposure

_BLOCK = 2880  # bytes of a FITS block

# Group end times are counted in days from here.
_GROUP_EPOCH = datetime(2000, 1, 1)
# Filter and pupil by channel: usual ones; in a dark they have no effect.
_WHEELS = {"SHORT": ("F070W", "FLAT"), "LONG": ("F250M", "FLAT")}


def write_uncal(
    path: StrPath,
    full: dict[str, Any],
    exposure: Exposure,
    make: Callable[[Callable[[np.ndarray], None]], Any],
) -> Any:
    """Write a raw exposure group by group, the bytes of `uncal`; return what `make` returns.

    Parameters
    ----------
    path : path-like
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.nircam.simulate.plan.Exposure
        The exposure as planned.
    make : callable
        ``make(take)`` calls ``take(group)`` for every group in order: (ny, nx) array of whole DN
        from 0 to 65535, DMS frame.
    """
    # The headers and tables are those of a file with one group.
    one = np.zeros((1, 1, *layout(full).shape), np.uint16)
    buffer = io.BytesIO()
    uncal(full, exposure, one).writeto(buffer)
    around = buffer.getvalue()
    with fits.open(io.BytesIO(around), do_not_scale_image_data=True) as hdus:
        start, after = (hdus[k].fileinfo()["hdrLoc"] for k in (1, 2))
        header = hdus[1].header.copy()
    header["NAXIS3"], header["NAXIS4"] = full["ngroups"], exposure.nints
    with Path(path).open("wb") as file:
        file.write(around[:start] + header.tostring().encode("ascii"))

        def take(group: np.ndarray) -> None:
            # FITS has no unsigned integers: values are stored less 32768.
            file.write((group.astype(np.int32) - 32768).astype(">i2").tobytes())

        made = make(take)
        file.write(bytes(-file.tell() % _BLOCK))
        file.write(around[after:])
    return made


def uncal(full: dict[str, Any], exposure: Exposure, data: np.ndarray) -> fits.HDUList:
    """Return the HDUs of a raw exposure.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.nircam.simulate.plan.Exposure
        The exposure as planned.
    data : (nints, ngroups, ny, nx) uint16 array
        Groups, DN, DMS frame.

    Returns
    -------
    astropy.io.fits.HDUList
        PRIMARY with the header cards that the JWST pipeline reads, SCI, GROUP and INT_TIMES.
    """
    primary = fits.PrimaryHDU()
    primary.header.extend(primary_cards(full, exposure), update=True)
    science = fits.ImageHDU(data, name="SCI")
    science.header["BUNIT"] = ("DN", "physical units of the array values")
    return fits.HDUList(
        [primary, science, _group_table(full, exposure), _integration_table(full, exposure)]
    )


def instrument_cards(full: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the cards for detector and subarray that raw and reference files share."""
    readout, detector = layout(full), full["detector"]
    long_wave = detector.endswith("LONG")
    return [
        ("TELESCOP", "JWST", "telescope used to acquire the data"),
        ("INSTRUME", "NIRCAM", "instrument used to acquire the data"),
        ("DETECTOR", detector, "name of detector used to acquire the data"),
        ("MODULE", detector[3], "NIRCam module: A or B"),
        ("CHANNEL", "LONG" if long_wave else "SHORT", "NIRCam channel: long or short"),
        ("SUBARRAY", readout.subarray, "subarray used"),
        ("SUBSTRT1", readout.xstart, "starting pixel in axis 1 direction"),
        ("SUBSTRT2", readout.ystart, "starting pixel in axis 2 direction"),
        ("SUBSIZE1", readout.nx, "number of pixels in axis 1 direction"),
        ("SUBSIZE2", readout.ny, "number of pixels in axis 2 direction"),
        ("FASTAXIS", readout.fastaxis, "fast readout axis direction"),
        ("SLOWAXIS", readout.slowaxis, "slow readout axis direction"),
    ]


def primary_cards(full: dict[str, Any], exposure: Exposure) -> list[tuple[str, Any, str]]:
    """Return the cards of the primary header of a raw exposure."""
    times, readout, start = timing(full), layout(full), exposure.start
    end = start + timedelta(seconds=times.exposure)
    middle = start + (end - start) / 2
    nframes, gap = PATTERNS[full["readpatt"]]
    cards = instrument_cards(full)
    filter_name, pupil = _WHEELS[dict(c[:2] for c in cards)["CHANNEL"]]
    last = exposure.first + exposure.nints - 1
    integrated = full["nints"] * full["ngroups"] * times.group
    return [
        ("DATE", start.isoformat(timespec="milliseconds"), "date this file was created (UTC)"),
        ("ORIGIN", "SIMULATED", "not a real exposure: made by darkroom"),
        ("TIMESYS", "UTC", "principal time system"),
        ("FILENAME", exposure.file, "name of the file"),
        ("FILETYPE", "UNCALIBRATED", "type of data in the file"),
        ("DATAMODL", "Level1bModel", "type of data model"),
        ("PROGRAM", PROGRAM, "program number"),
        ("OBSERVTN", "001", "observation number"),
        ("VISIT", "001", "visit number"),
        ("VISITGRP", "02", "visit group identifier"),
        ("SEQ_ID", "1", "parallel sequence identifier"),
        ("ACT_ID", "01", "activity identifier"),
        ("EXPOSURE", f"{exposure.number:05d}", "exposure request number"),
        *_segment_cards(full, exposure),
        ("DATE-OBS", start.strftime("%Y-%m-%d"), "UTC date at start of exposure"),
        ("TIME-OBS", start.strftime("%H:%M:%S.%f")[:-3], "UTC time at start of exposure"),
        ("DATE-BEG", start.isoformat(timespec="milliseconds"), "start of exposure (UTC)"),
        ("DATE-END", end.isoformat(timespec="milliseconds"), "end of exposure (UTC)"),
        *cards,
        ("FILTER", filter_name, "name of the filter element used"),
        ("PUPIL", pupil, "name of the pupil element used"),
        ("EXP_TYPE", "NRC_DARK", "type of data in the exposure"),
        ("TSOVISIT", False, "time series observation visit"),
        ("EXPSTART", to_mjd(start), "[d] exposure start, MJD UTC"),
        ("EXPMID", to_mjd(middle), "[d] exposure middle, MJD UTC"),
        ("EXPEND", to_mjd(end), "[d] exposure end, MJD UTC"),
        ("READPATT", full["readpatt"], "readout pattern"),
        ("NINTS", full["nints"], "number of integrations in exposure"),
        ("INTSTART", exposure.first, "number of the first integration in this file"),
        ("INTEND", last, "number of the last integration in this file"),
        ("NGROUPS", full["ngroups"], "number of groups in integration"),
        ("NFRAMES", nframes, "number of frames per group"),
        ("FRMDIVSR", nframes, "divisor applied to frame-averaged groups"),
        ("GROUPGAP", gap, "number of frames dropped between groups"),
        ("DRPFRMS1", 0, "frames dropped before the first integration"),
        ("NSAMPLES", 1, "number of A/D samples per pixel"),
        ("TSAMPLE", 10.0, "[us] time between samples"),
        ("TFRAME", times.frame, "[s] time between frames"),
        ("TGROUP", times.group, "[s] time between groups"),
        ("EFFINTTM", full["ngroups"] * times.group, "[s] effective integration time"),
        ("EFFEXPTM", integrated, "[s] effective exposure time"),
        ("DURATION", times.exposure, "[s] total duration of exposure"),
        ("NRSTSTRT", 1, "number of resets at start of exposure"),
        ("NRESETS", 1, "number of resets between integrations"),
        ("ZEROFRAM", False, "zero frame was downlinked separately"),
        ("NOUTPUTS", readout.noutputs, "number of detector output amplifiers in use"),
    ]


def _segment_cards(full, exposure):
    if not exposure.segment:
        return []
    return [
        ("EXSEGNUM", exposure.segment, "number of this segment of the exposure"),
        ("EXSEGTOT", full["segments"], "number of segments of the exposure"),
    ]


def _integration_starts(full, exposure):
    """Return the start of every integration; a reset of one frame lies between them."""
    times = timing(full)
    step = times.integration + times.frame
    return [exposure.start + timedelta(seconds=k * step) for k in range(full["nints"])]


def _integration_table(full, exposure):
    starts = np.array([to_mjd(moment) for moment in _integration_starts(full, exposure)])
    number = 1 + np.arange(starts.size)
    if full["int_times"] != "whole":
        of_file = slice(exposure.first - 1, exposure.first - 1 + exposure.nints)
        of_file = of_file if full["int_times"] == "own" else slice(0)
        starts, number = starts[of_file], number[of_file]
    length = timing(full).integration / DAY
    moments = [starts, starts + length / 2, starts + length]
    names = [f"int_{part}_{scale}" for scale in ("MJD_UTC", "BJD_TDB") for part in _PARTS]
    columns = [fits.Column("integration_number", "J", array=number)]
    # A simulated observatory has no ephemeris: the barycentric times are set to the UTC ones.
    columns += [
        fits.Column(name, "D", array=values)
        for name, values in zip(names, moments * 2, strict=True)
    ]
    return fits.BinTableHDU.from_columns(columns, name="INT_TIMES")


_PARTS = ("start", "mid", "end")


def _group_table(full, exposure):
    times, readout = timing(full), layout(full)
    rows = []
    starts = _integration_starts(full, exposure)
    for k in range(exposure.first - 1, exposure.first - 1 + exposure.nints):
        start = starts[k]
        for group in range(full["ngroups"]):
            nframes = PATTERNS[full["readpatt"]][0]
            end = start + timedelta(seconds=group * times.group + nframes * times.frame)
            since = end - _GROUP_EPOCH
            rows.append(
                (
                    k + 1,
                    group + 1,
                    since.days,
                    since.seconds * 1000 + since.microseconds // 1000,
                    since.microseconds % 1000,
                    end.isoformat(timespec="milliseconds"),
                    readout.nx,
                    readout.ny,
                    0,
                    0,
                    "COMPLETE",
                    to_mjd(end),
                    to_mjd(end),
                )
            )
    return fits.BinTableHDU(np.array(rows, _GROUP_COLUMNS), name="GROUP")


_GROUP_COLUMNS = [
    ("integration_number", ">i4"),
    ("group_number", ">i2"),
    ("end_day", ">i2"),
    ("end_milliseconds", ">i4"),
    ("end_submilliseconds", ">i2"),
    ("group_end_time", "S26"),
    ("number_of_columns", ">i2"),
    ("number_of_rows", ">i2"),
    ("number_of_gaps", ">i2"),
    ("completion_code_number", ">i2"),
    ("completion_code_text", "S36"),
    ("bary_end_time", ">f8"),
    ("helio_end_time", ">f8"),
]
