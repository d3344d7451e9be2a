"""Ending a run from outside (SIGTERM): running jobs end, no other begins."""

from __future__ import annotations

import os
import signal
import threading


def let_sigterm_end_the_run() -> None:
    """Let Snakemake's own way to end on SIGTERM run in a thread, beside what it interrupts.

    Snakemake (9.27) takes a lock there that the interrupted work may hold itself, as it does while
    it notes jobs that have ended: the run then waits for ever. Called by the main thread when
    Snakemake has set its handler.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler):
        return
    arrived, arrives = os.pipe()

    def wait() -> None:
        while os.read(arrived, 1):
            handler(signal.SIGTERM, None)

    # The thread is there before: to start one takes a lock of its own.
    threading.Thread(target=wait, name="sigterm", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os.write(arrives, b"x"))
