"""What each fault does, as one table: the tests run it, the documentation prints it.

``python -m loopback.matrix`` (with ``PYTHONPATH=tests:scripts``) writes the page again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loopback.faults import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "archive-faults.md"


@dataclass(frozen=True)
class File:
    """What a fault of a transfer does.

    The settings are ``timeout_s: 1.5, retries: 1``: two attempts at most for one copy.
    """

    fault: str
    reads: str
    """The reason in what the person reads; ``{size}``, ``{half}``: bytes."""
    asked: int = 2
    """How often the archive is asked for the file."""
    ends: str = "fails"
    """The first run: ``fails``, ``refuses`` the exposure, ``accepts`` the right bytes, or
    ``is deceived``."""
    pinned: str = ""
    """The same with a pin, where that changes it: what is read."""


FILES = (
    File("cut", "the connection broke off"),
    File("cut_without_length", "{half} bytes came, {size} are expected"),
    File("reset", "the connection broke off"),
    File("down", "no connection (Remote end closed connection without response)"),
    File("silent", "the server fell silent"),
    File("hang", "the server fell silent"),
    File("trickle", "not done within 1.5 s"),
    File("endless_headers", "not done within 1.5 s"),
    File("html", "47 bytes came, no FITS: 'Scheduled maintenance', {size} are expected"),
    File("empty", "0 bytes came, {size} are expected"),
    File("too_long", "more bytes came than the {size} expected"),
    File("part_unasked", "the server sent a part of the file, the whole was asked for"),
    File("endless_length", "the server states a length of '99999999999999999999', which is none"),
    File("no_http", r"no connection (\x1b[31mHelloÿ\r\n)"),
    File("broken_redirect", "the answer cannot be read (Invalid IPv6 URL)"),
    File("unreadable_redirect", "the answer cannot be read ("),
    File("redirect_to_a_file", "no connection ("),
    File("redirect_to_itself", "no connection (", asked=62),
    File("unavailable", "HTTP 503"),
    File("busy", "HTTP 429"),
    File("missing", "it is not there (HTTP 404)", asked=1),
    File("refused", "access is refused (HTTP 403)", asked=1),
    File("corrupt", "Checksum verification failed", ends="refuses"),
    File("padded_wrong", "", asked=1, ends="is deceived", pinned="its SHA-256 is"),
)


@dataclass(frozen=True)
class Rest:
    """What a fault does that strikes when a transfer that broke off is taken up."""

    fault: str
    reads: str


RESTS = (
    Rest("another_version", "the file was replaced on the server; it is fetched from its start"),
    Rest("no_such_part", "the server no longer has the part that is missing"),
    Rest("another_part", "the server sent another part of the file than was asked for"),
    Rest("endless_range", "the server sent another part of the file than was asked for"),
    Rest("another_file", "the rest that came is of another file than the beginning"),
)


@dataclass(frozen=True)
class Query:
    """What a fault of a query does; settings as above."""

    fault: str
    reads: str
    again: bool = True
    """Whether it is asked a second time before it fails."""


QUERIES = (
    Query("unavailable", "HTTP 503"),
    Query("busy", "HTTP 429"),
    Query("down", "no connection"),
    Query("silent", "the server fell silent"),
    Query("html", "the answer is no JSON: 'Scheduled maintenance'"),
    Query("service_error", "the archive says: the database is locked"),
    Query("executing", "not done within 1.5 s"),
    Query("missing", "it is not there (HTTP 404)", again=False),
    Query("no_http", r"no connection (\x1b[31mHelloÿ\r\n)"),
    Query("deep", "the answer nests too deeply to be read"),
)


@dataclass(frozen=True)
class Row:
    """What a fault of the rows of a product list does."""

    fault: str
    reads: str


ROWS = (
    Row("infinite_size", "astroquery cannot read the answer (OverflowError: "),
    Row("huge_size", "astroquery cannot read the answer (OverflowError: "),
    Row("same_file", "are both file 'icqtbbbxq_raw.fits'; give each exposure"),
    Row("newline_in_name", "MAST lists"),
    Row("numbers_as_names", "are both file '7'; give each exposure"),
)


_HEAD = """# What each fault of the archive does

This page is generated from the table that the tests run (`tests/loopback/matrix.py`; the tests are
in `tests/unit/archive`). The settings are `timeout_s: 1.5, retries: 1`: two attempts for each copy
of a file.

## Files

