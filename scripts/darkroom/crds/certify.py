"""CRDS's own check of a reference file."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.crds.environment import offline_process

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def certify(path: StrPath, cache: StrPath, observatory: str, context: str) -> tuple[str, bool]:
    """Run ``crds certify`` on a reference file, offline.

    Parameters
    ----------
    path : path-like
        The reference file.
    cache : path-like
        Folder of the cache.
    observatory : str
        ``jwst`` or ``hst``.
    context : str
        The pinned ``.pmap`` into whose rules the file is tentatively inserted.

    Returns
    -------
    said : str
        CRDS's output, without the folders of this machine.
    passed : bool
        True when CRDS found no error.
    """
    path = Path(path).resolve()
    # CRDS writes a file of fixed name into the temporary folder: each check has its own folder.
    with tempfile.TemporaryDirectory() as scratch:
        environment = offline_process(cache, observatory, context)
        done = subprocess.run(
            [sys.executable, "-m", "crds.certify", path, "--comparison-context", context],
            env=environment | {"TMPDIR": scratch},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(f"{path.parent}/", "").replace(scratch, "TMPDIR")
        said = said.replace(environment["CRDS_PATH"], "CRDS_PATH")
    # Not those that end with 0, as in "10 errors".
    return said, done.returncode == 0 and re.search(r"\b0 errors", said) is not None
