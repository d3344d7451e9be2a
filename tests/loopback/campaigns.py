"""Campaigns whose archive is the loopback one."""

from __future__ import annotations

from pathlib import Path

import yaml

from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure

ROOT = Path(__file__).parents[2]


def point_at(path, server, **archive):
    """Rewrite a MAST campaign so that it asks another server.

    A lock belongs to the archive that gave it: the one made from here is of no use for the
    campaign as it ships.

    Parameters
    ----------
    path : path-like
        The campaign, a copy.
    server : str
        Address of the server.
    **archive
        Further settings of the archive, such as ``retries``.
    """
    path = Path(path)
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["archive"] |= {"server": server, **archive}
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def write_campaign(folder, server, query, **archive):
    """Write a campaign of one item, ``visit``, that asks the loopback archive; return it.

    Parameters
    ----------
    folder : pathlib.Path
        Where it goes, as ``trial.yaml``.
    server : loopback.mast.Mast
        The archive.
    query : dict
        What the item asks for.
    **archive
        Further settings of the archive, such as ``retries``.
    """
    settings = {
        "title": "Files of the loopback archive",
        "archive": {"kind": "mast", "server": server.url, **archive},
        "crds": {"hst": {"context": "hst_1241.pmap"}},
        "items": {"visit": {"instrument": "wfc3", "query": query}},
    }
    path = folder / "trial.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return open_campaign(path, ROOT)


def locked(folder, server, uris, *, sizes=None, **archive):
    """Write a campaign of files of the loopback archive, and its lock; nothing is asked.

    Parameters
    ----------
    folder, server, **archive
        As for `write_campaign`.
    uris : iterable of str
        The files.
    sizes : dict, optional
        Sizes by URI that the lock shall give instead of the right ones.

    Returns
    -------
    darkroom.campaign.campaign.Campaign
        The campaign.
    """
    campaign = write_campaign(folder, server, {"mission": "hst", "proposal_id": 1}, **archive)
    rows = []
    for uri in uris:
        product = server.catalogue.products[uri]
        size = (sizes or {}).get(uri, len(product.content))
        rows.append(Exposure("visit", "science", product.exposure, product.name, uri, size))
    head = {"campaign": "trial", "archive": "mast", "query": campaign.query_digest()}
    Lock(campaign.lock_path, head, rows).write()
    return campaign
