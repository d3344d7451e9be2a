"""HST exposures, queried from MAST's observation catalogue by association or proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.archive.mast_tables import (
    as_list,
    ask_observations,
    ask_products,
    first_five,
    make_exposure,
    query_text,
    warn_of_proprietary_files,
)
from darkroom.campaign.lock_rows import NothingFound
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.archive.mast_client import Client
    from darkroom.campaign.lock_rows import Exposure

Row = dict[str, Any]

# Length of an exposure's name, and of the part that names its visit (ipppssoot).
_ROOTNAME, _VISIT = 9, 6
# Calibration exposures are recognised by the name of their target.
_ROLES = {"DARK": "dark", "BIAS": "bias"}


def find(client: Client, item: str, settings: Mapping[str, Any]) -> list[Exposure]:
    """List the exposures of an item.

    Parameters
    ----------
    client : darkroom.archive.mast_client.Client
        Session with MAST.
    item : str
        Name of the work item.
    settings : dict
        Settings of the work item. Its ``query`` has ``obs_id`` and/or ``proposal_id``;
        ``exposures``, ``products``, ``calib_level`` and ``project`` choose among what is found.

    Returns
    -------
    list of Exposure
        In order of their file names.

    Raises
    ------
    DarkroomError
        When nothing is found, or one of `exposures` is not.
    """
    observations, query = _observations(client, item, settings["query"])
    if not observations:
        raise NothingFound(
            f"item {item}: MAST has no HST observation with "
            f"{query_text(query, 'obs_id', 'proposal_id')}; look for a misspelt name, or data that "
            "are not in the archive yet"
        )
    rows = ask_products(client, item, observations)
    wanted = [row for row in rows if _is_wanted(row, query)]
    _check(item, query, rows, wanted)
    warn_of_proprietary_files(item, wanted)
    parents = {row["obsid"]: row for row in observations}
    only: Row = observations[0] if len(observations) == 1 else {}
    several = len(_kinds(query)) > 1
    exposures = []
    for row in wanted:
        parent = parents.get(row.get("parent_obsid", row["obsID"]), only)
        name = row["productFilename"].split(".")[0] if several else row["obs_id"]
        role = _ROLES.get(parent.get("target_name", ""), "science")
        exposures.append(make_exposure(item, role, name, row, _facts(row, parent)))
    return exposures


def _observations(
    client: Client, item: str, query: Mapping[str, Any]
) -> tuple[list[Row], Mapping[str, Any]]:
    """Return the observations of a query, and the query with `exposures` where it implies them.

    An exposure that belongs to an association is not listed by itself: it is looked for in the
    associations of its visit, whose names begin with the same six characters.
    """
    criteria: dict[str, Any] = {"obs_collection": "HST"}
    if "proposal_id" in query:
        criteria["proposal_id"] = [str(query["proposal_id"])]
    if "obs_id" not in query:
        return ask_observations(client, item, criteria), query
    names = [name.lower() for name in as_list(query["obs_id"])]
    # Names are in lower case in the catalogue, those of the first instruments in upper case.
    forms = sorted({form for name in names for form in (name, name.upper())})
    observations = ask_observations(client, item, criteria | {"obs_id": forms})
    listed_names = {row["obs_id"].lower() for row in observations}
    others = [name for name in names if name not in listed_names]
    if not others:
        return observations, query
    if observations:
        raise DarkroomError(
            f"item {item}: MAST has no HST observation {first_five(others)}; an exposure "
            "of an association is not an observation: give the association as obs_id, and the "
            "exposure in exposures"
        )
    for visit in sorted({name[:_VISIT] for name in others if len(name) == _ROOTNAME}):
        observations += ask_observations(client, item, criteria | {"obs_id": f"{visit}*"})
    return observations, {"exposures": others, **query}


def _kinds(query: Mapping[str, Any]) -> list[str]:
    """Return the kinds of product asked for."""
    kinds: list[str] = query.get("products", ["RAW"])
    return kinds


def _is_wanted(row: Row, query: Mapping[str, Any]) -> bool:
    """Tell whether a product is of the right kind, project and exposure."""
    names = [name.lower() for name in query.get("exposures", ())]
    return (
        row.get("productSubGroupDescription") in _kinds(query)
        and ("project" not in query or row.get("project") == query["project"])
        and (not names or row["obs_id"].lower() in names)
        and ("calib_level" not in query or row.get("calib_level") in query["calib_level"])
    )


def _check(item: str, query: Mapping[str, Any], rows: Sequence[Row], wanted: Sequence[Row]) -> None:
    """Refuse an answer without products, or without one of the exposures asked for."""
    if not rows:
        raise NothingFound(
            f"item {item}: MAST knows the observation but lists no products of it; they may not be "
            "in the archive yet"
        )
    there = first_five({row["obs_id"] for row in rows})
    if not wanted:
        keys = ("products", "project", "calib_level", "exposures")
        asked = query_text({"products": _kinds(query), **query}, *keys)
        kinds = {row.get("productSubGroupDescription", "") for row in rows} - {""}
        raise NothingFound(
            f"item {item}: MAST lists {len(rows)} products, but none with {asked}; it has "
            f"{', '.join(sorted(kinds))} of {there}"
        )
    found = {row["obs_id"].lower() for row in wanted}
    missing = [name for name in query.get("exposures", ()) if name.lower() not in found]
    if missing:
        raise DarkroomError(
            f"item {item}: MAST lists no {'/'.join(_kinds(query))} of {first_five(missing)}; it "
            f"has products of {there}"
        )


def _facts(row: Row, parent: Row) -> dict[str, Any]:
    """Return the header values for the lock, from a product's row and its observation's."""
    instrument, _, detector = parent.get("instrument_name", "").partition("/")
    alone = parent.get("obs_id") == row["obs_id"]
    return {
        "instrument": instrument,
        "detector": detector,
        "filter": row.get("filters") or parent.get("filters", ""),
        # An association's exposure time is the sum over its members.
        "exptime_s": f"{parent['t_exptime']:g}" if alone and "t_exptime" in parent else "",
        "association": "" if alone else parent.get("obs_id", ""),
    }
