"""What an exposure of WFC3/IR must be, to be combined with the others of its item.

Refused exposures are calibrated and diagnosed, if they can be, but neither combined nor shown; the
item's ``keep`` uses them in spite of it. What is checked on arrival (`darkroom.wfc3.received`) is
whether a file can be calibrated at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.judge.checks import Between, NoFaults, OneOf
from darkroom.judge.common import Alike, Copies, Distinct
from darkroom.judge.judgement import PASSED, WARNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.judge.checks import Check

_KEEP = "it is left out of the combined image unless the item's keep names it"
# Values of EXPFLAG besides NORMAL (HST keyword dictionary and exposures seen).
_EXPFLAG = (
    "INTERRUPTED", "INCOMPLETE", "EXTENDED", "UNCERTAIN", "INDETERMINATE", "UNKNOWN",
    "EXCESSIVE DOWNTIME", "TDF*", "PODPS*",
)  # fmt: skip
_TROUBLE = "its stars may be smeared or elsewhere"
_USED = "it is used: look at it"
#: An offset that matters, arcsec: two pixels. Real exposures agree to 0.001 arcsec.
MAX_OFFSET_ARCSEC = 0.25


def checks(settings: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks of an item's exposures, in the order in which they are made.

    Parameters
    ----------
    settings : mapping
        ``product`` of the item: by it exposures of the sky are needed, or darks.
    """
    return _of_darks() if settings.get("product") == "superdark" else _of_sky()


def _of_darks():
    advice = "it is left out of the superdark unless the item's keep names it"
    return (
        OneOf(
            key="imagetyp", what="IMAGETYP", allowed=("DARK",),
            advice=f"only darks show the dark current; {advice}",
        ),
        OneOf(
            key="lamp", what="SCLAMP", allowed=("NONE",), missing=PASSED,
            advice=f"a lamp was on; {advice}",
        ),
        OneOf(
            key="filter", what="FILTER", allowed=("BLANK",), missing=PASSED, verdict=WARNED,
            advice="darks are taken behind the blank element: light may have come in",
        ),
        Between(key="exptime", what="EXPTIME", low=1e-3, unit="s", advice=advice),
        NoFaults(key="clock", what="start and end", advice=advice),
        OneOf(
            key="expflag", what="EXPFLAG", allowed=("NORMAL",), refused=_EXPFLAG, unknown=WARNED,
            missing=PASSED, advice=f"the exposure was disturbed; {advice}",
        ),
        Alike(key="samp_seq", what="SAMP_SEQ", advice="make an item for each sample sequence"),
        Alike(key="subtype", what="SUBTYPE", advice="make an item for each subarray"),
        Copies(key="pixels", what="set of reads", advice="give every exposure once"),
        Distinct(key="rootname", what="ROOTNAME", advice="give every exposure once"),
        Distinct(key="start", what="start (EXPSTART)", verdict=WARNED),
        NoFaults(key="cards", what="cards", verdict=WARNED),
        NoFaults(key="stale", what="reads without data", advice=advice),
        NoFaults(key="fill", what="lost packets", verdict=WARNED),
    )  # fmt: skip


def _of_sky():
    return (
        OneOf(
            key="imagetyp", what="IMAGETYP", allowed=("EXT",), missing=PASSED,
            advice=f"darks and flats show no sky; {_KEEP}",
        ),
        OneOf(
            key="obstype", what="OBSTYPE", allowed=("IMAGING",), missing=PASSED,
            advice=f"spectra and exposures of lamps cannot be combined with images; {_KEEP}",
        ),
        OneOf(
            key="lamp", what="SCLAMP", allowed=("NONE",), missing=PASSED,
            advice=f"a lamp was on; {_KEEP}",
        ),
        OneOf(
            key="scan", what="SCAN_TYP", allowed=("none",),
            missing=PASSED,
            advice=f"the telescope moved along during a spatial scan; {_KEEP}",
        ),
        OneOf(
            key="moving", what="MTFLAG", allowed=("none",),
            missing=PASSED,
            advice=f"stars are trailed while a moving target is followed; {_KEEP}",
        ),
        Between(key="exptime", what="EXPTIME", low=1e-3, unit="s", advice=_KEEP),
        NoFaults(key="clock", what="start and end", advice=_KEEP),
        OneOf(
            key="expflag", what="EXPFLAG", allowed=("NORMAL",), refused=_EXPFLAG, unknown=WARNED,
            missing=PASSED, advice=f"the exposure was disturbed; {_KEEP}",
            doubt=f"the exposure may have been disturbed; {_USED}",
        ),
        NoFaults(key="trouble", what="QUALITY", advice=f"{_TROUBLE}; {_KEEP}"),
        OneOf(
            key="quality", what="QUALITY", allowed=("none", "OK"), unknown=WARNED, missing=PASSED,
            refused=(), advice=_TROUBLE, verdict=WARNED,
        ),
        OneOf(
            key="fgslock", what="FGSLOCK", allowed=("FINE",), refused=("COARSE", "GYRO*"),
            unknown=WARNED, missing=PASSED, advice=f"{_TROUBLE}; {_KEEP}",
            doubt=f"{_TROUBLE}; {_USED}",
        ),
        Between(
            key="offset_arcsec", low=-MAX_OFFSET_ARCSEC, high=MAX_OFFSET_ARCSEC, unit="arcsec",
            what="distance of the pointing (RA_APER) from target plus POSTARG",
            advice=f"{_TROUBLE}; {_KEEP}",
        ),
        Alike(
            key="filter", what="FILTER", ignore_missing=True,
            advice="images of several filters cannot be combined; make an item for each",
        ),
        Alike(key="target", what="TARGNAME", ignore_missing=True, verdict=WARNED),
        Copies(key="pixels", what="set of reads", advice="give every exposure once"),
        Distinct(key="rootname", what="ROOTNAME", advice="give every exposure once"),
        Distinct(key="start", what="start (EXPSTART)", verdict=WARNED),
        NoFaults(key="cards", what="cards", verdict=WARNED),
        NoFaults(key="take_data", what="take-data flag", verdict=WARNED),
        NoFaults(key="stale", what="reads without data", verdict=WARNED),
        NoFaults(key="fill", what="lost packets", verdict=WARNED),
    )  # fmt: skip
