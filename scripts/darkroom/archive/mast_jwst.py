"""JWST exposures, queried from MAST's catalogue of header keywords of their instrument.

Only that catalogue has exposure types and read patterns. Its rows are files, mostly calibrated ones
(a dark's row is its ``_dark.fits``), so raw files that are not in the answer are then looked up in
the observation catalogue.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from astropy.time import Time

from darkroom.archive.mast_tables import (
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
    from collections.abc import Collection, Mapping, Sequence

    from darkroom.archive.mast_client import Client
    from darkroom.campaign.lock_rows import Exposure

Row = dict[str, Any]
# Rows of the catalogue: {exposure: {kind of product: row}}.
Found = dict[str, dict[str, Row]]

# The catalogue of an instrument, e.g. Mast.Jwst.Filtered.Nircam.
SERVICE = "Mast.Jwst.Filtered.{instrument}"
# A file of one exposure and detector: name of the exposure, kind of product.
_NAME = re.compile(r"(jw\d{11}_\w{5}_\d{5}(?:-seg\d{3})?_[a-z]\w+)_([a-z0-9]+)\.fits", re.ASCII)
# Keys of a query that are conditions on a column of the catalogue.
_COLUMNS = {"detectors": "detector", "readpatt": "readpatt", "subarray": "subarray"}
_NAMES_A_QUERY = 200


def find(client: Client, item: str, settings: Mapping[str, Any]) -> list[Exposure]:
    """List the exposures of an item.

    Parameters
    ----------
    client : darkroom.archive.mast_client.Client
        Session with MAST.
    item : str
        Name of the work item.
    settings : dict
        Settings of the work item: ``instrument``, and ``query`` with ``program``, ``exp_type``;
        ``detectors``, ``readpatt``, ``subarray``, ``date_min``, ``date_max``, ``exposures``,
        ``products``.

    Returns
    -------
    list of Exposure
        In order of their file names.

    Raises
    ------
    DarkroomError
        When nothing is found, or nothing of one of the detectors or exposures asked for, or an
        exposure has no file of the kind asked for.
    """
    instrument, query = settings["instrument"], settings["query"]
    service = SERVICE.format(instrument=instrument.capitalize())
    rows = client.ask(
        lambda: client.keywords.service_request(
            service, {"columns": "*", "filters": _filters(query)}
        ),
        f"the exposures of item {item}",
        columns=("filename", "detector"),
    )
    found: Found = {}
    for row in rows:
        name = _NAME.fullmatch(row["filename"])
        if name:
            found.setdefault(name[1], {})[name[2]] = row
    chosen = [name.lower() for name in query.get("exposures", found)]
    _check(item, settings, chosen, found)
    found = {name: found[name] for name in sorted(chosen)}
    kinds = [kind.lower() for kind in query.get("products", ["UNCAL"])]
    files = _files(client, item, found, kinds)
    warn_of_proprietary_files(item, files.values())
    role = "dark" if query["exp_type"].endswith("_DARK") else "exposure"
    return [
        make_exposure(
            item,
            role,
            name if len(kinds) == 1 else f"{name}_{kind}",
            files[name, kind],
            _facts(next(iter(by_kind.values())), instrument),
        )
        for name, by_kind in found.items()
        for kind in kinds
    ]


def _filters(query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the conditions of a query in MAST's form: lists of texts, or of one range."""
    program = str(query["program"])
    filters: dict[str, Any] = {
        "program": sorted({program, program.zfill(5)}),
        "exp_type": [query["exp_type"]],
    }
    filters |= {column: query[key] for key, column in _COLUMNS.items() if key in query}
    if "date_min" in query or "date_max" in query:
        first = Time(query.get("date_min", "2021-12-25")).mjd
        last = Time(query.get("date_max", "2100-01-01")).mjd
        filters["date_obs_mjd"] = [{"min": first, "max": last + 0.999999}]
    return [{"paramName": name, "values": values} for name, values in filters.items()]


def _check(item: str, settings: Mapping[str, Any], chosen: Sequence[str], found: Found) -> None:
    """Refuse an empty answer, or one without a detector or exposure asked for."""
    query = settings["query"]
    asked = query_text(query, "program", "exp_type", *_COLUMNS, "date_min", "date_max")
    if not found:
        raise NothingFound(
            f"item {item}: MAST has no {settings['instrument'].upper()} exposure with {asked}; "
            "look for a misspelt value, or data that are still proprietary (set MAST_API_TOKEN)"
        )
    there = {row["detector"] for rows in found.values() for row in rows.values()}
    missing = [name for name in query.get("detectors", ()) if name not in there]
    missing += [name for name in chosen if name not in found]
    if missing:
        raise DarkroomError(
            f"item {item}: MAST has nothing of {first_five(missing)} with {asked}; it has "
            f"{len(found)} exposures of {first_five(there)}"
        )


def _files(
    client: Client, item: str, found: Found, kinds: Collection[str]
) -> dict[tuple[str, str], Row]:
    """Return ``{(exposure, kind): product row}``, from the answer itself or from CAOM."""
    files: dict[tuple[str, str], Row] = {
        (name, kind): {
            "productFilename": row["filename"],
            "dataURI": row["dataURI"],
            "size": row.get("fileSize"),
            "dataRights": row.get("dataRights", "PUBLIC"),
        }
        for name, rows in found.items()
        for kind, row in rows.items()
        if kind in kinds and "dataURI" in row
    }
    wanted = {(name, kind) for name in found for kind in kinds}
    names = sorted({name for name, _ in wanted - files.keys()})
    for start in range(0, len(names), _NAMES_A_QUERY):
        criteria = {"obs_collection": "JWST", "obs_id": names[start : start + _NAMES_A_QUERY]}
        observations = ask_observations(client, item, criteria)
        for row in ask_products(client, item, observations) if observations else ():
            name = _NAME.fullmatch(row["productFilename"])
            if name:
                files.setdefault((name[1], name[2]), row)
    files = {key: files[key] for key in sorted(wanted & files.keys())}
    missing = {f"{name}_{kind}.fits" for name, kind in wanted - files.keys()}
    if missing:
        raise DarkroomError(
            f"item {item}: MAST knows these exposures but lists no file {first_five(missing)}; "
            "they may still be proprietary (set MAST_API_TOKEN)"
        )
    return files


def _facts(row: Row, instrument: str) -> dict[str, Any]:
    """Return the header values for the lock, from a row of the catalogue."""
    facts = {name: row.get(name, "") for name in ("detector", "subarray", "readpatt", "filter")}
    facts["instrument"] = instrument.upper()
    if "effexptm" in row:
        facts["exptime_s"] = f"{row['effexptm']:g}"
    if "subsize1" in row and "subsize2" in row:
        facts["shape"] = f"{row['subsize2']}x{row['subsize1']}"
    if "expstart" in row:
        facts["date_obs"] = Time(row["expstart"], format="mjd", precision=0).isot
    return facts
