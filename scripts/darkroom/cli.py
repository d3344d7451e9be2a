"""What all command-line programs of the workflow share: argument parser, logging, exit status."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.seen import expect
from darkroom.integrity.watch import compared, watch
from darkroom.plain import plain_text
from darkroom.secrets import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STATED = re.compile(r"# sha256 [0-9a-f]{64}")
# Messages of astropy and numpy for a full disk, which come without the system's error number.
_NO_ROOM = re.compile(r"Not enough space on disk|\d+ requested and \d+ written")
# What the system says of a file or folder, and what a person can do about it.
_OF_FILES = {
    errno.EACCES: "give this user the right to it, and repeat",
    errno.EPERM: "give this user the right to it, and repeat",
    errno.EROFS: "it is on a disk that can only be read; choose another folder of results",
    errno.EIO: "the disk or the network to it fails; look at it, then repeat",
    errno.ESTALE: "the disk or the network to it fails; look at it, then repeat",
    errno.EFBIG: "the system allows no file of that size (ulimit -f); allow it, and repeat",
    errno.ENAMETOOLONG: "its name is too long for this disk; choose a shorter one",
    errno.ELOOP: "its links lead in a circle; mend them",
    errno.ENOTDIR: "a file is where a folder should be; move it away",
    errno.EISDIR: "a folder is where a file should be; move it away",
    errno.EEXIST: "a file or a broken link is where a folder should be; move it away",
}


class ListFileParser(argparse.ArgumentParser):
    """Argument parser that reads long lists from files: ``@names.list``, one argument per line.

    A comment ``# sha256 …`` states the SHA-256 that the file of the next line must have. A list may
    name lists, ``@other.list``, which name none: one that names itself would be read without end.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **keywords)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read a command line, with the lines of lists in their place.

        Raises
        ------
        InputError
            For a list that is no text, or that names a list.
        """
        given = sys.argv[1:] if args is None else args
        words = [
            one for word in given for one in (self._listed(word) if word[:1] == "@" else [word])
        ]
        return super().parse_known_args(words, namespace)

    def _listed(self, word: str, inner: bool = False) -> list[str]:
        """Return the lines of a list (names may contain blanks), without comments.

        Parameters
        ----------
        word : str
            Its name, after ``@``.
        inner : bool
            Whether another list names it.
        """
        path, stated = Path(word[1:]), ""
        found: list[str] = []
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            self.error(str(error))
        except ValueError as error:
            raise InputError(path, f"is no list of files ({error})", "make it again") from error
        for line in map(str.strip, text.splitlines()):
            if not line or line.startswith("# "):
                stated = line.removeprefix("# sha256 ") if _STATED.fullmatch(line) else ""
                continue
            # A device or a pipe would be read without end, or waited for.
            if line[0] == "@" and (inner or not os.path.isfile(line[1:])):  # noqa: PTH113
                fault = "another list names it" if inner else "that is no file"
                raise InputError(path, f"names {line[:80]!r}; {fault}", "name the files themselves")
            if stated:
                expect(line.removeprefix("@"), stated, "the list")
            stated = ""
            found += self._listed(line, inner=True) if line[0] == "@" else [line]
        return found


class _Cleaned:
    """A stream that writes no commands to a terminal, and asterisks in place of a secret."""

    def __init__(self, stream, secret):
        self._stream, self._secret = stream, secret

    def write(self, text):
        if self._secret:
            text = text.replace(self._secret, "***")
        return self._stream.write(plain_text(text, len(text), keep="\n\t\r"))

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _clean_output():
    """Clean everything that this program prints, including tracebacks, and mask the token in it."""
    secret = os.environ.get(TOKEN_VARIABLE, "").strip()
    secret = secret if len(secret) >= 8 else ""
    sys.stdout, sys.stderr = (_Cleaned(each, secret) for each in (sys.stdout, sys.stderr))


def _grant_threads():
    """Limit compiled loops to the threads that Snakemake grants; numba reads it at import."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    # Set by hand it may also be a list, one number per level, which numba cannot read.
    if granted.isdigit():
        os.environ["NUMBA_NUM_THREADS"] = granted


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a program's `main()` and end the process with its status.

    Files that are read are compared with what is recorded of them (`darkroom.integrity.watch`): a
    damaged one ends the program before any of its products has a name, and is named in place of
    what it led to.

    Log lines go to standard error. A `DarkroomError`, and a disk that is full, fails or may not be
    written to, are reported in one sentence; any other exception prints its traceback first, so
    that the last line of a log is always the cause.

    Parameters
    ----------
    main : callable
        Takes no arguments; returns None or an exit status.
    """
    _clean_output()
    _grant_threads()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s", force=True
    )
    # Their messages (fonts found, cache moved) would bury those of the program.
    for noisy in ("matplotlib", "numba", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    watch()
    try:
        status = compared(main)
    except DarkroomError as error:
        print(f"ERROR {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("ERROR interrupted", file=sys.stderr)
        status = 130
    except MemoryError:
        print("ERROR the memory of this machine does not suffice for it", file=sys.stderr)
        status = 1
    except Exception as error:
        sentence = _of_the_system(error)
        if not sentence:
            traceback.print_exc()
            sentence = f"{type(error).__name__}: {_first_line(error)}"
        print(f"ERROR {sentence}", file=sys.stderr)
        status = 1
    sys.exit(status or 0)


def _of_the_system(error: Exception) -> str:
    """Return what a disk that is full, fails or may not be written to means, in one sentence.

    Empty when an error is none of these.
    """
    if _is_full(error):
        return f"the disk is full, make room and repeat: {_first_line(error)}"
    if not isinstance(error, OSError) or error.errno not in _OF_FILES:
        return ""
    # A rename names two files: what is at the second is at fault. An error of writing names none.
    name = error.filename2 or error.filename or "a file that was read or written"
    return f"{name}: {error.strerror}; {_OF_FILES[error.errno]}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _is_full(error):
    """Return whether an error means that a disk or a quota is full."""
    return isinstance(error, OSError) and (
        error.errno in (errno.ENOSPC, errno.EDQUOT) or bool(_NO_ROOM.search(str(error)))
    )
