"""``snakemake --logger darkroom``: what is being done, in words, and how long is left.

On a terminal that is one line, which is written anew at each step; in a log it is a line for each
step. What fails is told at once, and again at the end of the run.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import cached_property
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from darkroom.workflow.progress import Progress


class LogHandler(LogHandlerBase):
    """Follows the events of a run and tells its progress on the standard error stream."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """See where it is told."""
        self._live = sys.stderr.isatty()

    @cached_property
    def _progress(self) -> Progress:
        # Not before: Snakemake loads every plugin, also that of another checkout whose environment
        # this one shares, and the workflow's own library has to come first.
        from darkroom.workflow.progress import Progress

        return Progress()

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of one event, if it is worth it."""
        event, now = getattr(record, "event", None), time.monotonic()
        if event == LogEvent.RUN_INFO:
            self._progress.plan(record.stats)  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_INFO:
            rule = record.rule_name  # type: ignore[attr-defined]
            words = record.rule_msg or f"Step {rule}"  # type: ignore[attr-defined]
            self._progress.begin(record.jobid, rule, words, now)  # type: ignore[attr-defined]
            self._tell(now)
        elif event == LogEvent.JOB_FINISHED:
            self._progress.end(record.job_id, now)  # type: ignore[attr-defined]
            if self._live:
                self._tell(now)
        elif event == LogEvent.JOB_ERROR:
            log = ", ".join(record.log)  # type: ignore[attr-defined]
            self._say(f"failed: step {record.rule_name}; see {log}")  # type: ignore[attr-defined]
        elif record.levelno >= logging.WARNING and record.msg:
            self._say(record.getMessage())

    def close(self) -> None:
        """Leave no half line behind."""
        if self._live:
            self._write("\r\x1b[K")
        super().close()

    def _tell(self, now: float) -> None:
        line = self._progress.line(now)
        if not self._live:
            self._write(line + "\n")
            return
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        # The cursor goes back, so that whatever else is printed replaces the line.
        self._write(f"\r\x1b[K{line[: max(width - 1, 20)]}\r")

    def _say(self, text: str) -> None:
        self._write(("\r\x1b[K" if self._live else "") + text + "\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
