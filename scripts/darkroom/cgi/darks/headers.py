"""Headers of products, merged from those of the frames as in corgidrp's calibrations.

The cards are those of the latest frame; the start of the time span is that of the earliest frame.
Cards that hold for one frame only (pointing, mechanisms, wavefront, ...) become -999 in their type.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

import darkroom
from darkroom.cgi.darks.tables import table_image
from darkroom.cgi.stacks.measured import Measured
from darkroom.cgi.units import ELECTRON, invalid_value
from darkroom.gates.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.cgi.stacks.stacks import Stack

#: Cards that have no meaning for a product of many frames.
_OF_ONE_FRAME = Path(__file__).with_name("cards_of_one_frame.txt").read_text("ascii").split()
#: Further ones, for a product of several gains and times.
OF_ONE_STACK = ("EXPTIME", "EMGAIN_C", "EMGAIN_A", "KGAINPAR", "KGAIN_ER", "HVCBIAS")
# Cards of the raw file, of the software that prepared the frame, and of the form of the HDU.
_DROPPED = ("LOCAMT", "CYCLES", "LASTEXP", "DRPVERSN", "DRPCTIME", "HISTORY", "COMMENT",
            "RECIPE", "RECIPE2", "RECIPE3", "NRECIPES")  # fmt: skip
_FORM = (
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "NAXIS4", "EXTEND",
    "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "CHECKSUM", "DATASUM", "DATE", "EXTNAME",
)  # fmt: skip
#: Cards that every Dark of corgidrp has.
DARK_CARDS = {
    "PCTHRESH": -999.0, "NUM_FR": -999, "FRMSEL01": -999.0, "FRMSEL02": False,
    "FRMSEL03": -999.0, "FRMSEL04": -999.0, "FRMSEL05": -999.0, "FRMSEL06": -999.0,
}  # fmt: skip


def merge_headers(
    stacks: Sequence[Stack], invalid: Sequence[str] = ()
) -> tuple[fits.Header, fits.Header, fits.Header, fits.Header]:
    """Merge the headers of stacks.

    Parameters
    ----------
    stacks : sequence of darkroom.cgi.stacks.stacks.Stack
        Stacks that the product is made of.
    invalid : sequence of str
        Further cards that become -999.

    Returns
    -------
    primary, image, err, dq : astropy.io.fits.Header
    """
    latest_stack = max(stacks, key=lambda stack: stack.template.start)
    latest = latest_stack.template
    earliest = min(stacks, key=lambda stack: str(stack.earliest.get("SCTSRT", ""))).earliest
    headers = [
        _without(header, (*_DROPPED, *_FORM))
        for header in (latest.primary, latest.image, latest.err, latest.dq)
    ]
    primary, image, err, dq = headers
    temperatures = sum(stack.temperatures for stack in stacks)
    if "EXCAMT" in image:
        total = sum(stack.temperature_sum for stack in stacks)
        image["EXCAMT"] = total / temperatures if temperatures else -999.0
    if "EXPTIME" in image:
        image["EXPTIME"] = latest_stack.exptime
    for card, value in earliest.items():
        image[card] = value
    for header in (primary, image):
        for card in (*_OF_ONE_FRAME, *invalid):
            if card in header:
                header[card] = invalid_value(header[card])
    if "EMGAIN_M" in image:
        image["EMGAIN_M"] = -999.0
    for card in [card for card in image if card.startswith("FILE") and card[4:].isdigit()]:
        del image[card]
    image["FILE0"] = (stacks[0].members[0].name, "see FRAMES")
    image["BUNIT"] = ELECTRON
    image["DATALVL"] = "CAL"
    err["TRK_ERRS"], err["LAYER_1"], err["BUNIT"] = False, "combined_error", ELECTRON
    primary["ORIGIN"] = "darkroom"
    return primary, image, err, dq


def _without(header, cards):
    copy = header.copy()
    for card in cards:
        while card in copy:
            del copy[card]
    return copy


def product_name(stacks: Sequence[Stack], suffix: str) -> str:
    """Return the file name in corgidrp's style: that of the latest frame with another suffix."""
    latest = max(stacks, key=lambda stack: stack.template.start).template
    name = str(latest.primary.get("FILENAME", "")) or stacks[-1].members[-1].name
    stem = name.split(".fits")[0]
    for level in ("_l1_", "_l2a", "_l2b"):
        stem = stem.replace(level, "")
    return f"{stem}{suffix}.fits"


