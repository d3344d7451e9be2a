"""Settings of the WFC3/IR superdark."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class SuperdarkSettings:
    """The superdark of an item with ``product: superdark``."""

    description: str = setting(
        "Dark current of each read, mean of darks aligned in level",
        "DESCRIP of the reference file.",
        unit="at most 67 characters",
        schema={"minLength": 1, "maxLength": 67},
    )
    pedigree: str = setting(
        "INFLIGHT",
        "PEDIGREE of the reference file; INFLIGHT gets the dates of the first and last dark.",
        choices=("INFLIGHT", "GROUND", "MODEL", "DUMMY"),
    )
    useafter: str = setting(
        "2009-05-14T00:00:00",
        "USEAFTER: start of the period the file applies to, a quoted text YYYY-MM-DDThh:mm:ss.",
        unit='"YYYY-MM-DDThh:mm:ss"',
        schema={"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"},
    )
    history: str = setting("", "Remark written to HISTORY.", absent="empty")
    cut_sigma: float = setting(
        5.0,
        "Limit of the test for cosmic rays and persistence: a step up anywhere in a ramp, against "
        "the other darks. From the read of the step on, the dark is left out in that pixel.",
        unit="standard deviations",
        minimum=3,
    )
    hot: float = setting(
        0.4, "Rate above which a pixel is flagged as hot (16).", unit="e-/s", above=0
    )
    warm: float | None = setting(
        None,
        "Rate above which a pixel that is not hot is flagged as warm (64, which no pixel of the "
        "reference files in use has).",
        unit="e-/s",
        above=0,
        absent="no pixel is",
    )
