"""The CRDS contexts with which the JWST pipeline was released."""

from __future__ import annotations

import re

#: Number of the oldest context with which a minor version of jwst was released, from the table of
#: builds in the pipeline's public README.
JWST_CONTEXTS = {
    (1, 9): 1030,
    (1, 10): 1075,
    (1, 11): 1094,
    (1, 12): 1130,
    (1, 13): 1179,
    (1, 14): 1240,
    (1, 15): 1274,
    (1, 16): 1298,
    (1, 17): 1321,
    (1, 18): 1364,
    (1, 19): 1408,
    (1, 20): 1462,
}


def old_context_warning(context: str, version: str) -> str:
    """Return a sentence when a context is older than those of a version of the JWST pipeline.

    References and parameters of an older context were not made for the steps of that version.

    Parameters
    ----------
    context : str
        The pinned context, ``jwst_NNNN.pmap``.
    version : str
        Version of the package jwst.

    Returns
    -------
    str
        Empty when the context is new enough, or one of the two is of another form.
    """
    number = re.fullmatch(r"jwst_(\d+)\.pmap", context)
    found = re.match(r"(\d+)\.(\d+)", version)
    if not number or not found:
        return ""
    release = int(found[1]), int(found[2])
    known = max((one for one in JWST_CONTEXTS if one <= release), default=None)
    if known is None or int(number[1]) >= JWST_CONTEXTS[known]:
        return ""
    theirs = f"jwst_{JWST_CONTEXTS[known]:04d}.pmap"
    newer = "" if known == release else f"version {known[0]}.{known[1]}, which is older, "
    return (
        f"The pinned CRDS context {context} is older than the pipeline, jwst {version}: "
        f"{newer or 'it '}was released with {theirs}. References of an older context may not suit "
        "its steps; pin a newer context, or install the version that belongs to this one."
    )
