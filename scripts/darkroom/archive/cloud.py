"""The public copy of MAST's files in the cloud: objects of an S3 bucket, read without an account.

The archive says where in the bucket a file is (its service ``path_lookup``, which astroquery 0.4.11
asks too). Objects of a public bucket are plain files over HTTPS: they come by the same transfer and
are verified as those of the archive itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

from darkroom.archive.mast_server import raise_http_failure
from darkroom.archive.settings import ArchiveSettings
from darkroom.errors import DarkroomError
from darkroom.transport.address import is_address, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from darkroom.archive.mast_server import Server

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATH = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.+=-]*(/[A-Za-z0-9_][A-Za-z0-9_.+=-]*)*", re.ASCII)
_FROM_ARCHIVE = "fetch this campaign from the archive itself (archive: {copy: archive})"


class Cloud:
    """The copy of a MAST server's files.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``cloud``.
    server : darkroom.archive.mast_server.Server
        The archive, which knows the paths.

    Raises
    ------
    DarkroomError
        When the address is not valid, or files would come unencrypted over a network.
    """

    def __init__(self, archive: Mapping[str, Any], server: Server) -> None:
        self.address: str = archive.get("cloud", ArchiveSettings.cloud).rstrip("/")
        self._server = server
        if not is_address(self.address) or not _is_private(self.address):
            raise DarkroomError(
                f"archive.cloud is {shown(self.address)}; it must be an https address such as "
                f"{ArchiveSettings.cloud}"
            )

    def url(self, session: requests.Session, uri: str) -> str:
        """Return the address of a file's copy.

        Raises
        ------
        DarkroomError
            When the archive does not answer, or names no path in the cloud for the file.
        """

        def ask() -> Any:
            """Return the answer of the archive as JSON."""
            response = session.get(
                f"{self._server.address}/api/v0.1/path_lookup/", params={"uri": uri}
            )
            response.raise_for_status()
            return response.json()

        answer = self._server.with_retries(ask, f"asking {self._server.address} for {uri}'s path")
        place = answer.get(uri) if isinstance(answer, dict) else None
        path = place.get("path") if isinstance(place, dict) else None
        if not isinstance(path, str) or len(path) > 500 or not _PATH.fullmatch(path):
            raise DarkroomError(
                f"{uri}: the archive names no path in the cloud for it; {_FROM_ARCHIVE}"
            )
        return f"{self.address}/{quote(path.lstrip('/'))}"


def _is_private(address: str) -> bool:
    """Tell whether nobody on the way can read or change what comes from an address."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def raise_cloud_failure(response: requests.Response) -> NoReturn:
    """Raise the error that the status of an answer of the cloud means."""
    if response.status_code in (401, 403, 404, 410):
        # A bucket says 403 of what is not there, unless it lets everybody list its content.
        raise DarkroomError(
            f"it is not in the cloud (HTTP {response.status_code}): not every file is, and none "
            f"that is not public; {_FROM_ARCHIVE}"
        )
    raise_http_failure(response)
