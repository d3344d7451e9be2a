"""Headers of prepared frames, as in corgidrp's L2a frames."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.cgi.stacks.frame import Headers
from darkroom.cgi.units import ELECTRON, EM_ELECTRON, invalid_value

if TYPE_CHECKING:
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw import best, peer
    from darkroom.cgi.raw.calibration import Calibration

    Cards = dict[str, object]

# Cards without a meaning beyond level L1: removed, or set to -999 of their own type.
_DROPPED = ("LOCAMT", "CYCLES", "LASTEXP")
_INVALID = ("FTIMEUTC", "PROXET", "DATETIME")
# Cards that corgidrp averages over frames, so that they are floating-point numbers even for one.
_AVERAGED = (
    "RA", "DEC", "RAPM", "DECPM", "PA_V3", "PA_APER", "SVB_1", "SVB_2", "SVB_3", "ROLL", "PITCH",
    "YAW", "FSMSG1", "FSMSG2", "FSMSG3", "FSMX", "FSMY", "EXCAMT", "NOVEREXP",
    *(f"Z{k}{what}" for k in range(2, 15) for what in ("AVG", "VAR", "RES")),
)  # fmt: skip
_LEVEL = re.compile(r"_(?:l1_|im\d+)")


def prepared_name(name: str) -> str:
    """Return the file name of a prepared frame: that of the raw one with the level L2a."""
    return _LEVEL.sub("_l2a", name, count=1)


def prepared_headers(
    headers: Headers,
    values: Cards,
    sentences: list[str],
    err_sentences: list[str],
    divided: bool,
) -> Headers:
    """Turn the headers of a raw frame into those of a prepared one, in place.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
        Of level L1.
    values : dict
        Cards of the image's header to set: ``{card: value or (value, comment)}``.
    sentences, err_sentences : list of str
        Lines of HISTORY for the image and for its error.
    divided : bool
        True when the frame is divided by its EM gain.

    Returns
    -------
    darkroom.cgi.stacks.frame.Headers
    """
    primary, image = headers.primary, headers.image
    err, dq = fits.Header(), fits.Header()
    for header in (primary, image):
        for card in (*_AVERAGED, "OVEREXP"):
            value = header.get(card)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            header[card] = int(bool(value)) if card == "OVEREXP" else float(value)
        for card in _INVALID:
            if card in header:
                header[card] = invalid_value(header[card])
        for card in _DROPPED:
            header.remove(card, ignore_missing=True)
    primary["FILENAME"] = prepared_name(str(primary.get("FILENAME") or headers.path.name))
    err["TRK_ERRS"], err["LAYER_1"] = False, "combined_error"
    unit = ELECTRON if divided else EM_ELECTRON
    for card, value in (values | {"BUNIT": unit, "DATALVL": "L2a"}).items():
        image[card] = value
    for card in ("BUNIT", "KGAINPAR", "KGAIN_ER", "RN", "RN_ERR"):
        err[card] = image[card]
    for header, lines in ((image, sentences), (err, err_sentences)):
        for line in lines:
            header.add_history(line)
    return Headers(headers.path, primary, image, err, dq)


def common_values(calibration: Calibration, saturation: float, bad: bool) -> Cards:
    """Return the cards that both modes, best and peer, set.

    Parameters
    ----------
    calibration : darkroom.cgi.raw.calibration.Calibration
    saturation : float
        Level of saturation [DN].
    bad : bool
        True when the frame should not be used.

    Returns
    -------
    dict
        ``{card: value}``.
    """
    return {
        "FWC_PP_E": calibration.well_image,
        "FWC_EM_E": calibration.well_register,
        "SAT_DN": saturation,
        "IS_BAD": bad,
        "KGAINPAR": calibration.kgain,
        "KGAIN_ER": calibration.kgain_error,
        "RN": calibration.read_noise,
        "RN_ERR": calibration.read_noise_error,
    }


def peer_history(
    found: peer.SearchResult,
    rules: peer.Rules,
    calibration: Calibration,
    geometry: Geometry,
    division: str = "",
    removed: str = "",
) -> tuple[list[str], list[str]]:
    """Return HISTORY of the image and of its error in corgidrp's words (mode peer).

    Parameters
    ----------
    found : darkroom.cgi.raw.peer.SearchResult
    rules : darkroom.cgi.raw.peer.Rules
    calibration : darkroom.cgi.raw.calibration.Calibration
    geometry : darkroom.cgi.geometry.Geometry
    division : str
        ``"the same"`` or ``"different"``: whether the commanded EM gains of all frames agree.
        Empty when frames are not divided by their EM gain.
    removed : str
        Sentence about frames that were removed from the set; empty when none was.

    Returns
    -------
    image, err : list of str
    """
    # corgidrp names its parameter file and the hash of an object, which differs in each process.
    text = f"{calibration.well_image:g} {calibration.well_register:g} {geometry.name}"
    mask = (
        f"Cosmic ray mask created with median_filter_mode = {rules.filter_mode}. Used detector "
        f"parameters from {geometry.name}with hash {zlib.crc32(text.encode())}"
    )
    if found.bad:
        search = [
            "Marked IS_BAD because frame exceeded pct_oversat_lim in detect_cosmic_rays.",
            "Cosmic ray identification skipped for this oversaturated frame.",
        ]
    else:
        search = [f"Cosmic ray threshold of {found.threshold} used."]
    first = ["Bias subtracted", *([removed] if removed else [])]
    then = [mask, _linearity(calibration), "Updated Data Level to L2a"]
    last = [f"data converted to detected EM electrons by kgain {calibration.kgain}"]
    if division:
        end = "gain" if division == "the same" else "gains"
        last.append(
            f"data divided by EM gain for dataset with frames with {division} commanded EM {end}"
        )
    scaled = ["Errors rescaled by: kgain", "Added error term: kgain_error"]
    return [*first, *search, *then, *last], [
        "Added error term: prescan_bias_sub", *first, *then, *scaled, *last,
    ]  # fmt: skip


def _linearity(calibration):
    name = calibration.nonlinearity.name
    if not name:
        return "Data corrected for non-linearity: none, the detector is taken as linear"
    return f"Data corrected for non-linearity with {name}"


def best_values(found: best.SearchResult, gain: float, loss: float) -> Cards:
    """Return the cards that only mode best sets.

    Parameters
    ----------
    found : darkroom.cgi.raw.best.SearchResult
    gain : float
        EM gain that was used.
    loss : float
        Fraction of a single electron's mean signal that the threshold cuts away.

    Returns
    -------
    dict
        ``{card: (value, comment)}``.
    """
    noise = found.noise
    return {
        "CRTHR_DN": (round(found.threshold, 3), "[DN] cosmic-ray threshold of normal pixels"),
        "CRLOSS": (float(f"{loss:.3g}"), "part of one electron's signal cut away"),
        "CRHITS": (found.hits, "groups of pixels hit by cosmic rays"),
        "CRTAILPX": (found.tails, "pixels flagged as tails of hits"),
        "MASKFRAC": (round(found.masked, 6), "part of the imaging area that is flagged"),
        "GAINUSED": (gain, "EM gain that was used"),
        "NOISE_DN": (round(noise.image, 4), "[DN] noise of a pixel of the image"),
        "PRECHARG": (round(noise.charge, 6), "[e-] clock-induced charge of the prescan"),
    }


def best_history(
    found: best.SearchResult, calibration: Calibration, divided: bool
) -> tuple[list[str], list[str]]:
    """Return HISTORY of the image and of its error (mode best).

    Parameters
    ----------
    found : darkroom.cgi.raw.best.SearchResult
    calibration : darkroom.cgi.raw.calibration.Calibration
    divided : bool
        True when the frame is divided by its EM gain.

    Returns
    -------
    image, err : list of str
    """
    image = [
        "Bias subtracted: medians of the prescan, its clock-induced charge taken back",
        f"Cosmic ray threshold of {round(found.threshold, 3)} used.",
        "Cosmic ray mask created by darkroom from read noise and EM gain, tails followed",
        _linearity(calibration),
        "Updated Data Level to L2a",
        f"data converted to detected EM electrons by kgain {calibration.kgain}",
    ]
    if found.bad:
        image.insert(2, "Marked IS_BAD because too much of the frame is masked.")
    if divided:
        image.append("data divided by EM gain, each frame by its own")
    return image, ["Error of each row's bias, common to its pixels", *image]
