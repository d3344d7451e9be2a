"""Campaigns of a few lines and locks in memory, as the pipelines' planning sees them."""

from __future__ import annotations

from pathlib import Path

import yaml

from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.crds.settings import crds_settings
from darkroom.workflow.plan import Plan

ROOT = Path(__file__).resolve().parent.parent
CRDS = {"jwst": {"context": "jwst_1234.pmap"}, "hst": {"context": "hst_1234.pmap"}}


def a_plan(folder, items, exposures=(), kind="local", **top):
    """Return the plan of a campaign.

    Parameters
    ----------
    folder : pathlib.Path
        Where the campaign's file goes.
    items : dict
        Its items.
    exposures : iterable of tuple
        ``(item, role, exposure, facts)``, the rows of its lock.
    kind : {"local", "simulated"}
        Its archive.
    **top
        Further keys of the campaign.
    """
    archive = {"local": {"kind": "local", "folder": "."}, "simulated": {"kind": kind, "seed": 1}}
    settings = {"title": "t", "archive": archive[kind], "items": items}
    if kind == "local":
        settings["crds"] = CRDS
    path = Path(folder) / "c.yaml"
    path.write_text(yaml.safe_dump(settings | top, sort_keys=False))
    campaign = open_campaign(str(path), ROOT)
    rows = [
        Exposure(item, role, name, f"{name}.fits", f"local:{name}.fits", 1, facts)
        for item, role, name, facts in exposures
    ]
    lock = Lock(Path(folder) / "c.lock.tsv", {}, rows)
    return Plan(
        campaign,
        "results",
        lambda: lock,
        lambda observatory: crds_settings(campaign, observatory, "results"),
    )
