"""Each numbered fault of the attack: the harm itself, tried on this tree (tests/hardening.py)."""

import os
import subprocess
import sys

import pytest

from end_to_end.conftest import ROOT

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]


@pytest.mark.parametrize("number", range(1, 15))
def test_no_harm_of_the_attack_is_done_any_more(number):
    """On the tree before (PYTHONPATH=OLD/scripts, OLD as argument) every line ends in 'seen'."""
    done = subprocess.run(
        [sys.executable, "tests/hardening.py", str(ROOT), str(number)], cwd=ROOT, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines, done.stderr
    assert [line for line in lines if not line.endswith(": gone")] == []
