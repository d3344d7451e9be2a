"""A CRDS server: what it says of itself, and its files, each verified before it gets its name.

The calls are those of CRDS's own client (JSON-RPC and plain GET); that client itself has no time
limit on files, moves a file to its place before it looks at it, and never looks again.
"""

from __future__ import annotations

import html
import json
import logging
import uuid
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

import requests

from darkroom.crds.cache import arriving, difference
from darkroom.crds.description import Description
from darkroom.errors import DarkroomError
from darkroom.transport.download import first_words
from darkroom.transport.transfer import CONNECT_S, Unlucky, persistently, time_limit

log = logging.getLogger(__name__)

RETRIES = 3
# A line that says nothing for so long is dead, even where a whole transfer may take hours.
SILENCE_S = 60
# A file may take `timeout_s`, and more when it is big: this rate is the least.
SLOWEST_BYTES_PER_S = 100e3
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_ANSWER = 1 << 28  # bytes; a real one has some MB
_BLOCK = 1 << 16
_ADVICE = (
    "see whether the server is up and this machine has a network (a proxy is named by "
    "HTTPS_PROXY), then repeat the command"
)


class Server:
    """The CRDS server a cache is filled from.

    Parameters
    ----------
    url : str
        Its address.
    observatory : str
        ``jwst`` or ``hst``.
    timeout_s : float
        Longest time that one answer or one file may take; a file that is so big that 100 kB/s
        would not do may take longer.

    Raises
    ------
    DarkroomError
        When the address is none, or holds a password.
    """

    def __init__(self, url, observatory, timeout_s):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            # Not shown: it may hold a password.
            raise DarkroomError(
                f"crds.{observatory}.server must be an address such as "
                f"https://{observatory}-crds.stsci.edu, without a name or password"
            )
        self.url, self.observatory, self.timeout_s = url.rstrip("/"), observatory, timeout_s
        self._silence_s = min(SILENCE_S, timeout_s)
        self._session = requests.Session()
        # As it lies on the server: the sums are of those bytes.
        self._session.headers["Accept-Encoding"] = "identity"

    def describe(self):
        """Ask the server for its description of itself.

        Returns
        -------
        darkroom.crds.description.Description

        Raises
        ------
        DarkroomError
            When it does not answer, or with something else.
        """

        def attempt():
            stated = self._ask("get_server_info")
            if isinstance(stated, dict) and "download_metadata" not in stated:
                # Older servers.
                stated["download_metadata"] = self._ask(
                    "get_file_info_map", self.observatory, None, ["size", "sha1sum"]
                )
            try:
                description = Description(stated)
            except ValueError as error:
                raise Unlucky(str(error)) from error
            # As CRDS's own client writes it down; it needs these.
            now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
            stated |= {"server": self.url, "status": "server", "connected": True}
            stated |= {"last_synced": now}
            return description

        description = self._persist(attempt, f"asking {self.url} about itself", self.timeout_s)
        if description.stated["observatory"] != self.observatory:
            raise DarkroomError(
                f"{self.url} is a CRDS server of {description.stated['observatory']}, "
                f"not of {self.observatory}"
            )
        return description

    def bring(self, facts, folder, destination, progress, retries=RETRIES):
        """Bring one file; it gets its name when size and SHA-1 are right, never before.

        Parameters
        ----------
        facts : darkroom.crds.description.FileRecord
            What it must be.
        folder : str
            Address of the folder that it lies in.
        destination : pathlib.Path
            Its name; what is there stays until the new file is verified.
        progress : callable
            Called without arguments as bytes come.
        retries : int, optional
            Further attempts.

        Raises
        ------
        DarkroomError
            When no attempt brought the right bytes.
        """
        address = f"{folder.rstrip('/')}/{facts.name}"

        def attempt():
            with arriving(destination) as temporary:
                start = self._download(address, facts.size, temporary, progress)
                if fault := difference(temporary, facts):
                    raise Unlucky(f"what came {fault}{_no_fits(facts.name, start)}")

        limit = max(self.timeout_s, facts.size / SLOWEST_BYTES_PER_S)
        self._persist(attempt, f"fetching {facts.name} from {self.url}", limit, retries)

    def _download(self, address, size, path, progress):
        """Write the bytes of an address to a file, not many more than `size`; return the first."""
        start, count = b"", 0
        with self._response("GET", address) as response, path.open("xb") as stream:
            for block in response.iter_content(_BLOCK):
                start = start or block[:200]
                stream.write(block)
                count += len(block)
                progress()
                if count > size:
                    break
        return start

    def _ask(self, method, *parameters):
        """Return the result of a remote call."""
        identity = f"darkroom-{uuid.uuid4()}"
        call = {"jsonrpc": "1.0", "method": method, "params": parameters, "id": identity}
        address = f"{self.url}/json/{method}/{identity}/"
        # CRDS's own client says so, whatever it sends.
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = json.dumps(call).encode()
        received = bytearray()
        with self._response("POST", address, data=body, headers=form) as response:
            for block in response.iter_content(_BLOCK):
                received += block
                if len(received) > _LONGEST_ANSWER:
                    raise Unlucky("the answer does not end")
        try:
            answer = json.loads(received)
        except (ValueError, RecursionError):
            raise Unlucky(f"the answer is no JSON: {first_words(bytes(received[:400]))}") from None
        if not isinstance(answer, dict) or not ("result" in answer or answer.get("error")):
            raise Unlucky(f"the answer is none of CRDS: {first_words(bytes(received[:400]))}")
        if error := answer.get("error"):
            told = error.get("message", error) if isinstance(error, dict) else error
            raise Unlucky(f"the server says: {html.unescape(str(told))[:300]}")
        return answer["result"]

    @contextmanager
    def _response(self, method, address, **options):
        """Give an open answer of status 200; failures are put into words."""
        log.debug("%s %s", method, address)
        try:
            with self._session.request(
                method, address, stream=True, timeout=(CONNECT_S, self._silence_s), **options
            ) as response:
                if response.status_code in _PASSING:
                    raise Unlucky(f"HTTP {response.status_code}")
                if response.status_code != requests.codes.ok:
                    raise DarkroomError(
                        f"it is not to be had there (HTTP {response.status_code}); look at the "
                        "server's address and at the pinned context"
                    )
                yield response
        except requests.exceptions.ChunkedEncodingError as error:
            raise Unlucky("the connection broke off") from error
        except requests.exceptions.ProxyError as error:
            raise Unlucky(f"the proxy does not help ({_innermost(error)})") from error
        except requests.RequestException as error:
            cause = _innermost(error)
            silent = isinstance(error, requests.Timeout) or "timed out" in str(cause)
            raise Unlucky(
                "the server fell silent" if silent else f"no connection ({cause})"
            ) from error

    def _persist(self, action, what, limit_s, retries=RETRIES):
        def attempt():
            with time_limit(limit_s):
                return action()

        return persistently(attempt, what=what, retries=retries, advice=_ADVICE)


def _no_fits(name, start):
    """Tell what the first bytes of a FITS reference are when they are not FITS."""
    strange = name.endswith(".fits") and not start.startswith(b"SIMPLE  =")
    return f", it is no FITS: {first_words(start)}" if strange else ""


def _innermost(error):
    """Return what is at the bottom of a connection error; it names no user of a proxy."""
    while error.__context__ is not None:
        error = error.__context__
    return error
