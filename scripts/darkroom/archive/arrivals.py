"""Records of which exposures have arrived: a note for each, and one manifest for a person."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.archive.slots import Claims
from darkroom.atomic import append_text, remove_durably, write_text
from darkroom.campaign.status import load_status, write_status
from darkroom.errors import InputError
from darkroom.integrity.digests import read_sha256
from darkroom.integrity.recording import is_unrecorded, keep_record, remove
from darkroom.integrity.seen import unwatched
from darkroom.provenance import settings_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Lock
    from darkroom.campaign.lock_rows import Exposure
    from darkroom.campaign.pins import Pins
    from darkroom.hints import StrPath

COLUMNS = ("item", "exposure", "file", "state", "bytes", "sha256", "tried", "why")
MANIFEST = "manifest.tsv"
#: Rows that the manifest does not have yet, in the order in which they came.
JOURNAL = ".arrivals"
# Size of the journal, in sizes of the manifest, at which its rows are taken over: to write all rows
# after each batch would take a time that grows with the square of their number.
_WAITING = 0.05
# Number of the claim on writing the manifest; those of exposures follow from their names.
_MANIFEST_CLAIM = 1 << 40


def arrival_key(campaign: Campaign, exposure: Exposure, pins: Pins, code: str) -> str:
    """Return 16 hexadecimal digits that change with anything an exposure's status depends on.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    exposure : darkroom.campaign.lock_rows.Exposure
        The row of the lock.
    pins : darkroom.campaign.pins.Pins
        The SHA-256 it must have, if it is pinned.
    code : str
        Digest of the program that fetches it.
    """
    return settings_digest(
        {
            "row": exposure.row(),
            "archive": campaign.tracked_archive,
            "selection": campaign.selection(exposure.item),
            "pin": pins.sums.get((exposure.item, exposure.exposure), ""),
            "code": code,
        }
    )


class Arrivals:
    """The notes of one campaign.

    The note of an accepted exposure is its status in ``<item>/.arrived/<exposure>.json``, with the
    `arrival_key` in a file beside it. While the key is unchanged the note is the exposure's status;
    otherwise it still states the SHA-256 of the file that was received.

    Parameters
    ----------
    folder : path-like
        Folder of the campaign's exposures, with a folder for each item.
    """

    def __init__(self, folder: StrPath) -> None:
        self.folder = Path(folder)
        self.claims = Claims(self.folder / ".claims")

    def status(self, exposure: Exposure, key: str) -> dict[str, Any] | None:
        """Return the status of an exposure that arrived with this key, and is whole, or None."""
        note, file = self._note(exposure), self.folder / exposure.item / exposure.file
        try:
            # What is damaged is fetched again, and damages no other exposure's transfer.
            with unwatched():
                # Bytes, as of one that is damaged.
                if note.with_suffix(".key").read_bytes() != key.encode():
                    return None
                status = load_status(note)
                # Whoever asks again for a batch that was made wants another look at its files.
                regular = file.is_file() and not file.is_symlink()
                good = (
                    regular
                    and file.stat().st_size == status["size"]
                    and read_sha256(file) == status["sha256"]
                )
        except (OSError, KeyError, InputError):
            return None
        if not good:
            return None
        for path in (file, note.with_suffix(".key")):
            keep_record(path)
        return status

    def known_sha256(self, exposure: Exposure) -> str | None:
        """Return the SHA-256 of the file received for this row of the lock, or None.

        None, too, when the file has another size now: no need to sum it.
        """
        file = self.folder / exposure.item / exposure.file
        try:
            status = load_status(self._note(exposure))
            same = status["uri"] == exposure.uri and status["file"] == exposure.file
            same = same and file.stat().st_size == status["size"]
            if same and exposure.size in (None, status["size"]):
                return str(status["sha256"])
        except (OSError, KeyError, InputError):
            pass
        return None

    def noted_ns(self, exposure: Exposure) -> int | None:
        """Return when an exposure was noted, in nanoseconds since 1970; None when it was not."""
        try:
            return self._note(exposure).stat().st_mtime_ns
        except OSError:
            return None

    def noted(self) -> int:
        """Return how many exposures were accepted so far, by their notes."""
        return sum(1 for _ in self.folder.glob("*/.arrived/*.key"))

    def note(self, exposure: Exposure, key: str, status: dict[str, Any]) -> None:
        """Record the status of an accepted exposure."""
        note = self._note(exposure)
        remove(note.with_suffix(".key"))
        write_status(note, status)
        write_text(note.with_suffix(".key"), key)

    def _note(self, exposure: Exposure) -> Path:
        return self.folder / exposure.item / ".arrived" / f"{exposure.exposure}.json"

    def keep_manifest(self, lock: Lock) -> None:
        """Bring to the manifest, and record, what a run that was cut short did not."""
        cut = is_unrecorded(self.folder / MANIFEST)
        if cut or (self.folder / JOURNAL).exists():
            self.write_manifest(lock, (), last=cut)

    def write_manifest(
        self,
        lock: Lock,
        outcomes: Iterable[tuple[Exposure, dict[str, Any] | None, Exception | None]],
        *,
        last: bool = True,
    ) -> None:
        """Bring outcomes to the manifest, which has a line for each exposure of the lock.

        Parameters
        ----------
        lock : darkroom.campaign.lock.Lock
            Determines the lines and their order.
        outcomes : iterable of tuple
            ``(exposure, status or None, error or None)`` of each exposure that was just tried.
        last : bool
            Whether nothing is left for others to bring. Else a few rows wait in the journal.
        """
        path, journal = self.folder / MANIFEST, self.folder / JOURNAL
        now = datetime.now(UTC).isoformat(timespec="seconds")
        news = [_row(row, status, str(error or ""), now) for row, status, error in outcomes]
        self.claims.wait(_MANIFEST_CLAIM)
        try:
            if news:
                append_text(journal, _lines(news))
            if not last and path.exists() and _size(journal) < _WAITING * _size(path):
                return
            rows = _read(path) | _read(journal)
            lines = [
                rows.get((row.item, row.exposure)) or _row(row, None, "", "")
                for row in lock.exposures
            ]
            write_text(path, "\t".join(COLUMNS) + "\n" + _lines(lines))
            remove_durably(journal)
        finally:
            self.claims.free(_MANIFEST_CLAIM)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    stream = io.StringIO()
    csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows of a manifest or journal by exposure, of those that are whole the last."""
    try:
        with unwatched():
            text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    # A power cut may leave the end of a journal cut, or filled with zeros.
    whole = (line for line in text.split("\n")[:-1] if "\0" not in line)
    rows = csv.DictReader(whole, COLUMNS, delimiter="\t")
    return {
        (row["item"], row["exposure"]): row
        for row in rows
        if None not in row and None not in row.values()
    }


def _row(
    exposure: Exposure, status: dict[str, Any] | None, reason: str, tried: str
) -> dict[str, Any]:
    """Return the manifest's row of an exposure; `tried` is the time of the attempt, or empty."""
    state = "not tried" if not tried else "did not arrive"
    if status:
        state, reason = ("arrived", "") if status["accepted"] else ("refused", status["reason"])
    return {
        "item": exposure.item,
        "exposure": exposure.exposure,
        "file": exposure.file,
        "state": state,
        "bytes": (status or {}).get("size") or "",
        "sha256": (status or {}).get("sha256", ""),
        "tried": tried,
        "why": " ".join(reason.split()),
    }
