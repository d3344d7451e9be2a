"""The darks of a superdark and their reference files: as headers name them, or by CRDS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.exposure import read_exposure
from darkroom.campaign.frames import accepted_exposures
from darkroom.crds.cache import Cache
from darkroom.crds.references import read_references
from darkroom.errors import DarkroomError
from darkroom.wfc3.engine.references import named
from darkroom.wfc3.engine.working import verified_references
from darkroom.wfc3.reference_kinds import DARK_KINDS
from darkroom.wfc3.superdark.ramps import Dark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Inputs:
    """What a superdark is made of.

    Parameters
    ----------
    darks : list of Dark
        In the order given.
    previous : pathlib.Path or None
        The dark in use; None when no dark of the set has one.
    """

    darks: list[Dark]
    previous: Path | None

    @classmethod
    def named(cls, paths: Iterable[Path], folder: Path) -> Inputs:
        """Return RAWs whose headers name their references.

        Parameters
        ----------
        paths : iterable of pathlib.Path
            RAWs, or their status files.
        folder : pathlib.Path
            Folder of the references.
        """
        darks = [Dark.read(Path(read_exposure(path)["path"]), folder) for path in paths]
        label = named(darks[0].primary, "DARKFILE")
        previous = folder / label.rpartition("$")[2] if label else None
        found = previous if previous and previous.is_file() else None
        return cls(darks, found)

    @classmethod
    def of_context(
        cls,
        statuses: Sequence[Path],
        chosen: Sequence[Path],
        frames: Path | None,
        cache: Path,
        context: str,
    ) -> Inputs:
        """Return darks of a campaign with the references of its pinned context.

        Parameters
        ----------
        statuses, chosen : sequence of pathlib.Path
            Status file, and list of references, of each dark.
        frames : pathlib.Path, optional
            Frame table of the item: darks that it refuses are left out.
        cache : pathlib.Path
            The CRDS cache.
        context : str
            Name of the context, for messages.

        Raises
        ------
        DarkroomError
            When no dark is accepted, or a reference is not the stated one.
        """
        if len(statuses) != len(chosen):
            raise DarkroomError(
                f"{len(statuses)} darks and {len(chosen)} lists of references are given; one list "
                "is needed for each"
            )
        held = Cache(cache, "hst")
        accepted = accepted_exposures(frames) if frames else None
        darks, previous = [], None
        for status, listed in zip(statuses, chosen, strict=True):
            one = read_exposure(status)
            if not one["accepted"] or (accepted is not None and one["exposure"] not in accepted):
                continue
            references = verified_references(read_references(listed), held, DARK_KINDS)
            cards = {
                kind.upper(): f"iref${path.name.removesuffix('.gz')}" if path else "N/A"
                for kind, path in references.items()
            }
            folder = next(path.parent for path in references.values() if path)
            darks.append(Dark.read(Path(one["path"]), folder, cards))
            previous = previous or references["darkfile"]
        if not darks:
            raise DarkroomError(f"no dark is accepted; none is left for a superdark ({context})")
        return cls(darks, previous)
