"""A server of tests: what they import beside the library is imported once, each run is a fork."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from time import monotonic, sleep


def main():
    """Serve: the socket, the seconds that a run may take, and pytest's arguments."""
    import astropy.io.fits
    import hypothesis.extra
    import numpy
    import pytest
    import requests
    import yaml

    assert all((astropy, hypothesis, numpy, requests, yaml))  # what tests import
    address, seconds, *arguments = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        while True:
            line, _ = listening.accept()
            with line:
                status = _run(pytest, arguments, float(seconds))
                with suppress(BrokenPipeError):
                    line.sendall(b"%d" % status)


def _run(pytest, arguments, seconds):
    """Run the tests in a process of their own; return pytest's status, 9 when it takes too long."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        status = 1
        try:
            status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments]))
        finally:
            os._exit(status)
    end = monotonic() + seconds
    while monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return abs(os.waitstatus_to_exitcode(status))
        sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 9


if __name__ == "__main__":
    main()
