"""From dark ramps to superbias files: what the program `superbias` does after parsing.

Method ``reffiles`` is here, method ``aligned`` in `darkroom.nircam.superbias.aligned`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
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
from darkroom.nircam.superbias.reffiles import Threshold, clipped_mean, find_unreliable
from darkroom.nircam.superbias.result import SuperbiasResult, filled_superbias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_USUAL_SIGMA = {"aligned": 4.0, "reffiles": 3.0}
_MEANT = {
    "reffiles": (
        *("method", "clipping_sigma", "max_clipping_iters", "bad_clipping_sigma"),
        *("bad_max_clipping_iters", "bad_sigma_threshold", "previous_ramps"),
    ),
    "aligned": (
        *("method", "sample", "intercept_groups", "clipping_sigma", "max_clipping_iters"),
        *("bad_sigma_threshold", "drift_p", "hot_sigma", "coupling", "previous_ramps"),
    ),
}


@dataclass(frozen=True)
class Choices:
    """Every choice that shapes a superbias; names and defaults are those of the program."""

    method: str = "aligned"
    sample: str = "group0"
    intercept_groups: int = 5
    clipping_sigma: float | None = None
    max_clipping_iters: int = 3
    bad_clipping_sigma: float = 3.0
    bad_max_clipping_iters: int = 3
    bad_sigma_threshold: float = 5.0
    save_filled: bool = False
    box_width: int = 3
    drift_p: float = 1e-5
    hot_sigma: float = 5.0
    coupling: float = 0.005
    previous_ramps: int = 0

    @property
    def clip(self):
        """Clip of method ``reffiles``."""
        return Clip("sigma", self.sigma, self.max_clipping_iters)

    @property
    def rule(self):
        """Rule by which method ``reffiles`` flags and `fill_high` fills."""
        clip = Clip("sigma", self.bad_clipping_sigma, self.bad_max_clipping_iters)
        return Threshold(clip, self.bad_sigma_threshold)

    @property
    def sigma(self):
        """Width of the clip: that of the method where none is chosen."""
        return _USUAL_SIGMA[self.method] if self.clipping_sigma is None else self.clipping_sigma

    @property
    def effective_settings(self):
        """Those choices that shape the result of the method, by name."""
        chosen = {name: getattr(self, name) for name in _MEANT[self.method]}
        return chosen | {"clipping_sigma": self.sigma}


def run(
    paths: Iterable[StrPath],
    metadata: ReferenceMetadata,
    choices: Choices,
    *,
    previous: StrPath | None = None,
    threads: int = 1,
) -> SuperbiasResult:
    """Make a superbias.

    Parameters
    ----------
    paths : sequence of path-like
        Ramp files, one per exposure.
    metadata : ReferenceMetadata
        For the header of the reference file.
    choices : Choices
    previous : path-like, optional
        Superbias to compare with.
    threads : int

    Returns
    -------
    SuperbiasResult

    Raises
    ------
    DarkroomError
        When no superbias can be made of these exposures; `InputError` when one file is the cause.
    """
    ramps = RampSet(paths, "superbias")
    check_subarray(metadata, ramps)
    _, warning = full_pedigree(metadata, ramps.mjd)
    if warning:
        log.warning(warning)
    earlier = None if previous is None else read_previous(previous, ramps, choices.previous_ramps)
    if choices.method == "reffiles":
        return _reffiles(ramps, metadata, choices, earlier, threads)
    # Imported here, so that method reffiles does not wait for it.
    from darkroom.nircam.superbias.aligned import aligned

    return aligned(ramps, metadata, choices, earlier, threads)


def _reffiles(ramps, metadata, choices, previous, threads):
    if len(ramps.files) < 2:
        raise DarkroomError(
            f"one exposure only, {ramps.files[0].path.name}: method reffiles uses one sample per "
            "exposure and needs at least 2 to measure a scatter; method aligned uses every "
            "integration"
        )
    classes = Classes.from_ramps(ramps)
    stack = GroupStack(ramps, 0, [(k, 0) for k in range(len(ramps.files))])
    check_ramps(stack, classes, lambda k: f"{ramps.files[k].path} integration 1", threads)
    found = clipped_mean(stack, choices.clip, threads=threads)
    bad, threshold = find_unreliable(found.std064, choices.rule)
    filled = None
    if choices.save_filled:
        filled = filled_superbias(found.mean64, ramps, choices.rule, choices.box_width)
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
    """
    if output is not None:
        save(output, result.reference())
    save(details, result.details())
    if result.filled is not None:
        save(filled, [fits.PrimaryHDU(result.filled)])
