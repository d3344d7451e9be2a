"""A received WFC3/IR RAW: what its header says, and whether its image sets are whole."""

from __future__ import annotations

import re
from math import cos, hypot, isfinite, nan, radians
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.wfc3.files.imsets import PLANES, Imsets, sample_time
from darkroom.wfc3.reads.stale import sample_rows, stale_reads, stale_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from astropy.io import fits

    from darkroom.campaign.lock_rows import Exposure
    from darkroom.wfc3.reads.stale import Rows

#: Reads with data that a ramp needs besides the zeroth; with fewer no sky can be compared.
MIN_READS = 2
# Rows of each read that are compared, spread over the detector: a copied or filled read is one in
# all of its rows, and 16 rows take 1 ms.
_ROWS = 16
# A combined image of the archive, held for comparison: it is not calibrated here.
_COMBINED = re.compile(r"_(drz|drc)\.fits(\.gz)?$")
_STEPS = ("DQI", "ZSIG", "ZOFF", "DARK", "BLEV", "NLIN", "FLAT", "CR", "UNIT", "PHOT")
# Of the text QUALITY and its comments: what the observation log calls a loss of the guide stars,
# of data or of the target (HST Observation Logs, special keywords).
_TROUBLE = re.compile(
    r"GSFAIL|LOCKLOST|LOCK\s*LOST|LOSS OF LOCK|LOST LOCK|GUIDE\s*STAR|NOLOCK|POINTING|NO\s*DATA|"
    r"LOST DATA|DATA LOST|SHUTTER|SI_PROB|TAKEDATA|ACQ\w*FAIL|FAIL|DRIFT|SAFED?\b|SAFING"
)
# Seconds by which the span from EXPSTART to EXPEND may differ from EXPTIME: 0.02 s in real
# exposures; the time from reset to zeroth read (2.9 s) is added by some versions of the pipeline.
_SPAN_TOLERANCE_S = 5.0
_DAY = 86400.0
_CLOCK = ("EXPSTART", "EXPEND", "EXPTIME")


