"""Errors a person can act on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from darkroom.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.hints import StrPath


_LONGEST = 100_000


class DarkroomError(Exception):
    """A fault in the input, the configuration or the environment, described in one sentence.

    Programs print the text and end with status 1; a traceback is shown for programming errors only.
    What came from outside and stands in it is made plain.
    """

    def __str__(self) -> str:
        """Give the text, of a length that can be read, without commands to a terminal."""
        return _plain(super().__str__())


class InputError(DarkroomError):
    """A file that cannot be used.

    Parameters
    ----------
    path : path-like
        The file, named at the start of the message.
    fault : str
        What is wrong with it, with the value found and the value needed.
    advice : str, optional
        What to do about it.
    """

    def __init__(self, path: StrPath, fault: str, advice: str = "") -> None:
        self.path, self.fault, self.advice = str(path), fault, advice
        super().__init__(path, fault, advice)

    def __str__(self) -> str:
        """Give file, fault and advice as one line."""
        text = f"{self.path}: {self.fault}"
        return _plain(f"{text}; {self.advice}" if self.advice else text)


@contextmanager
def as_written(path: StrPath, what: str, advice: str) -> Iterator[None]:
    """Take the content of a file that a program of darkroom writes; else end in one sentence.

    Parameters
    ----------
    path : path-like
        The file.
    what : str
        What it should hold, for the message: ``"no verdict"``.
    advice : str
        What to do when it does not.

    Raises
    ------
    InputError
        When something is missing, or of another type: it was damaged, or edited.
    """
    try:
        yield
    except (DarkroomError, MemoryError):
        raise
    except Exception as error:
        # What a damaged FITS file raises is of every kind; an error of the disk has a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        fault = f"holds {what} as darkroom writes it ({type(error).__name__}: {error})"
        raise InputError(path, fault, advice) from error


def _plain(text: str) -> str:
    """Return a message without what is not seen, lines apart; a list of many names may be long."""
    return plain_text(text, _LONGEST, keep="\n\t")
