"""Campaigns whose archive is the loopback one."""

from __future__ import annotations

from pathlib import Path

import yaml


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
