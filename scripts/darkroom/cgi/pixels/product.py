"""Bad-pixel maps as FITS, in the layout of corgidrp's BadPixelMap with reasons behind it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.counting.product import read_dark
from darkroom.cgi.darks.headers import add_software_cards
from darkroom.cgi.pixels.peer import DEAD, HOT, peer_map
from darkroom.cgi.pixels.robust import completeness, robust_map
from darkroom.errors import InputError
from darkroom.fits.write import write
from darkroom.plain import header_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from darkroom.hints import StrPath

# Excess charges whose completeness the header states [e-].
_SIZES = (0.01, 0.03, 0.1, 0.3)
# Cards of a dark that a map does not inherit.
_DROPPED = (
    "PC_STAT", "PCTHRESH", "NUM_FR", "PCMETHOD", "PCMEAN", "FPNSUB", "PCGAIN", "PCGAINER",
    "PCCHI2", "PCCHI2ER", "PCDRIFT", "PCLEVEL", "PCLEVERR", "PCHOT", "PCZERO", "PCSYNTH",
    "PCSYNERR", "PCSYNPUL", "PCSYNMAX", "PCFOUND1", "PCFOUND2", "PCFOUND3", "EMPTYPIX", "REGION",
    "CHECKSUM", "DATASUM", "IS_SYNTH", "HISTORY", "BITPIX", "BSCALE", "BZERO",
)  # fmt: skip


def make_map(path: StrPath, dark: Path, settings: Mapping[str, Any]) -> list[str]:
    """Make the map of bad pixels of a dark.

    Parameters
    ----------
    path : path-like
        File that is written.
    dark : pathlib.Path
        Dark of darkroom or corgidrp.
    settings : mapping
        Of `darkroom.cgi.settings.PixelSettings`.

    Returns
    -------
    list of str
        Sentences about the result; warnings begin with ``warning:``.

    Raises
    ------
    InputError
        When a file does not fit.
    """
    data, err, _, image = read_dark(dark)
    flat = _plane(settings["flat"], data.shape)
    previous = _plane(settings["previous"], data.shape)
    warnings: list[str] = []
    planes: dict[str, np.ndarray] = {}
    cards: dict[str, tuple[object, str]] = {}
    if settings["map_method"] == "peer":
        with fits.open(dark, memmap=False) as hdus:
            stored = np.array(hdus[1].data, np.float64)
        found = peer_map(
            stored, flat, deviations=settings["deviations"], fraction=settings["flat_fraction"],
            width=settings["flat_width"],
        )  # fmt: skip
        if lost := int(np.isnan(stored).sum()):
            warnings.append(
                f"{dark.name} is NaN in {lost} pixels: by corgidrp's rule no pixel is then hot"
            )
    else:
        made = robust_map(
            data, err, deviations=settings["deviations"], significance=settings["significance"],
            limit=settings["limit"], excess_in_errors=_significance(dark), flat=flat,
            fraction=settings["flat_fraction"], width=settings["flat_width"], previous=previous,
        )  # fmt: skip
        found = made.data
        planes = {"REASONS": made.reasons, "SIGNIF": made.significance.astype(">f4")}
        shares = completeness(err, made, sizes=list(_SIZES), significance=settings["significance"])
        for number, (size, share) in enumerate(shares, start=1):
            if np.isfinite(share):
                cards[f"BPFOUND{number}"] = (share, f"share found at {size:g} e- excess")
        expected = int(np.isfinite(data).sum()) * _chance(settings["significance"])
        cards["BPFALSE"] = (expected, "pixels that noise alone makes hot, at most")
    if flat is None:
        warnings.append(
            "dead pixels are those of the previous map: no flat shows them"
            if previous is not None and settings["map_method"] != "peer"
            else "dead pixels are not marked: darks do not show them, and there is no flat"
        )
    cards |= {
        "BPMETHOD": (settings["map_method"], "how bad pixels are found"),
        "NHOT": (int(((found & HOT) > 0).sum()), "warm and hot pixels"),
        "NDEAD": (int(((found & DEAD) > 0).sum()), "dead pixels"),
        "FLATPIX": (flat is not None, "were dead pixels looked for in a flat?"),
    }
    inputs = [dark, *(settings[key] for key in ("flat", "previous") if settings[key])]
    _write(path, dark, image, found, cards, planes, inputs, dict(settings), warnings)
    return [
        *(f"warning: {sentence}" for sentence in warnings),
        f"{int((found != 0).sum())} bad pixels of {found.size}",
    ]


def _chance(significance):
    from scipy import stats

    return float(stats.norm.sf(significance))


def _significance(dark):
    """Return the significance of counts where the dark states it."""
    with fits.open(dark, memmap=False) as hdus:
        return np.array(hdus["SIGNIF"].data, np.float64) if "SIGNIF" in hdus else None


def _plane(path, shape):
    if path is None:
        return None
    try:
        with fits.open(path, memmap=False) as hdus:
            plane = np.array(next(h.data for h in hdus if h.is_image and h.data is not None))
    except (OSError, StopIteration) as error:
        raise InputError(path, f"holds no image ({error or 'none at all'})") from None
    if plane.shape != shape:
        raise InputError(path, f"is of {plane.shape}, the dark of {shape}")
    return plane


def _write(path, dark, image, found, cards, planes, inputs, settings, warnings):
    with fits.open(dark, memmap=False) as hdus:
        primary, err, flags = (hdus[k].header.copy() for k in (0, "ERR", "DQ"))
    for header in (primary, image, err, flags):
        for card in _DROPPED:
            while card in header:
                del header[card]
    name = str(primary.get("FILENAME", "") or dark.name).replace("_drk_cal", "_bpm_cal")
    primary["FILENAME"] = name
    provenance.stamp(
        primary, made_by="pixel_map", inputs=inputs, settings=settings,
        packages=("numpy", "scipy", "astropy"),
    )  # fmt: skip
    add_software_cards(image, "pixel_map", settings, inputs=[dark.name])
    image["DATATYPE"], image["BUNIT"] = "BadPixelMap", ""
    for card, (value, comment) in cards.items():
        image[card] = (value, comment)
    image.add_history(f"Bad Pixel Map created using {dark.name}")
    for sentence in warnings:
        for line in textwrap.wrap(header_text(f"warning: {sentence}"), 70, subsequent_indent="  "):
            image.add_history(line)
    empty = np.zeros(found.shape)
    hdus = [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(found, header=image),
        fits.ImageHDU(empty.astype(">f4")[None], header=err, name="ERR"),
        fits.ImageHDU(empty.astype(np.uint16), header=flags, name="DQ"),
    ]
    hdus += [fits.ImageHDU(plane, name=key) for key, plane in planes.items()]
    write(path, hdus)
