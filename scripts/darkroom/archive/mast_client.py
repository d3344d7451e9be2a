"""astroquery pointed at one MAST server, for its catalogues.

Files do not come through it: its downloads believe half a file, a web page and an empty answer
(astroquery 0.4.11), see `darkroom.archive.mast_files`.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from darkroom.archive.mast_server import Server
from darkroom.errors import DarkroomError
from darkroom.transport.transfer import Unlucky

# Seconds between two questions whether a query is done (astroquery itself does not pause).
POLL_S = 1.0


class Client:
    """A session with MAST's catalogues.

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
        self.server = Server(archive)
        module = _astroquery(self.server.address)
        self.observations = module.ObservationsClass()
        self.keywords = module.MastClass()
        for user in (self.observations, self.keywords):
            session = self.server.guard(user._session)  # astroquery has no public way to it
            session.hooks["response"].append(_pause_while_executing)
        self.server.show_token(self.observations._session)

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
        about = f"asking {self.server.address} for {what}"

        def ask():
            with _in_words():
                return question()

        table = self.server.persist(ask, about)
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
                f"{about}: the answer lacks {', '.join(lacking)}; this version of darkroom does "
                "not know that form of answer"
            )
        return rows


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
    """Turn what astroquery raises of its own into `Unlucky` or `DarkroomError`."""
    import requests
    from astroquery.exceptions import InvalidQueryError, RemoteServiceError

    try:
        yield
    except (requests.RequestException, json.JSONDecodeError):
        raise  # `Server.persist` has words for these
    except RemoteServiceError as error:
        raise Unlucky(f"the archive says: {error}") from error
    except InvalidQueryError as error:
        raise DarkroomError(f"MAST cannot be asked that: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unlucky(
            f"astroquery cannot read the answer ({type(error).__name__}: {error})"
        ) from error
