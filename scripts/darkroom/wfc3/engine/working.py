"""The working copy of a RAW: the best references entered, everything else as it was delivered."""

from __future__ import annotations

import shutil
from pathlib import Path

from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.fits.verify import unpacked
from darkroom.wfc3.reference_kinds import KINDS


def verified_references(chosen, cache):
    """Return ``{kind: path}`` of an exposure's references, each verified just now.

    Parameters
    ----------
    chosen : dict
        ``{kind: FileRecord or None}``, as by `darkroom.crds.references.read_references`.
    cache : darkroom.crds.cache.Cache

    Raises
    ------
    DarkroomError
        When a kind was not chosen, a file is not the stated one, or they lie in several folders.
    """
    if lacking := [kind for kind in KINDS if not chosen.get(kind)]:
        raise DarkroomError(
            f"no {' and no '.join(lacking)} was chosen for the exposure; choose again with: "
            "bestrefs.py --kinds"
        )
    paths = {kind: cache.verified(chosen[kind]) for kind in KINDS}
    if len({path.parent for path in paths.values()}) > 1:
        raise DarkroomError(f"{cache.path}: references of one exposure lie in several folders")
    return paths


def references_folder(raw, cache):
    """Return the folder of a cache that the references of a working copy lie in."""
    name = str(fits.getheader(raw)["CCDTAB"]).rpartition("$")[2]
    found = cache.reference(name)
    if found is None:
        raise DarkroomError(f"{cache.path}: has no {name}, which {raw} names")
    return found.parent


def working_copy(raw, target, references, context):
    """Write a copy of a RAW whose header names the references (``iref$…``) and the CRDS context.

    Parameters
    ----------
    raw, target : path-like
        The exposure as delivered (``.gz`` too), never changed, and the copy.
    references : dict
        ``{kind: path}``.
    context : str
        The pinned ``.pmap``.
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
