"""MAST as astroquery sees it: a catalogue behind the same addresses, on this machine only.

By hand, from the repository's folder::

    PYTHONPATH=tests:scripts .venv/bin/python -m loopback.mast --port 8080 --fault cut:*_raw.fits:1

and in a campaign ``archive: {kind: mast, server: "http://127.0.0.1:8080"}``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from loopback.catalogue import Catalogue, shipped
from loopback.faults import KINDS, Faults, Reply

DOWNLOAD = "/api/v0.1/Download/file"
INVOKE = "/api/v0/invoke"
COLUMNS = "/portal/Mashup/Mashup.asmx/columnsconfig"
WHOAMI = "/whoami"
PATHS = "/api/v0.1/path_lookup/"


class Mast(ThreadingHTTPServer):
    """The server; use it as a context manager, it answers from its own thread.

    Attributes
    ----------
    catalogue : Catalogue
        What it has.
    faults : Faults
        What goes wrong.
    token : str or None
        The token it takes; without one everybody is anonymous.
    exclusive : set of str
        Names of files that only the bearer of the token gets.
    paths : dict
        Path of each file in the cloud, by URI.
    requests : list of tuple
        ``(method, subject, detail)`` of everything asked so far.
    cookies : set of str
        What came in the header Cookie.
    versioned : bool
        Whether files have an ETag and parts of them can be asked for.
    at_once, most_at_once : int
        Answers being sent now, and at most so far.
    slow_s : float
        Seconds before the last byte of every answer.
    moved_to : str or None
        Address of another server that files are redirected to.
    parts : list of int
        First bytes of the parts of files that were asked for.
    after_sending : callable or None
        Called when a file was sent.
    hold : threading.Event or None
        When set to one, half of each file goes out, `held` is set, and the rest waits for `hold`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, catalogue: Catalogue | None = None, *, port=0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.catalogue = catalogue or shipped()
        self.faults = Faults()
        self.token = None
        self.exclusive = set()
        self.paths = {}
        self.requests = []
        self.cookies = set()
        self.moved_to, self.slow_s = None, 0.0
        self.versioned, self.parts, self.after_sending = False, [], None
        self.at_once = self.most_at_once = 0
        self.hold, self.held = None, threading.Event()
        self.counting = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def reset(self):
        """Forget faults, requests and secrets: a new server for a new test."""
        self.faults.clear()
        self.requests.clear()
        self.cookies.clear()
        self.token = None
        self.exclusive = set()
        self.versioned, self.after_sending, self.moved_to = False, None, None
        self.slow_s = 0.0
        self.parts.clear()
        self.at_once = self.most_at_once = 0
        self.hold = None
        self.held.clear()

    @contextlib.contextmanager
    def sending(self):
        """Count an answer that is being sent."""
        with self.counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            with self.counting:
                self.at_once -= 1

    def handle_error(self, request, client_address):
        """Say nothing of clients that go away: they are told to by the tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def asked(self, subject):
        """Return how often a subject was asked for with GET or POST."""
        return sum(m != "HEAD" and s == subject for m, s, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    # Else the end of each answer waits 40 ms for the receipt of its beginning.
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._get(body=False)

    def do_GET(self):
        self._get(body=True)

    def _get(self, *, body):
        parts = urlsplit(self.path)
        if parts.path == WHOAMI:
            self._reply("whoami", Reply(body=json.dumps(self._who()).encode()))
        elif parts.path == PATHS:
            uri = parse_qs(parts.query).get("uri", [""])[0]
            answer = {uri: {"path": self.server.paths.get(uri), "status_code": 200}}
            self._reply("path_lookup", Reply(body=json.dumps(answer).encode()), uri)
        elif parts.path == DOWNLOAD:
            uri = parse_qs(parts.query).get("uri", [""])[0]
            self._file(uri, body=body)
        else:
            self._reply(parts.path, Reply(404, b"no such address"))

    def do_POST(self):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path, fields = urlsplit(self.path).path, parse_qs(form)
        if path == COLUMNS:
            columns = self.server.catalogue.columns(fields["colConfigId"][0])
            self._reply("columnsconfig", Reply(body=json.dumps(columns).encode()), form)
        elif path == INVOKE:
            request = json.loads(fields["request"][0])
            answer = self.server.catalogue.answer(request["service"], request["params"])
            reply = Reply(body=json.dumps(answer).encode())
            self._reply(request["service"], reply, request["params"])
        else:
            self._reply(path, Reply(404, b"no such address"))

    def _who(self):
        known = self.server.token and f"mast_token={self.server.token}" in (
            self.headers.get("Cookie", "")
        )
        return {"anon": not known, "attrib": {"display_name": "A. Tester"} if known else {}}

    def _file(self, uri, *, body):
        name = uri.rpartition("/")[2]
        product = self.server.catalogue.product(uri)
        if product is None:
            reply = Reply(404, b"no such file", "text/plain")
        elif name in self.server.exclusive and self._who()["anon"]:
            reply = Reply(401, b"not authorized", "text/plain")
        else:
            reply = self._part(product.content)
        if self.server.moved_to:
            reply = Reply(302, headers=(("Location", f"{self.server.moved_to}{self.path}"),))
        self._reply(name, reply, uri, body=body)
        if self.server.after_sending:
            self.server.after_sending()

    def _part(self, content):
        """Return the file, or the part of it that is asked for."""
        kind = "application/octet-stream"
        if not self.server.versioned:
            return Reply(body=content, content_type=kind)
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if begin:
            self.server.parts.append(int(begin[1]))
        if begin is None or self.headers.get("If-Range", tag) != tag:
            return Reply(body=content, content_type=kind, headers=(("ETag", tag),))
        first, last = int(begin[1]), len(content) - 1
        headers = (("ETag", tag), ("Content-Range", f"bytes {first}-{last}/{last + 1}"))
        return Reply(206, content[first:], kind, headers=headers)

    def _reply(self, subject, reply, detail="", *, body=True):
        self.server.requests.append((self.command, subject, detail))
        self.server.cookies.update(self.headers.get_all("Cookie", []))
        reply = self.server.faults.apply(self.command, subject, reply)
        if not reply.answers:
            self.server.closing.wait(reply.silence_s)
            self.close_connection = True
            return
        if reply.bare:
            self.close_connection = True
            with contextlib.suppress(ConnectionError):
                self._send(reply)
            return
        length = len(reply.body) if reply.announce == -1 else reply.announce
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        with contextlib.suppress(ConnectionError):
            while reply.head_pause_s and not self.server.closing.wait(reply.head_pause_s):
                self.flush_headers()
                self.wfile.write(b"X-Wait: 1\r\n")
        self.send_header("Content-Type", reply.content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.close_connection = length != len(reply.body) or reply.reset
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):
                self._send(reply)

    def _send(self, reply):
        # The last byte after the count: who has it may ask for the next file at once.
        with self.server.sending():
            self._send_body(replace(reply, body=reply.body[:-1]))
            self.server.closing.wait(self.server.slow_s)
        self.wfile.write(reply.body[-1:])
        self.server.closing.wait(reply.silence_s)
        if reply.reset:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send_body(self, reply):
        if reply.byte_pause_s:
            for k in range(len(reply.body)):
                self.wfile.write(reply.body[k : k + 1])
                if self.server.closing.wait(reply.byte_pause_s):
                    return
        elif self.server.hold:
            half = len(reply.body) // 2
            self.wfile.write(reply.body[:half])
            self.server.held.set()
            self.server.hold.wait(30)
            self.wfile.write(reply.body[half:])
        else:
            self.wfile.write(reply.body)

    def log_message(self, *arguments):
        """Say nothing: `Mast.requests` has it all."""


def main():
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:SUBJECT[:TIMES]",
        help=f"switch a fault on; kinds: {', '.join(sorted(KINDS))}",
    )
    arguments = parser.parse_args()
    with Mast(port=arguments.port) as server:
        for text in arguments.fault:
            kind, subject, *times = text.split(":")
            server.faults.add(kind, subject, int(times[0]) if times else None)
        print(f"MAST on {server.url}, {len(server.catalogue.products)} files; ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)


if __name__ == "__main__":
    main()
