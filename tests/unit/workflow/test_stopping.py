"""SIGTERM ends a run whatever the run is doing just then."""

import os
import signal
import threading
import time

import pytest

from darkroom.workflow.stopping import let_sigterm_end_the_run


@pytest.fixture
def handler():
    """Give a function that sets the handler of SIGTERM, and set the old one again."""
    before = signal.getsignal(signal.SIGTERM)
    yield lambda function: signal.signal(signal.SIGTERM, function)
    signal.signal(signal.SIGTERM, before)


def test_a_handler_that_takes_a_lock_may_interrupt_who_holds_it(handler):
    lock, called = threading.Lock(), []

    def take(number, _frame):
        # In the interrupted thread it would wait for ever.
        if lock.acquire(timeout=10):
            called.append(number)
            lock.release()

    handler(take)
    let_sigterm_end_the_run()
    for count in (1, 2):
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            assert len(called) == count - 1
        for _ in range(500):
            if len(called) == count:
                break
            time.sleep(0.01)
        assert called == [signal.SIGTERM] * count


@pytest.mark.parametrize("way", [signal.SIG_DFL, signal.SIG_IGN])
def test_without_a_handler_nothing_changes(handler, way):
    handler(way)
    let_sigterm_end_the_run()
    assert signal.getsignal(signal.SIGTERM) is way
