"""Planning of the rules that fetch exposures: options of the programs, exposures in batches."""

from __future__ import annotations

from functools import cached_property

from darkroom.archive.arrivals import arrival_key
from darkroom.campaign.pins import Pins, read_pins
from darkroom.workflow.plan import Plan, quoted
from darkroom.workflow.programs import Programs


class Arrivals:
    """How the exposures of a campaign are fetched.

    Parameters
    ----------
    plan : Plan
        The campaign.
    programs : Programs
        Computes the digest of the program that fetches.
    batch : int, optional
        Largest number of exposures that one program fetches; by default as many as it can in a
        minute.
    """

    def __init__(self, plan: Plan, programs: Programs, batch: int | None = None) -> None:
        self.plan = plan
        self.batch = batch
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

    @property
    def together_options(self) -> str:
        """Options with which a program fetches a batch of exposures."""
        together = "" if self.batch is None else f" {self.batch}"
        return f"--together{together} --code {self.code}"

    @cached_property
    def pins(self) -> Pins:
        """The pins beside the campaign's lock."""
        return read_pins(self.plan.campaign.pins_path)

    def copy(self, item: str, exposure: str) -> str:
        """Return a shell command that copies an exposure's status from a batch, to the disk."""
        folder = f"{self.plan.results}/raw/{item}"
        status = f"{folder}/{exposure}.json"
        note = self._note(item, exposure)
        return f"cp {note} {quoted(status)} && sync {quoted(status, folder)}"

    def _note(self, item: str, exposure: str) -> str:
        return quoted(f"{self.plan.results}/raw/{item}/.arrived/{exposure}.json")

    def came_with_others(self, item: str, exposure: str) -> str:
        """Return a shell test: an exposure came in a batch, and its file is unchanged since."""
        row = self.plan.lock.get(item, exposure)
        key = arrival_key(self.plan.campaign, row, self.pins, self.code)
        folder = f"{self.plan.results}/raw/{item}"
        note, file = self._note(item, exposure), quoted(f"{folder}/{row.file}")
        keyed = quoted(f"{folder}/.arrived/{exposure}.key")
        return f"[ -f {file} ] && [ ! {file} -nt {note} ] && grep -qsx {key} {keyed}"

    def fetch_settings(self, item: str, exposure: str) -> dict:
        """Return everything that determines the content of an exposure."""
        return {
            "exposure": self.plan.lock.get(item, exposure).row(),
            "archive": self.plan.campaign.tracked_archive,
            "selection": self.plan.campaign.selection(item),
        }
