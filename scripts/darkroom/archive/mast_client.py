"""astroquery pointed at one MAST server, its requests guarded, its failures put into words."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from urllib.parse import urlsplit

from darkroom.archive.token import VARIABLE, read_token
from darkroom.archive.transfer import Unlucky, guard, persistently, time_limit
from darkroom.errors import DarkroomError

SERVER = "https://mast.stsci.edu"
TIMEOUT_S = 600
RETRIES = 3
# A line that says nothing for so long is dead, even where a whole transfer may take hours.
SILENCE_S = 60
# A file may take `timeout_s`, and more when it is big: this rate is the least.
SLOWEST_BYTES_PER_S = 100e3
# Seconds between two questions whether a query is done (astroquery itself does not pause).
POLL_S = 1.0
_LOOK_AGAIN = (
    "look at archive.server, and lock the campaign again to see what has changed in the archive "
    "(snakemake lock)"
)
# HTTP answers that may be others next time.
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Client:
    """A session with MAST for queries and files.

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
        self.server = archive.get("server", SERVER).rstrip("/")
        self.timeout_s = archive.get("timeout_s", TIMEOUT_S)
        self.retries = archive.get("retries", RETRIES)
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise DarkroomError(
                f"archive.server is {self.server!r}; it must be an address such as {SERVER}"
            )
        token = read_token(self.server)
        module = _astroquery(self.server)
        self.observations = module.ObservationsClass()
        self.keywords = module.MastClass()
        for user in (self.observations, self.keywords):
            session = user._session  # astroquery has no public way to its session
            guard(session, self.server, silence_s=min(SILENCE_S, self.timeout_s), token=token)
            session.hooks["response"].append(_pause_while_executing)
        if token:
            self._show_token()

    def ask(self, question, what, columns):
        """Return the rows of an answer.

        Parameters
        ----------
        question : callable
            Without arguments; returns an astropy table, or None for nothing.
        what : str
            What is asked, for messages.
        columns : sequence of str
            Columns that every row must have.

        Returns
        -------
        list of dict
            Column name to value; masked values are left out.

        Raises
        ------
        DarkroomError
            When MAST does not answer, answers with an error, or with what astroquery cannot read.
        """
        table = self._persist(question, f"asking {self.server} for {what}", self.timeout_s)
        if not table:
            return []
        values = [table[name].tolist() for name in table.colnames]
        rows = [
            {name: v for name, v in zip(table.colnames, row, strict=True) if v is not None}
            for row in zip(*values, strict=True)
        ]
        lacking = [name for name in columns if any(name not in row for row in rows)]
        if lacking:
            raise DarkroomError(
                f"asking {self.server} for {what}: the answer lacks {', '.join(lacking)}; this "
                "version of darkroom does not know that form of answer"
            )
        return rows

    def fetch(self, uri, destination, size):
        """Bring one file; nothing is left at `destination` when that fails.

        Parameters
        ----------
        uri : str
            ``mast:…``
        destination : pathlib.Path
            A name of our own that nobody else writes to, with a suffix.
        size : int or None
            Bytes that must come, when the archive told.

        Raises
        ------
        DarkroomError
            With the last reason, when no attempt brought the file.
        """

        def attempt():
            # cache=False: astroquery believes any file of the right length. verbose=True: only
            # so does it write block by block; the progress bar goes nowhere, see `_astroquery`.
            status, message, _ = self.observations.download_file(
                uri, local_path=str(destination), cache=False, verbose=True
            )
            if status != "COMPLETE":
                code = re.search(r"\b([1-5]\d\d)\b", message or "")
                _http_failure(int(code[1]) if code else 0, message)
            _check_size(destination, size)

        limit = max(self.timeout_s, (size or 0) / SLOWEST_BYTES_PER_S)
        try:
            self._persist(attempt, f"fetching {uri} from {self.server}", limit)
        except BaseException:
            Path(destination).unlink(missing_ok=True)
            raise

    def _persist(self, action, what, limit_s):
        def attempt():
            with warnings.catch_warnings(), time_limit(limit_s), _in_words():
                warnings.simplefilter("ignore")
                return action()

        return persistently(
            attempt,
            what=what,
            retries=self.retries,
            advice="see whether the archive is up and this machine has a network, then repeat "
            "the command",
        )

    def _show_token(self):
        who = self._persist(
            lambda: self.observations.session_info(verbose=False),
            f"showing the token to {self.server}",
            self.timeout_s,
        )
        if who.get("anon", True):
            raise DarkroomError(
                f"{self.server} does not know the token in {VARIABLE} (it may have expired); make "
                "a new one at https://auth.mast.stsci.edu/token, or unset the variable: public "
                "data need none"
            )


