"""Rows of frames.tsv that tests of the report share."""

from darkroom.campaign.frames import COLUMNS

NASTY = '<script>alert("x")</script> & "quoted"'


def row(index, role="dark", exptime="10.0", temperature="-4.8", **extra):
    values = dict.fromkeys(COLUMNS, "")
    values |= {
        "exposure": f"{role}_{index:03}", "role": role, "file": f"raw/{role}_{index:03}.fits",
        "accepted": "yes", "shape": "48x60", "binning": "1x1", "exptime_s": exptime,
        "temperature_c": temperature, "sha256": f"{index:064x}",
    }  # fmt: skip
    return values | extra


def refused(index, reason):
    return row(index, accepted="no", reason=f"raw/dark_{index:03}.fits: {reason}")


REPAIR = "EXPTIME = 3,2E-05 (malformed) read as 3.2e-05"


ROWS = [
    *[row(i, "bias", "0.04", notes=REPAIR) for i in (1, 2)],
    *[row(i) for i in (1, 2, 3)],
    row(4, temperature="-5.2"),
    refused(5, "truncated: its image needs 100 bytes, the file has 50"),
    refused(6, f"its instrument is {NASTY}, that of 6 other frames is X"),
]  # fmt: skip
