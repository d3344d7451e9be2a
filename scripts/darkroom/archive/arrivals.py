"""Records of which exposures have arrived: a note for each, and one manifest for a person."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.archive.slots import Claims
from darkroom.atomic import remove_durably, write_text
from darkroom.campaign.status import load_status, write_status
from darkroom.errors import InputError
from darkroom.integrity.watch import is_unrecorded, record, unwatched
from darkroom.provenance import settings_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Exposure, Lock
    from darkroom.campaign.pins import Pins
    from darkroom.hints import StrPath

COLUMNS = ("item", "exposure", "file", "state", "bytes", "sha256", "tried", "why")
MANIFEST = "manifest.tsv"
# Number of the claim on writing the manifest, beyond those of a lock's exposures.
_MANIFEST_CLAIM = 1 << 40


def arrival_key(campaign: Campaign, exposure: Exposure, pins: Pins, code: str) -> str:
    """Return 16 hexadecimal digits that change with anything an exposure's status depends on.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    exposure : darkroom.campaign.lock.Exposure
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
        """Return the status of an exposure that arrived with this key, or None."""
        note = self._note(exposure)
        try:
            with unwatched():
                if note.with_suffix(".key").read_text(encoding="utf-8") != key:
                    return None
            status = load_status(note)
            # As the rule checks too: a file that changed after its note is fetched again.
            file = self.folder / exposure.item / exposure.file
            good = file.stat().st_mtime <= note.stat().st_mtime
        except (OSError, KeyError, InputError):
            return None
        if good and is_unrecorded(note.with_suffix(".key")):
            record(note.with_suffix(".key"))
        return status if good else None

    def known_sha256(self, exposure: Exposure) -> str | None:
        """Return the SHA-256 of the file received for this row of the lock, or None."""
        try:
            status = load_status(self._note(exposure))
            same = status["uri"] == exposure.uri and status["file"] == exposure.file
            if same and exposure.size in (None, status["size"]):
                return str(status["sha256"])
        except (OSError, KeyError, InputError):
            pass
        return None

    def note(self, exposure: Exposure, key: str, status: dict[str, Any]) -> None:
        """Record the status of an accepted exposure."""
        note = self._note(exposure)
        remove_durably(note.with_suffix(".key"))
        write_status(note, status)
        write_text(note.with_suffix(".key"), key)

    def _note(self, exposure: Exposure) -> Path:
        return self.folder / exposure.item / ".arrived" / f"{exposure.exposure}.json"

    def keep_manifest(self) -> None:
        """Record the manifest, where the run that wrote it was cut short before."""
        path = self.folder / MANIFEST
        if is_unrecorded(path):
            self.claims.wait(_MANIFEST_CLAIM)
            try:
                if is_unrecorded(path):
                    record(path)
            finally:
                self.claims.free(_MANIFEST_CLAIM)

    def write_manifest(
        self,
        lock: Lock,
        outcomes: Iterable[tuple[Exposure, dict[str, Any] | None, Exception | None]],
    ) -> None:
        """Update the manifest: a line for each exposure of the lock.

        Parameters
        ----------
        lock : darkroom.campaign.lock.Lock
            Determines the lines and their order.
        outcomes : iterable of tuple
            ``(exposure, status or None, error or None)`` of each exposure that was just tried.
        """
        path = self.folder / MANIFEST
        self.claims.wait(_MANIFEST_CLAIM)
        try:
            rows = _read(path)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            for exposure, status, error in outcomes:
                reason = str(error or "")
                rows[exposure.item, exposure.exposure] = _row(exposure, status, reason, now)
            lines = [
                rows.get((row.item, row.exposure)) or _row(row, None, "", "")
                for row in lock.exposures
            ]
            stream = io.StringIO()
            writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
            write_text(path, stream.getvalue())
        finally:
            self.claims.free(_MANIFEST_CLAIM)


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows of a manifest by exposure; none when it is missing or damaged."""
    try:
        with unwatched():
            text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    if tuple(rows.fieldnames or ()) != COLUMNS:
        return {}
    return {(row["item"], row["exposure"]): row for row in rows if None not in row.values()}


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
