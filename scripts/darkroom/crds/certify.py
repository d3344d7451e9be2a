"""CRDS's own check of a reference file."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def certify(path: StrPath, context: str) -> tuple[str, bool]:
    """Run ``crds certify`` on a reference file, offline.

    `darkroom.crds.environment.go_offline` must have been called. CRDS is loaded here, as it finds
    the place of the file among the rules afterwards; the check itself is made by a forked process,
    which changes nothing here.

    Parameters
    ----------
    path : path-like
        The reference file.
    context : str
        The pinned ``.pmap`` into whose rules the file is tentatively inserted.

    Returns
    -------
    said : str
        CRDS's output, without the folders of this machine.
    passed : bool
        True when CRDS found no error.
    """
    from crds.certify import CertifyScript

    path = Path(path).resolve()
    words = ["crds.certify", str(path), "--comparison-context", context]
    # CRDS writes a file of fixed name into the temporary folder: each check has its own folder.
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as file:
        process = multiprocessing.get_context("fork").Process(
            target=_check, args=(CertifyScript, words, scratch, file.fileno())
        )
        process.start()
        process.join()
        file.seek(0)
        said = file.read().decode(errors="replace")
    said = said.replace(f"{path.parent}/", "").replace(scratch, "TMPDIR")
    said = said.replace(os.environ["CRDS_PATH"], "CRDS_PATH")
    # Not those that end with 0, as in "10 errors".
    return said, process.exitcode == 0 and re.search(r"\b0 errors", said) is not None


def _check(script: type, words: list[str], scratch: str, output: int) -> None:
    """Check the file in a process of its own, and end it; what it says goes to a file."""
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    errors = script(words)()
    sys.exit(1 if errors else 0)
