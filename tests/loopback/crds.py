"""CRDS as its client sees it: remote calls and files, with faults on demand, on this machine only.

By hand, from the repository's folder, with a complete cache::

    PYTHONPATH=tests:scripts .venv/bin/python -m loopback.crds CACHE jwst --fault corrupt:*.fits:1

and in a campaign ``crds: {jwst: {server: "http://localhost:8081", …}}``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import hashlib
import json
import re
import tarfile
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.crds.cache import Cache, mapping_sha1
from loopback.faults import KINDS, Faults, Reply
from loopback.mast import _Handler as Handler

_FOLDERS = {"mapping_url": "mappings", "reference_url": "references"}


class Crds(ThreadingHTTPServer):
    """The server of one observatory; use it as a context manager.

    Parameters
    ----------
    observatory : str
        ``jwst`` or ``hst``.
    files : dict
        ``{name: bytes}`` of all mappings and references.
    context : str
        The operational context.

    Attributes
    ----------
    faults : loopback.faults.Faults
        What goes wrong, by file name or by remote call.
    instead : dict
        ``{file name or remote call: Reply}``: what is answered in its place.
    stated : dict
        ``{file name: {"size", "sha1sum"}}``, to be changed for a server that lies.
    requests : list of tuple
        ``(HTTP method, file name or remote call, parameters)`` of everything asked so far.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, observatory, files, context, *, port=0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.observatory, self.files, self.context = observatory, files, context
        self.stated = {
            name: {"size": str(len(content)), "sha1sum": hashlib.sha1(content).hexdigest()}
            for name, content in files.items()
        }
        self.faults, self.instead = Faults(), {}
        self.requests, self.cookies, self.hold = [], set(), None
        self.closing, self.slow_s, self.sending = threading.Event(), 0.0, contextlib.nullcontext

    @classmethod
    def of_cache(cls, cache, **options):
        """Make the server that a complete cache could have been filled from."""
        folders = (cache.path / kind / cache.observatory for kind in _FOLDERS.values())
        files = {p.name: p.read_bytes() for folder in folders for p in folder.rglob("*.*")}
        return cls(cache.observatory, files, cache.description().operational, **options)

    @property
    def url(self):
        """Address; by name, because CRDS's own client warns of others."""
        return f"http://localhost:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Say nothing of clients that go away: they are told to by the tests."""

    def asked(self, subject):
        """Return how often a file or a remote call was asked for."""
        return sum(name == subject for _, name, _ in self.requests)

    def call(self, method, parameters):
        """Return the result of a remote call, as the real server answers CRDS's client 14.0.3."""
        if method == "get_server_info":
            packed = base64.b64encode(
                gzip.compress(json.dumps(self.stated).encode(), mtime=0)
            ).decode()
            places = {
                key: {"unchecked": {self.observatory: f"{self.url}/{folder}"}}
                for key, folder in _FOLDERS.items()
            }
            return {
                "observatory": self.observatory,
                "operational_context": self.context,
                "latest_context": self.context,
                "edit_context": self.context,
                "bad_files_list": [],
                "force_remote_mode": False,
                "crds_version": {"str": "14.0.3"},
                "download_metadata": {"crds_encoded": "1.0", "crds_payload": packed},
                **places,
            }
        if method == "get_mapping_names":
            return sorted(name for name in self.files if name.endswith("map"))
        if method == "get_file_info_map":
            return {name: self.stated[name] for name in parameters[1] or self.stated}
        if method in ("get_build_context", "get_default_context"):
            return self.context
        raise KeyError(method)


class _Handler(Handler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = body["method"]
        try:
            answer = {"result": self.server.call(method, body["params"]), "error": None}
        except KeyError as error:
            answer = {"result": None, "error": {"message": f"no method {error}"}}
        reply = Reply(body=json.dumps(answer | {"id": body["id"], "jsonrpc": "1.0"}).encode())
        self._reply(method, self.server.instead.get(method, reply), body["params"])

    def _get(self, *, body):
        name = self.path.rpartition("/")[2]
        reply = Reply(404, b"no such file", "text/plain")
        if name in self.server.files:
            reply = Reply(body=self.server.files[name], content_type="application/octet-stream")
        self._reply(name, self.server.instead.get(name, reply), body=body)


def tiny_files(kinds=("mask", "superbias")):
    """Return ``{name: bytes}`` of the smallest rules there are, and of a reference of each kind."""
    imap = "jwst_nircam_0001.imap"
    selectors = {
        "jwst_0001.pmap": {"NIRCAM": imap, "MIRI": "jwst_miri_0001.imap"},
        imap: {kind.upper(): f"jwst_nircam_{kind}_0001.rmap" for kind in kinds},
        **{f"jwst_nircam_{kind}_0001.rmap": {} for kind in kinds},
    }
    files = {}
    for name, selector in selectors.items():
        lines = ["header = {\n", "}\n", f"selector = {selector!r}\n"]
        lines.insert(1, f"    'sha1sum': '{mapping_sha1(''.join(lines))}',\n")
        files[name] = "".join(lines).encode()
    names = [f"jwst_nircam_{kind}_0001.fits" for kind in kinds]
    return files | {name: small_fits(name) for name in names}


def small_fits(name):
    """Return the bytes of a small FITS file that stands for a real reference."""
    hdu = fits.PrimaryHDU(np.frombuffer(hashlib.sha256(name.encode()).digest(), np.uint8))
    hdu.header["FILENAME"] = name
    hdu.add_checksum()
    return bytes(hdu.header.tostring().encode()) + hdu.data.tobytes().ljust(2880, b"\0")


def real_mappings(reference_data, observatory):
    """Return ``{name: bytes}``: the real mappings, and small files for the references they name."""
    archive = next((reference_data / "crds").glob("*.tgz"))
    with tarfile.open(archive) as tar:
        members = [m for m in tar if m.isfile() and f"/mappings/{observatory}/" in m.name]
        files = {Path(m.name).name: tar.extractfile(m).read() for m in members}
    text = b"".join(files.values()).decode()
    names = set(re.findall(r"'([\w]+\.fits)'", text))
    return files | {name: small_fits(name) for name in names}


def main():
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", help="complete cache")
    parser.add_argument("observatory", choices=("hst", "jwst"))
    parser.add_argument("--port", type=int, default=8081, help="port on 127.0.0.1")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:SUBJECT[:TIMES]",
        help=f"switch a fault on; kinds: {', '.join(sorted(KINDS))}",
    )
    arguments = parser.parse_args()
    cache = Cache(arguments.cache, arguments.observatory)
    with Crds.of_cache(cache, port=arguments.port) as server:
        for text in arguments.fault:
            kind, subject, *times = text.split(":")
            server.faults.add(kind, subject, int(times[0]) if times else None)
        print(f"CRDS on {server.url}, {len(server.files)} files; ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)


if __name__ == "__main__":
    main()
