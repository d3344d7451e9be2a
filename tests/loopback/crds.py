"""A CRDS server on this machine: the calls of CRDS's client, and files with faults on demand."""

from __future__ import annotations

import ast
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class CrdsServer(ThreadingHTTPServer):
    """Serves what a complete cache holds.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        The cache.
    """

    daemon_threads = True

    def __init__(self, cache):
        super().__init__(("localhost", 0), _Handler)
        self.cache = cache
        #: File name: faults of its next transfers, each ``flip``, ``cut`` or ``missing``.
        self.faults = {}
        #: File names, in the order in which they were asked for.
        self.asked = []

    @property
    def url(self):
        """Address; by name, because CRDS warns of others."""
        return f"http://localhost:{self.server_port}"

    def answer(self, method, parameters):
        """Return the result of a call."""
        config = ast.literal_eval(self.cache.server_config.read_text())
        if method == "get_server_info":
            place = {self.cache.observatory: f"{self.url}/files/"}
            return config | {"reference_url": place, "mapping_url": place, "status": "server"}
        if method == "get_mapping_names":
            return sorted(path.name for path in self.cache.mapping("x").parent.iterdir())
        if method == "get_file_info_map":
            facts = config["download_metadata"]
            return {name: facts[name] for name in parameters[1]}
        if method in ("get_build_context", "get_default_context"):
            return config["operational_context"]
        raise KeyError(method)

    def content(self, name):
        """Return a file's bytes as they are sent this time, or None."""
        self.asked.append(name)
        path = self.cache.reference(name) or self.cache.mapping(name)
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if fault == "missing" or not path.is_file():
            return None
        content = bytearray(path.read_bytes())
        if fault == "flip":
            content[len(content) // 2] ^= 1
        return bytes(content[:-100] if fault == "cut" else content)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = {"result": self.server.answer(body["method"], body["params"]), "error": None}
        except KeyError as error:
            answer = {"result": None, "error": {"message": f"no method {error}"}}
        self._send(json.dumps(answer | {"id": body.get("id"), "jsonrpc": "1.0"}).encode())

    def do_GET(self):
        content = self.server.content(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
        else:
            self._send(content)

    def _send(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Stay silent."""


@contextmanager
def serving(cache):
    """Give a running server of a cache's files."""
    server = CrdsServer(cache)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
