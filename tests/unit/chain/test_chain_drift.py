"""The engine follows certain versions: what changes in others is named, with what to read again."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from chain_followed import FOLLOWED, digest, sums
from darkroom.nircam.chain.follows import FOLLOWS
from darkroom.nircam.chain.parameters import ORDER, Refpix, Saturation
from nircam_jwst import PYTHON, ROOT, need_jwst

TABLE = json.loads(Path(__file__).with_name("chain_followed.json").read_text())
PAGE = "docs/nircam-engine.md"


@pytest.fixture(scope="module")
def installed():
    """Give what the jwst environment has."""
    need_jwst()
    done = subprocess.run(
        [PYTHON, ROOT / "tests" / "chain_followed.py"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_code_that_is_followed_has_not_changed(installed):
    changed = [
        f"{name}: read again the section {FOLLOWED[name]} of {PAGE}, then run "
        "tests/unit/chain/test_chain_parity.py"
        for name, found in installed["digests"].items()
        if found != TABLE["digests"][name]
    ]
    assert changed == []
    assert set(TABLE["digests"]) == set(FOLLOWED)


def test_every_section_to_read_again_is_there():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert [name for name in set(FOLLOWED.values()) if f"## {name}" not in page] == []


def test_the_versions_are_those_that_products_name(installed):
    assert {name: installed["versions"][name] for name in FOLLOWS} == FOLLOWS
    assert installed["versions"] == TABLE["versions"], f"read {PAGE} again, then replace the table"


def test_the_lists_of_packages_pin_what_is_followed():
    """Only the list pins stcal: the pipeline itself allows others."""
    jwst, detector = (
        (ROOT / "envs" / f"{name}.txt").read_text(encoding="utf-8") for name in ("jwst", "detector")
    )
    for name, found in TABLE["versions"].items():
        assert f"{name}=={found}" in jwst
    for name in ("numpy", "scipy"):
        assert f"{name}=={TABLE['versions'][name]}" in detector


def test_defaults_of_parameters_are_those_of_the_engine(installed):
    assert installed["parameters"] == TABLE["parameters"]
    assert tuple(TABLE["parameters"]) == ORDER
    assert TABLE["parameters"]["saturation"] == asdict(Saturation())
    own, theirs = asdict(Refpix()), TABLE["parameters"]["refpix"]
    assert {name: theirs[name] for name in own} == own


def test_numpy_adds_up_as_it_did(installed):
    """Its pairwise sums are part of the levels of reference pixels."""
    assert installed["sums"] == TABLE["sums"]
    assert sums() == TABLE["sums"]


def test_comments_and_docstrings_change_no_digest_and_code_does():
    before = digest('def f(x):\n    """Text."""\n    return x + 1\n')
    assert digest('def f(x):\n    """Other."""\n    return x + 1  # why\n') == before
    assert digest("def f(x):\n    return x + 2\n") != before
    assert digest("import os\n\ndef f(x):\n    return x + 1\n", "f") == digest(
        "def f(x):\n    return x + 1\n", "f"
    )
