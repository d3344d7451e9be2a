"""One MAST server: where it is, how long it may take, and its failures in words."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from darkroom.errors import DarkroomError
from darkroom.transport.download import first_words
from darkroom.transport.token import VARIABLE, read_token
from darkroom.transport.transfer import Unlucky, guard, persistently, time_limit

SERVER = "https://mast.stsci.edu"
TIMEOUT_S = 600
RETRIES = 3
# A line that says nothing for so long is dead, even where a whole transfer may take hours.
SILENCE_S = 60
# HTTP answers that may be others next time.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_LOOK_AGAIN = (
    "look at archive.server, and lock the campaign again to see what has changed in the archive "
    "(snakemake lock)"
)


class Server:
    """A MAST server as a campaign wants it used.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``server``, ``timeout_s``, ``retries``.

    Raises
    ------
    DarkroomError
        When the server's address is none, or the token cannot be used there.
    """

    def __init__(self, archive):
        self.address = archive.get("server", SERVER).rstrip("/")
        self.timeout_s = archive.get("timeout_s", TIMEOUT_S)
        self.retries = archive.get("retries", RETRIES)
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise DarkroomError(
                f"archive.server is {self.address!r}; it must be an address such as {SERVER}"
            )
        self._token = read_token(self.address)

    def guard(self, session):
        """Give a session's requests their limit of silence, and the token to this server alone."""
        silence_s = min(SILENCE_S, self.timeout_s)
        guard(session, self.address, silence_s=silence_s, token=self._token)
        return session

    def persist(self, action, what, limit_s=None, turn=nullcontext):
        """Return what `action()` returns, within a time limit, with further attempts.

        Parameters
        ----------
        action : callable
            Without arguments.
        what : str
            What is being done, for messages.
        limit_s : float, optional
            Seconds for one attempt (default: ``timeout_s``).
        turn : callable, optional
            ``with turn():`` waits before an attempt until the archive may be asked; the wait does
            not count.

        Raises
        ------
        DarkroomError
            When all attempts failed, or one in a way that another attempt cannot mend.
        """
        limit = limit_s or self.timeout_s

        def attempt():
            with turn(), warnings.catch_warnings(), time_limit(limit), in_words():
                warnings.simplefilter("ignore")
                return action()

        return persistently(
            attempt,
            what=what,
            retries=self.retries,
            advice="see whether the archive is up and this machine has a network, then repeat "
            "the command",
        )

    def show_token(self, session):
        """Show the token, if there is one, to the server.

        Raises
        ------
        DarkroomError
            When the server does not know it.
        """
        if not self._token:
            return

        def ask():
            response = session.get(f"{self.address}/whoami")
            response.raise_for_status()
            return response.json()

        if self.persist(ask, f"showing the token to {self.address}").get("anon", True):
            raise DarkroomError(
                f"{self.address} does not know the token in {VARIABLE} (it may have expired); make "
                "a new one at https://auth.mast.stsci.edu/token, or unset the variable: public "
                "data need none"
            )


@contextmanager
def in_words():
    """Turn what a request raises into `Unlucky` (try again) or `DarkroomError` (final)."""
    import requests
    import urllib3

    try:
        yield
    except json.JSONDecodeError as error:
        raise Unlucky(f"the answer is no JSON: {first_words(error.doc)}") from error
    except requests.HTTPError as error:
        http_failure(error.response)
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
        raise Unlucky("the connection broke off") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise Unlucky("the server fell silent") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        cause = _innermost(error)
        silent = isinstance(cause, TimeoutError)
        why = "the server fell silent" if silent else f"no connection ({cause})"
        raise Unlucky(why) from error
    except OSError as error:
        file = error.filename or "the file that comes"
        why = error.strerror or error
        raise DarkroomError(f"{file}: cannot be written ({why})") from error


def http_failure(response):
    """Raise what the status of a response means."""
    status = response.status_code
    if status in _PASSING:
        raise Unlucky(f"HTTP {status}", wait_s=_asked_to_wait(response.headers))
    if status in (401, 403):
        fault = (
            f"access is refused (HTTP {status}): the data may be proprietary, and the token in "
            f"{VARIABLE} does not open them"
            if os.environ.get(VARIABLE)
            else f"access is refused (HTTP {status}): the data may be proprietary; put your token "
            f"into the environment variable {VARIABLE}"
        )
        raise DarkroomError(fault)
    if status in (404, 410):
        raise DarkroomError(f"it is not there (HTTP {status}); {_LOOK_AGAIN}")
    raise DarkroomError(f"the archive answers with HTTP {status}; {_LOOK_AGAIN}")


def _asked_to_wait(headers):
    """Return the seconds that Retry-After asks for; 0 without."""
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _innermost(error):
    """Return the exception at the bottom of a connection error."""
    while error.__context__ is not None:
        error = error.__context__
    return error
