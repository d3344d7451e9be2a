"""Settings of the WFC3/IR pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import section, setting
from darkroom.wfc3.superdark.settings import SuperdarkSettings
from darkroom.wfc3.visit.settings import DrizzleSettings

_REGION = (
    "x0 x1 y0 y1 in pixels of the full 1024 x 1024 array, upper ends excluded; scaled for subarrays"
)
TREATMENTS = ("auto", "mask", "subtract", "flatten", "mask_and_flatten", "last_minus_first")


@dataclass(frozen=True, kw_only=True)
class CandidateSettings:
    """New reference files that `snakemake judge` compares with those in use."""

    dark: str | None = setting(
        None,
        "New dark, of the read sequence and subarray of the exposures.",
        unit="file",
        absent="none",
        option=False,
    )
    flat: str | None = setting(
        None,
        "New pixel-to-pixel flat, of the filter of the exposures.",
        unit="file",
        absent="none",
        option=False,
    )


@dataclass(frozen=True, kw_only=True)
class Wfc3Settings:
    """Settings of the WFC3/IR pipeline: bad reads, their treatment, the combined visit; superdarks.

    Those of one product do not matter for the other, see ``product``.
    """

    product: str = setting(
        "visit",
        "What is made of the item's exposures: calibrated images and a combined image of the sky "
        "(visit), or the dark current of each read, of darks (superdark).",
        choices=("visit", "superdark"),
        option=False,
    )
    engine: str = setting(
        "builtin",
        "Calibration by darkroom's implementation of calwf3 (builtin), by calwf3 itself (calwf3, "
        "needs conda), or by both, which fails on any differing pixel (both).",
        choices=("builtin", "calwf3", "both"),
    )
    treatment: str = setting(
        "auto",
        "Treatment of bad reads: by what is found in each exposure (auto); leave them out of the "
        "fit (mask); subtract their counts, for the middle of an exposure (subtract); remove the "
        "variation of a sky that is uniform over the field (flatten); mask and flatten at once "
        "(mask_and_flatten); the last read minus the zeroth, without a fit (last_minus_first).",
        choices=TREATMENTS,
    )
    treatments: dict = setting(
        {},
        "Treatment of single exposures, instead of that above.",
        unit="exposure: treatment",
        absent="none",
        option=False,
        schema={"additionalProperties": {"enum": list(TREATMENTS)}},
    )
    mask_scope: str = setting(
        "all",
        "Pixels for which masked reads are left out: all, or only those without any other flag, "
        "as calwf3 does.",
        choices=("all", "calwf3"),
    )
    choose: str = setting(
        "quiet",
        "How bad reads are found: by comparison with the quiet level of the ramp itself (quiet), "
        "by the threshold of the WFC3 team's notebook (notebook), or not at all (none).",
        choices=("quiet", "notebook", "none"),
    )
    reads: dict = setting(
        {},
        'Bad reads of an exposure, which override the choice: [11, 12] or "11-15"; an empty list: '
        "no read is bad. EXTVER counts backwards, 1 is the last read.",
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
        "Threshold for a bad read: change of the sky ratio left/right from the quiet ratio, in "
        "either direction.",
        above=0,
    )
    level_excess: float = setting(
        0.1,
        "Threshold for a bad read: change of the sky of the whole field from its quiet level, in "
        "either direction.",
        unit="fraction",
        above=0,
    )
    trail_excess: float = setting(
        0.002,
        "Threshold for a bad read: excess of bright pixels over the quiet reads (a satellite "
        "trail when they lie on a line; only treatment subtract removes it).",
        unit="fraction of all pixels",
        above=0,
    )
    nsigma: float = setting(
        5.0, "Required significance of each of these changes.", unit="sigma", above=0
    )
    min_step_s: float = setting(
        3.0, "Shortest interval between reads that is tested.", unit="s", minimum=0
    )
    max_masked_fraction: float = setting(
        0.5,
        "Largest fraction of the exposure time that an automatic choice may leave out.",
        unit="fraction",
        above=0,
        below=1,
    )
    notebook_ratio: float = setting(
        1.1, "With choose: notebook, the threshold on the sky ratio left/right.", above=0
    )
    sources: str = setting(
        "mask",
        "How sources are excluded from the sky: pixels where a source is found (mask), pixels "
        "beyond a limit on the rate as in the notebook (limit), or not at all (none).",
        choices=("mask", "limit", "none"),
    )
    source_limit: float = setting(
        3.0,
        "With sources: limit, the limit on the absolute value of the rate.",
        unit="e-/s",
        above=0,
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
        "Item of the campaign that holds the archive's combined image (products: [DRZ]) for "
        "comparison.",
        unit="item",
        absent="none",
        option=False,
    )
    candidates: CandidateSettings = section(
        CandidateSettings,
        "New dark or flat that is compared with the one in use, on the exposures of the item.",
    )
    drizzle: DrizzleSettings = section(DrizzleSettings)
    superdark: SuperdarkSettings = section(SuperdarkSettings)


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
