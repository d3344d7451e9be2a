"""The WFC3/IR pipeline as the workflow plans it. Standard library only."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.errors import DarkroomError
from darkroom.wfc3.counterfactual.planning import ComparisonPlan
from darkroom.wfc3.reference_kinds import DARK_KINDS, KINDS, OPTIONAL_KINDS
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings
from darkroom.wfc3.superdark.settings import SuperdarkSettings
from darkroom.wfc3.visit.settings import DrizzleSettings
from darkroom.workflow.plan import Pipeline, Plan, named_options, quoted

if TYPE_CHECKING:
    from darkroom.campaign.lock_rows import Exposure


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
    engine, own = settings["engine"], settings.get("treatments", {})
    treatments = {settings["treatment"], *own.values()}
    masks = treatments & {"auto", "mask"}
    if engine != "builtin" and masks and settings["mask_scope"] == "all":
        raise DarkroomError(
            f"item {name}: engine {engine} cannot leave masked reads out for every pixel; set "
            "mask_scope: calwf3, or engine: builtin"
        )
    for treatment in sorted(treatments - {"auto", "mask"}) if engine == "calwf3" else ():
        raise DarkroomError(f"item {name}: engine calwf3 cannot {treatment}; use builtin or both")
    exposures = list(exposures)
    for key, named in (("reads", settings["reads"]), ("treatments", own)):
        for exposure in named:
            if exposure not in exposures:
                raise DarkroomError(
                    f"item {name}: {key} names exposure {exposure!r}, which is not in its lock "
                    f"({', '.join(exposures)})"
                )


def check_filters(name: str, filters: Mapping[str, str], *, exclude: bool) -> None:
    """Refuse an item of several filters, as far as the lock states them.

    A stray exposure is not refused here: it is judged with the others when all have arrived, so
    that one message names every fault, or is left out.

    Parameters
    ----------
    name : str
        Name of the item.
    filters : dict
        Filter of each exposure; blank where the lock does not state it.
    exclude : bool
        Whether the campaign goes on without bad exposures.

    Raises
    ------
    DarkroomError
        When fewer than four in five exposures have the filter of most; with `exclude`, when no
        more than half have it.
    """
    known = {exposure: word.strip().upper() for exposure, word in filters.items() if word.strip()}
    counts = Counter(known.values())
    if len(counts) < 2:
        return
    usual, most = counts.most_common(1)[0]
    if most > len(known) / 2 and (exclude or most >= _ONE_FILTER * len(known)):
        return
    others = ", ".join(f"{one} {word}" for one, word in known.items() if word != usual)
    raise DarkroomError(
        f"item {name}: {most} of {len(known)} exposures have filter {usual}, others another "
        f"({others}), and images of several filters cannot be combined; make an item for each"
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


# Blocks of pixels of a dark, in several copies.
_MB_A_DARK = 32
# What follows the name of an exposure in that of its calibrated image among the judged products.
_FLT = "_flt"
# Fraction of the exposures that one filter must have; others are strays.
_ONE_FILTER = 0.8


class Wfc3Pipeline(ComparisonPlan, Pipeline):
    """Bad reads found and treated, the visit combined before and after; superdarks."""

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
    def superdarks(self) -> list[str]:
        """Names of the items of darks."""
        return [item for item in self.items if self.settings(item)["product"] == "superdark"]

    @cached_property
    def visits(self) -> list[str]:
        """Names of the items of exposures of the sky."""
        return [item for item in self.items if item not in self.superdarks]

    @cached_property
    def toolset(self) -> str:
        """Toolset of the calibration, the same for the whole campaign: only ``hst`` has calwf3."""
        builtin = all(self.settings(item)["engine"] == "builtin" for item in self.visits)
        return "detector" if builtin else "hst"

    def reference_kinds(self, item: str) -> tuple[str, ...]:
        """Return the CRDS reference types that an item's exposures need."""
        return DARK_KINDS if item in self.superdarks else KINDS

    def superdark_options(self, item: str) -> str:
        """Return the settings of an item's superdark as options."""
        return command_options(self.settings(item)["superdark"], SuperdarkSettings)

    def superdark_numbers(self) -> list[str]:
        """Return the files of numbers of all superdarks of the campaign."""
        return [f"{self.plan.folder(item)}/superdark.json" for item in self.superdarks]

    def superdark_truth(self, item: str) -> str:
        """Return the option that names the truth of simulated darks."""
        folder = f"{self.plan.results}/raw/{item}/truth"
        return quoted("--truth", folder) if self.plan.simulated else ""

    def superdark_memory(self, item: str, attempt: int) -> int:
        """Return the memory in MB for a superdark: a ramp, the planes, and blocks of all darks."""
        darks = _MB_A_DARK * len(self.plan.exposures(item))
        return round(1.5 * self.ramp_memory(item, attempt)) + attempt * darks

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

    def choice_options(self, item: str, exposure: str | None = None) -> str:
        """Return the options by which bad reads and their treatment are chosen.

        They are those of an exposure, or of all that have none of their own. calwf3 itself can only
        mask.
        """
        settings = self.settings(item)
        treatment = settings["treatments"].get(exposure, settings["treatment"])
        if settings["engine"] == "calwf3" and treatment == "auto":
            treatment = "mask"
        chosen = settings | {"treatment": treatment}
        options = command_options(chosen, Wfc3Settings, PROGRAMS["choose_reads"])
        return f"{options} {self.given_reads(item, exposure) if exposure else ''}".rstrip()

    def own_choices(self, item: str, exposures: Iterable[Exposure]) -> dict[str, str]:
        """Return the options of those exposures that have choices of their own, by their names."""
        usual = self.choice_options(item)
        chosen = {row.exposure: self.choice_options(item, row.exposure) for row in exposures}
        return {name: options for name, options in chosen.items() if options != usual}

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
        return {"archive": f"{self.plan.folder(held)}/statuses.list"}

    def products(self, item: str) -> list[str]:
        """Return the products of an item.

        Raises
        ------
        DarkroomError
            When its settings contradict each other or name an exposure that does not exist.
        """
        if item in self.superdarks:
            names = ["superdark.fits", "superdark_details.fits", "superdark.json", "item.json"]
            names += ["superdark.certified", "superdark_rules.json"]
            made = [f"{self.plan.folder(item)}/{name}" for name in names]
            return [*made, f"{self.plan.results}/superdark_set.tsv"]
        rows = self.plan.exposures(item)
        check_item(item, self.settings(item), [row.exposure for row in rows])
        filters = {row.exposure: row.facts.get("filter") or "" for row in rows}
        exclude = self.plan.campaign.settings["on_bad_exposure"] == "exclude"
        check_filters(item, filters, exclude=exclude)
        names = ["original_drz_sci.fits", "reprocessed_drz_sci.fits", "item.json"]
        return [f"{self.plan.folder(item)}/{name}" for name in names]

    def judged(self, item: str) -> dict[str, dict[str, Any]]:
        """Return the products of an item that have gates, and the inputs of each."""
        folder = self.plan.folder(item)
        frames = {"frames": f"{folder}/frames.tsv"}
        if item in self.superdarks:
            made = {
                "file": f"{folder}/superdark.fits",
                "details": f"{folder}/superdark_details.fits",
            }
            return {"superdark": made | frames}
        found: dict[str, dict[str, Any]] = {
            "reprocessed": {
                "file": f"{folder}/reprocessed_drz_sci.fits",
                "record": f"{folder}/reprocessed_drz.json",
                "quantities": f"{folder}/quantities.json",
                "original": f"{folder}/original_drz_sci.fits",
                "original_record": f"{folder}/original_drz.json",
            }
            | frames
        }
        found |= {product: {"candidate": path} for product, path in self.candidates(item).items()}
        steps = {step: f"{folder}/{step}.list" for step in ("reprocessed", "measures", "original")}
        return found | {f"{row.exposure}{_FLT}": steps for row in self.plan.exposures(item)}

    def gate_options(self, item: str, product: str, inputs: Any) -> str:
        """Return the options of the program ``gates`` that name its inputs and settings."""
        names = ("file", "details", "status", "record", "original", "original_record",
                 "quantities", "frames", "candidate")  # fmt: skip
        if product in self.candidates(item):
            return named_options(inputs, *names)
        kind = product if product in ("reprocessed", "superdark") else "flt"
        if kind == "flt":
            folder, file = self.plan.folder(item), f"{product.removesuffix(_FLT)}.json"
            # The status names the FLT, which an exposure that is not accepted does not have.
            words = ["--status", f"{folder}/reprocessed/{file}"]
            words += ["--record", f"{folder}/measures/{file}"]
            words += ["--original", f"{folder}/original/{file}"]
            return f"{quoted(*words)} {self.harm_options(kind)}"
        return f"{named_options(inputs, *names)} {self.harm_options(kind)}"

    def drizzle_options(self, item: str) -> str:
        """Return the settings of an item's combination as options."""
        return command_options(self.settings(item)["drizzle"], DrizzleSettings)

    def combine_options(self, item: str) -> str:
        """Return the settings of an item's combination, and the exposures it keeps, as options."""
        keep = self.plan.campaign.items[item]["keep"]
        return (
            f"{self.drizzle_options(item)} {quoted(*(['--keep', *keep] if keep else []))}".rstrip()
        )

    def figure_options(self, item: str) -> str:
        """Return the options for an item's figures: exposures, folder, archive image, truth."""
        words = [row.exposure for row in self.plan.exposures(item)]
        words += ["--folder", self.plan.folder(item)]
        if self.plan.simulated:
            words += ["--truth", f"{self.plan.results}/raw/{item}/truth"]
        if held := self.settings(item)["archive_drz"]:
            words += ["--archive", self.plan.statuses(held)[0]]
        return quoted(*words)
