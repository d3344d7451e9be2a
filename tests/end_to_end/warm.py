"""Programs of a checkout started from one process that has their libraries loaded.

A campaign of many small items spends its time on starts of Python. In a checkout that was warmed
the same programs run with the same arguments, each in a process of its own: a fork of a server in
place of a fresh interpreter. What a fresh start imports is tested elsewhere.
"""

import array
import fcntl
import importlib
import json
import os
import pkgutil
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

#: What the programs of CCD campaigns import.
CCD = ("darkroom.ccd", "darkroom.plot", "darkroom.report", "darkroom.integrity")

# Stands for the interpreter: hands its arguments and streams over, returns the status.
_CLIENT = """#!{python} -IS
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as link:
    link.connect({address!r})
    files = [n for n in map(int, os.listdir("/proc/self/fd")) if n != link.fileno()]
    files = [n for n in files if os.path.exists("/proc/self/fd/%d" % n)][:16]
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), files]).encode()
    streams = array.array("i", files)
    link.sendmsg([b"%12d" % len(call)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    link.sendall(call)
    sys.exit(int(link.recv(8) or b"9"))
"""


@contextmanager
def warmed(checkout, toolset, modules):
    """Let the programs of a toolset start warm while the context lasts.

    Parameters
    ----------
    checkout : Checkout
        Its links to the environments are replaced, until the context ends.
    toolset : str
        Name of the environment.
    modules : sequence of str
        What the server imports, packages with all their modules.
    """
    environments = checkout.folder / ".venvs"
    shared = environments.resolve()
    environments.unlink()
    _link(shared, environments, toolset)
    _link(shared / toolset, environments / toolset, "bin")
    programs = environments / toolset / "bin"
    _link(shared / toolset / "bin", programs, "python")
    # Short: the name of a socket has at most 107 bytes.
    address = f"\0darkroom-{os.getpid()}-{toolset}"
    environment = checkout.environment() | {
        "NUMBA_CACHE_DIR": str(checkout.folder / ".cache" / "numba"),
        "MPLCONFIGDIR": str(checkout.folder / ".cache" / "matplotlib"),
        "NUMBA_NUM_THREADS": "2",
    }
    server = subprocess.Popen(
        [programs / "python3", __file__, address[1:], *modules],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout.readline() == "ready\n"
        client = programs / "python"
        python = Path(sys.executable).resolve()
        client.write_text(_CLIENT.format(python=python, address=address))
        client.chmod(0o755)
        yield
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(environments)
        environments.symlink_to(shared)


def _link(source, target, left_out):
    target.mkdir()
    for path in source.iterdir():
        if path.name != left_out:
            (target / path.name).symlink_to(path)


def serve(address, modules):
    """Answer calls until terminated."""
    for name in modules:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            # Compiled loops are loaded from where they are kept, by those that use them.
            if "kernel" not in found.name:
                importlib.import_module(found.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0" + address)
        listening.listen(16)
        print("ready", flush=True)
        while True:
            link, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                os._exit(_answer(link))
            link.close()


def _answer(link):
    """Run one program in a child of this process; return once its status was sent."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, passed, _, _ = link.recvmsg(12, socket.CMSG_SPACE(64))
    streams = array.array("i", passed[0][2])
    size, call = int(head), b""
    while len(call) < size:
        call += link.recv(size - len(call))
    arguments, folder, environment, numbers = json.loads(call)
    child = os.fork()
    if child == 0:
        link.close()
        # First out of the way: one may have a number that another is to have.
        streams = [fcntl.fcntl(stream, fcntl.F_DUPFD, 200) for stream in streams]
        for number, stream in zip(numbers, streams, strict=True):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = arguments
        os._exit(_run(arguments[0]))
    _, status = os.waitpid(child, 0)
    link.sendall(b"%d" % (os.waitstatus_to_exitcode(status) & 255))
    return 0


def _run(program):
    status = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else int(done.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


if __name__ == "__main__":
    # Its own folder last: modules for the server lie there.
    sys.path.append(sys.path.pop(0))
    serve(sys.argv[1], sys.argv[2:])