def read_header(
    path: Path,
    exposure: Exposure,
    item: Mapping[str, Any],  # noqa: ARG001 (every instrument has these arguments)
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the header values of a RAW, and below ``judged`` those that checks use.

    Its arguments and what it returns are those of `darkroom.archive.receive.facts_of_lock`. A
    combined image (``_drz.fits``) is not looked into.

    Raises
    ------
    InputError
        When the file cannot be calibrated at all: not a RAW of WFC3/IR, or damaged.
    """
    if _COMBINED.search(exposure.file):
        return dict(exposure.facts), []
    with Imsets(path) as imsets:
        values = judged(imsets, exposure.file)
        ny, nx = imsets.shape("SCI", 1)
    facts = dict(exposure.facts) | {
        "instrument": values["instrument"],
        "shape": f"{ny}x{nx}",
        "exptime_s": values["exptime"],
        "date_obs": values["date_obs"] or exposure.facts.get("date_obs", ""),
    }
    return facts | {"judged": values}, []


def judged(imsets: Imsets, file: str) -> dict[str, Any]:
    """Return the values of a RAW that the checks of `darkroom.wfc3.judging` use.

    Parameters
    ----------
    imsets : Imsets
        The file.
    file : str
        Its name, for messages.

    Raises
    ------
    InputError
        See `read_header`.
    """
    _require_raw(imsets.primary, file)
    rows = _require_whole(imsets, file)
    nsamp = len(rows)
    stale = stale_reads(rows)
    _require_reads(file, nsamp, stale)
    return header_values(imsets.primary, imsets.header("SCI", 1), file) | {
        "fill": _fill_faults(imsets, nsamp),
        "take_data": _take_data_faults(imsets, nsamp),
        "stale": stale_words(stale, nsamp),
        "pixels": "-".join(read.piece for read in rows),
    }


def header_values(primary: fits.Header, science: fits.Header, file: str) -> dict[str, Any]:
    """Return the header values of an exposure, RAW or FLT, that the checks use.

    Parameters
    ----------
    primary, science : astropy.io.fits.Header
        Primary header, and that of [SCI,1].
    file : str
        Name of the file, for messages.

    Raises
    ------
    InputError
        When the exposure is not of WFC3/IR.
    """
    _require_detector(primary, file)
    moment = "T".join(str(primary[c]) for c in ("DATE-OBS", "TIME-OBS") if c in primary)
    return {
        "instrument": "WFC3",
        "date_obs": moment,
        "exptime": _number(primary, "EXPTIME"),
        "filter": _text(primary, "FILTER"),
        "imagetyp": _text(primary, "IMAGETYP"),
        "obstype": _text(primary, "OBSTYPE"),
        "lamp": _text(primary, "SCLAMP"),
        "scan": _scan(_text(primary, "SCAN_TYP"), _number(primary, "SCAN_RAT")),
        "moving": _flag(_text(primary, "MTFLAG"), "F"),
        "expflag": _text(primary, "EXPFLAG"),
        **_quality(primary),
        "fgslock": _text(primary, "FGSLOCK"),
        "target": _text(primary, "TARGNAME"),
        "samp_seq": _text(primary, "SAMP_SEQ"),
        "subtype": _text(primary, "SUBTYPE"),
        "offset_arcsec": _offset(primary, science),
        # Where intervals were subtracted (NPOP) the span is longer than the exposure.
        "clock": [] if "NPOP" in primary else _clock_faults(primary),
        "rootname": _text(primary, "ROOTNAME"),
        "start": _number(primary, "EXPSTART"),
        "cards": []
        if _number(primary, "EXPTIME") is not None
        else ["its header has no EXPTIME that is a number"],
    }


def _text(header, card):
    """Return a card as text in capitals, None when it is missing or blank."""
    value = header.get(card)
    if isinstance(value, bool):
        return "T" if value else "F"
    return str("" if value is None else value).strip().upper() or None


def _number(header, card):
    """Return a card as a finite number, also one written as text; None when it is none."""
    value = header.get(card)
    try:
        number = nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _require_detector(primary, file):
    """Refuse what is not of WFC3/IR."""
    for card, needed in (("INSTRUME", "WFC3"), ("DETECTOR", "IR")):
        if _text(primary, card) != needed:
            raise InputError(
                file, f"{card} is {_text(primary, card) or 'missing'}, {needed} is needed"
            )


def _require_raw(primary, file):
    """Refuse what is no RAW of WFC3/IR."""
    _require_detector(primary, file)
    if _text(primary, "OBSMODE") not in ("MULTIACCUM", None):
        raise InputError(file, f"OBSMODE is {_text(primary, 'OBSMODE')}, MULTIACCUM is needed")
    done = [f"{step}CORR" for step in _STEPS if _text(primary, f"{step}CORR") == "COMPLETE"]
    if done:
        raise InputError(
            file, f"is calibrated already ({', '.join(done)} COMPLETE)", "give the RAW"
        )


def _require_whole(imsets, file) -> list[Rows]:
    """Refuse a file whose image sets are not NSAMP whole reads; return samples, in time order."""
    nsamp = imsets.primary.get("NSAMP")
    found = [extver for name, extver in imsets.names if name == "SCI"]
    if not isinstance(nsamp, int) or isinstance(nsamp, bool) or nsamp < 1:
        raise InputError(file, f"NSAMP is {nsamp!r}, the number of its reads is needed")
    if sorted(found) != list(range(1, nsamp + 1)):
        missing = sorted(set(range(1, nsamp + 1)) - set(found))
        extra = sorted(set(found) - set(range(1, nsamp + 1)))
        raise InputError(
            file,
            f"NSAMP is {nsamp}, but it holds {len(found)} reads"
            + (f"; EXTVER {_listed(missing)} missing" if missing else "")
            + (f"; EXTVER {_listed(extra)} too many" if extra else ""),
            "fetch it again",
        )
    lacking = [f"[{p},{e}]" for e in found for p in PLANES if (p, e) not in imsets.names]
    if lacking:
        raise InputError(file, f"has no {', '.join(lacking[:3])}", "fetch it again")
    shapes = {imsets.shape("SCI", extver) for extver in found}
    if len(shapes) > 1:
        sizes = ", ".join(f"{nx} × {ny}" for ny, nx in sorted(shapes))
        raise InputError(file, f"its reads have several sizes ({sizes} pixels)")
    _require_times(imsets, file, nsamp)
    return [sample_rows(imsets, extver, _ROWS) for extver in range(nsamp, 0, -1)]


def _require_times(imsets, file, nsamp):
    """Refuse reads whose times do not increase."""
    times = [imsets.constant("TIME", extver) for extver in range(nsamp, 0, -1)]
    if None in times:
        times = [sample_time(imsets, extver) for extver in range(nsamp, 0, -1)]
    for k in range(1, nsamp):
        if not times[k] > times[k - 1]:
            raise InputError(
                file,
                f"TIME does not increase from read to read: EXTVER {nsamp - k + 1} was read at "
                f"{times[k - 1]:g} s, EXTVER {nsamp - k} at {times[k]:g} s",
            )


def _require_reads(file, nsamp, stale):
    """Refuse an exposure with too few reads that hold data of their own."""
    if 0 in stale:
        raise InputError(
            file, f"its zeroth read (EXTVER {nsamp}), from which all are measured, is empty"
        )
    good = nsamp - 1 - len(stale)
    if nsamp > 1 and good < min(MIN_READS, nsamp - 1):
        raise InputError(
            file,
            f"{good} of {nsamp - 1} reads after the zeroth have data of their own, {MIN_READS} are "
            "needed: the exposure was aborted",
        )


def _flag(value, off):
    """Return a card that is blank, or `off`, in a normal exposure: then "none"."""
    return "none" if value in (None, off) else value


def _scan(kind, rate):
    """Return the type of a spatial scan, "none" where there is neither a type nor a rate."""
    if _flag(kind, "N") == "none" and rate:
        return f"{kind or 'missing'} (SCAN_RAT is {rate:g})"
    return _flag(kind, "N")


def _quality(primary):
    """Return what QUALITY and its comments say, and whether it is known to mean trouble."""
    cards = ("QUALITY", "QUALCOM1", "QUALCOM2", "QUALCOM3")
    said = {card: _text(primary, card) for card in cards if _text(primary, card)}
    trouble = [f"{card} is {words!r}" for card, words in said.items() if _TROUBLE.search(words)]
    words = "; ".join(said.values()) or "none"
    return {"trouble": trouble, "quality": "none" if trouble else words}


def _offset(primary, science):
    """Return by how much the pointing differs from target plus POSTARG, arcsec, or None.

    Both lengths are compared, so that no sign or angle of the aperture's frame matters. In real
    exposures they agree to 0.001 arcsec.
    """
    target = [primary.get(card) for card in ("RA_TARG", "DEC_TARG", "POSTARG1", "POSTARG2")]
    aperture = [science.get(card) for card in ("RA_APER", "DEC_APER")]
    parallel = str(primary.get("PRIMESI", "WFC3")).strip() != "WFC3"
    if parallel or not all(isinstance(value, int | float) for value in (*target, *aperture)):
        return None
    ra, dec, x, y = target
    east = ((aperture[0] - ra + 180) % 360 - 180) * cos(radians(dec))
    return round(3600 * hypot(east, aperture[1] - dec) - hypot(x, y), 3)


def _clock_faults(primary):
    """Return what is wrong with start, end and length of the exposure."""
    start, end, seconds = (_number(primary, card) for card in _CLOCK)
    if start is None or end is None:
        return []
    if not 0 < start < end:
        return [f"EXPSTART is MJD {start:.6g} and EXPEND {end:.6g}, which is no exposure"]
    span = (end - start) * _DAY
    if seconds and abs(span - seconds) > _SPAN_TOLERANCE_S + 0.01 * seconds:
        return [
            f"EXPTIME is {seconds:g} s, but from EXPSTART to EXPEND pass {span:.1f} s: the "
            "exposure was interrupted"
        ]
    return []


def _fill_faults(imsets, nsamp):
    """Return the reads with packets that were lost on the way and filled."""
    lost = _above_zero(imsets, nsamp, "FILLCNT")
    if not lost:
        return []
    return [f"data packets of EXTVER {_listed(lost)} were lost and filled (FILLCNT)"]


def _take_data_faults(imsets, nsamp):
    """Return the reads during which the telescope's take-data flag changed, as by a lost star."""
    found = _above_zero(imsets, nsamp, "TDFTRANS")
    if not found:
        return []
    return [
        f"the take-data flag changed during EXTVER {_listed(found)} (TDFTRANS): the guide star may "
        "have been lost, and its stars be smeared"
    ]


def _above_zero(imsets, nsamp, card):
    """Return the EXTVERs whose SCI header has a card above zero."""
    found = {e: _number(imsets.header("SCI", e), card) for e in range(1, nsamp + 1)}
    return [extver for extver, number in found.items() if number is not None and number > 0]


def _listed(numbers):
    return ", ".join(str(number) for number in numbers)
