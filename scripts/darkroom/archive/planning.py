"""Planning of the rules that fetch exposures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from darkroom.provenance import settings_digest
from darkroom.workflow.plan import Plan
from darkroom.workflow.programs import Programs

if TYPE_CHECKING:
    from darkroom.campaign.lock_rows import Exposure


class Arrivals:
    """How the exposures of a campaign are fetched.

    Parameters
    ----------
    plan : Plan
        The campaign.
    programs : Programs
        Computes the digest of the program that fetches.
    """

    def __init__(self, plan: Plan, programs: Programs) -> None:
        self.plan = plan
        kind = plan.campaign.archive["kind"]
        modules = [f"darkroom.archive.{kind}"]
        modules += [f"darkroom.{name}.received" for name in plan.instruments]
        if plan.simulated:
            modules += [f"darkroom.{name}.simulate.exposures" for name in plan.instruments]
        #: Toolset of the programs that query the archive.
        self.toolset = "archive" if kind == "mast" else "detector"
        #: Digest of the program that fetches, including the modules of archive and simulators.
        self.code = programs.digest(self.toolset, "archive/fetch", *modules)
        #: Whether exposures come over the network, which only the first node of a cluster may have.
        self.remote = kind == "mast"

    @property
    def maker_option(self) -> str:
        """Option with the digest of simulator and settings, which determine simulated exposures."""
        if not self.plan.simulated:
            return ""
        return f"--maker {self.code}-{self.plan.campaign.query_digest()}"

    def fetch_settings(self, item: str, exposures: Iterable[Exposure]) -> str:
        """Return a digest of everything that determines the content of exposures of an item."""
        return settings_digest(
            {
                "exposures": [row.row() for row in exposures],
                "archive": self.plan.campaign.tracked_archive,
                "selection": self.plan.campaign.selection(item),
            }
        )