These statements hold for every row:

- **First run.** A file is accepted only when its bytes are those of the archive; the one exception
  is marked. A file that did not arrive leaves nothing under its name, and `raw/manifest.tsv` names
  it with the reason. The other files are fetched.
- **Fault that occurs once.** Where a further attempt is made, it brings the right bytes in the
  same run.
- **Good copy already there.** The copy is kept. When its SHA-256 is pinned or recorded, the
  archive is not asked. Other bytes replace the copy only when two transfers give the same bytes.
- **`kill -9` during the transfer.** No process remains. A temporary file with a hidden name may
  remain; nothing reads it, and the next run removes it.
- **Next run, without the fault.** The missing files are fetched; the others are not changed.
- **Time.** An attempt ends after 60 s without data, and in any case after `timeout_s` (for a big
  file 1 s for each 100 kB).

| fault | what the archive sends | requests | message | on disk after the first run |
|---|---|---|---|---|
"""
_ON_DISK = {
    "fails": "nothing; the exposure *did not arrive*",
    "refuses": "nothing; the exposure is *refused*, since two transfers gave the same bytes",
    "is deceived": "**the wrong bytes**; with a pin nothing, and it is *refused*",
}
_DECEIVED = """
**Damage that checksums do not show.** astropy's check of FITS checksums leaves out the padding
after the data, and HST files have no checksums (IMA and RAW were examined). There, damage that
keeps the size is found only when the file has a pin, or with `confirm: true`, which fetches a file
without a pin twice and accepts it when both copies are equal. With `confirm` and a fault that
occurs once, the right bytes are accepted with the third copy. A file whose copies all differ fails
after four copies.

## Queries

`snakemake lock` writes the complete lock at its end. After any fault before that, or `kill -9`, an
existing lock is unchanged, with or without `replace_lock=true`, and the message ends with `… is
kept`; without an existing lock none is written. The next call makes the right lock.

| fault | what the archive sends | requests | message |
|---|---|---|---|
"""
_RESTS = """
## A transfer that broke off

It is taken up where it ended when the archive gives files an ETag; the last 64 kB are fetched again
and compared. Whatever does not fit, the next attempt begins at the first byte, and the right file
arrives in the same run.

| fault | what the archive sends | message in the log |
|---|---|---|
"""
_ROWS = """
An answer whose rows cannot be true makes no lock, and an existing one is kept:

| fault | what the archive sends | message |
|---|---|---|
"""
_EMPTY = (
    "| `no_rows` | A good answer without rows. | 1 | `MAST has no HST observation with …; look for "
    "a misspelt name …`; where there is a lock: `the same query found exposures before, so the "
    "archive's catalogue is incomplete at the moment, or the data were withdrawn: … is kept, try "
    "again later` |\n"
    "| `wrong_size` | Product lists that give each file one FITS block more than it has. | 1 | "
    "each difference, `~ …: size 279360 -> 282240 (other bytes than before …)`, and `… is kept: "
    "the archive's answer differs from it` |\n"
    """
An answer that lacks some rows is not recognised as incomplete. With an existing lock the rows are
listed as `- …: no longer in the archive's answer`. For a first lock, only missing detectors and
exposures that the campaign names are an error.
"""
)


def page():
    """Return the page."""
    text = _HEAD
    for case in FILES:
        reads = case.reads.format(half="N/2", size="N") or "(no message)"
        if case.pinned:
            reads += f"`; with a pin `{case.pinned} …, pinned is …"
        row = (f"`{case.fault}`", says(case.fault), str(case.asked), f"`{reads}`")
        text += "| " + " | ".join((*row, _ON_DISK[case.ends])) + " |\n"
    text += _RESTS
    for case in RESTS:
        text += f"| `{case.fault}` | {says(case.fault)} | `{case.reads}` |\n"
    text += _DECEIVED
    for case in QUERIES:
        asked = "2" if case.again else "1"
        asked = "until the time limit, twice" if case.fault == "executing" else asked
        row = (f"`{case.fault}`", says(case.fault), asked, f"`{case.reads}`")
        text += "| " + " | ".join(row) + " |\n"
    rows = "".join(f"| `{case.fault}` | {says(case.fault)} | `{case.reads}` |\n" for case in ROWS)
    return text + _EMPTY + _ROWS + rows


def says(fault):
    """Return what a fault is, in its own words."""
    return " ".join(KINDS[fault][0].__doc__.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
