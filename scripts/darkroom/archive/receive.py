"""Receiving an exposure: written to a temporary name, verified, then renamed."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from astropy.io.fits import VerifyError

from darkroom.atomic import written_atomically
from darkroom.campaign.status import acceptance
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.verify import verify
from darkroom.plain import plain_value
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from darkroom.campaign.lock_rows import Exposure

    Header = tuple[Mapping[str, Any], Sequence[str]]
    ReadHeader = Callable[[Path, Exposure, Mapping[str, Any]], Header]

log = logging.getLogger(__name__)

# What parsing of a header raises that is not as it should be.
_NOT_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, VerifyError)
# Copies that are fetched of a file before giving up when no two are alike.
_COPIES = 4


def facts_of_lock(path: Path, exposure: Exposure, item: Mapping[str, Any]) -> Header:  # noqa: ARG001
    """Return the header values of the lock: the file's own are not read, so nothing is recovered.

    Each instrument's ``read_header`` has these arguments, and returns the same with the values that
    its checks compare below ``judged``.

    Parameters
    ----------
    path : pathlib.Path
        The received file.
    exposure : darkroom.campaign.lock_rows.Exposure
        Its row of the lock.
    item : mapping
        Settings of the work item.

    Returns
    -------
    facts : dict
        Header values, for the status.
    notes : list of str
        Header cards that were recovered.
    """
    return dict(exposure.facts), []


def facts_of(
    path: Path, exposure: Exposure, item: Mapping[str, Any], read_header: ReadHeader
) -> Header:
    """Return what an instrument's `read_header` says of a file, as plain text and numbers.

    Raises
    ------
    InputError
        Also where the header holds what no instrument's reader expects: a word for a number, a card
        that cannot be parsed.
    """
    try:
        facts, notes = read_header(path, exposure, item)
    except _NOT_READ as error:
        # A fault of the reader looks the same: the log keeps where it was.
        log.info("%s: its header cannot be read", exposure.file, exc_info=True)
        raise InputError(
            exposure.file, f"its header cannot be read ({type(error).__name__}: {error})"
        ) from error
    return plain_value(facts), plain_value(list(notes))


def receive(
    exposure: Exposure,
    destination: Path,
    deliver: Callable[[Path], object],
    item: Mapping[str, Any],
    check_pin: Callable[[str], object],
    known: str | None = None,
    *,
    read_header: ReadHeader = facts_of_lock,
    confirm: bool = False,
    fixed: bool = True,
) -> dict[str, Any]:
    """Fetch an exposure to `destination` and verify it.

    A file that is there already and has the known SHA-256 is verified again, not fetched again: an
    edit of the program must not cause thousands of transfers. A file that cannot be used is fetched
    a second time: only when two copies are alike is that the archive's file, and it is refused. A
    good copy that is there is replaced by a different file only when that arrives twice alike.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The row of the lock: the file must have its size and fit its role.
    destination : pathlib.Path
        Final name; the file gets it only when every check passes.
    deliver : callable
        ``deliver(path)`` writes the file to a temporary path.
    item : dict
        Settings of the work item, for `read_header`.
    check_pin : callable
        ``check_pin(sha256)`` raises when the file differs from the pinned one.
    known : str, optional
        SHA-256 of the file received earlier.
    read_header : callable
        ``read_header(path, exposure, item)`` returns header values and notes, see `facts_of_lock`;
        it raises `InputError` when the header contradicts the role of the exposure.
    confirm : bool
        Accept a good file, too, only when it arrives twice alike.
    fixed : bool
        Whether the file of an exposure never changes; a simulated one may.

    Returns
    -------
    dict
        The status, see `darkroom.campaign.status.acceptance`.

    Raises
    ------
    InputError
        When the exposure must be refused, naming it and the fault.
    DarkroomError
        When no two copies are alike, or `destination` is a folder.
    """

    def accept(path: Path, digest: str) -> dict[str, Any]:
        """Return the status of a file that passes every check."""
        verify(path, exposure.size)
        check_pin(digest)
        facts, notes = facts_of(path, exposure, item, read_header)
        return acceptance(exposure, path.stat().st_size, digest, facts, notes)

    if destination.is_dir():
        raise DarkroomError(f"{destination} is a folder, and the file should go there; remove it")
    if known and _is_regular(destination) and sha256(destination) == known:
        with suppress(InputError):
            return accept(destination, known)
    copies = Counter[str]()
    if fixed and _is_intact(destination, exposure.size):
        copies[sha256(destination)], confirm = 1, True
    with written_atomically(destination) as temporary:
        for _ in range(_COPIES):
            deliver(temporary)
            digest = sha256(temporary)
            copies[digest] += 1
            try:
                status = accept(temporary, digest)
            except InputError as error:
                if copies[digest] > 1:
                    # Named by the exposure: the temporary name means nothing to a person.
                    raise InputError(exposure.file, error.fault, error.advice) from error
                log.warning("%s: %s; fetching it once more", exposure.file, error.fault)
                continue
            if not confirm or copies[digest] > 1 or digest == known:
                return status
        raise DarkroomError(
            f"{exposure.file} came {_COPIES} times, and no two copies were alike; the network or "
            "the archive damages files: repeat the command later"
        )


def _is_regular(path: Path) -> bool:
    """Tell whether `path` is a file, and not a link."""
    return path.is_file() and not path.is_symlink()


def _is_intact(path: Path, size: int | None) -> bool:
    """Tell whether `path` may be a good copy."""
    try:
        return _is_regular(path) and bool(verify(path, size))
    except InputError:
        return False
