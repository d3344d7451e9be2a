"""Settings for the header cards that CRDS requires of a reference file."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class MetadataSettings:
    """Header cards that CRDS requires of a reference file."""

    author: str = setting("darkroom", "AUTHOR of the reference file.", schema={"minLength": 1})
    description: str = setting(
        "",
        "DESCRIP of the reference file.",
        unit="at most 65 characters",
        schema={"minLength": 1, "maxLength": 65},
    )
    pedigree: str = setting(
        "GROUND",
        "PEDIGREE: GROUND, DUMMY, INFLIGHT (dates of the first and last exposure are filled in) "
        "or INFLIGHT YYYY-MM-DD YYYY-MM-DD",
        unit="GROUND, DUMMY, INFLIGHT",
        schema={"pattern": r"^(GROUND|DUMMY|INFLIGHT( \d{4}-\d{2}-\d{2} \d{4}-\d{2}-\d{2})?)$"},
    )
    useafter: str = setting(
        "",
        "USEAFTER: start of the period the file applies to, a quoted text YYYY-MM-DDThh:mm:ss",
        unit='"YYYY-MM-DDThh:mm:ss"',
        schema={"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"},
    )
    history: str = setting("", "Remark written to HISTORY.", absent="empty")
    subarray: str | None = setting(
        None,
        "SUBARRAY the file applies to, e.g. GENERIC.",
        unit="header value",
        absent="the exposures'",
    )
    readpatt: str = setting("ANY", "READPATT the file applies to.", unit="header value")
