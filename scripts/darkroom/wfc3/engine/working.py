"""The working copy of a RAW: its header names the best references, all else is as delivered."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.fits.verify import unpacked
from darkroom.wfc3.reference_kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.crds.cache import Cache
    from darkroom.crds.description import FileRecord
    from darkroom.hints import StrPath


def verified_references(chosen: Mapping[str, FileRecord | None], cache: Cache) -> dict[str, Path]:
    """Return the files of an exposure's references, after a check of their size and checksum.

    Parameters
    ----------
    chosen : mapping
        ``{kind: FileRecord or None}``, from `darkroom.crds.references.read_references`.
    cache : darkroom.crds.cache.Cache
        The cache that holds them.

    Returns
    -------
    dict
        ``{kind: path}``, for each of `darkroom.wfc3.pipeline.KINDS`.

    Raises
    ------
    DarkroomError
        When a kind was not chosen, a file is not the stated one, or the files are in several
        folders.
    """
    if lacking := [kind for kind in KINDS if not chosen.get(kind)]:
        raise DarkroomError(
            f"no {' and no '.join(lacking)} was chosen for the exposure; choose again with: "
            "bestrefs.py --kinds"
        )
    paths = {kind: cache.verified(chosen[kind]) for kind in KINDS}
    if len({path.parent for path in paths.values()}) > 1:
        raise DarkroomError(f"{cache.path}: references of one exposure are in several folders")
    return paths


def references_folder(raw: StrPath, cache: Cache) -> Path:
    """Return the folder of a cache that holds the references which a working copy names."""
    name = str(fits.getheader(raw)["CCDTAB"]).rpartition("$")[2]
    found = cache.reference(name)
    if found is None:
        raise DarkroomError(f"{cache.path}: has no {name}, which {raw} names")
    return found.parent


def working_copy(
    raw: StrPath, target: StrPath, references: Mapping[str, Path], context: str
) -> None:
    """Write a copy of a RAW whose header names the references (``iref$…``) and the CRDS context.

    Parameters
    ----------
    raw : path-like
        The exposure as delivered (``.gz`` too); never changed.
    target : path-like
        The copy; replaced when it exists.
    references : mapping
        ``{kind: path}``, see `verified_references`.
    context : str
        Name of the pinned context, ``….pmap``.
    """
    with written_atomically(target) as temporary:
        with unpacked(Path(raw)) as plain:
            shutil.copyfile(plain, temporary)
        with fits.open(
            temporary, mode="update", memmap=False, do_not_scale_image_data=True
        ) as hdus:
            header = hdus[0].header
            for kind, path in references.items():
                header[kind.upper()] = f"iref${path.name.removesuffix('.gz')}"
            header["CRDS_CTX"] = (context, "CRDS context that chose the references")
