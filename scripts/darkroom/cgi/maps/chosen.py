"""The stacks of a fit: which are used, with which offset, and which disagree with the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.maps import offsets, residuals
from darkroom.cgi.maps.design import Design, check_stacks, truncation
from darkroom.cgi.maps.maps import StackReport
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.sources import Source


@dataclass
class Chosen:
    """The stacks of a fit.

    Attributes
    ----------
    reports : list of darkroom.cgi.maps.maps.StackReport
        One for every stack that was given; those left out have a reason.
    design : darkroom.cgi.maps.design.Design
        Of the stacks that are used.
    offsets : darkroom.cgi.maps.offsets.Offsets
        Their offsets.
    subtracted : (M,) array
        Offset that is subtracted from each of them [e-].
    warnings : list of str
        About used stacks whose imaging area disagrees with the others.
    """

    reports: list[StackReport]
    design: Design
    offsets: offsets.Offsets
    subtracted: np.ndarray
    warnings: list[str] = field(default_factory=list)


def choose(
    sources: Sequence[Source],
    geometry: Geometry,
    *,
    check_thresholds: bool,
    correct_offsets: bool,
    exclude: bool,
) -> Chosen:
    """Choose the stacks of a fit.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
        One per stack.
    geometry : darkroom.cgi.geometry.Geometry
    check_thresholds, correct_offsets : bool
        As in `darkroom.cgi.maps.pooled.fit_pooled`.
    exclude : bool
        Leave out stacks whose imaging area disagrees with the others.

    Returns
    -------
    Chosen

    Raises
    ------
    DarkroomError
        When the stacks that are left cannot be fitted.
    """
    reports = [StackReport(source.stack) for source in sources]
    level, error = offsets.read(sources, geometry)
    area = residuals.read(sources, geometry)
    for report, samples, repeated, bias in zip(
        reports, area.samples, area.repeated, level, strict=True
    ):
        if check_thresholds:
            report.reason = truncation(report.stack, geometry.em_stages)
        if not report.reason and not samples and np.isnan(bias):
            report.reason = f"{report.stack.name}: no pixel has a usable frame; it is left out"
        if not report.reason and report.stack.nframes < 2 and not repeated:
            report.reason = (
                f"{report.stack.name}: it has a single frame, so its noise is unknown; it is left "
                "out (do the exposure times of two stacks differ by mistake?)"
            )
        report.used = not report.reason
    while True:
        used = np.array([report.used for report in reports])
        design = _design(reports, geometry)
        found = offsets.measure(design, level[used], error[used])
        corrected = found.anomalous & correct_offsets
        subtracted = np.where(corrected, found.offset, 0.0)
        excess, excess_error, anomalous = residuals.measure(
            area, used, design, subtracted, np.where(corrected, found.offset_error, 0.0)
        )
        fitted = [report for report in reports if report.used]
        sentences = {
            m: f"{fitted[m].stack.name}: its imaging area is {excess[m]:+.2f} +- "
            f"{excess_error[m]:.2f} e- off what the other stacks predict "
            f"({abs(excess[m]) / excess_error[m]:.0f} sigma)"
            for m in np.flatnonzero(anomalous)
        }
        if not exclude or not sentences:
            advice = ", as with a light leak; bad_stacks: exclude leaves it out"
            warnings = [sentence + advice for sentence in sentences.values()]
            if np.isnan(excess).all():
                warnings.append(
                    f"{len(fitted)} stacks: whether one of them has a light leak or an offset "
                    f"cannot be tested with fewer than {offsets.MIN_STACKS}"
                )
            return Chosen(reports, design, found, subtracted, warnings)
        for m, sentence in sentences.items():
            fitted[m].used, fitted[m].reason = False, f"{sentence}; it is left out"


def _design(reports, geometry):
    """Return the design of the used stacks; if they cannot be fitted, say which were left out."""
    stacks = [report.stack for report in reports if report.used]
    try:
        check_stacks(stacks)
    except DarkroomError as fault:
        reasons = [report.reason for report in reports if not report.used]
        if not reasons:
            raise
        raise DarkroomError(f"{fault}. Left out: {'. '.join(reasons)}") from None
    return Design.from_stacks(stacks, geometry.em_stages)
