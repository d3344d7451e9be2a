"""Rows of MAST's observation catalogue (CAOM), exposures made of them, and words about them."""

from __future__ import annotations

import logging
import os
import re

from darkroom.campaign.lock import Exposure
from darkroom.errors import DarkroomError
from darkroom.transport.token import VARIABLE

log = logging.getLogger(__name__)

# What may become a file name here, whatever a catalogue says.
_SAFE_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,150}", re.ASCII)


def ask_observations(client, item, criteria):
    """Return the rows of observations that meet criteria."""
    return client.ask(
        lambda: client.observations.query_criteria(**criteria),
        f"the observations of item {item}",
        columns=("obsid", "obs_id"),
    )


def ask_products(client, item, observations):
    """Return the product rows of observations, each file once, by file name."""
    ids = [row["obsid"] for row in observations]
    rows = client.ask(
        lambda: client.observations.get_product_list(ids),
        f"the products of item {item}",
        columns=("obs_id", "obsID", "dataURI", "productFilename"),
    )
    unique = {row["dataURI"]: row for row in reversed(rows)}
    return sorted(unique.values(), key=lambda row: row["productFilename"])


def tell_rights(item, rows):
    """Say in the log which files not everybody gets, while there is time to get a token."""
    closed = [r for r in rows if r.get("dataRights", "PUBLIC") != "PUBLIC"]
    if closed and not os.environ.get(VARIABLE):
        log.warning(
            "item %s: %d of %d files are not public (%s: %s); put your token into the environment "
            "variable %s before they are fetched",
            item,
            len(closed),
            len(rows),
            ", ".join(sorted({row["dataRights"] for row in closed})),
            some_of({row["productFilename"] for row in closed}),
            VARIABLE,
        )


def make_exposure(item, role, name, product, facts):
    """Return the exposure of a product row; refuse names that no file here may have."""
    file, size = product["productFilename"], product.get("size")
    for text in (name, file):
        if not _SAFE_NAME.fullmatch(text):
            raise DarkroomError(f"item {item}: MAST lists {text!r}, no name that a file may have")
    return Exposure(
        item=item,
        role=role,
        exposure=name,
        file=file,
        uri=product["dataURI"],
        size=None if size is None or size < 0 else size,
        facts={key: str(value) for key, value in facts.items()},
    )


def listed(value):
    """Return a list of what may be given alone."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def told(query, *keys):
    """Return the part of a query as it stands in the campaign."""
    return "; ".join(
        f"{key}: {', '.join(map(str, listed(query[key])))}" for key in keys if key in query
    )


def some_of(names):
    """Return up to five names and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
