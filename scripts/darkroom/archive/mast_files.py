"""Files from a MAST server.

The address is that of MAST's download service, as astroquery 0.4.11 uses it too
(``Observations._portal_api_connection.MAST_DOWNLOAD_URL``).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

import darkroom
from darkroom.archive.cloud import Cloud, raise_cloud_failure
from darkroom.archive.mast_server import Server, raise_http_failure
from darkroom.transport.download import Download
from darkroom.transport.transfer import file_time_limit_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


class Files:
    """A session with MAST for any number of files.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``server``, ``copy``, ``cloud``, ``timeout_s``, ``retries``.

    Raises
    ------
    DarkroomError
        When the server's address is not valid, or the token cannot be used there.
    """

    def __init__(self, archive: Mapping[str, Any]) -> None:
        self.server = Server(archive)
        self.cloud = Cloud(archive, self.server) if archive.get("copy") == "cloud" else None
        self._session = self.server.guard_session(requests.Session())
        self._session.headers["User-Agent"] = f"darkroom/{darkroom.__version__}"
        self.server.check_token(self._session)

    def fetch(
        self,
        uri: str,
        path: Path,
        size: int | None,
        slot: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Fetch one file; nothing is left at `path` when that fails.

        Parameters
        ----------
        uri : str
            Address in the archive, ``mast:…``.
        path : pathlib.Path
            File to write: a private name that no other process writes to.
        size : int or None
            Size of the file in bytes, when the archive stated it.
        slot : callable, optional
            ``with slot():`` waits until a transfer may begin.

        Raises
        ------
        DarkroomError
            With the last reason, when no attempt succeeded.
        """
        address = self.server.address
        url = f"{address}/api/v0.1/Download/file?uri={quote(uri, safe='')}"
        raise_failure = raise_http_failure
        if self.cloud:
            address, raise_failure = self.cloud.address, raise_cloud_failure
            url = self.cloud.url(self._session, uri)
        download = Download(self._session, url, path, size, raise_failure)
        download.discard()
        limit_s = file_time_limit_s(self.server.timeout_s, size)
        try:
            what = f"fetching {uri} from {address}"
            self.server.with_retries(download.attempt, what, limit_s, slot)
        except BaseException:
            download.discard()
            raise