def _astroquery(server):
    """Import ``astroquery.mast`` with `server` in its configuration.

    The addresses are fixed when the module is imported, from a configuration file: a private one
    is written for the import, so that nobody's own ``astroquery.cfg`` has a say.
    """
    before = os.environ.get("ASTROPY_CONFIG_DIR")
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        # The client's own limit counts only between two answers; ours strikes at any time.
        Path(folder, "astroquery.cfg").write_text(
            f"[mast]\nserver = {server}\ntimeout = {7 * 24 * 3600}\n", encoding="utf-8"
        )
        os.environ["ASTROPY_CONFIG_DIR"] = folder
        try:
            from astroquery import mast
        finally:
            if before is None:
                del os.environ["ASTROPY_CONFIG_DIR"]
            else:
                os.environ["ASTROPY_CONFIG_DIR"] = before
    if mast.conf.server != server:
        raise RuntimeError(
            f"astroquery is pointed at {mast.conf.server} in this process, {server} needs another"
        )
    # Silent below WARNING: plain logs, and a progress bar that is drawn into nothing.
    logging.getLogger("astroquery").setLevel(logging.WARNING)
    return mast


def _pause_while_executing(response, **_):
    """Wait before the client asks again for the answer of a running query."""
    if response.request.method == "POST" and len(response.content) < 4096:
        try:
            running = response.json().get("status") == "EXECUTING"
        except (ValueError, AttributeError):
            return
        if running:
            sleep(POLL_S)


@contextmanager
def _in_words():
    """Turn what the client raises into `Unlucky` (try again) or `DarkroomError` (final)."""
    import requests
    from astroquery.exceptions import InvalidQueryError, RemoteServiceError

    try:
        yield
    except json.JSONDecodeError as error:
        raise Unlucky(f"the answer is no JSON: {_words(error.doc)}") from error
    except requests.HTTPError as error:
        _http_failure(error.response.status_code, error)
    except requests.exceptions.ChunkedEncodingError as error:
        raise Unlucky("the connection broke off") from error
    except requests.Timeout as error:
        raise Unlucky("the server fell silent") from error
    except requests.RequestException as error:
        cause = _innermost(error)
        silent = isinstance(cause, TimeoutError)
        why = "the server fell silent" if silent else f"no connection ({cause})"
        raise Unlucky(why) from error
    except RemoteServiceError as error:
        raise Unlucky(f"the archive says: {error}") from error
    except InvalidQueryError as error:
        raise DarkroomError(f"MAST cannot be asked that: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unlucky(
            f"astroquery cannot read the answer ({type(error).__name__}: {error})"
        ) from error
    except OSError as error:
        raise DarkroomError(f"{error.filename}: cannot be written ({error.strerror})") from error


def _http_failure(status, message):
    """Raise what an HTTP status means."""
    if status in _PASSING:
        raise Unlucky(f"HTTP {status}")
    if status in (401, 403):
        raise DarkroomError(
            f"access is refused (HTTP {status}): the data may be proprietary; put your token into "
            f"the environment variable {VARIABLE}"
        )
    if status in (404, 410):
        raise DarkroomError(f"it is not there (HTTP {status}); {_LOOK_AGAIN}")
    raise DarkroomError(f"{message}; {_LOOK_AGAIN}")


def _check_size(path, size):
    """Raise `Unlucky` unless `path` has `size` bytes (some, when the size is not known)."""
    found = path.stat().st_size
    if found == size or (size is None and found):
        return
    with path.open("rb") as stream:
        start = stream.read(200)
    kind = "" if not start or start.startswith(b"SIMPLE  =") else f", no FITS: {_words(start)}"
    raise Unlucky(f"{found} bytes came{kind}, {size or 'some'} are expected", _LOOK_AGAIN)


def _words(text):
    """Return the first words of an answer, without markup."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    text = " ".join(re.sub(r"<[^>]*>|[^ -~]", " ", text).split())
    return repr(text[:60]) if text else "it is empty"


def _innermost(error):
    """Return the exception at the bottom of a connection error."""
    while error.__context__ is not None:
        error = error.__context__
    return error
