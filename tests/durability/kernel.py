"""A process whose calls to the disk are put before this one first (seccomp user notification).

The kernel itself stops a call and asks, so nothing escapes: neither what C code writes by itself
(numpy's `tofile`), nor a copy inside the kernel (`sendfile`), nor what processes do that the
watched one starts. Linux 5.5 or newer, x86-64 or aarch64; no privilege, no compiler.
"""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

# Numbers of system calls: x86-64, aarch64 (None: it has none).
NUMBERS = {
    "open": (2, None), "creat": (85, None), "openat": (257, 56), "openat2": (437, 437),
    "write": (1, 64), "pwrite64": (18, 68), "writev": (20, 66), "pwritev": (296, 70),
    "pwritev2": (328, 287), "ftruncate": (77, 46), "truncate": (76, 45), "fallocate": (285, 47),
    "sendfile": (40, 71), "copy_file_range": (326, 285), "splice": (275, 76),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None),
    "mkdir": (83, None), "mkdirat": (258, 34), "link": (86, None), "linkat": (265, 37),
    "symlink": (88, None), "symlinkat": (266, 36),
    "fsync": (74, 82), "fdatasync": (75, 83), "io_uring_setup": (425, 425),
}  # fmt: skip
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
_NAMES = {row[_COLUMN]: name for name, row in NUMBERS.items()} if _COLUMN is not None else {}
_NAMES.pop(None, None)
_SECCOMP = (317, 277)
_SET_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_NO_NEW_PRIVS = 38
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_AT_FDCWD = (1 << 32) - 100


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def _listen():
    """Let the kernel ask about the calls of this process from now on; return where it asks."""
    code = [(0x20, 0, 0, 0)]  # load the number of the call
    for number in _NAMES:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, _ASK)]
    code.append((0x06, 0, 0, _ALLOW))
    lines = (_Instruction * len(code))(*(_Instruction(*line) for line in code))
    program = _Program(len(code), lines)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        listener = libc.syscall(_SECCOMP[_COLUMN], _SET_FILTER, flags, ctypes.byref(program))
        if listener >= 0:
            return listener
    raise OSError(ctypes.get_errno(), "seccomp has no user notification here")


@dataclass(frozen=True)
class Call:
    """A call to the disk that is about to be made.

    Attributes
    ----------
    name : str
        That of the system call.
    pid : int
        The process, or thread.
    arguments : tuple of int
    """

    name: str
    pid: int
    arguments: tuple[int, ...]

    def descriptor(self):
        """Return the place in the arguments of the descriptor that is written to."""
        number = self.arguments[2 if self.name == "copy_file_range" else 0]
        with suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/fd/{number & 0xFFFFFFFF}")
        return ""

    def paths(self):
        """Return the paths that the call names, the last one first where there are two."""
        a = self.arguments
        at = {
            "open": [(None, 0)], "creat": [(None, 0)], "openat": [(0, 1)], "openat2": [(0, 1)],
            "truncate": [(None, 0)], "rename": [(None, 0), (None, 1)],
            "renameat": [(0, 1), (2, 3)], "renameat2": [(0, 1), (2, 3)],
            "unlink": [(None, 0)], "unlinkat": [(0, 1)], "rmdir": [(None, 0)],
            "mkdir": [(None, 0)], "mkdirat": [(0, 1)], "link": [(None, 0), (None, 1)],
            "linkat": [(0, 1), (2, 3)], "symlink": [(None, 1)], "symlinkat": [(1, 2)],
        }[self.name]  # fmt: skip
        return [self._path(None if f is None else a[f], a[p]) for f, p in at]

    def _path(self, folder, pointer):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(pointer)
            try:
                text = memory.read(4096)
            except OSError:  # the end of what is mapped
                memory.seek(pointer)
                text = memory.read(4096 - pointer % 4096)
        path = os.fsdecode(text.partition(b"\0")[0])
        if os.path.isabs(path):
            return os.path.normpath(path)
        here = folder is None or folder & 0xFFFFFFFF == _AT_FDCWD
        base = f"/proc/{self.pid}/" + ("cwd" if here else f"fd/{folder & 0xFFFFFFFF}")
        return os.path.normpath(os.path.join(os.readlink(base), path))

    def flags(self):
        """Return the flags of an open."""
        if self.name == "creat":
            return os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        if self.name == "openat2":
            with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
                memory.seek(self.arguments[2])
                return struct.unpack("=Q", memory.read(8))[0]
        return self.arguments[1 if self.name == "open" else 2] & 0xFFFFFFFF


def available():
    """Return why calls cannot be watched here; empty when they can."""
    if platform.system() != "Linux" or _COLUMN is None:
        return "calls to the disk are watched on Linux alone (x86-64, aarch64)"
    try:
        return "" if watched(lambda: 0, lambda _: 0) == 0 else "seccomp does not work here"
    except OSError as error:
        return str(error)


def watched(action, decide):
    """Run ``action()`` in a process of its own; ask ``decide(call)`` before each call to the disk.

    Parameters
    ----------
    action : callable
        Returns the exit status.
    decide : callable
        Returns 0 (the call is made) or the error number with which it fails.

    Returns
    -------
    int
        The exit status; negative: the signal that ended it.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            ours.close()
            listener = _listen()
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
            theirs.sendmsg([b"x"], passed)
            os.close(listener)
            theirs.close()
            status = action()
        finally:
            os._exit(status)
    theirs.close()
    try:
        _, passed, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        if not passed:
            raise OSError(errno.ENOSYS, "seccomp has no user notification here")
        listener = array.array("i", passed[0][2])[0]
        try:
            _answer(listener, decide)
        finally:
            os.close(listener)
    finally:
        ours.close()
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _answer(listener, decide):
    """Answer the kernel's questions until all watched processes have ended."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        if not poll.poll()[0][1] & select.POLLIN:
            return
        question = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, question)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # killed meanwhile
                continue
            raise
        identity, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", question)
        name = _NAMES[number]
        if name == "io_uring_setup":
            failure = errno.ENOSYS  # its writes would go round
        else:
            failure = decide(Call(name, pid, tuple(arguments)))
        answer = (identity, 0, -failure, 0) if failure else (identity, 0, 0, _CONTINUE)
        with suppress(FileNotFoundError):
            fcntl.ioctl(listener, _SEND, bytearray(struct.pack("=QqiI", *answer)))
