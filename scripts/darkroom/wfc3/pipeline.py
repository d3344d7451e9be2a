"""The WFC3/IR pipeline as the workflow plans it. Standard library only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any

from darkroom.campaign.settings import command_options
from darkroom.errors import DarkroomError
from darkroom.wfc3.reference_kinds import KINDS, OPTIONAL_KINDS
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings
from darkroom.wfc3.visit.settings import DrizzleSettings
from darkroom.workflow.plan import Pipeline, Plan, named_options, quoted


def check_item(name: str, settings: Mapping[str, Any], exposures: Iterable[str]) -> None:
    """Refuse settings that contradict each other or name an exposure that does not exist.

    Parameters
    ----------
    name : str
        Name of the item.
    settings : dict
        Its settings of the WFC3/IR pipeline.
    exposures : iterable of str
        Names of its exposures in the lock.

    Raises
    ------
    DarkroomError
        Naming the item and the key.
    """
    engine, treatment = settings["engine"], settings["treatment"]
    if engine != "builtin" and treatment == "mask" and settings["mask_scope"] == "all":
        raise DarkroomError(
            f"item {name}: engine {engine} cannot leave masked reads out for every pixel; set "
            "mask_scope: calwf3, or engine: builtin"
        )
    if engine == "calwf3" and treatment != "mask":
        raise DarkroomError(f"item {name}: engine calwf3 cannot {treatment}; use builtin or both")
    exposures = list(exposures)
    for exposure in settings["reads"]:
        if exposure not in exposures:
            raise DarkroomError(
                f"item {name}: reads names exposure {exposure!r}, which is not in its lock "
                f"({', '.join(exposures)})"
            )


def reads_of(settings: Mapping[str, Any], exposure: str) -> str | None:
    """Return the EXTVERs given for an exposure as text (``"11,12"``), None when none are."""
    given = settings["reads"].get(exposure)
    if given is None or isinstance(given, str):
        return given
    return ",".join(str(read) for read in given)


def ramp_memory(shape: str, nsamp: int) -> int:
    """Return the memory (MB) for reads and errors of a ramp, held twice, and the libraries."""
    ny, nx = (int(size) for size in shape.split("x"))
    return 300 + round(ny * nx * nsamp * 20 / 1e6)


class Wfc3Pipeline(Pipeline):
    """Bad reads found and treated; the visit combined before and after."""

    instrument = "wfc3"
    optional_kinds = OPTIONAL_KINDS
    settings_group = Wfc3Settings
    programs = PROGRAMS
    observatory = "hst"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.largest_ramp = cache(self._largest_ramp)

    @cached_property
    def archived_items(self) -> set[str]:
        """Items that only hold the archive's combined image of another item."""
        items = self.plan.items_of(self.instrument)
        return {self.settings(item)["archive_drz"] for item in items} - {None}

    @cached_property
    def items(self) -> list[str]:
        """Names of the items that products are made of."""
        items = self.plan.items_of(self.instrument)
        return [item for item in items if item not in self.archived_items]

    @cached_property
    def toolset(self) -> str:
        """Toolset of the calibration, the same for the whole campaign: only ``hst`` has calwf3."""
        builtin = all(self.settings(item)["engine"] == "builtin" for item in self.items)
        return "detector" if builtin else "hst"

    def reference_kinds(self, item: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the CRDS reference types that an item's exposures need."""
        return KINDS

    def place(self) -> str:
        """Return the options that name the CRDS cache and the pinned context."""
        crds = self.plan.crds("hst")
        return quoted("--cache", crds.cache, "--context", crds.context)

    def _largest_ramp(self, item: str) -> int:
        """Return the memory in MB of the largest ramp of an item."""
        facts = [row.facts for row in self.plan.exposures(item)]
        sizes = {(one.get("shape") or "1024x1024", int(one.get("nsamp") or 16)) for one in facts}
        return max(ramp_memory(*size) for size in sizes)

    def ramp_memory(self, item: str, attempt: int) -> int:
        """Return the memory in MB of a job that holds a ramp."""
        return attempt * self.largest_ramp(item)

    def given_reads(self, item: str, exposure: str) -> str:
        """Return the option that replaces the choice of bad reads, when the campaign gives them."""
        reads = reads_of(self.settings(item), exposure)
        return "" if reads is None else f"--reads {shlex.quote(reads)}"

    def archive_drz(self, item: str) -> dict[str, str]:
        """Return the status of the archive's combined image of a visit, when the campaign has it.

        Raises
        ------
        DarkroomError
            When the setting names an item that does not exist.
        """
        held = self.settings(item)["archive_drz"]
        if held is None:
            return {}
        if held not in self.plan.campaign.items:
            raise DarkroomError(f"item {item}: archive_drz names {held!r}, which is no item")
        return {"archive": self.plan.statuses(held)[0]}

    def products(self, item: str) -> list[str]:
        """Return the products of an item.

        Raises
        ------
        DarkroomError
            When its settings contradict each other or name an exposure that does not exist.
        """
        check_item(item, self.settings(item), [row.exposure for row in self.plan.exposures(item)])
        names = ["original_drz_sci.fits", "reprocessed_drz_sci.fits", "item.json"]
        return [f"{self.plan.folder(item)}/{name}" for name in names]

    def drizzle_options(self, item: str) -> str:
        """Return the settings of an item's combination as options."""
        return command_options(self.settings(item)["drizzle"], DrizzleSettings)

    def figure_options(self, item: str, inputs: Any) -> str:
        """Return the options for an item's figures: exposures, folder, archive image, truth."""
        words = [row.exposure for row in self.plan.exposures(item)]
        words += ["--folder", self.plan.folder(item)]
        if self.plan.simulated:
            words += ["--truth", f"{self.plan.results}/raw/{item}/truth"]
        return f"{quoted(*words)} {named_options(inputs, 'archive')}".rstrip()
