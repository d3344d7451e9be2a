"""A simulated RAW as a file: image sets in the layout of the archive."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.dates import DAY, MJD_EPOCH
from darkroom.wfc3.simulate.detector import offset_of
from darkroom.wfc3.simulate.names import BORDER, SUBARRAYS
from darkroom.wfc3.simulate.plan import association, filter_of, is_dark
from darkroom.wfc3.simulate.ramp import zeroth_time
from darkroom.wfc3.simulate.sky import pointing_of
from darkroom.wfc3.simulate.values import sample_times

if TYPE_CHECKING:
    from datetime import datetime

    from darkroom.wfc3.simulate.plan import Exposure

#: Switches of a RAW as the archive sets them.
SWITCHES = (
    "DQICORR", "ZSIGCORR", "ZOFFCORR", "DARKCORR", "BLEVCORR", "NLINCORR", "FLATCORR", "CRCORR",
    "UNITCORR", "PHOTCORR",
)  # fmt: skip
#: Keywords that name references. The archive fills them in; here they stay N/A, since the pipeline
#: chooses the references.
REFERENCES = (
    "BPIXTAB", "CCDTAB", "OSCNTAB", "CRREJTAB", "DARKFILE", "NLINFILE", "PFLTFILE", "DFLTFILE",
    "LFLTFILE", "IMPHTTAB", "IDCTAB", "MDRIZTAB", "NPOLFILE", "D2IMFILE",
)  # fmt: skip
_APERTURES = {"FULLIMAG": "IR"}


def mjd(when: datetime) -> float:
    """Return a UTC time as a modified Julian date.

    Rounded once. `darkroom.dates.to_mjd` rounds seconds first, which can change the last bit.
    """
    return (when.replace(tzinfo=None) - MJD_EPOCH) / timedelta(days=1)


def raw(full: dict[str, Any], exposure: Exposure, reads: np.ndarray) -> fits.HDUList:
    """Return the HDUs of a RAW.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.wfc3.simulate.plan.Exposure
        The exposure as planned.
    reads : (n, ny, nx) uint16 array
        DN, border included, in time order.

    Returns
    -------
    astropy.io.fits.HDUList
        EXTVER counts backwards: 1 is the last read, n the zeroth.
    """
    times = sample_times(full["sampseq"], full["nsamp"], full["subarray"])
    n, shape = len(times), reads.shape[1:]
    hdus = [fits.PrimaryHDU(header=_primary(full, exposure, times))]
    pointing = pointing_of(full, exposure)
    for extver in range(1, n + 1):
        k = n - extver
        science = fits.ImageHDU(reads[k], header=_science(full, exposure, pointing, times, k))
        hdus.append(science)
        for name, unit, value in (
            ("ERR", "COUNTS", 0.0),
            ("DQ", "UNITLESS", 0),
            ("SAMP", "UNITLESS", k),
            ("TIME", "SECONDS", times[k]),
        ):
            hdus.append(_constant(name, unit, value, shape))
        for hdu in hdus[-5:]:
            hdu.header["EXTVER"] = (extver, "extension version number")
    return fits.HDUList(hdus)


def _constant(name, unit, value, shape):
    hdu = fits.ImageHDU(name=name)
    hdu.header.extend(
        [
            ("BUNIT", unit, "brightness units"),
            ("NPIX1", shape[1], "length of constant array axis 1"),
            ("NPIX2", shape[0], "length of constant array axis 2"),
            ("PIXVALUE", value, "values of pixels in constant array"),
        ]
    )
    return hdu


def _primary(full, exposure, times):
    start = mjd(exposure.start)
    subarray = full["subarray"]
    aperture = _APERTURES.get(subarray, f"IRSUB{SUBARRAYS[subarray][0]}")
    one = full["exposures"][exposure.number]
    dark = is_dark(full, exposure.number)
    # The archive omits from darks the steps that need light, and that of the dark itself.
    omitted = ("DARKCORR", "FLATCORR", "PHOTCORR") if dark else ()
    cards = [
        ("NEXTEND", 5 * len(times), "number of standard extensions"),
        ("FILENAME", exposure.file, "name of file"),
        ("FILETYPE", "SCI", "type of data found in data file"),
        ("TELESCOP", "HST", "telescope used to acquire data"),
        ("INSTRUME", "WFC3", "instrument"),
        ("EQUINOX", 2000.0, "equinox of celestial coordinates"),
        ("ROOTNAME", exposure.name, "rootname of the observation set"),
        ("IMAGETYP", "DARK" if dark else "EXT", "type of exposure"),
        ("PRIMESI", "WFC3", "instrument designated as prime"),
        ("TARGNAME", "DARK" if dark else "SIMULATED", "target name"),
        ("RA_TARG", full["ra"], "right ascension of the target (deg)"),
        ("DEC_TARG", full["dec"], "declination of the target (deg)"),
        ("PROPOSID", 99999, "proposal"),
        ("LINENUM", f"{full['visit']:02d}.{exposure.number + 1:03d}", "logsheet line number"),
        ("DATE-OBS", exposure.start.date().isoformat(), "UT date of start of observation"),
        ("TIME-OBS", exposure.start.time().isoformat("seconds"), "UT time of start of observation"),
        ("EXPSTART", start, "exposure start time (MJD)"),
        ("EXPEND", start + times[-1] / DAY, "exposure end time (MJD)"),
        ("EXPTIME", times[-1], "exposure duration (seconds)"),
        ("FGSLOCK", one["fgslock"], "commanded FGS lock (FINE,COARSE,GYROS,UNKNOWN)"),
        ("GYROMODE", "T", "number of gyros scheduled, T=3+OBAD"),
        ("MTFLAG", "", "moving target flag; T if it is a moving target"),
        ("EXPFLAG", _expflag(one), "exposure interruption indicator"),
        *((f"QUALCOM{i}", "", "") for i in (1, 2, 3)),
        ("QUALITY", _quality(one), ""),
        ("SCAN_TYP", "N", "C:bostrophidon; D:C with dwell; N:N/A"),
        ("PA_V3", full["pa_v3"], "position angle of V3-axis of HST (deg)"),
        ("POSTARG1", float(one["dither"][0]), "POSTARG in axis 1 direction (arcsec)"),
        ("POSTARG2", float(one["dither"][1]), "POSTARG in axis 2 direction (arcsec)"),
        ("OBSTYPE", "IMAGING", "observation type"),
        ("OBSMODE", "MULTIACCUM", "operating mode"),
        ("SCLAMP", "NONE", "lamp status"),
        ("NRPTEXP", 1, "number of repeat exposures in set"),
        ("SUBARRAY", subarray != "FULLIMAG", "data from a subarray (T) or full frame (F)"),
        ("SUBTYPE", subarray, "size/type of IR subarray"),
        ("DETECTOR", "IR", "detector in use: UVIS or IR"),
        ("FILTER", filter_of(full, exposure.number), "element selected from filter wheel"),
        ("SAMP_SEQ", full["sampseq"], "MultiAccum exposure time sequence name"),
        ("NSAMP", len(times), "number of MULTIACCUM samples"),
        ("SAMPZERO", zeroth_time(times), "sample time of the zeroth read (sec)"),
        ("APERTURE", aperture, "aperture name"),
        ("PROPAPER", aperture, "proposed aperture name"),
        ("DIRIMAGE", "NONE", "direct image for grism exposure"),
        ("CCDAMP", "ABCD", "amplifiers"),
        ("CCDGAIN", 2.5, "commanded gain"),
        *((f"{card}{amp}", 0.0, "") for amp in "ABCD" for card in ("ATODGN", "READNSE")),
        *((s, "OMIT" if s in omitted else "PERFORM", "calibration switch") for s in SWITCHES),
        ("RPTCORR", "OMIT", "combine individual repeat observations"),
        ("DRIZCORR", "PERFORM", "drizzle processing"),
        *((keyword, "N/A", "reference file") for keyword in REFERENCES),
        ("PHOTMODE", "", "observation configuration"),
        *((name, 0.0, "") for name in ("PHOTFLAM", "PHOTFNU", "PHOTZPT", "PHOTPLAM", "PHOTBW")),
        ("CAL_VER", "", "CALWF3 code version"),
        ("ASN_ID", association(full).upper(), "identifier of the association"),
        ("ASN_TAB", f"{association(full)}_asn.fits", "name of the association table"),
        ("ASN_MTYP", "EXP-DTH", "role of the member in the association"),
    ]
    return fits.Header(cards)


def _expflag(one):
    """Return EXPFLAG: how the exposure was interrupted."""
    if one["expflag"] is not None:
        return one["expflag"]
    if one["last_read"] is not None:
        return "INTERRUPTED"
    return "NORMAL" if one["guiding_lost_s"] is None else "EXCESSIVE DOWNTIME"


def _quality(one):
    """Return QUALITY: what the observation log says of the exposure."""
    if one["quality"] is not None:
        return one["quality"]
    return "" if one["guiding_lost_s"] is None else "LOCKLOST"


def _downs(one, times, k):
    """Return how often take-data flag and guide star went in the interval that ends with read k."""
    lost = one["guiding_lost_s"]
    return int(lost is not None and k > 0 and times[k - 1] <= lost < times[k])


def _science(full, exposure, pointing, times, k):
    """Return the SCI header of read k; its WCS is linear, as in the RAWs of the archive."""
    side = SUBARRAYS[full["subarray"]][0] + 2 * BORDER
    offset = float(offset_of(SUBARRAYS[full["subarray"]][0]))
    reference = pointing.centre + 1 + BORDER
    (cd11, cd12), (cd21, cd22) = pointing.linear
    steps, one = np.diff([0.0, *times]), full["exposures"][exposure.number]
    cards = [
        ("EXTNAME", "SCI", "extension name"),
        ("EXTVER", 1, "extension version number"),
        ("INHERIT", True, "inherit the primary header"),
        ("EXPNAME", exposure.name, "exposure identifier"),
        ("ROOTNAME", exposure.name, "rootname of the observation set"),
        ("BUNIT", "COUNTS", "brightness units"),
        ("WCSAXES", 2, "number of World Coordinate System axes"),
        ("CRPIX1", reference, "x-coordinate of reference pixel"),
        ("CRPIX2", reference, "y-coordinate of reference pixel"),
        ("CRVAL1", pointing.ra, "first axis value at reference pixel"),
        ("CRVAL2", pointing.dec, "second axis value at reference pixel"),
        ("CTYPE1", "RA---TAN", "the coordinate type for the first axis"),
        ("CTYPE2", "DEC--TAN", "the coordinate type for the second axis"),
        ("CD1_1", float(cd11), "partial of first axis coordinate w.r.t. x"),
        ("CD1_2", float(cd12), "partial of first axis coordinate w.r.t. y"),
        ("CD2_1", float(cd21), "partial of second axis coordinate w.r.t. x"),
        ("CD2_2", float(cd22), "partial of second axis coordinate w.r.t. y"),
        ("LTV1", offset, "offset in X to subsection start"),
        ("LTV2", offset, "offset in Y to subsection start"),
        ("RAWLTV1", offset, "original offset in X to subsection start"),
        ("RAWLTV2", offset, "original offset in Y to subsection start"),
        ("LTM1_1", 1.0, "reciprocal of sampling rate in X"),
        ("LTM2_2", 1.0, "reciprocal of sampling rate in Y"),
        ("ORIENTAT", pointing.orient, "position angle of image y axis (deg. e of n)"),
        ("PA_APER", pointing.orient, "position angle of aperture (deg)"),
        ("VAFACTOR", 1.0, "velocity aberration plate scale factor"),
        ("RA_APER", pointing.ra, "RA of aperture reference position"),
        ("DEC_APER", pointing.dec, "Declination of aperture reference position"),
        ("NCOMBINE", 1, "number of image sets combined"),
        ("CENTERA1", 513, "subarray axis1 center pt in unbinned dect. pix"),
        ("CENTERA2", 513, "subarray axis2 center pt in unbinned dect. pix"),
        ("SIZAXIS1", side, "subarray axis1 size in unbinned detector pixels"),
        ("SIZAXIS2", side, "subarray axis2 size in unbinned detector pixels"),
        ("BINAXIS1", 1, "axis1 data bin size in unbinned detector pixels"),
        ("BINAXIS2", 1, "axis2 data bin size in unbinned detector pixels"),
        ("SAMPNUM", k, "MULTIACCUM sample number"),
        ("SAMPTIME", times[k], "total integration time (sec)"),
        ("DELTATIM", float(round(steps[k], 6)), "integration time of this sample (sec)"),
        ("ROUTTIME", mjd(exposure.start) + times[k] / DAY, "UT time of array readout (MJD)"),
        ("TDFTRANS", _downs(one, times, k), "number of TDF transitions during current sample"),
        ("SDQFLAGS", 31743, "serious data quality flags"),
        *((name, 0.0, "") for name in ("MEANDARK", "MEANBLEV")),
        ("NGOODPIX", 0, "number of good pixels"),
        *((name, 0.0, "") for name in ("GOODMIN", "GOODMAX", "GOODMEAN")),
        *((name, 0.0, "") for name in ("SNRMIN", "SNRMAX", "SNRMEAN")),
    ]
    return fits.Header(cards)
