"""What every request over a network needs: an end in time, further attempts, a guarded secret.

astroquery 0.4.11 has no time limit of its own and no further attempt after a failure, and once
logged in it sends its token to every host and prints it at log level DEBUG. Here the session that
it uses is given adapters that do better, whatever the client above them does.
"""

from __future__ import annotations

import logging
import random
import signal
from contextlib import contextmanager
from time import sleep

from requests.adapters import HTTPAdapter

from darkroom.errors import DarkroomError

log = logging.getLogger(__name__)

CONNECT_S = 20
LONGEST_PAUSE_S = 30
# What an archive asks for with Retry-After is granted up to this.
LONGEST_WAIT_S = 120


class Unlucky(Exception):  # noqa: N818 (no error for a person: a reason to try again)
    """A failure that another attempt may not meet.

    Parameters
    ----------
    reason : str
        What happened.
    advice : str, optional
        What to do when it happens every time.
    wait_s : float, optional
        Pause that the other side asked for, in seconds.
    """

    def __init__(self, reason, advice="", wait_s=0.0):
        super().__init__(reason)
        self.advice = advice
        self.wait_s = wait_s


class _TimeUp(Exception):  # noqa: N818 (as above; not an OSError, which clients swallow)
    """The time limit struck."""


@contextmanager
def time_limit(seconds):
    """End the block with `Unlucky` when it takes longer than `seconds`.

    The limit interrupts whatever the block does: waiting for headers, a trickling body, polling.
    It uses the process's alarm, so it works in the main thread only and cannot be nested.

    Parameters
    ----------
    seconds : float
        Elapsed time allowed.
    """

    def strike(number, frame):  # noqa: ARG001 (a signal handler's arguments)
        raise _TimeUp

    previous = signal.signal(signal.SIGALRM, strike)
    # Again every second: an exception raised inside a destructor would be swallowed.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeUp:
        raise Unlucky(f"not done within {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def persistently(action, *, what, retries, advice):
    """Return what `action()` returns, trying again when it is `Unlucky`.

    Parameters
    ----------
    action : callable
        Without arguments.
    what : str
        What is being done, for messages: ``"x_raw.fits from https://…"``.
    retries : int
        Further attempts after the first, see `pause`.
    advice : str
        What to do when all attempts failed and the last reason gives no advice of its own.

    Raises
    ------
    DarkroomError
        With the last reason, when all attempts failed; at once when `action` raises one.
    """
    last = Unlucky("")
    for attempt in range(retries + 1):
        if attempt:
            sleep(pause(attempt, last.wait_s))
        try:
            return action()
        except DarkroomError as error:
            raise DarkroomError(f"{what}: {error}") from error
        except Unlucky as error:
            last = error
            log.warning("%s: attempt %d of %d: %s", what, attempt + 1, retries + 1, error)
    attempts = "1 attempt" if retries == 0 else f"{retries + 1} attempts"
    raise DarkroomError(f"{what}: {last} ({attempts}); {last.advice or advice}")


def pause(attempt, wait_s=0.0):
    """Return the seconds to wait before a further attempt.

    They double from attempt to attempt, and half of them is left to chance: a thousand clients that
    failed together do not come back together.

    Parameters
    ----------
    attempt : int
        1 for the first further attempt: 0.5 to 1 s; the next 1 to 2 s, … and at most 30 s.
    wait_s : float
        What the other side asked for, granted up to 120 s.
    """
    longest = min(2.0 ** (attempt - 1), LONGEST_PAUSE_S)
    return max(random.uniform(longest / 2, longest), min(wait_s, LONGEST_WAIT_S))  # noqa: S311


def guard(session, server, *, silence_s, token=None):
    """Give a session's requests a limit of silence, and those to `server` the token.

    Parameters
    ----------
    session : requests.Session
        Changed in place.
    server : str
        The one address that may get the token.
    silence_s : float
        Seconds without a byte after which a request fails.
    token : str, optional
        Sent as the cookie ``mast_token``; in no header that a log or a redirect can show.
    """
    for prefix in ("https://", "http://"):
        session.mount(prefix, _Guarded(silence_s))
    session.mount(f"{server}/", _Guarded(silence_s, token))


class _Guarded(HTTPAdapter):
    """Sends requests with a limit of silence and, when it has one, a token."""

    def __init__(self, silence_s, token=None):
        super().__init__()
        self._silence_s = silence_s
        self._token = token

    def send(self, request, timeout=None, **options):
        """Send `request`; `timeout` counts only where the client gives one."""
        shown = request.headers.get("Cookie")
        if self._token:
            secret = f"mast_token={self._token}"
            request.headers["Cookie"] = f"{shown}; {secret}" if shown else secret
        try:
            return super().send(request, timeout=timeout or (CONNECT_S, self._silence_s), **options)
        finally:
            # The client logs the headers of what was sent, and copies them when redirected.
            request.headers.pop("Cookie", None)
            if shown:
                request.headers["Cookie"] = shown
