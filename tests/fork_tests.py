"""Tests in a process of their own: what they change of this one does not end with them."""

import functools
import inspect
import os
import traceback

from darkroom.integrity import digests, watch
from darkroom.integrity.seen import forget


def in_a_process(test):
    """Let a test be run by a fork of this process, in which everything that is opened is seen."""

    @functools.wraps(test)
    def forked(*arguments, **keywords):
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            # Whatever happens here, even to what tells it, this process ends here.
            try:
                os.write(theirs, _fault(test, arguments, keywords)[-60_000:])
            finally:
                os._exit(0)
        os.close(theirs)
        with open(ours, "rb") as stream:  # noqa: PTH123 (a pipe)
            said = stream.read().decode()
        os.waitpid(pid, 0)
        assert said == "passed", said or "the process ended without a word"

    forked.__signature__ = inspect.signature(test)
    return forked


def _fault(test, arguments, keywords):
    """Run a test; return what it raised, or that it passed."""
    try:
        forget()
        digests._known.clear()
        watch.watch()
        test(*arguments, **keywords)
    except BaseException:
        return traceback.format_exc().encode()
    return b"passed"
