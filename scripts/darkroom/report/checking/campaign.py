"""The check of a campaign: lock, pins, exposures, products, references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.lock import require_lock
from darkroom.campaign.pins import Pins, read_pins
from darkroom.campaign.status import load_status
from darkroom.crds.cache import Cache
from darkroom.crds.references import read_table
from darkroom.crds.settings import crds_settings
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.records import FOLDER, head_of
from darkroom.integrity.seen import unwatched
from darkroom.report.checking.files import RecordedFiles, sums
from darkroom.report.checking.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Collection

    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Lock
    from darkroom.campaign.lock_rows import Exposure


def check_campaign(
    campaign: Campaign, results: str, planned: Collection[str] = (), threads: int = 1
) -> tuple[Findings, int]:
    """Read every file of a campaign and compare it with all that is stated of it.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    results : str
        Folder of all results.
    planned : collection of str
        Paths of every product of the campaign.
    threads : int
        Threads that read.

    Returns
    -------
    findings : Findings
        What was found.
    not_made : int
        Number of planned products that were never made.

    Raises
    ------
    DarkroomError
        When the campaign has no results, or none with records.
    """
    root = Path(results, campaign.name)
    if not (root / FOLDER).is_dir():
        raise DarkroomError(
            f"{root} has no records to compare with: nothing was made yet, or by an earlier "
            "version of darkroom; run the campaign once, and its files are recorded"
        )
    with unwatched():
        head = head_of(root)
        findings = Findings(head)
        if not head:
            findings.add(
                "damaged", root / FOLDER / "campaign.json", "what is recorded of the campaign"
            )
        lock = _lock(campaign, findings)
        pins = _pins(campaign, root, findings)
        files = RecordedFiles(root, findings, threads)
        explained = {root / "pins.tsv"} if (root / "pins.tsv") in files.unreadable else set()
        for row in lock.exposures if lock else ():
            explained |= _exposure(row, files, pins, findings)
        _references(campaign, results, files, pins, findings, threads)
        files.check(explained, lock)
    missing = {finding.path for finding in findings.found if finding.kind == "missing"}
    not_made = [path for path in planned if not Path(path).exists() and path not in missing]
    return findings, len(not_made)


def _lock(campaign: Campaign, findings: Findings) -> Lock | None:
    try:
        lock = require_lock(campaign)
    except DarkroomError as error:
        findings.add("damaged", campaign.lock_path, getattr(error, "fault", str(error)))
        return None
    findings.files += 1
    return lock


def _pins(campaign: Campaign, root: Path, findings: Findings) -> Pins:
    """Return the pins of the campaign, after a look at them and at their copy."""
    found = []
    for path in (campaign.pins_path, root / "pins.tsv"):
        try:
            found.append(read_pins(path))
        except InputError as error:
            again = f"{findings.head['results']}/pins.tsv" if findings.head else None
            target = again if path == root / "pins.tsv" else None
            findings.add("damaged", path, str(error.fault), target)
            found.append(Pins())
    real = campaign.archive["kind"] != "simulated"
    for pins, path in zip(found, (campaign.pins_path, root / "pins.tsv"), strict=True):
        if real and pins.maker:
            findings.add("damaged", path, f"states a maker, {pins.maker[:40]!r}, of real exposures")
    # Where the pins beside the lock are gone, their copy is as good.
    return found[0] if found[0].sums else found[1]


def _exposure(row: Exposure, files: RecordedFiles, pins: Pins, findings: Findings) -> set[Path]:
    """Compare an exposure with its status, its pin and the lock; return the files it explains."""
    status_path = files.root / "raw" / row.item / f"{row.exposure}.json"
    frame = status_path.with_name(row.file)
    if status_path not in files.sums:
        if frame in files.sums or frame in files.records:
            findings.add("missing", status_path, "the exposure is here, its status is not",
                         files.target(status_path))  # fmt: skip
        return {frame}
    target = files.target(status_path)
    try:
        status = load_status(status_path)
    except InputError as error:
        findings.add("damaged", status_path, error.fault, target)
        return {status_path, frame}
    for key in ("item", "exposure", "role", "file", "uri"):
        if status[key] != getattr(row, key):
            findings.add("damaged", status_path, f"states {key} {status[key]!a}, the lock "
                         f"{getattr(row, key)!a}", target)  # fmt: skip
            return {status_path, frame}
    if not status["accepted"]:
        return {status_path, frame}
    if frame not in files.sums:
        findings.add("missing", frame, "was verified, and is gone", target)
        return {status_path, frame}
    found, pinned = files.sums[frame], pins.sums.get((row.item, row.exposure))
    if found != status["sha256"]:
        findings.add("damaged", frame,
                     f"its SHA-256 is {found}, its status states {status['sha256']}",
                     target)  # fmt: skip
    elif pinned not in (None, found) and pins.maker == "":
        findings.add("damaged", frame, f"its SHA-256 is {found}, pinned is {pinned}", target)
    return {status_path, frame}


def _references(
    campaign: Campaign,
    results: str,
    files: RecordedFiles,
    pins: Pins,
    findings: Findings,
    threads: int,
) -> None:
    """Compare the references of CRDS that the campaign uses with their table and their pins."""
    for table in sorted((files.root / "crds").glob("*.tsv")):
        target = f"{findings.head.get('results', files.root)}/crds/{table.name}"
        try:
            wanted = read_table(table)
            # A table may have another name: that of the references by which files are compared.
            observatory = next((group.partition("/")[2] for group, _ in wanted), table.stem)
            cache = Cache(crds_settings(campaign, observatory, results).cache, observatory)
        except DarkroomError as error:
            findings.add("damaged", table, getattr(error, "fault", str(error)), target)
            continue
        files.caches[cache.path.absolute()] = target
        places = {name: cache.reference(name) for _, name in wanted}
        outside = [path for path in places.values() if path is not None]
        found = sums(outside, threads)
        for (group, name), stated in wanted.items():
            path, pinned = places[name], pins.sums.get((group, name), stated)
            if path is None:
                findings.add("missing", name, f"is not in the CRDS cache {cache.path}", target)
            elif found[path] != stated or pinned != stated:
                why = f"its SHA-256 is {found[path]}, the table states {stated}, pinned is {pinned}"
                findings.add("damaged", path, why, target)
        findings.files += len(outside)
        findings.size += sum(path.stat().st_size for path in outside)
        _mappings(cache, table.with_suffix(".mappings"), findings)


def _mappings(cache: Cache, listed: Path, findings: Findings) -> None:
    """Compare the mappings of CRDS with the sums that they and the server state."""
    target = f"{findings.head.get('results', listed.parents[1])}/crds/{listed.name}"
    try:
        names = listed.read_text(encoding="utf-8").splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return
    for name in names:
        try:
            fault = cache.mapping_fault(name)
        except (DarkroomError, ValueError) as error:
            fault = str(error)
        if fault:
            findings.add("damaged", cache.mapping(name), fault, target)
    findings.files += len(names)
