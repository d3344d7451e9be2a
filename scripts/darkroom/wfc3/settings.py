"""Settings of the WFC3/IR pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import section, setting
from darkroom.wfc3.visit.settings import DrizzleSettings

_REGION = (
    "x0 x1 y0 y1 in pixels of the full 1024 x 1024 array, upper ends excluded; scaled for subarrays"
)


@dataclass(frozen=True, kw_only=True)
class Wfc3Settings:
    """Settings of the WFC3/IR pipeline: bad reads, their treatment, the combined visit."""

    engine: str = setting(
        "builtin",
        "Calibration: our own engine (builtin), calwf3 itself (needs conda), or both, stopping at "
        "the first differing pixel.",
        choices=("builtin", "calwf3", "both"),
    )
    treatment: str = setting(
        "mask",
        "What is done about bad reads: left out of the fit (mask); their counts subtracted, for "
        "the middle of an exposure (subtract); a sky that varies alike over the field levelled "
        "(flatten).",
        choices=("mask", "subtract", "flatten"),
    )
    mask_scope: str = setting(
        "all",
        "Pixels for which masked reads are left out: all, or only those without any other flag, "
        "as calwf3 does.",
        choices=("all", "calwf3"),
    )
    choose: str = setting(
        "quiet",
        "How bad reads are found: against the quiet level of the ramp itself (quiet), by the "
        "notebook's cut (notebook), or not at all (none).",
        choices=("quiet", "notebook", "none"),
    )
    reads: dict = setting(
        {},
        'Bad reads of an exposure instead of the choice: [11, 12] or "11-15"; an empty list: none '
        "is bad. EXTVER counts backwards, 1 is the last read.",
        unit="exposure: EXTVERs",
        absent="none",
        option=False,
        schema={
            "additionalProperties": {
                "oneOf": [
                    {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 1},
                        "uniqueItems": True,
                    },
                    {
                        "type": "string",
                        "pattern": r"^(\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*)?$",
                        "description": "EXTVERs and ranges of them, e.g. 11-15 or 1,2,3",
                    },
                ]
            }
        },
    )
    ratio_excess: float = setting(
        0.1,
        "Change of left/right with respect to the quiet ratio, in either direction, that makes a "
        "read bad.",
        above=0,
    )
    level_excess: float = setting(
        0.1,
        "Excess of the whole field over its quiet level that makes a read bad.",
        unit="fraction",
        above=0,
    )
    trail_excess: float = setting(
        0.002,
        "Excess of bright pixels over the quiet part that makes a read bad: a satellite trail, "
        "which only treatment subtract removes.",
        unit="fraction of all pixels",
        above=0,
    )
    nsigma: float = setting(
        5.0, "Required significance of each of these changes.", unit="sigma", above=0
    )
    min_step_s: float = setting(
        3.0, "Shorter intervals between reads are not judged.", unit="s", minimum=0
    )
    max_masked_fraction: float = setting(
        0.5,
        "Largest fraction of the exposure time that an automatic choice may leave out.",
        unit="fraction",
        above=0,
        below=1,
    )
    notebook_ratio: float = setting(1.1, "Cut of choose: notebook on left/right.", above=0)
    sources: str = setting(
        "mask",
        "How sources are excluded from the sky: where one is found (mask), by a limit on rates as "
        "in the notebook (limit), or not (none).",
        choices=("mask", "limit", "none"),
    )
    source_limit: float = setting(
        3.0, "Limit of sources: limit on the absolute rate.", unit="e-/s", above=0
    )
    left: list[int] = setting(
        [50, 250, 100, 900], f"Left region, {_REGION}.", unit="X0 X1 Y0 Y1", minimum=0, length=4
    )
    right: list[int] = setting(
        [700, 900, 100, 900], f"Right region, {_REGION}.", unit="X0 X1 Y0 Y1", minimum=0, length=4
    )
    differences: str = setting(
        "instantaneous",
        "Kind of read differences that the figures show.",
        choices=("instantaneous", "cumulative"),
    )
    archive_drz: str | None = setting(
        None,
        "Item of the campaign that holds the archive's combined image (products: [DRZ]), to "
        "compare with.",
        unit="item",
        absent="none",
        option=False,
    )
    drizzle: DrizzleSettings = section(DrizzleSettings)


#: Settings of each program.
PROGRAMS = {
    "calibrate_original": ("engine",),
    "read_differences": ("sources", "source_limit", "left", "right"),
    "choose_reads": (
        "choose",
        "treatment",
        "ratio_excess",
        "level_excess",
        "trail_excess",
        "nsigma",
        "min_step_s",
        "max_masked_fraction",
        "notebook_ratio",
    ),
    "treat_reads": ("engine", "mask_scope", "left", "right"),
    "figures": ("differences",),
}
