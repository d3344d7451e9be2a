"""The CRDS context, server and cache that a campaign uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.campaign.settings import REQUIRED, setting
from darkroom.errors import DarkroomError
from darkroom.folders import expanded

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign

#: The context of simulated references.
SIMULATED_CONTEXT = "{observatory}_0001.pmap"


@dataclass(frozen=True, kw_only=True)
class ObservatorySettings:
    """CRDS context, server and cache of an observatory."""

    context: str = setting(
        REQUIRED,
        "Pinned CRDS context, the rules by which references are chosen, e.g. jwst_1293.pmap",
        unit="jwst_NNNN.pmap or hst_NNNN.pmap",
        schema={"pattern": r"^(jwst|hst)_\d{4}\.pmap$"},
    )
    server: str | None = setting(
        "https://{observatory}-crds.stsci.edu",
        "CRDS server, an address beginning with http; null: work offline with a complete cache.",
        unit="address or null",
        filled=False,
        schema={"pattern": r"^https?://[^\s]+$"},
        absent="the observatory's",
    )
    path: str | None = setting(
        None,
        "Folder of the CRDS cache; environment variables and ~ are expanded. A damaged file in it "
        "is fetched again.",
        unit="folder",
        absent="results/crds",
    )
    timeout_s: float = setting(
        600,
        "Longest time for one answer or one file; a large file is given at least one second per "
        "100 kB.",
        unit="s",
        above=0,
    )


@dataclass(frozen=True)
class CrdsSettings:
    """Settings of one observatory's CRDS.

    Parameters
    ----------
    observatory : str
        ``jwst`` or ``hst``.
    context : str
        The pinned ``.pmap``.
    server : str or None
        Address of the server; None: work offline.
    cache : str
        Folder of the cache.
    timeout : float
        Longest time for one answer or one file (s).
    """

    observatory: str
    context: str
    server: str | None
    cache: str
    timeout: float


def crds_settings(campaign: Campaign, observatory: str, results: str) -> CrdsSettings:
    """Return the `CrdsSettings` of a campaign.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        Its ``crds`` has context, server and path; simulated exposures have a cache of their own.
    observatory : str
        ``jwst`` or ``hst``.
    results : str
        Folder of all results.

    Raises
    ------
    DarkroomError
        When the campaign pins no context, or one of another observatory, or names a folder by an
        environment variable that is not set.
    """
    if campaign.archive["kind"] == "simulated":
        context = SIMULATED_CONTEXT.format(observatory=observatory)
        cache, timeout = f"{results}/{campaign.name}/crds", ObservatorySettings.timeout_s
        return CrdsSettings(observatory, context, None, cache, timeout)
    given = campaign.settings["crds"].get(observatory)
    if given is None:
        raise DarkroomError(
            f"{campaign.path}: the campaign needs references of {observatory}; pin the context "
            f"that chooses them, e.g.\n  crds:\n    {observatory}: {{context: "
            f"{observatory}_1293.pmap}}"
        )
    context = given["context"]
    if not context.startswith(f"{observatory}_"):
        raise DarkroomError(
            f"{campaign.path}: crds.{observatory}.context is {context!r}, a context of another "
            "observatory"
        )
    server = given.get("server", str(ObservatorySettings.server).format(observatory=observatory))
    cache = _folder(given["path"], campaign) if given["path"] else f"{results}/crds"
    return CrdsSettings(observatory, context, server, cache, given["timeout_s"])


def _folder(text: str, campaign: Campaign) -> str:
    """Return the folder of a cache, with ``$VARIABLES`` and ``~`` expanded."""
    return str(expanded(text, f"{campaign.path}: crds path", "set it, or write the whole path"))
