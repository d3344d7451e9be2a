"""What an instrument recognises in a file, from its headers alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Recognised:
    """A file of an instrument.

    Parameters
    ----------
    instrument : str
        Key of its pipeline in a campaign.
    path : pathlib.Path
        The file.
    setup : mapping
        What exposures of one item have in common, as text, in the order in which it is shown:
        ``{"camera": "ZWO ASI178MC", "shape": "3040 x 2024", …}``.
    role : str
        Use of the exposure (``bias``, ``dark``, …); empty when it has none here.
    note : str
        Why it has no role, or where the role was read when the header does not state it.
    exptime : float or None
        Exposure time in seconds.
    date : str
        Start of the exposure as the header states it; repeated files agree in it.
    options : mapping
        What the instrument makes settings of the item of, e.g.
        ``{"recover": ["EXPTIME=EXPOINUS*1e-6"]}``.
    damage : str
        Why the file will be refused when it is read, though its headers can be read.
    images : int
        Exposures that it holds: those of a cube count each.
    """

    instrument: str
    path: Path
    setup: Mapping[str, str]
    role: str
    note: str = ""
    exptime: float | None = None
    date: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    damage: str = ""
    images: int = 1
