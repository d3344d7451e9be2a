"""A MAST server: its address, time limits and further attempts, and its failures as messages."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from darkroom.errors import DarkroomError
from darkroom.plain import plain_text
from darkroom.secrets import TOKEN_VARIABLE
from darkroom.transport.address import is_address, shown
from darkroom.transport.download import first_words
from darkroom.transport.token import read_token
from darkroom.transport.transfer import (
    SILENCE_S,
    TEMPORARY_STATUSES,
    TransientError,
    guard_session,
    innermost_cause,
    time_limit,
    with_retries,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import requests

T = TypeVar("T")

SERVER = "https://mast.stsci.edu"
TIMEOUT_S = 600
RETRIES = 3
_LOOK_AGAIN = (
    "look at archive.server, and lock the campaign again to see what has changed in the archive "
    "(snakemake lock)"
)


class Server:
    """A MAST server, used as a campaign's settings say.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``server``, ``timeout_s``, ``retries``.

    Raises
    ------
    DarkroomError
        When the server's address is not valid, or the token cannot be used there.
    """

    def __init__(self, archive: Mapping[str, Any]) -> None:
        self.address: str = archive.get("server", SERVER).rstrip("/")
        self.timeout_s: float = archive.get("timeout_s", TIMEOUT_S)
        self.retries: int = archive.get("retries", RETRIES)
        if not is_address(self.address):
            raise DarkroomError(
                f"archive.server is {shown(self.address)}; it must be an address such as {SERVER}"
            )
        self._token = read_token(self.address)

    def guard_session(self, session: requests.Session) -> requests.Session:
        """Limit the silence that a session's requests tolerate; send the token to this server only.

        The session is returned.
        """
        silence_s = min(SILENCE_S, self.timeout_s)
        guard_session(session, self.address, silence_s=silence_s, token=self._token)
        return session

    def with_retries(
        self,
        action: Callable[[], T],
        what: str,
        limit_s: float | None = None,
        slot: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> T:
        """Return what `action()` returns, within a time limit, with further attempts.

        Parameters
        ----------
        action : callable
            Without arguments.
        what : str
            What is being done, for messages.
        limit_s : float, optional
            Seconds for one attempt (default: ``timeout_s``).
        slot : callable, optional
            ``with slot():`` waits before an attempt until a transfer may begin; the wait does not
            count.

        Raises
        ------
        DarkroomError
            When all attempts failed, or one failed in a way that another attempt cannot change.
        """
        limit = limit_s or self.timeout_s

        def attempt() -> T:
            """Act once, in one of the slots and within the time limit."""
            with slot(), warnings.catch_warnings(), time_limit(limit), errors_translated():
                warnings.simplefilter("ignore")
                return action()

        return with_retries(
            attempt,
            what=what,
            retries=self.retries,
            advice="see whether the archive is up and this machine has a network, then repeat "
            "the command",
        )

    def check_token(self, session: requests.Session) -> None:
        """Ask the server whether it accepts the token, if there is one.

        Raises
        ------
        DarkroomError
            When it does not.
        """
        if not self._token:
            return

        def ask() -> Any:
            """Return what the archive knows of the token."""
            response = session.get(f"{self.address}/whoami")
            response.raise_for_status()
            found = response.json()
            if not isinstance(found, dict):
                raise TransientError("the answer does not say whose token it is")
            return found

        if self.with_retries(ask, f"checking the token with {self.address}").get("anon", True):
            raise DarkroomError(
                f"{self.address} does not accept the token in {TOKEN_VARIABLE} (it may have "
                "expired); make a new one at https://auth.mast.stsci.edu/token, or unset the "
                "variable: public data need none"
            )


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turn what a request raises into `TransientError` (try again) or `DarkroomError` (final)."""
    import requests
    import urllib3

    try:
        yield
    except json.JSONDecodeError as error:
        raise TransientError(f"the answer is no JSON: {first_words(error.doc)}") from error
    except requests.HTTPError as error:
        if error.response is None:
            raise
        raise_http_failure(error.response)
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
        raise TransientError("the connection broke off") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise TransientError("the server fell silent") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        cause = innermost_cause(error)
        silent = isinstance(cause, TimeoutError)
        reason = "the server fell silent" if silent else f"no connection ({_words(cause)})"
        raise TransientError(reason) from error
    except ValueError as error:
        # A redirect to what is no address or no text: neither library expects it.
        raise TransientError(f"the answer cannot be read ({_words(error)})") from error
    except OSError as error:
        file = error.filename or "the file that comes"
        raise DarkroomError(f"{file}: cannot be written ({error.strerror or error})") from error


def _words(error: BaseException) -> str:
    """Return what an error says, of which a part may come from the server."""
    return plain_text(str(error), 200)


def raise_http_failure(response: requests.Response) -> NoReturn:
    """Raise the error that the status of a response means."""
    status = response.status_code
    if status in TEMPORARY_STATUSES:
        raise TransientError(f"HTTP {status}", wait_s=_retry_after_s(response.headers))
    if status in (401, 403):
        fault = (
            f"access is refused (HTTP {status}): the data may be proprietary, and the token in "
            f"{TOKEN_VARIABLE} does not open them"
            if os.environ.get(TOKEN_VARIABLE)
            else f"access is refused (HTTP {status}): the data may be proprietary; put your token "
            f"into the environment variable {TOKEN_VARIABLE}"
        )
        raise DarkroomError(fault)
    if status in (404, 410):
        raise DarkroomError(f"it is not there (HTTP {status}); {_LOOK_AGAIN}")
    raise DarkroomError(f"the archive answers with HTTP {status}; {_LOOK_AGAIN}")


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds that Retry-After asks for; 0 without."""
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0
