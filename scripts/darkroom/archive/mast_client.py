"""Queries of a MAST server's catalogues, by astroquery.

Files are not fetched with it: astroquery 0.4.11 accepts half a file, a web page or an empty answer
as the file; see `darkroom.archive.mast_files`.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from darkroom.archive.mast_server import Server
from darkroom.errors import DarkroomError
from darkroom.plain import plain_text, plain_value
from darkroom.transport.transfer import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

# Seconds between two requests for the answer of a running query (astroquery does not pause).
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
        When the server's address is not valid, or the token cannot be used there.
    """

    def __init__(self, archive: Mapping[str, Any]) -> None:
        self.server = Server(archive)
        module = _astroquery(self.server.address)
        self.observations = module.ObservationsClass()
        self.keywords = module.MastClass()
        for catalogue in (self.observations, self.keywords):
            # astroquery has no public way to its session.
            session = self.server.guard_session(catalogue._session)
            session.hooks["response"].append(_pause_while_executing)
        self.server.check_token(self.observations._session)

    def ask(
        self, query: Callable[[], Any], what: str, columns: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return the rows of the answer to a query.

        Parameters
        ----------
        query : callable
            Without arguments; returns an astropy table, or None for nothing.
        what : str
            What is asked for, for messages.
        columns : sequence of str
            Columns that every row must have.

        Returns
        -------
        list of dict
            Column name to value; masked values are left out.

        Raises
        ------
        DarkroomError
            When MAST does not answer, answers with an error, or astroquery cannot read the answer.
        """
        about = f"asking {self.server.address} for {what}"

        def attempt() -> Any:
            """Query once."""
            with _errors_translated():
                return query()

        table = self.server.with_retries(attempt, about)
        if not table:
            return []
        values = [table[name].tolist() for name in table.colnames]
        rows = [
            {
                name: plain_value(v)
                for name, v in zip(table.colnames, row, strict=True)
                if v is not None
            }
            for row in zip(*values, strict=True)
        ]
        lacking = [name for name in columns if any(name not in row for row in rows)]
        if lacking:
            raise DarkroomError(
                f"{about}: the answer lacks {', '.join(lacking)}; this version of darkroom does "
                "not know that form of answer"
            )
        return rows


def _astroquery(server: str) -> Any:
    """Import ``astroquery.mast`` with `server` in its configuration.

    The addresses are fixed when the module is imported, from a configuration file: a private one
    is written for the import, so that a user's own ``astroquery.cfg`` has no effect.
    """
    before = os.environ.get("ASTROPY_CONFIG_DIR")
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        # The client's own limit, here a week, applies between two answers only; `time_limit`
        # applies at any time.
        Path(folder, "astroquery.cfg").write_text(
            f"[mast]\nserver = {server}\ntimeout = 604800\n", encoding="utf-8"
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
    # Below WARNING it would log each step, and draw a progress bar into the log.
    logging.getLogger("astroquery").setLevel(logging.WARNING)
    return mast


def _pause_while_executing(response: requests.Response, **_: Any) -> None:
    """Wait before the client asks again for the answer of a running query."""
    if response.request.method == "POST" and len(response.content) < 4096:
        try:
            running = response.json().get("status") == "EXECUTING"
        except (ValueError, AttributeError):
            return
        if running:
            sleep(POLL_S)


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Turn astroquery's own exceptions into `TransientError` or `DarkroomError`."""
    import requests
    from astroquery.exceptions import InvalidQueryError, RemoteServiceError

    try:
        yield
    except (requests.RequestException, json.JSONDecodeError):
        raise  # translated by `darkroom.archive.mast_server.errors_translated`
    except RemoteServiceError as error:
        raise TransientError(f"the archive says: {plain_text(str(error))}") from error
    except InvalidQueryError as error:
        raise DarkroomError(f"MAST does not accept this query: {plain_text(str(error))}") from error
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise TransientError(
            f"astroquery cannot read the answer ({type(error).__name__}: {plain_text(str(error))})"
        ) from error
    except RecursionError as error:
        raise TransientError("the answer nests too deeply to be read") from error
