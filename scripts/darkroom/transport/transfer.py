"""What every request over a network needs: a time limit, further attempts, a protected token.

astroquery 0.4.11 has no time limit of its own and makes no further attempt after a failure; once
logged in it sends its token to every host and prints it at log level DEBUG. Here the session that
it uses gets adapters that do better, whatever the client above them does.
"""

from __future__ import annotations

import logging
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from requests.adapters import HTTPAdapter

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    import requests

T = TypeVar("T")

log = logging.getLogger(__name__)

CONNECT_S = 20
LONGEST_PAUSE_S = 30
# Longest pause that a server is granted when it asks for one (Retry-After).
LONGEST_WAIT_S = 120
# A connection without a byte for so long is dead, even where a whole transfer may take hours.
SILENCE_S = 60
# A file may take as long as at this rate where the time limit of a request is shorter.
SLOWEST_BYTES_PER_S = 100e3
# Bytes of an answer to a query, decompressed: 50,000 rows have a tenth of it.
LONGEST_ANSWER = 200_000_000
# HTTP statuses of failures that may pass.
TEMPORARY_STATUSES = (408, 425, 429, 500, 502, 503, 504)


class TransientError(Exception):
    """A failure that may pass: a reason for another attempt.

    Parameters
    ----------
    reason : str
        What happened.
    advice : str, optional
        What to do when it happens every time.
    wait_s : float, optional
        Pause that the server asked for, in seconds.
    """

    def __init__(self, reason: str, advice: str = "", wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.advice = advice
        self.wait_s = wait_s


class _TimeLimitReached(Exception):  # noqa: N818 (no OSError or TimeoutError: clients swallow them)
    """The time limit was reached."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End the block with `TransientError` when it takes longer than `seconds`.

    The limit interrupts whatever the block does: waiting for headers, a slow body, polling. It uses
    the process's alarm signal, so it works in the main thread only and cannot be nested.

    Parameters
    ----------
    seconds : float
        Elapsed time allowed.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (of every handler)
        raise _TimeLimitReached

    previous = signal.signal(signal.SIGALRM, interrupt)
    # Again every second: an exception raised inside a destructor would be swallowed.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeLimitReached:
        raise TransientError(f"not done within {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def with_retries(action: Callable[[], T], *, what: str, retries: int, advice: str) -> T:
    """Return what `action()` returns; try again when it raises `TransientError`.

    Parameters
    ----------
    action : callable
        Without arguments.
    what : str
        What is being done, for messages: ``"fetching x_raw.fits from https://…"``.
    retries : int
        Further attempts after the first, see `pause`.
    advice : str
        What to do when all attempts failed and the last failure has no advice of its own.

    Raises
    ------
    DarkroomError
        With the last reason, when all attempts failed; at once when `action` raises one.
    """
    last = TransientError("")
    for attempt in range(retries + 1):
        if attempt:
            sleep(pause(attempt, last.wait_s))
        try:
            return action()
        except DarkroomError as error:
            raise DarkroomError(f"{what}: {error}") from error
        except TransientError as error:
            last = error
            log.warning("%s: attempt %d of %d: %s", what, attempt + 1, retries + 1, error)
    attempts = "1 attempt" if retries == 0 else f"{retries + 1} attempts"
    raise DarkroomError(f"{what}: {last} ({attempts}); {last.advice or advice}")


def pause(attempt: int, wait_s: float = 0.0) -> float:
    """Return the seconds to wait before a further attempt.

    They double from attempt to attempt, and half of them is random: a thousand clients that failed
    together do not return together.

    Parameters
    ----------
    attempt : int
        1 for the first further attempt: 0.5 to 1 s; the next 1 to 2 s, … and at most 30 s.
    wait_s : float
        Seconds that the server asked for, granted up to 120 s.
    """
    longest = min(2.0 ** (attempt - 1), LONGEST_PAUSE_S)
    return max(random.uniform(longest / 2, longest), min(wait_s, LONGEST_WAIT_S))  # noqa: S311


def file_time_limit_s(timeout_s: float, size: int | None) -> float:
    """Return the seconds that one attempt to fetch a file may take.

    Parameters
    ----------
    timeout_s : float
        Time limit of a request.
    size : int or None
        Size of the file in bytes, when known: a large file may take as long as at 100 kB/s.
    """
    return max(timeout_s, (size or 0) / SLOWEST_BYTES_PER_S)


def innermost_cause(error: BaseException) -> BaseException:
    """Return the exception that a connection error began with; it names no user of a proxy."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def guard_session(
    session: requests.Session, server: str, *, silence_s: float, token: str | None = None
) -> None:
    """Limit the silence that a session's requests tolerate; send the token to `server` alone.

    Parameters
    ----------
    session : requests.Session
        Changed in place.
    server : str
        The only address that may get the token.
    silence_s : float
        Seconds without a byte after which a request fails.
    token : str, optional
        Sent as the cookie ``mast_token``, and in no header that a log or a redirect could show.
    """
    session.hooks["response"].append(stay_encrypted)
    for prefix in ("https://", "http://"):
        session.mount(prefix, _GuardedAdapter(silence_s))
    session.mount(f"{server}/", _GuardedAdapter(silence_s, token))


def stay_encrypted(response: requests.Response, **_: Any) -> None:
    """Refuse a redirect from an encrypted address to one that is not (a hook of a session).

    Whoever is on the way could answer there in the archive's place.

    Raises
    ------
    DarkroomError
        Naming both addresses.
    """
    if not response.is_redirect:
        return
    try:
        target = urlsplit(urljoin(response.url, response.headers["Location"]))
    except ValueError:
        return  # no address: the client, which follows it, says so
    if urlsplit(response.url).scheme == "https" and target.scheme != "https":
        raise DarkroomError(
            f"{urlsplit(response.url).hostname} redirects to an address that is not encrypted "
            f"({target.scheme}://{target.netloc[:100]}), where anybody could answer in its place; "
            "look at the server's address"
        )


def _read_bounded(response: requests.Response) -> None:
    """Read an answer whole, as requests would, but no endless one.

    Raises
    ------
    DarkroomError
        When it is longer than any answer to a query.
    """
    parts, length = [], 0
    for part in response.iter_content(1 << 20):
        length += len(part)
        if length > LONGEST_ANSWER:
            response.close()
            raise DarkroomError(
                f"the answer is longer than {LONGEST_ANSWER / 1e6:.0f} MB; ask for less at once"
            )
        parts.append(part)
    response._content = b"".join(parts)


class _GuardedAdapter(HTTPAdapter):
    """Sends requests with a limit on silence and, when it has one, a token."""

    def __init__(self, silence_s: float, token: str | None = None) -> None:
        super().__init__()
        self._silence_s = silence_s
        self._token = token

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send `request`; the limit on silence applies where the client gives no `timeout`."""
        shown: Any = request.headers.get("Cookie")
        if self._token:
            secret = f"mast_token={self._token}"
            request.headers["Cookie"] = f"{shown}; {secret}" if shown else secret
        try:
            limits = timeout or (CONNECT_S, self._silence_s)
            response = super().send(request, stream, limits, verify, cert, proxies)
            if not stream:
                _read_bounded(response)
            return response
        finally:
            # The client logs the headers of the request, and copies them when it is redirected.
            request.headers.pop("Cookie", None)
            if shown:
                request.headers["Cookie"] = shown