def frames_table(stacks: Sequence[Stack]) -> fits.ImageHDU:
    """Return the table FRAMES: every frame of the product, with the properties of its stack."""
    rows = [(stack, member) for stack in stacks for member in stack.members]
    columns = {
        "FILE": [member.name for _, member in rows],
        "SHA256": [member.sha256 for _, member in rows],
        "EXPTIME": [stack.exptime for stack, _ in rows],
        "EMGAIN": [member.em_gain for _, member in rows],
    }
    return table_image("FRAMES", columns, {"EXPTIME": "s"})


def units_table(stacks: Sequence[Stack]) -> fits.ImageHDU:
    """Return the table UNITS: what was measured of every frame, in the order of FRAMES.

    The detector has one amplifier, so that a frame has one row. NaN: not known.
    """
    rows = [
        (member, stack.measured.get(member.name, Measured()))
        for stack in stacks
        for member in stack.members
    ]
    columns = {
        "FILE": [member.name for member, _ in rows],
        "START": [member.start for member, _ in rows],
        "TEMPERATURE": [one.temperature for _, one in rows],
        "LEVEL": [one.level for _, one in rows],
        "SCATTER": [one.scatter for _, one in rows],
        "MASKED": [one.masked for _, one in rows],
        "PIXELS": [one.pixels for _, one in rows],
    }
    units = {"TEMPERATURE": "Celsius", "LEVEL": "electron", "SCATTER": "electron"}
    return table_image(UNITS, columns, units)


def add_software_cards(
    header: fits.Header,
    made_by: str,
    settings: Mapping[str, object],
    *,
    created: str = "",
    inputs: Sequence[str] | str = "See extension FRAMES",
) -> None:
    """Add the cards by which corgidrp's calibration database knows software, date and recipe.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image; changed in place.
    made_by : str
        Name of the program.
    settings : mapping
        Settings that the result depends on.
    created : str
        DRPCTIME (see `creation_time`); empty to keep that of the header, if any.
    inputs : sequence of str or str
        Names of the inputs, or where they are named.
    """
    header["DRPVERSN"] = (f"darkroom {darkroom.__version__}", "software that made this file")
    if created:
        header["DRPCTIME"] = (created, "time of the newest input (UTC)")
    keywords = json.loads(json.dumps(settings, default=str))
    recipe = {
        "name": f"darkroom_{made_by}",
        "template": False,
        "inputs": inputs,
        "outputdir": "",
        "steps": [{"name": made_by, "keywords": keywords}],
    }
    header["RECIPE"] = json.dumps(recipe)


def creation_time(stacks: Sequence[Stack]) -> str:
    """Return the time from which a product may exist: that of its newest input.

    corgidrp's calibration database sorts by DRPCTIME, in corgidrp the time of the run. A product of
    darkroom does not depend on when it was made, so it has the latest of the times at which its
    frames ended and, as far as their headers tell, were processed.

    Returns
    -------
    str
        ISO 8601 without zone (UTC), as corgidrp writes it; empty when no header has a time.
    """
    images = [stack.template.image for stack in stacks]
    cards = ("SCTSRT", "SCTEND", "DRPCTIME")
    values = (str(image.get(card, "")).strip() for image in images for card in cards)
    times = [value.removesuffix("Z") for value in values if _is_time(value.removesuffix("Z"))]
    return max(times, key=datetime.fromisoformat, default="")


def _is_time(text):
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False
