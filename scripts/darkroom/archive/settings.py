"""Settings of the archive and of the queries for exposures."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED, setting

_NAME = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]+$",
    "description": "names in the archive are letters, digits, _ and -, without wildcards",
}
_NAMES = {"minItems": 1, "items": _NAME}
_DAY = {"pattern": r"^\d{4}-\d{2}-\d{2}$"}
_NUMBER = {"type": ["integer", "string"]}


@dataclass(frozen=True, kw_only=True)
class ArchiveSettings:
    """Where exposures come from."""

    kind: str = setting(
        REQUIRED,
        "A folder (local), the archive MAST at STScI (mast), or the built-in simulator "
        "(simulated).",
        choices=("local", "mast", "simulated"),
    )
    folder: str = setting(
        "",
        "local: folder of the exposures; environment variables and ~ are expanded.",
        unit="path",
        filled=False,
    )
    seed: int = setting(
        0, "simulated: seed of all random numbers.", minimum=0, filled=False, absent="must be given"
    )
    server: str = setting(
        "https://mast.stsci.edu", "mast: address of the archive.", unit="address", filled=False
    )
    copy: str = setting(
        "archive",
        "mast: where files are fetched: from the archive itself, or from its public copy in the "
        "cloud, without an account. Queries go to the archive in any case, and files are verified "
        "alike.",
        choices=("archive", "cloud"),
        filled=False,
    )
    cloud: str = setting(
        "https://stpubdata.s3.amazonaws.com",
        "mast: address of the copy in the cloud.",
        unit="address",
        filled=False,
    )
    timeout_s: float = setting(
        600,
        "mast: longest time for one query or one file; a large file is given at least one second "
        "per 100 kB. A transfer that stalls for 60 s is ended sooner.",
        unit="s",
        above=0,
        filled=False,
    )
    retries: int = setting(
        3, "mast: number of further attempts after a failed transfer.", minimum=0, filled=False
    )
    parallel: int = setting(
        4,
        "mast: number of simultaneous transfers, counted over all jobs and campaigns that share "
        "the folder of results.",
        minimum=1,
        maximum=16,
        filled=False,
    )
    confirm: bool = setting(
        False,
        "Fetch a file without a pinned checksum twice, and accept it when both copies are "
        "identical.",
        filled=False,
    )


@dataclass(frozen=True, kw_only=True)
class HstQuery:
    """Query of the HST observation catalogue."""

    mission: str = setting(REQUIRED, "The catalogue that is asked.", choices=("hst",))
    obs_id: list[str] = setting(
        [],
        "Associations or single exposures, in upper or lower case, e.g. icqtbb020.",
        unit="name or names",
        filled=False,
        schema={"anyOf": [_NAME, {"type": "array", **_NAMES}]},
    )
    proposal_id: str = setting(
        "",
        "Number of the proposal; without obs_id, all its exposures.",
        unit="number",
        filled=False,
        schema=_NUMBER,
    )
    exposures: list[str] = setting(
        [],
        "Only these exposures, in upper or lower case, e.g. icqtbbbxq.",
        unit="names",
        filled=False,
        schema=_NAMES,
        absent="all found",
    )
    products: list[str] = setting(
        ["RAW"],
        "Kinds of file to fetch of each exposure.",
        choices=("RAW", "IMA", "FLT", "FLC", "DRZ", "DRC"),
        filled=False,
        schema={"minItems": 1},
    )
    project: str = setting("", "Processing project, e.g. CALWF3.", filled=False, absent="any")
    calib_level: list[int] = setting(
        [],
        "Calibration levels, as in the archive's product lists: 1 raw, 2 calibrated, 3 combined.",
        unit="levels",
        minimum=-1,
        maximum=4,
        filled=False,
        schema={"minItems": 1},
        absent="any",
    )


@dataclass(frozen=True, kw_only=True)
class JwstQuery:
    """Query of the JWST catalogue of header keywords (NIRCam)."""

    mission: str = setting(REQUIRED, "The catalogue that is asked.", choices=("jwst",))
    program: str = setting(
        REQUIRED, "Number of the program, e.g. 1062.", unit="number", schema=_NUMBER
    )
    exp_type: str = setting(
        REQUIRED,
        "Exposure type, as in the header (EXP_TYPE), e.g. NRC_DARK",
        unit="header value",
        schema={"pattern": "^NRC_[A-Z0-9_]+$"},
    )
    detectors: list[str] = setting(
        [],
        "Detectors, as in the header.",
        choices=(
            *("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG"),
            *("NRCB1", "NRCB2", "NRCB3", "NRCB4", "NRCBLONG"),
        ),
        filled=False,
        schema={"minItems": 1},
        absent="all",
    )
    readpatt: list[str] = setting(
        [],
        "Read patterns, as in the header.",
        unit="header values",
        filled=False,
        schema={
            "minItems": 1,
            "items": {
                "type": "string",
                "pattern": "^[A-Z0-9]+$",
                "description": "a read pattern is written as in the header, e.g. RAPID",
            },
        },
        absent="all",
    )
    subarray: list[str] = setting(
        [],
        "Subarrays, as in the header.",
        unit="header values",
        filled=False,
        schema={
            "minItems": 1,
            "items": {
                "type": "string",
                "pattern": "^[A-Z0-9]+$",
                "description": "a subarray is written as in the header, e.g. FULL",
            },
        },
        absent="all",
    )
    date_min: str = setting(
        "",
        'First day of the exposures, UTC, as a quoted text "YYYY-MM-DD"',
        unit="day",
        filled=False,
        schema=_DAY,
        absent="none",
    )
    date_max: str = setting(
        "",
        'Last day of the exposures, UTC, as a quoted text "YYYY-MM-DD"',
        unit="day",
        filled=False,
        schema=_DAY,
        absent="none",
    )
    exposures: list[str] = setting(
        [],
        "Only these exposures, including the detector, e.g. jw01062001001_02101_00001_nrca1.",
        unit="names",
        filled=False,
        schema=_NAMES,
        absent="all found",
    )
    products: list[str] = setting(
        ["UNCAL"],
        "Kinds of file to fetch of each exposure.",
        choices=("UNCAL", "DARK", "RATE", "RATEINTS"),
        filled=False,
        schema={"minItems": 1},
    )
