"""What a check finds, and its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from darkroom.integrity.records import command_to_remake

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Kinds of findings, the worst first, and what each means.
KINDS = {
    "damaged": "the bytes are not those that were recorded",
    "missing": "recorded or listed, and gone",
    "stale": "made from a file that has been made anew since",
    "unrecorded": "made without a record, so its bytes cannot be judged",
    "foreign": "made by no rule of the campaign",
}
DAMAGED, INCOMPLETE = 3, 4


@dataclass(frozen=True)
class Finding:
    """One fault.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    path : str
        The file.
    why : str
        Values found and needed.
    target : str or None
        Output of a rule that makes it again; None where a person must decide.
    """

    kind: str
    path: str
    why: str
    target: str | None = None


@dataclass
class Findings:
    """All that a check has found.

    Parameters
    ----------
    head : mapping
        What is recorded of the campaign (`darkroom.integrity.records.head_of`).
    """

    head: Mapping[str, Any]
    found: list[Finding] = field(default_factory=list)
    files: int = 0
    size: int = 0

    def add(self, kind: str, path: object, why: str, target: str | None = None) -> None:
        """Add a fault."""
        self.found.append(Finding(kind, str(path), why, target))

    def status(self) -> int:
        """Return the exit status: 3 damage, 4 missing, stale or unrecorded files, 0 otherwise."""
        kinds = {finding.kind for finding in self.found}
        if "damaged" in kinds:
            return DAMAGED
        return INCOMPLETE if kinds - {"foreign"} else 0

    def text(self, seconds: float, not_made: int) -> str:
        """Return the text of a check.

        Parameters
        ----------
        seconds : float
            Its duration.
        not_made : int
            Number of planned products that were never made.
        """
        lines = []
        for kind, meaning in KINDS.items():
            mine = [finding for finding in self.found if finding.kind == kind]
            if mine:
                lines.append(f"{kind} ({meaning}): {len(mine)}")
            for finding in mine:
                lines.append(f"  {finding.path}: {finding.why}")
                if finding.target:
                    lines.append(f"      {command_to_remake(dict(self.head), [finding.target])}")
        targets = list(dict.fromkeys(f.target for f in self.found if f.target))
        if len(targets) > 1:
            lines += ["To make all of them again:"]
            lines += [f"  {command_to_remake(dict(self.head), targets)}"]
        elif not targets and any(finding.kind != "foreign" for finding in self.found):
            command = self.head.get("command", "snakemake")
            lines += [f"Repair what is named above, then run: {command}"]
        if not_made:
            lines.append(f"{not_made} planned products are not made yet.")
        rate = f" ({self.size / 1e9 / seconds:.2g} GB/s)" if seconds > 0 else ""
        lines.append(
            f"{self.files} files, {self.size / 1e6:.1f} MB, were read in {seconds:.1f} s{rate}."
        )
        if self.status() == 0:
            lines.append("Every file is as it was recorded.")
        return "\n".join(lines)
