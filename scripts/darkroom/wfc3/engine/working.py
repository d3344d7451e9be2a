"""The working copy of a RAW: its header names the best references, all else is as delivered."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.fits.verify import unpacked
from darkroom.fits.write import edited
from darkroom.wfc3.engine.references import named
from darkroom.wfc3.reference_kinds import ALWAYS_NEEDED, DISTORTION_KINDS, KINDS, OPTIONAL_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.crds.cache import Cache
    from darkroom.crds.description import FileRecord
    from darkroom.hints import StrPath


def verified_references(
    chosen: Mapping[str, FileRecord | None], cache: Cache, kinds: Sequence[str] = KINDS
) -> dict[str, Path | None]:
    """Return the files of an exposure's references, after a check of their size and checksum.

    Parameters
    ----------
    chosen : mapping
        ``{kind: FileRecord or None}``, from `darkroom.crds.references.read_references`.
    cache : darkroom.crds.cache.Cache
        The cache that holds them.
    kinds : sequence of str
        Types that the calibration needs.

    Returns
    -------
    dict
        ``{kind: path}``, for each of `kinds`; None where the rules say that the type does not
        apply.

    Raises
    ------
    DarkroomError
        When a kind was not asked for, one that every exposure needs does not apply, a file is not
        the stated one, or the files are in several folders.
    """
    if lacking := [kind for kind in kinds if kind not in chosen]:
        raise DarkroomError(
            f"no {' and no '.join(lacking)} was chosen for the exposure; choose again with: "
            "bestrefs.py --kinds"
        )
    needed = [kind for kind in ALWAYS_NEEDED if kind in kinds]
    if lacking := [kind for kind in needed if not chosen[kind]]:
        raise DarkroomError(
            f"the rules say that no {' and no '.join(lacking)} applies to the exposure, which "
            "cannot be calibrated without; choose again under another CRDS context"
        )
    records = {kind: chosen[kind] for kind in kinds}
    paths = {kind: record and cache.verified(record) for kind, record in records.items()}
    if len({path.parent for path in paths.values() if path}) > 1:
        raise DarkroomError(f"{cache.path}: references of one exposure are in several folders")
    return paths


def references_folder(raw: StrPath, cache: Cache) -> Path:
    """Return the folder of a cache that holds the references which a working copy names."""
    name = str(fits.getheader(raw)["CCDTAB"]).rpartition("$")[2]
    found = cache.reference(name)
    if found is None:
        raise DarkroomError(f"{cache.path}: has no {name}, which {raw} names")
    return found.parent


def verify_distortion(flts: Iterable[StrPath], cache: Cache) -> None:
    """Compare the references that tell where the pixels of calibrated exposures lie.

    Parameters
    ----------
    flts : iterable of path-like
        The exposures, whose headers name them.
    cache : darkroom.crds.cache.Cache
        The cache that holds them.

    Raises
    ------
    DarkroomError
        When a file is missing or not the one that the server states.
    """
    headers = [fits.getheader(path) for path in flts]
    found = {named(header, kind.upper()) for header in headers for kind in DISTORTION_KINDS}
    for label in sorted(filter(None, found)):
        name = label.rpartition("$")[2]
        name = f"{name}.gz" if cache.reference(f"{name}.gz") else name
        # One that was withdrawn since is still the one that the exposures were calibrated with.
        cache.verified(cache.description().record(name) or cache.record(name))


def working_copy(
    raw: StrPath, target: StrPath, references: Mapping[str, Path | None], context: str
) -> list[str]:
    """Write a copy of a RAW whose header names the references (``iref$…``) and the CRDS context.

    Where the rules say that a type does not apply, the copy says N/A.

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

    Returns
    -------
    list of str
        Warnings: flats that the archive used and the context does not have.
    """
    warnings = []
    with written_atomically(target) as temporary:
        with unpacked(Path(raw)) as plain:
            shutil.copyfile(plain, temporary)
        with edited(temporary, do_not_scale_image_data=True) as hdus:
            header = hdus[0].header
            for kind, path in references.items():
                card = kind.upper()
                before = named(header, card)
                if path is None and before and kind in OPTIONAL_KINDS:
                    warnings.append(
                        f"calibrated without the {card} that the archive used ({before}): "
                        f"{context} has none for the exposure; choose a newer CRDS context"
                    )
                header[card] = f"iref${path.name.removesuffix('.gz')}" if path else "N/A"
            header["CRDS_CTX"] = (context, "CRDS context that chose the references")
    return warnings
