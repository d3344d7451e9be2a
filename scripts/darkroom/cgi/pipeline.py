"""The CGI pipeline as the workflow plans it: stacks of exposures, parts of stacks, darks.

Planning needs the lock alone; only the standard library is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.cgi.counterfactual.planning import ComparisonPlan
from darkroom.cgi.series.plan import CgiSeriesPlan
from darkroom.cgi.settings import (
    FILES,
    PROGRAMS,
    CgiSettings,
    CountingSettings,
    JudgeSettings,
    PixelSettings,
)
from darkroom.cgi.stack_keys import Key, keys
from darkroom.errors import DarkroomError
from darkroom.workflow.plan import Pipeline, Plan, named_options

if TYPE_CHECKING:
    from darkroom.campaign.lock_rows import Exposure


#: Name of what is no stack: exposures without EM gain or exposure time in the lock.
UNKNOWN = "unknown"


def stack_name(gain: float, exptime: float) -> str:
    """Return the name of a stack in paths, e.g. ``g5000_t100``."""
    return f"g{float(gain):g}_t{float(exptime):g}"


def stacks_of(exposures: Sequence[Exposure]) -> dict[str, list[str]]:
    """Sort exposures into stacks by their EM gain and exposure time in the lock.

    Parameters
    ----------
    exposures : sequence of darkroom.campaign.lock_rows.Exposure
        Rows of the lock.

    Returns
    -------
    dict
        ``{stack: [name of an exposure, ...]}``, in the order of the lock; exposures whose EM gain
        or exposure time is not in the lock are below `UNKNOWN`.

    Raises
    ------
    DarkroomError
        When there are none.
    """
    found: list[tuple[str, Key]] = []
    unknown: dict[str, list[str]] = {}
    for exposure in exposures:
        try:
            gain, exptime = (float(exposure.facts[fact]) for fact in ("em_gain", "exptime_s"))
        except (KeyError, ValueError):
            # It is refused when it has arrived: with the other ones, and with the reason.
            unknown.setdefault(UNKNOWN, []).append(exposure.exposure)
            continue
        found.append((exposure.exposure, (exptime, gain, 0.0)))
    if not found:
        raise DarkroomError(
            "the CGI pipeline needs darks, and there are none whose EM gain and exposure time are "
            "in the lock"
        )
    common = keys([key for _, key in found])
    stacks: dict[str, list[str]] = {}
    for name, key in found:
        exptime, gain, _ = common[key]
        stacks.setdefault(stack_name(gain, exptime), []).append(name)
    return stacks | unknown


def parts_of(names: list[str], size: int) -> dict[str, list[str]]:
    """Divide a list into parts of at most `size` elements: ``{"001": [...], ...}``.

    New exposures at the end change the last part or make new ones; the others stay as they are.
    """
    return {
        f"{number:03d}": names[first : first + size]
        for number, first in enumerate(range(0, len(names), size), start=1)
    }


class CgiPipeline(ComparisonPlan, CgiSeriesPlan, Pipeline):
    """Stack statistics, noise maps, traditional and synthesized darks of the EMCCD."""

    instrument = "cgi"
    settings_group = CgiSettings
    programs = PROGRAMS

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.parts = cache(self._parts)

    def _options(self, item: str, program: str) -> str:
        """Return the settings of a program as options; see `keep_masks`."""
        settings = self.settings(item)
        peer = program == "stack_statistics" and settings["weights"] != "pooled"
        chosen = settings | {"keep_masks": settings["keep_masks"] or peer}
        return command_options(chosen, self.settings_group, self.programs[program])

    def files(self, item: str, program: str) -> dict[str, str]:
        """Return the files that the settings of a program name: inputs of what it makes."""
        settings = self.settings(item)
        names = [name for name in self.programs[program] if name in FILES]
        return {
            name: self.named_file(item, name, settings[name])
            for name in names
            if _is_file(settings[name], FILES[name])
        }

    def pixel_files(self, item: str) -> dict[str, str]:
        """Return the files that the settings of an item's bad-pixel maps name."""
        pixels = self.settings(item)["pixels"]
        return {
            name: self.named_file(item, f"pixels.{name}", pixels[name])
            for name in ("flat", "previous")
            if pixels[name]
        }

    def _parts(self, item: str) -> dict[str, dict[str, list[str]]]:
        """Return the exposures of each part of each stack: ``{stack: {part: [exposure, ...]}}``."""
        size = self.settings(item)["frames_per_part"]
        stacks = stacks_of(self.plan.exposures(item, "dark"))
        counted = [*self._counted_stacks(item), UNKNOWN]
        return {name: parts_of(rows, size) for name, rows in stacks.items() if name not in counted}

    def groups(self, item: str) -> dict[str, list[str]]:
        """Return the exposures of each part of each stack: added frames change no other part."""
        try:
            stacks = self.parts(item)
        except DarkroomError:
            return {}  # what is made of them says why nothing can be made
        return {
            f"{stack}_{part}": names
            for stack, parts in stacks.items()
            for part, names in parts.items()
        }

    def _counted_stacks(self, item: str) -> list[str]:
        """Return the names of the stacks in which photons are counted."""
        return [
            stack_name(dark["gain"], dark["exptime"])
            for dark in self.settings(item)["photon_counted"]
        ]

    def counted_statuses(self, item: str, stack: str) -> list[str]:
        """Return the status files of the frames of a stack in which photons are counted."""
        folder = f"{self.plan.results}/raw/{item}"
        stacks = stacks_of(self.plan.exposures(item, "dark"))
        return [f"{folder}/{name}.json" for name in stacks[stack]]

    def counting_options(self, item: str) -> str:
        """Return the settings of the photon counting of an item, as options."""
        counting = command_options(self.settings(item)["counting"], CountingSettings)
        return f"{self.options(item, 'photon_counted_dark')} {counting}"

    def pixel_options(self, item: str) -> str:
        """Return the settings of the bad-pixel maps of an item, as options."""
        return command_options(self.settings(item)["pixels"], PixelSettings)

    def counted_darks(self, item: str) -> list[str]:
        """Return the photon-counted darks of an item.

        Raises
        ------
        DarkroomError
            When there is no such stack, or no other stack is left for noise maps.
        """
        wanted = self._counted_stacks(item)
        if not wanted:
            return []
        known = stacks_of(self.plan.exposures(item, "dark"))
        for name in wanted:
            if name not in known:
                raise DarkroomError(
                    f"item {item}: there is no stack {name} to count photons in; there are "
                    f"{', '.join(known)}"
                )
        if not self.parts(item):
            raise DarkroomError(
                f"item {item}: photons are counted in all its stacks, and none is left for noise "
                "maps; add analog darks, or run scripts/cgi/photon_counted_dark.py by hand"
            )
        return [f"{self.plan.folder(item)}/darks/photon_counted_{name}.fits" for name in wanted]

    def pixel_maps(self, item: str) -> list[str]:
        """Return the bad-pixel maps of an item.

        Raises
        ------
        DarkroomError
            When one is wanted of a dark that the item does not make.
        """
        wanted = self.settings(item)["pixel_maps"]
        made = [
            path.rpartition("/")[2].removesuffix(".fits")
            for path in (*self.darks(item), *self.counted_darks(item))
        ]
        for name in wanted:
            if name not in made:
                raise DarkroomError(
                    f"item {item}: pixel_maps names {name!r}, which is no dark of it; there are "
                    f"{', '.join(made) or 'none'}"
                )
        return [f"{self.plan.folder(item)}/pixel_maps/{name}.fits" for name in wanted]

    def through_statistics(self, item: str) -> bool:
        """Tell whether statistics of parts are made of an item's frames.

        They make it possible to add frames without reading the others again, and to spread the
        work over jobs. Of frames that fit in one part it takes less to read them where they are
        needed than to write and read their statistics.
        """
        number = len(self.plan.exposures(item, "dark"))
        return number > self.settings(item)["frames_per_part"]

    def stack_inputs(self, item: str, stack: str | None = None) -> list[str]:
        """Return what maps and darks are made of: statistics, or status files of exposures."""
        if self.through_statistics(item):
            return self.part_statistics(item, stack)
        return [
            status
            for name, parts in self.parts(item).items()
            for part in parts
            if stack in (None, name)
            for status in self.part_statuses(item, name, part)
        ]

    def judging_options(self, item: str) -> str:
        """Return the settings of the checks of an item's exposures, as options."""
        return command_options(self.settings(item)["judge"], JudgeSettings)

    def part_statuses(self, item: str, stack: str, part: str) -> list[str]:
        """Return the status files of the exposures of one part of a stack."""
        folder = f"{self.plan.results}/raw/{item}"
        return [f"{folder}/{name}.json" for name in self.parts(item)[stack][part]]

    def part_statistics(self, item: str, stack: str | None = None) -> list[str]:
        """Return the statistics of all parts of an item, or of one of its stacks."""
        return [
            f"{self.plan.folder(item)}/stacks/{name}/{part}.fits"
            for name, parts in self.parts(item).items()
            for part in parts
            if stack in (None, name)
        ]

    def prepared_frames(self, item: str) -> list[str]:
        """Return the folders of an item's prepared frames, when these are kept."""
        if not self.settings(item)["keep_prepared"]:
            return []
        return [
            f"{self.plan.folder(item)}/prepared/{name}/{part}"
            for name, parts in self.parts(item).items()
            for part in parts
        ]

    def darks(self, item: str) -> list[str]:
        """Return the master darks of an item, traditional and synthesized.

        Raises
        ------
        DarkroomError
            When there is no stack for a traditional dark.
        """
        settings, known = self.settings(item), self.parts(item)
        names = []
        for dark in settings["traditional"]:
            name = stack_name(dark["gain"], dark["exptime"])
            if name not in known:
                raise DarkroomError(
                    f"item {item}: there is no stack of EM gain {dark['gain']:g} and "
                    f"{dark['exptime']:g} s to make a traditional dark of; there are "
                    f"{', '.join(known)}"
                )
            names.append(f"traditional_{name}")
        names += [
            f"synthesized_{stack_name(dark['gain'], dark['exptime'])}"
            for dark in settings["synthesized"]
        ]
        return [f"{self.plan.folder(item)}/darks/{name}.fits" for name in names]

    def truth_files(self, item: str) -> dict[str, str]:
        """Return the truth of an item and the comparison with it, when it is simulated."""
        if not self.plan.simulated:
            return {}
        files = {"truth": "truth.fits", "comparison": "truth.json"}
        return {name: f"{self.plan.folder(item)}/{file}" for name, file in files.items()}

    def judged(self, item: str) -> dict[str, dict[str, Any]]:
        """Return the products of an item that have gates, and the inputs of each."""
        folder = self.plan.folder(item)
        shared = {"frames": f"{folder}/frames.tsv"} | self.files(item, "gates")
        measured = shared | {"statuses": f"{folder}/statuses.list"}
        maps = f"{folder}/noise_maps.fits"
        found = {"noise_maps": {"file": maps} | measured}
        for path in (*self.darks(item), *self.counted_darks(item)):
            name = path.rpartition("/")[2].removesuffix(".fits")
            if name.startswith("synthesized"):
                found[name] = {"file": path, "maps": maps} | shared
            else:
                found[name] = {"file": path} | measured
        return found

    def gate_options(self, item: str, product: str, inputs: Any) -> str:
        """Return the options of the program ``gates`` that name its inputs and settings."""
        given = named_options(inputs, "file", "maps", "statuses", "frames")
        # Harms are those of a kind of dark: traditional, synthesized, photon_counted.
        kind = product.partition("_g")[0]
        words = [given, self.options(item, "gates"), self.harm_options(kind)]
        return " ".join(filter(None, words))

    def products(self, item: str) -> list[str]:
        """Return the products of an item."""
        names = ["noise_maps.fits", "item.json"]
        names += ["truth.fits"] if self.plan.simulated else []
        made = [f"{self.plan.folder(item)}/{name}" for name in names]
        darks = [*self.darks(item), *self.counted_darks(item), *self.pixel_maps(item)]
        return [*darks, *self.prepared_frames(item), *made]


def _is_file(value: Any, others: Sequence[str]) -> bool:
    """Tell whether a setting names a file."""
    if not isinstance(value, str) or value in others:
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def gain_and_time(stack: str) -> str:
    """Return the options that name the EM gain and the exposure time of a stack."""
    gain, exptime = stack[1:].split("_t")
    return f"--gain {gain} --exptime {exptime}"
