"""Do the harm of each fault of the attack, and tell whether it is still done.

    PYTHONPATH=tests:scripts .venv/bin/python -m hardening   this tree: every line ends in "gone"
    PYTHONPATH=tests:OLD/scripts .venv/bin/python -m hardening OLD   another: what is seen there

After the tree, numbers of faults may follow. Each reproduction is the harm itself (a foreign
program ran, a wrong product was made with exit status 0), with other members of its family: other
fields, other files, other programs.

docs/integrity.md says which ordinary tests hold each of them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from hardening import campaign, foreign, transfers
from hardening.box import FAULTS, Box

assert all((foreign, transfers, campaign))  # each enters its faults


def main():
    """Print what is seen; return an exit status."""
    wanted = {int(word) for word in sys.argv[2:]} or set(FAULTS)
    seen = 0
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        whole = Box(Path(scratch, "whole"))
        whole.folder.mkdir()
        whole.prepare()
        for number in sorted(wanted):
            for member, reproduce in FAULTS[number]:
                folder = Path(scratch, "box")
                # The campaign names its folder: the copy takes the place of the first.
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(whole.folder, folder)
                box = Box(folder)
                box.yaml.write_text(box.yaml.read_text().replace(str(whole.folder), str(folder)))
                try:
                    found = "seen" if reproduce(box) else "gone"
                except Exception as error:
                    found = f"not tried ({type(error).__name__}: {str(error)[-200:]})"
                seen += found != "gone"
                print(f"{number:2d}  {member}: {found}", flush=True)
    return int(seen > 0)


if __name__ == "__main__":
    sys.exit(main())
