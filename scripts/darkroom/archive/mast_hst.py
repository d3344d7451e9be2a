"""HST exposures, asked of MAST's observation catalogue by association, exposure or proposal."""

from __future__ import annotations

from darkroom.archive.mast_tables import (
    ask_observations,
    ask_products,
    listed,
    make_exposure,
    some_of,
    tell_rights,
    told,
)
from darkroom.campaign.lock import NothingFound
from darkroom.errors import DarkroomError

# Characters of the name of an exposure, and those of it that name its visit (ipppssoot).
_ROOTNAME, _VISIT = 9, 6
# Calibration exposures are known by the name of their target.
_ROLES = {"DARK": "dark", "BIAS": "bias"}


def find(client, item, query):
    """List the exposures of an item.

    Parameters
    ----------
    client : darkroom.archive.mast_client.Client
        Asks.
    item : str
        Name of the work item.
    query : dict
        ``obs_id`` and/or ``proposal_id``; ``exposures``, ``products``, ``calib_level`` and
        ``project`` choose among what is found.

    Returns
    -------
    list of Exposure
        In order of their file names.

    Raises
    ------
    DarkroomError
        When nothing is found, or one of `exposures` is not.
    """
    observations, query = _observations(client, item, query)
    if not observations:
        raise NothingFound(
            f"item {item}: MAST has no HST observation with {told(query, 'obs_id', 'proposal_id')}"
            "; look for a misspelt name, or data that are not in the archive yet"
        )
    rows = ask_products(client, item, observations)
    wanted = [row for row in rows if _is_wanted(row, query)]
    _check(item, query, rows, wanted)
    tell_rights(item, wanted)
    parents = {row["obsid"]: row for row in observations}
    only = observations[0] if len(observations) == 1 else {}
    several = len(_kinds(query)) > 1
    exposures = []
    for row in wanted:
        parent = parents.get(row.get("parent_obsid", row["obsID"]), only)
        name = row["productFilename"].split(".")[0] if several else row["obs_id"]
        role = _ROLES.get(parent.get("target_name"), "science")
        exposures.append(make_exposure(item, role, name, row, _facts(row, parent)))
    return exposures


def _observations(client, item, query):
    """Return the observations of a query, and the query with `exposures` where they follow from it.

    An exposure of an association is not listed by itself: it is looked for in the associations of
    its visit, whose names begin with the same six characters.
    """
    criteria = {"obs_collection": "HST"}
    if "proposal_id" in query:
        criteria["proposal_id"] = [str(query["proposal_id"])]
    if "obs_id" not in query:
        return ask_observations(client, item, criteria), query
    names = [name.lower() for name in listed(query["obs_id"])]
    # The catalogue holds names in lower case, those of the first instruments in upper case.
    forms = sorted({form for name in names for form in (name, name.upper())})
    observations = ask_observations(client, item, criteria | {"obs_id": forms})
    listed_names = {row["obs_id"].lower() for row in observations}
    others = [name for name in names if name not in listed_names]
    if not others:
        return observations, query
    if observations:
        raise DarkroomError(
            f"item {item}: MAST has no HST observation {some_of(others)}; an exposure of an "
            "association is no observation: name the association, and the exposure in exposures"
        )
    for visit in sorted({name[:_VISIT] for name in others if len(name) == _ROOTNAME}):
        observations += ask_observations(client, item, criteria | {"obs_id": f"{visit}*"})
    return observations, {"exposures": others} | query


def _kinds(query):
    return query.get("products", ["RAW"])


def _is_wanted(row, query):
    """Tell whether a product is of the right kind, project and exposure."""
    names = [name.lower() for name in query.get("exposures", ())]
    return (
        row.get("productSubGroupDescription") in _kinds(query)
        and ("project" not in query or row.get("project") == query["project"])
        and (not names or row["obs_id"].lower() in names)
        and ("calib_level" not in query or row.get("calib_level") in query["calib_level"])
    )


def _check(item, query, rows, wanted):
    """Refuse an answer without products, or without one of the exposures asked for."""
    if not rows:
        raise NothingFound(
            f"item {item}: MAST knows the observation but lists no products of it; they may not be "
            "in the archive yet"
        )
    there = some_of({row["obs_id"] for row in rows})
    if not wanted:
        keys = ("products", "project", "calib_level", "exposures")
        asked = told({"products": _kinds(query)} | query, *keys)
        kinds = {row.get("productSubGroupDescription", "") for row in rows} - {""}
        raise NothingFound(
            f"item {item}: MAST lists {len(rows)} products, but none with {asked}; it has "
            f"{', '.join(sorted(kinds))} of {there}"
        )
    found = {row["obs_id"].lower() for row in wanted}
    missing = [name for name in query.get("exposures", ()) if name.lower() not in found]
    if missing:
        raise DarkroomError(
            f"item {item}: MAST lists no {'/'.join(_kinds(query))} of {some_of(missing)}; it has "
            f"products of {there}"
        )


def _facts(row, parent):
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
