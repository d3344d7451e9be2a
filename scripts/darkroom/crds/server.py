"""A CRDS server: its description of itself, and its files, each verified before it gets its name.

The calls are those of CRDS's own client (JSON-RPC and plain GET); that client itself has no time
limit on files, moves a file to its place before it verifies it, and never verifies it again.
"""

from __future__ import annotations

import html
import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from darkroom.crds.cache import difference, written_in_shared_folder
from darkroom.crds.description import Description
from darkroom.errors import DarkroomError
from darkroom.transport.address import is_address
from darkroom.transport.download import first_words
from darkroom.transport.transfer import (
    CONNECT_S,
    LONGEST_ANSWER,
    SILENCE_S,
    TEMPORARY_STATUSES,
    TransientError,
    file_time_limit_s,
    innermost_cause,
    stay_encrypted,
    time_limit,
    with_retries,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from darkroom.crds.description import FileRecord

T = TypeVar("T")

log = logging.getLogger(__name__)

RETRIES = 3
_BLOCK = 65_536
_ADVICE = (
    "see whether the server is up and this machine has a network (a proxy is named by "
    "HTTPS_PROXY), then repeat the command"
)


class Server:
    """The CRDS server from which a cache is filled.

    Parameters
    ----------
    url : str
        Its address.
    observatory : str
        ``jwst`` or ``hst``.
    timeout_s : float
        Longest time that one answer or one file may take, in seconds; a large file may take as long
        as at 100 kB/s.

    Raises
    ------
    DarkroomError
        When the address is not valid, or contains a password.
    """

    def __init__(self, url: str, observatory: str, timeout_s: float) -> None:
        if not is_address(url):
            # Not shown: it may contain a password.
            raise DarkroomError(
                f"crds.{observatory}.server must be an address such as "
                f"https://{observatory}-crds.stsci.edu, without a name or password"
            )
        self.url, self.observatory, self.timeout_s = url.rstrip("/"), observatory, timeout_s
        self._silence_s = min(SILENCE_S, timeout_s)
        self._session = requests.Session()
        # Uncompressed, as on the server: the SHA-1 is of those bytes.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.hooks["response"].append(stay_encrypted)

    def describe(self) -> Description:
        """Ask the server for its description of itself.

        Returns
        -------
        darkroom.crds.description.Description
            As CRDS's own client would keep it.

        Raises
        ------
        DarkroomError
            When it does not answer, or the answer is not a description of this observatory's CRDS.
        """

        def attempt() -> Description:
            stated = self._ask("get_server_info")
            if isinstance(stated, dict) and "download_metadata" not in stated:
                # Older servers.
                stated["download_metadata"] = self._ask(
                    "get_file_info_map", self.observatory, None, ["size", "sha1sum"]
                )
            try:
                description = Description(stated)
            except ValueError as error:
                raise TransientError(str(error)) from error
            # CRDS's own client adds and needs these.
            now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
            stated |= {"server": self.url, "status": "server", "connected": True}
            stated |= {"last_synced": now}
            return description

        description = self._with_retries(attempt, f"asking {self.url} about itself", self.timeout_s)
        if description.stated["observatory"] != self.observatory:
            raise DarkroomError(
                f"{self.url} is a CRDS server of {description.stated['observatory']}, "
                f"not of {self.observatory}"
            )
        return description

    def fetch(
        self,
        record: FileRecord,
        folder: str,
        destination: Path,
        progress: Callable[[], object],
        retries: int = RETRIES,
    ) -> None:
        """Fetch one file; it gets its name when size and SHA-1 are right, never before.

        Parameters
        ----------
        record : darkroom.crds.description.FileRecord
            Name, size and SHA-1 of the file.
        folder : str
            Address of its folder on the server.
        destination : pathlib.Path
            Path of the file; an existing one stays until the new one is verified.
        progress : callable
            Called without arguments as bytes arrive.
        retries : int, optional
            Further attempts after the first.

        Raises
        ------
        DarkroomError
            When no attempt gave the right file.
        """
        address = f"{folder.rstrip('/')}/{record.name}"

        def attempt() -> None:
            with written_in_shared_folder(destination) as temporary:
                start = self._download(address, record.size, temporary, progress)
                if fault := difference(temporary, record):
                    raise TransientError(f"what came {fault}{_not_fits(record.name, start)}")

        limit_s = file_time_limit_s(self.timeout_s, record.size)
        self._with_retries(attempt, f"fetching {record.name} from {self.url}", limit_s, retries)

    def _download(
        self, address: str, size: int, path: Path, progress: Callable[[], object]
    ) -> bytes:
        """Write an answer to a file, not many more than `size` bytes; return the first block."""
        start, count = b"", 0
        with self._response("GET", address) as response, path.open("xb") as stream:
            for block in response.iter_content(_BLOCK):
                start = start or block
                stream.write(block)
                count += len(block)
                progress()
                if count > size:
                    break
        return start

    def _ask(self, method: str, *parameters: Any) -> Any:
        """Return the result of a remote procedure call."""
        identity = f"darkroom-{uuid.uuid4()}"
        call = {"jsonrpc": "1.0", "method": method, "params": parameters, "id": identity}
        address = f"{self.url}/json/{method}/{identity}/"
        # As CRDS's own client states, whatever it sends.
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = json.dumps(call).encode()
        received = bytearray()
        with self._response("POST", address, data=body, headers=form) as response:
            for block in response.iter_content(_BLOCK):
                received += block
                if len(received) > LONGEST_ANSWER:
                    raise TransientError("the answer does not end")
        kind = "none of CRDS"
        try:
            answer = json.loads(received)
        except (ValueError, RecursionError):
            answer, kind = None, "no JSON"
        if not isinstance(answer, dict) or not ("result" in answer or answer.get("error")):
            raise TransientError(f"the answer is {kind}: {first_words(bytes(received[:400]))}")
        if error := answer.get("error"):
            said = error.get("message", error) if isinstance(error, dict) else error
            raise TransientError(f"the server says: {html.unescape(str(said))[:300]}")
        return answer["result"]

    @contextmanager
    def _response(self, method: str, address: str, **options: Any) -> Iterator[requests.Response]:
        """Give an open answer of status 200; raise failures as errors with a plain message."""
        log.debug("%s %s", method, address)
        try:
            with self._session.request(
                method, address, stream=True, timeout=(CONNECT_S, self._silence_s), **options
            ) as response:
                if response.status_code in TEMPORARY_STATUSES:
                    raise TransientError(f"HTTP {response.status_code}")
                if response.status_code != requests.codes.ok:
                    raise DarkroomError(
                        f"it is not to be had there (HTTP {response.status_code}); look at the "
                        "server's address and at the pinned context"
                    )
                yield response
        except requests.exceptions.ChunkedEncodingError as error:
            raise TransientError("the connection broke off") from error
        except requests.exceptions.ProxyError as error:
            raise TransientError(f"the proxy does not help ({innermost_cause(error)})") from error
        except requests.RequestException as error:
            cause = innermost_cause(error)
            silent = isinstance(error, requests.Timeout) or "timed out" in str(cause)
            raise TransientError(
                "the server fell silent" if silent else f"no connection ({cause})"
            ) from error
        except ValueError as error:
            # A redirect to what is no address or no text: requests does not expect it.
            raise TransientError(f"the answer cannot be read ({error})") from error

    def _with_retries(
        self, action: Callable[[], T], what: str, limit_s: float, retries: int = RETRIES
    ) -> T:
        def attempt() -> T:
            with time_limit(limit_s):
                return action()

        return with_retries(attempt, what=what, retries=retries, advice=_ADVICE)


def _not_fits(name: str, start: bytes) -> str:
    """Return what a FITS reference begins with when that is not FITS; empty otherwise."""
    wrong = name.endswith(".fits") and not start.startswith(b"SIMPLE  =")
    return f", it is no FITS: {first_words(start)}" if wrong else ""
