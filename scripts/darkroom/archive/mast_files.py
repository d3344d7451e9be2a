"""Files from a MAST server.

The address is that of MAST's download service, as astroquery 0.4.11 uses it too
(``Observations._portal_api_connection.MAST_DOWNLOAD_URL``).
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from urllib.parse import quote

import requests

import darkroom
from darkroom.archive.mast_server import TIMEOUT_S, Server, http_failure
from darkroom.transport.download import Download

# A file may take `timeout_s`, and more when it is big: this rate is the least.
SLOWEST_BYTES_PER_S = 100e3


class Files:
    """A session with MAST for files; it may be used for any number of them.

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
        self._limit_s = partial(most_seconds, archive)
        self._session = self.server.guard(requests.Session())
        self._session.headers["User-Agent"] = f"darkroom/{darkroom.__version__}"
        self.server.show_token(self._session)

    def fetch(self, uri, path, size, turn=nullcontext):
        """Bring one file; nothing is left at `path` when that fails.

        Parameters
        ----------
        uri : str
            ``mast:…``
        path : pathlib.Path
            A name of our own that nobody else writes to.
        size : int or None
            Bytes that must come, when the archive told.
        turn : callable, optional
            ``with turn():`` waits until the archive may be asked.

        Raises
        ------
        DarkroomError
            With the last reason, when no attempt brought the file.
        """
        address = self.server.address
        url = f"{address}/api/v0.1/Download/file?uri={quote(uri, safe='')}"
        download = Download(self._session, url, path, size, http_failure)
        download.drop()

        try:
            what = f"fetching {uri} from {address}"
            self.server.persist(download.attempt, what, self._limit_s(size), turn)
        except BaseException:
            download.drop()
            raise


def most_seconds(archive, size):
    """Return the seconds that one attempt to bring a file of `size` bytes may take."""
    return max(archive.get("timeout_s", TIMEOUT_S), (size or 0) / SLOWEST_BYTES_PER_S)
