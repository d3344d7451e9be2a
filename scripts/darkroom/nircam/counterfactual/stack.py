"""Exposures of one kind as one: what a step does once it does for all of them.

The steps before jump treat every integration by itself. Opening models and references, not the
numbers, is most of what they cost, so the integrations of several exposures go through them
together. Jump and ramp_fit compare the integrations of an exposure, so they get each one alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy.io import fits

from darkroom.nircam.ramps.files import plain_copy

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Samples of a stack, beyond which no further exposure is added: 128 MiB as the steps hold them.
MOST_SAMPLES = 2**25
# Cards that decide what the steps do with an integration.
_CARDS = (
    "TELESCOP", "INSTRUME", "DETECTOR", "CHANNEL", "EXP_TYPE", "FILTER", "PUPIL", "SUBARRAY",
    "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "FASTAXIS", "SLOWAXIS", "NOUTPUTS", "READPATT",
    "NGROUPS", "NFRAMES", "GROUPGAP", "FRMDIVSR", "NSAMPLES", "TFRAME", "TGROUP", "ZEROFRAM",
)  # fmt: skip


class DeckExposure(NamedTuple):
    """An exposure on which files are compared.

    Attributes
    ----------
    name : str
    path : path-like
        Raw file, may be compressed.
    references : dict
        ``{type: path}`` of the references of the steps.
    """

    name: str
    path: StrPath
    references: Mapping[str, StrPath]


def stacks(exposures: Sequence[DeckExposure], most: int = MOST_SAMPLES) -> list[list[DeckExposure]]:
    """Return exposures in groups that the steps may get as one, in the given order.

    Parameters
    ----------
    exposures : sequence of DeckExposure
    most : int
        Samples of a group; one exposure alone may have more.
    """
    found: list[tuple[Any, int, list[DeckExposure]]] = []
    for one in exposures:
        kind, samples = _kind(one)
        if found and found[-1][0] == kind and found[-1][1] + samples <= most:
            _, before, members = found.pop()
            found.append((kind, before + samples, [*members, one]))
        else:
            found.append((kind, samples, [one]))
    return [members for _, _, members in found]


def read_groups(members: Sequence[DeckExposure]) -> list[np.ndarray]:
    """Return the raw counts of exposures: (nints, ngroups, ny, nx) arrays."""
    found = []
    for one in members:
        with ExitStack() as copies:
            found.append(fits.getdata(plain_copy(one.path, copies), "SCI"))
    return found


def write_stack(path: Path, first: DeckExposure, groups: Sequence[np.ndarray]) -> None:
    """Write exposures as integrations of one raw file.

    Parameters
    ----------
    path : pathlib.Path
        To write.
    first : DeckExposure
        Whose header it gets; that of the others says the same about the detector.
    groups : sequence of (nints, ngroups, ny, nx) arrays
        Raw counts of each.
    """
    from darkroom.fits.write import write

    data = np.concatenate(list(groups))
    with ExitStack() as copies, fits.open(plain_copy(first.path, copies), memmap=False) as hdus:
        hdus["SCI"].data = data
        # Times of integrations are those of one exposure alone; no step before the fit uses them.
        kept = [hdu for hdu in hdus if hdu.name != "INT_TIMES"]
        for card, value in (("NINTS", len(data)), ("INTSTART", 1), ("INTEND", len(data))):
            hdus[0].header[card] = value
        write(path, kept)


def parts(values: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """Return the integrations of each exposure of a stack.

    Parameters
    ----------
    values : (nints, ...) array
        Of the stack.
    counts : sequence of int
        Integrations of each exposure.
    """
    return np.split(values, np.cumsum(counts)[:-1])


def _kind(one: DeckExposure) -> tuple[Any, int]:
    """Return what exposures of a group have in common, and the number of samples of this one."""
    header, image = fits.getheader(one.path), fits.getheader(one.path, "SCI")
    shape = [int(image[f"NAXIS{axis}"]) for axis in (4, 3, 2, 1)]
    cards = tuple(str(header.get(card, "")) for card in _CARDS)
    references = tuple(sorted((kind, str(path)) for kind, path in one.references.items()))
    # A zeroth frame would have to be stacked too; the step saturation looks at it.
    alone = one.name if header.get("ZEROFRAM") else ""
    return (tuple(shape[1:]), cards, references, alone), int(np.prod(shape))
