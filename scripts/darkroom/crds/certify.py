"""CRDS's own check of a reference file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from darkroom.crds.environment import offline_process


def certify(path, cache, observatory, context):
    """Run ``crds certify`` on a reference file, offline.

    Parameters
    ----------
    path : path-like
        The reference file.
    cache : path-like
        Folder of the cache.
    observatory, context : str
        E.g. ``jwst`` and the pinned ``.pmap`` in whose rules the file is tried.

    Returns
    -------
    said : str
        What CRDS wrote, folders of this machine left out.
    passed : bool
        True when it found no error.
    """
    path = Path(path).resolve()
    # CRDS tries its rules in a file of fixed name in the temporary folder: each check has its own.
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
    return said, done.returncode == 0 and "0 errors" in said
