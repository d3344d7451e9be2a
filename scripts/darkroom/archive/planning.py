"""What the rules ask about the archive: which one, and whether an exposure came with others."""

from __future__ import annotations

from functools import cached_property

from darkroom.archive.arrivals import arrival_key
from darkroom.campaign.pins import Pins, read_pins
from darkroom.workflow.plan import Plan, quoted
from darkroom.workflow.programs import Programs


class Arrivals:
    """How a campaign's exposures come.

    Parameters
    ----------
    plan : Plan
        The campaign.
    programs : Programs
        Gives the digest of the program that fetches.
    exclude : bool
        Whether refused exposures are left out.
    """

    def __init__(self, plan: Plan, programs: Programs, exclude: bool) -> None:
        self.plan = plan
        self.exclude = exclude
        kind = plan.campaign.archive["kind"]
        modules = [f"darkroom.archive.{kind}"]
        modules += [f"darkroom.{name}.received" for name in plan.instruments]
        if plan.simulated:
            modules += [f"darkroom.{name}.simulate.exposures" for name in plan.instruments]
        #: Toolset of the programs that ask the archive.
        self.toolset = "archive" if kind == "mast" else "detector"
        #: Digest of the program that fetches, with the archive's and the simulators' modules.
        self.code = programs.digest(self.toolset, "archive/fetch", *modules)
        #: Small files come many at a time, brought by the program of the first of them.
        self.together = kind == "mast"

    @property
    def maker_option(self) -> str:
        """The option that names the simulator: simulated bytes follow from it and its settings."""
        if not self.plan.simulated:
            return ""
        return f"--maker {self.code}-{self.plan.campaign.query_digest()}"

    @property
    def together_options(self) -> str:
        """The options that let a program bring several exposures."""
        return f"--together --code {self.code}" if self.together else ""

    @cached_property
    def pins(self) -> Pins:
        """The pins beside the campaign's lock."""
        return read_pins(self.plan.campaign.pins_path)

    def note(self, item: str, exposure: str) -> str:
        """Return the status of an exposure, noted when it came with others; quoted."""
        return quoted(f"{self.plan.results}/raw/{item}/.arrived/{exposure}.json")

    def came_with_others(self, item: str, exposure: str) -> str:
        """Return a shell test: the note of the exposure holds, its file was not touched since."""
        if not self.together:
            return ""
        row = self.plan.lock.get(item, exposure)
        key = arrival_key(self.plan.campaign, row, self.pins, self.exclude, self.code)
        folder = f"{self.plan.results}/raw/{item}"
        note, file = self.note(item, exposure), quoted(f"{folder}/{row.file}")
        keyed = quoted(f"{folder}/.arrived/{exposure}.key")
        return f"[ -f {file} ] && [ ! {file} -nt {note} ] && grep -qsx {key} {keyed}"

    def fetch_settings(self, item: str, exposure: str) -> dict:
        """Return everything that the bytes of an exposure follow from."""
        return {
            "exposure": self.plan.lock.get(item, exposure).row(),
            "archive": self.plan.campaign.tracked_archive,
            "selection": self.plan.campaign.selection(item),
        }
