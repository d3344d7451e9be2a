"""What a series of epochs says of the day from which a file should serve, for form and README."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from darkroom.dates import from_mjd, to_mjd

# A proposal of another day than USEAFTER's is said; times of day are no matter.
_SAME_DAYS = 1.0


def sentences(validity: Mapping[str, Any] | None, useafter: str) -> list[str]:
    """Return what a delivery says of its validity.

    Parameters
    ----------
    validity : dict or None
        Of `darkroom.epochs.trends.validity`, as in ``trends.json``; None without a series.
    useafter : str
        USEAFTER of the file, ISO.

    Returns
    -------
    list of str
        Proposed USEAFTER with the interval in which the change lies, whether the file's own
        differs from it, how long it stays within the tolerance, and the rate of changes.
    """
    if not validity:
        return []
    if validity["changed"]:
        first = (
            f"The series of epochs proposes USEAFTER {_day(validity['useafter'])}: the detector "
            f"changed between {_day(validity['after'])} and {_day(validity['before'])}"
        )
        own = to_mjd(datetime.fromisoformat(useafter)) if useafter else None
        if own is not None and abs(own - validity["useafter"]) > _SAME_DAYS:
            earlier = own < validity["useafter"]
            first += f"; the file has {useafter[:10]}, " + (
                "so that exposures before the change would get it" if earlier
                else "so that exposures after the change would not get it"
            )  # fmt: skip
    else:
        drifts = validity.get("drifts")
        found_none = "no step, but a drift" if drifts else "no change"
        first = (
            f"The series of epochs shows {found_none}: the USEAFTER of the file in use may be "
            "kept, so that it is replaced exactly"
        )
    found = [first]
    if validity.get("good_days"):
        least = "at least " if validity["at_least"] else ""
        found.append(
            f"It stays within the tolerance for {least}{validity['good_days']:.0f} days, at 95 % "
            "confidence"
        )
    if rate := validity.get("rate"):
        found.append(
            f"In the past there were {rate[0]:.2g} changes a year ({rate[1]:.2g} to {rate[2]:.2g})"
        )
    return found


def _day(mjd: float) -> str:
    return from_mjd(mjd).date().isoformat()
