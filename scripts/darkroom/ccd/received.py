"""What is known of a received CCD frame: its cards, and numbers from a sample of its pixels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from darkroom.ccd.frame_pixels import (
    pixel_remarks,
    pixel_values,
    sample_rows,
    without_overscan,
)
from darkroom.ccd.frame_types import calibration_faults, stated_type
from darkroom.ccd.overscan.amplifiers import amplifiers, left_out
from darkroom.ccd.overscan.sections import find_parts
from darkroom.errors import InputError
from darkroom.fits.cards import Recover
from darkroom.fits.describe import describe
from darkroom.fits.tiles import find_image
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from darkroom.campaign.lock_rows import Exposure
    from darkroom.ccd.overscan.amplifiers import Amplifier
    from darkroom.fits.describe import Frame

#: Each exposure is one image: a cube in a local folder holds several.
SINGLE_IMAGES = True
# Cards of the filter: flats of one are compared.
_FILTER = ("FILTER", "FILTERS", "FILTNAM", "FILTER1", "ESO INS FILT1 NAME", "INSFILTE")
# Units of values that are no ADU.
_RATE = re.compile(r"/ ?s|s(?:ec)?(?:\^|\*\*)?\(?-1|per sec", re.IGNORECASE)
_ELECTRONS = re.compile(r"e-|e\b|elec|photon", re.IGNORECASE)
#: Cards of the set-up by name: frames that differ in one do not belong together.
SETUP = {
    "gain": ("GAIN", "GAINRAW", "ISOSPEED", "ISO"),
    "egain": ("EGAIN", "GAIN_E"),
    "offset": ("OFFSET", "BLKLEVEL", "BLACKLEV", "BRIGHTNE"),
    "pedestal": ("PEDESTAL",),
    "readout mode": ("READOUTM", "READMODE", "READOUT", "RDMODE", "READSPED"),
    "first column": ("XORGSUBF", "SUBFRAMX", "X0-SUBFR"),
    "first row": ("YORGSUBF", "SUBFRAMY"),
    "region": ("CCDSEC", "DETSEC", "ESO DET WIN1 STRX", "SUBRECT", "DETWIN1"),
    "overscan region": ("BIASSEC",),
    "image region": ("TRIMSEC", "DATASEC"),
    "row order": ("ROWORDER",),
    "flip": ("FLIPSTAT",),
    "colour pattern": ("BAYERPAT", "COLORTYP"),
}


def read_header(
    path: Path,
    exposure: Exposure,  # noqa: ARG001 (every instrument's has these arguments)
    item: Mapping[str, Any],
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return what is known of a frame, and notes on the cards that were recovered.

    Its arguments and what it returns are those of `darkroom.archive.receive.facts_of_lock`. Of
    `item` it uses ``recover``, the cards that may be recovered, and ``cards``, those that hold the
    exposure time, the temperature and the role.

    Raises
    ------
    InputError
        When the header cannot be read.
    """
    recover = [Recover.parse(text) for text in item.get("recover", ())]
    with unpacked(path) as plain:
        frame = describe(plain, recover, item.get("cards"))
        judged = header_values(frame)
        planes = amplifiers(plain)
        judged["amplifiers"] = len(planes)
        judged["remarks"] += [
            f"its image {name} is far smaller than the largest one: taken as a preview, left out"
            for name in left_out(plain)
        ]
        images = [_image_values(path, plain, one, judged, len(planes) > 1) for one in planes]
    facts = {
        "instrument": frame.instrument,
        "shape": f"{frame.shape[0]}x{frame.shape[1]}",
        "binning": frame.binning,
        "exptime_s": frame.exptime,
        "temperature_c": frame.temperature,
        "date_obs": frame.date_obs,
        "mjd": frame.mjd,
        # Amplifiers after the first have values of their own, by name.
        "judged": judged
        | (images[0] if images else {})
        | {"further": {one.name: its for one, its in zip(planes[1:], images[1:], strict=True)}},
    }
    return facts, frame.notes


def _image_values(
    path: Path, plain: Path, amplifier: Amplifier, judged: dict[str, Any], several: bool
) -> dict[str, Any]:
    """Return the values of one amplifier's pixels; what is wrong with them goes to `judged`."""
    plane, pixels = find_image(path, plain, amplifier.hdu)
    values = sample_rows(plane, pixels)
    where = f"amplifier {amplifier.name}: " if several else ""
    faults, remarks = pixel_remarks(values, plane)
    judged["state"] += [where + fault for fault in faults]
    judged["remarks"] += [where + remark for remark in remarks]
    try:
        parts, _ = find_parts(path, amplifier.header, amplifier.shape)
    except InputError:  # said when the frames are combined, or mended by keys of the campaign
        parts = None
    # Copies are found by what is stored, the rest is compared as it will be used.
    return pixel_values(without_overscan(values, parts, plane.shape[0]), stored=values)


def header_values(frame: Frame) -> dict[str, Any]:
    """Return the values of a frame's header that are judged.

    Parameters
    ----------
    frame : darkroom.fits.describe.Frame
        With its cards.

    Returns
    -------
    dict
        ``type`` and ``type_said`` (see `darkroom.ccd.frame_types.stated_type`), ``state`` and
        ``remarks`` (sentences), ``bitpix``, ``set_temperature_c``, whether the ``temperature`` is
        stated, ``start`` (time of the exposure), and the cards of `SETUP` that it has, by name.
    """
    cards = frame.cards
    found: dict[str, Any] = {
        "bitpix": frame.bitpix,
        "set_temperature_c": frame.set_temperature,
        "temperature": "not stated" if frame.temperature is None else "stated",
        "remarks": list(frame.remarks),
        "state": [],
    }
    if cards is None:
        return found
    kind, said, against = stated_type(cards)
    faults, remarks = calibration_faults(cards)
    found |= {"type": kind, "type_said": said, "state": faults}
    found["remarks"] += [*against, *remarks]
    if repeated := cards.text("CUBEQUAL"):
        found["remarks"].append(f"its cube holds {repeated} images equal to others: taken once")
    plane = cards.text("CUBPLANE") or ""
    if images := re.search(r"cube of (\d+)", cards.comment("CUBPLANE")):
        found["planes"] = int(images[1])
        if (axis := cards.text("CTYPE3", "COLORSPC")) and "RGB" in axis.upper():
            found["colours"] = f"its header says {axis!r}"
    if frame.date_obs and "T" in frame.date_obs:
        found["start"] = f"{frame.date_obs}{f' plane {plane}' if plane else ''}"
    if unit := cards.text("BUNIT"):
        if _RATE.search(unit):
            faults.append(f"BUNIT is {unit!r}: counts were divided by time, a raw frame is needed")
        elif _ELECTRONS.match(unit):
            found["remarks"].append(f"BUNIT is {unit!r}: its values are taken as ADU")
    if filters := cards.text(*_FILTER):
        found["filter"] = filters
    for name, keywords in SETUP.items():
        if (value := cards.text(*keywords)) is not None:
            found[name] = _plain(value)
    return found


def _plain(value: str) -> str | float:
    """Return a value as a number where it is one, so that 100 and 100.0 are alike."""
    if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", value):
        return float(value)
    return " ".join(value.split())
