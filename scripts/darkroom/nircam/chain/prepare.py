"""Recipes of the exposures of an item: every exposure is checked, none is calibrated on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.verify import verify
from darkroom.memory import give_back_large
from darkroom.nircam.chain.check import check_ramp, check_superbias
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.ramp import CalibratedRamp, Job, calibrated
from darkroom.nircam.chain.recipe import SUFFIX, Recipe, Used, ramps_path
from darkroom.nircam.planning import reference_kinds
from darkroom.nircam.refpix.sirs_choice import KIND, choose_kernel
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.crds.cache import Cache
    from darkroom.crds.description import FileRecord
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Wanted:
    """What is wanted of every exposure.

    Attributes
    ----------
    steps : sequence of str
    parameters : dict
        ``{step: {parameter: value}}``.
    superbias : path-like or None
        Superbias to subtract in place of that of CRDS.
    sirs_kernel : path-like or None
        SIRS kernel to use where CRDS has none.
    """

    steps: Sequence[str]
    parameters: Mapping[str, Mapping[str, Any]]
    superbias: StrPath | None = None
    sirs_kernel: StrPath | None = None


class Preparation:
    """Checks of exposures, with the references that they share.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        Holds the references.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache, self._job = cache, Job()
        self._used: dict[tuple[str, str], Used] = {}
        self._checked: set[str] = set()
        give_back_large()

    def ramp(
        self,
        exposure: Mapping[str, Any],
        wanted: Wanted,
        chosen: Mapping[str, FileRecord | None],
        recipe: Path,
        keep: bool,
    ) -> CalibratedRamp:
        """Return the ramps of an exposure after checking them; nothing is written.

        Parameters
        ----------
        exposure : mapping
            Its status, see `darkroom.campaign.exposure.read_exposure`.
        wanted : Wanted
        chosen : mapping
            Its references, ``{type: FileRecord or None}``.
        recipe : pathlib.Path
            Where the recipe will be.
        keep : bool
            The exposure was judged before: use it although its structure is faulty.

        Raises
        ------
        InputError
            When the exposure, or a reference, cannot be used.
        """
        path = exposure["path"]
        verify(path)
        steps = chosen_steps(wanted.steps, wanted.parameters)
        references = {kind: self._reference(chosen, kind) for kind in reference_kinds(steps.names)}
        if wanted.superbias and "superbias" in steps:
            references["made"] = self._file(wanted.superbias, Path(wanted.superbias).name)
        if steps.sirs:
            references[KIND] = self._kernel(path, wanted, chosen)
        if "superbias" in steps:
            self._check_superbias((references.get("made") or references["superbias"]).path)
        raw = Used(
            str(path), Path(path).stat().st_size, exposure.get("sha256") or sha256(path),
            Path(path).name,
        )  # fmt: skip
        made = Recipe(
            raw, list(wanted.steps), {k: dict(v) for k, v in wanted.parameters.items()}, references
        )
        ramp = calibrated(made, ramps_path(recipe), self._job)
        if ramp.chain.raw.file.faults and not keep:
            raise InputError(path, ramp.chain.raw.file.faults[0])
        _check_statuses(ramp, path)
        check_ramp(ramp, path)
        return ramp

    def _reference(self, chosen, kind):
        record = chosen.get(kind)
        if not record:
            raise DarkroomError(
                f"no {kind} reference was selected, but the steps need it; select references again "
                "with bestrefs.py --kinds"
            )
        key = record.name, record.sha1
        if key not in self._used:
            path = self._cache.verified(record)
            self._used[key] = self._file(path, f"crds://{path.name}")
        return self._used[key]

    def _check_superbias(self, path):
        if path not in self._checked:  # exposures share it
            check_superbias(path)
            self._checked.add(path)

    def _file(self, path, name):
        key = str(path), name
        if key not in self._used:
            self._used[key] = Used(str(path), Path(path).stat().st_size, sha256(path), name)
        return self._used[key]

    def _kernel(self, path, wanted, chosen):
        best = self._cache.verified(chosen[KIND]) if chosen.get(KIND) else None
        kernel = choose_kernel(path, (best, wanted.sirs_kernel))
        own = wanted.sirs_kernel is not None and kernel == Path(wanted.sirs_kernel)
        return self._file(kernel, kernel.name if own else f"crds://{kernel.name}")


def _check_statuses(ramp, path):
    """Refuse a step that is skipped, but group_scale, which has nothing to do on most exposures."""
    for name, status in ramp.chain.statuses.items():
        if status != "COMPLETE" and name != "group_scale":
            raise InputError(
                path,
                f"the step {name} would end with {status}, not COMPLETE: its reference has more "
                "frames in a group, or drops more",
            )


def recipe_path(folder: StrPath, exposure: str) -> Path:
    """Return the path of the recipe of an exposure."""
    return Path(folder) / f"{exposure}{SUFFIX}"


def accepted(exposure: Mapping[str, Any], ramp: CalibratedRamp, recipe: Path) -> dict[str, Any]:
    """Write the recipe of an exposure; return its status, which names the recipe."""
    replace(ramp.recipe, complete=not ramp.chain.lost).write(recipe)
    found = {key: value for key, value in exposure.items() if key != "path"}
    return found | {
        "file": recipe.name,
        "size": recipe.stat().st_size,
        "sha256": sha256(recipe),
    }
