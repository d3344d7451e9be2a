"""From dark ramps to superbias files: what the program `superbias` does after parsing.

Method ``reffiles`` is here, method ``aligned`` in `darkroom.nircam.superbias.aligned`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.combine import Clip
from darkroom.errors import DarkroomError
from darkroom.nircam.compare import compare, read_previous
from darkroom.nircam.products import Provenance, check_subarray, full_pedigree, save
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias import products as files
from darkroom.nircam.superbias.offsets import check_ramps
from darkroom.nircam.superbias.reffiles import clipped_mean, find_unreliable, rule_of
from darkroom.nircam.superbias.result import SuperbiasResult, filled_superbias
from darkroom.nircam.superbias.settings import SuperbiasSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)


def run(
    paths: Iterable[StrPath],
    metadata: ReferenceMetadata,
    choices: SuperbiasSettings,
    *,
    previous: StrPath | None = None,
    threads: int = 1,
    keep: bool = False,
    folder: StrPath | None = None,
) -> SuperbiasResult:
    """Make a superbias.

    Parameters
    ----------
    paths : sequence of path-like
        Ramp files, one per exposure.
    metadata : ReferenceMetadata
        For the header of the reference file.
    choices : SuperbiasSettings
    previous : path-like, optional
        Superbias to compare with.
    threads : int
    keep : bool
        Use exposures that are refused when they are judged.
    folder : path-like, optional
        Where large intermediate samples are kept; by default that of the system.

    Returns
    -------
    SuperbiasResult

    Raises
    ------
    DarkroomError
        When no superbias can be made of these exposures; `InputError` when one file is the cause.
    """
    ramps = RampSet(paths, "superbias", keep=keep)
    check_subarray(metadata, ramps)
    _, warning = full_pedigree(metadata, ramps.mjd)
    if warning:
        log.warning(warning)
    earlier = None if previous is None else read_previous(previous, ramps, choices.previous_ramps)
    if choices.method == "reffiles":
        return _reffiles(ramps, metadata, choices, earlier, threads)
    # Imported here, so that method reffiles does not wait for it.
    from darkroom.nircam.superbias.aligned import aligned

    return aligned(ramps, metadata, choices, earlier, threads, folder)


def _clip(choices: SuperbiasSettings) -> Clip:
    """Return the clip of method ``reffiles``."""
    return Clip("sigma", choices.sigma, choices.max_clipping_iters)


def _reffiles(ramps, metadata, choices, previous, threads):
    if len(ramps.files) < 2:
        raise DarkroomError(
            f"one exposure only, {ramps.files[0].path.name}: method reffiles uses one sample per "
            "exposure and needs at least 2 to measure a scatter; method aligned uses every "
            "integration"
        )
    classes = Classes.from_ramps(ramps)
    # The first integration of each file that has data; all ramps of a file follow each other.
    first = list({k: (k, i) for k, i in reversed(ramps.ramps)}.values())[::-1]
    stack = GroupStack(ramps, 0, first)
    check_ramps(
        stack,
        classes,
        lambda k: f"{ramps.files[first[k][0]].path} integration {first[k][1] + 1}",
        threads,
    )
    found = clipped_mean(stack, _clip(choices), threads=threads)
    bad, threshold = find_unreliable(found.std064, rule_of(choices))
    filled = None
    if choices.save_filled:
        filled = filled_superbias(found.mean64, ramps, rule_of(choices), choices.box_width)
    mean, std = found.mean64.astype(np.float32), found.std064.astype(np.float32)
    count, dq = found.count, files.reffiles_dq(bad)
    del found  # its float64 images take twice the memory of the float32 ones
    tables, difference = {}, None
    if previous is not None:
        error = std / np.sqrt(np.maximum(count, 1), dtype=np.float32)
        difference, compared = compare(mean, error, previous, classes)
        tables["COMPARE"] = (compared, {})
    provenance = Provenance.from_ramps("superbias", ramps, choices.effective_settings, previous)
    reference = partial(
        files.reference_hdus, mean, std, dq, metadata, ramps, provenance, files.REFFILES_BITS
    )
    details = partial(
        files.reffiles_details, count, threshold, ramps, tables, provenance, difference
    )
    numbers = {"threshold": threshold, "nramps": len(ramps.files), "error": std}
    numbers["compared"] = tables.get("COMPARE", ((), {}))[0]
    return SuperbiasResult(ramps, reference, details, mean, dq, filled, numbers)


def write(
    result: SuperbiasResult, output: StrPath | None, details: StrPath, filled: StrPath
) -> None:
    """Write the files of a superbias.

    Parameters
    ----------
    result : SuperbiasResult
    output : path-like or None
        Reference file; None writes none.
    details : path-like
        File of details.
    filled : path-like
        Superbias in which high pixels are replaced; only written when the result has one.

    Raises
    ------
    DarkroomError
        When the bias depends on the integration and the settings refuse that; the details are
        written.
    """
    if result.refusal:
        save(details, result.details())
        raise DarkroomError(
            f"no reference file is made: {result.refusal}; {details} has a superbias of each "
            "integration of the cycle; on_cycle mean makes the file all the same"
        )
    if output is not None:
        save(output, result.reference())
    save(details, result.details())
    if result.filled is not None:
        save(filled, [fits.PrimaryHDU(result.filled)])
