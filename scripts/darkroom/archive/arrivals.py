"""What has come of each exposure so far: a note for each, and one manifest for a person."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

from darkroom.archive.slots import Claims
from darkroom.atomic import write_text
from darkroom.campaign.status import write_status
from darkroom.provenance import settings_digest

COLUMNS = ("item", "exposure", "file", "state", "bytes", "sha256", "tried", "why")
MANIFEST = "manifest.tsv"
# A claim beyond those of a lock's exposures: who writes the manifest.
_MANIFEST_CLAIM = 1 << 40


def arrival_key(campaign, exposure, pins, exclude, code):
    """Return 16 digits that stand for everything that an exposure's status follows from.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    exposure : darkroom.campaign.lock.Exposure
        The row of the lock.
    pins : darkroom.campaign.pins.Pins
        What its bytes must be.
    exclude : bool
        Whether a refusal is recorded.
    code : str
        Digest of the program that brings it.
    """
    return settings_digest(
        {
            "row": exposure.row(),
            "archive": campaign.tracked_archive,
            "selection": campaign.selection(exposure.item),
            "pin": pins.sums.get((exposure.item, exposure.exposure), ""),
            "exclude": exclude,
            "code": code,
        }
    )


class Arrivals:
    """The notes of one campaign.

    The note of an accepted exposure is its status under ``<item>/.arrived/<exposure>.json``, and a
    key in a file beside it that stands for everything the status follows from. With the key of now
    the note is the status; with another one it still tells which bytes were received.

    Parameters
    ----------
    folder : path-like
        Folder of the campaign's exposures, with a folder for each item.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.claims = Claims(self.folder / ".claims")

    def status(self, exposure, key):
        """Return the status of an exposure that has come under a key, or None."""
        note = self._note(exposure)
        try:
            if note.with_suffix(".key").read_text(encoding="utf-8") != key:
                return None
            status = json.loads(note.read_text(encoding="utf-8"))
            # The rule asks the same of a note: a file that changed later is received anew.
            file = self.folder / exposure.item / exposure.file
            good = file.stat().st_mtime <= note.stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return status if good else None

    def known(self, exposure):
        """Return the SHA-256 of the bytes received of this row of the lock, or None."""
        try:
            status = json.loads(self._note(exposure).read_text(encoding="utf-8"))
            same = status["uri"] == exposure.uri and status["file"] == exposure.file
            if same and exposure.size in (None, status["size"]):
                return status["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def note(self, exposure, key, status):
        """Take note of the status of an accepted exposure."""
        note = self._note(exposure)
        note.with_suffix(".key").unlink(missing_ok=True)
        write_status(note, status)
        write_text(note.with_suffix(".key"), key)

    def _note(self, exposure):
        return self.folder / exposure.item / ".arrived" / f"{exposure.exposure}.json"

    def write_manifest(self, lock, outcomes):
        """Bring the manifest up to date: a line for each exposure of the lock.

        Parameters
        ----------
        lock : darkroom.campaign.lock.Lock
            Gives the lines and their order.
        outcomes : iterable of tuple
            ``(exposure, status or None, error or None)`` of what was just tried.
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


def _read(path):
    """Return the rows of a manifest by exposure; none of a damaged one."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    if tuple(rows.fieldnames or ()) != COLUMNS:
        return {}
    return {(row["item"], row["exposure"]): row for row in rows if None not in row.values()}


def _row(exposure, status, reason, tried):
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
