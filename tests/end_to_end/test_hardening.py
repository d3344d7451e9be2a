"""Each numbered fault of the attack: the harm itself, tried on this tree (tests/hardening)."""

import os
import subprocess
import sys

import pytest

from end_to_end.conftest import ROOT

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]


@pytest.mark.parametrize("number", range(1, 15))
def test_no_harm_of_the_attack_is_done_any_more(number):
    """On an OLD tree (PYTHONPATH=tests:OLD/scripts, OLD as argument) lines end in 'seen'."""
    done = subprocess.run(
        [sys.executable, "-m", "hardening", str(ROOT), str(number)], cwd=ROOT, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((f"{ROOT}/tests", f"{ROOT}/scripts"))},
        capture_output=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines, done.stderr
    assert [line for line in lines if not line.endswith(": gone")] == []
