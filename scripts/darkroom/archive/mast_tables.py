"""Rows of MAST's observation catalogue (CAOM), exposures made of them, and texts for messages."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any

from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError
from darkroom.secrets import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from darkroom.archive.mast_client import Client

log = logging.getLogger(__name__)

# What the catalogue gives for a size that it does not know; a file of more bytes does not exist.
_NO_SIZE, _MOST_BYTES = -1, 10**14
# What a catalogue may give as the name of an exposure or file.
_SAFE_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,150}", re.ASCII)


def ask_observations(
    client: Client, item: str, criteria: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of the observations that meet the criteria.

    Parameters
    ----------
    client : darkroom.archive.mast_client.Client
        Session with MAST.
    item : str
        Name of the work item, for messages.
    criteria : dict
        Column name to value or values.
    """
    return client.ask(
        lambda: client.observations.query_criteria(**criteria),
        f"the observations of item {item}",
        columns=("obsid", "obs_id"),
    )


def ask_products(
    client: Client, item: str, observations: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the product rows of observations, each file once, sorted by file name.

    Parameters
    ----------
    client : darkroom.archive.mast_client.Client
        Session with MAST.
    item : str
        Name of the work item, for messages.
    observations : iterable of dict
        As by `ask_observations`.
    """
    ids = [row["obsid"] for row in observations]
    rows = client.ask(
        lambda: client.observations.get_product_list(ids),
        f"the products of item {item}",
        columns=("obs_id", "obsID", "dataURI", "productFilename"),
    )
    unique = {row["dataURI"]: row for row in reversed(rows)}
    return sorted(unique.values(), key=lambda row: str(row["productFilename"]))


def warn_of_proprietary_files(item: str, rows: Collection[Mapping[str, Any]]) -> None:
    """Log which files are not public when no token is set."""
    closed = [r for r in rows if r.get("dataRights", "PUBLIC") != "PUBLIC"]
    if closed and not os.environ.get(TOKEN_VARIABLE):
        log.warning(
            "item %s: %d of %d files are not public (%s: %s); put your token into the environment "
            "variable %s before they are fetched",
            item,
            len(closed),
            len(rows),
            ", ".join(sorted({row["dataRights"] for row in closed})),
            first_five({row["productFilename"] for row in closed}),
            TOKEN_VARIABLE,
        )


def make_exposure(
    item: str,
    role: str,
    name: str,
    product: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Exposure:
    """Return the exposure of a product row.

    Parameters
    ----------
    item, role, name : str
        Work item, role and name of the exposure.
    product : dict
        Row of the catalogue: ``productFilename``, ``dataURI``, ``size`` in bytes.
    facts : dict
        Header values for the lock.

    Raises
    ------
    DarkroomError
        When a name is not allowed as the name of a file, or a size is none.
    """
    file, uri = product["productFilename"], product["dataURI"]
    for text in (name, file):
        if not isinstance(text, str) or not _SAFE_NAME.fullmatch(text):
            raise DarkroomError(
                f"item {item}: MAST lists {text!r}, which is not allowed as a file name"
            )
    return Exposure(
        item=item,
        role=role,
        exposure=name,
        file=file,
        uri=str(uri),
        size=_size(item, file, product.get("size")),
        facts={key: str(value) for key, value in facts.items()},
    )


def _size(item: str, file: str, stated: Any) -> int | None:
    """Return the size of a file in bytes; None when the archive does not state it."""
    if stated is None or stated == _NO_SIZE:
        return None
    if not isinstance(stated, int | float) or not 0 <= stated <= _MOST_BYTES or stated % 1:
        raise DarkroomError(
            f"item {item}: MAST states a size of {str(stated)[:40]!a} bytes for {file}, which is "
            "none; lock the campaign again later"
        )
    return int(stated)


def as_list(value: Any) -> list[Any]:
    """Return a list of the values of a setting that may also be a single value."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def query_text(query: Mapping[str, Any], *keys: str) -> str:
    """Return some keys of a query with their values, as written in the campaign."""
    return "; ".join(
        f"{key}: {', '.join(map(str, as_list(query[key])))}" for key in keys if key in query
    )


def first_five(names: Iterable[str]) -> str:
    """Return the first five names, sorted, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return ", ".join(ordered[:5]) + more
