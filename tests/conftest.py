"""Fixtures every test may ask for."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# Loops are compiled where `make setup` has compiled them, and fonts are searched once.
for _variable, _folder in (("NUMBA_CACHE_DIR", "numba"), ("MPLCONFIGDIR", "matplotlib")):
    os.environ.setdefault(_variable, str(ROOT / ".cache" / _folder))

# The same examples every time, and no deadline: a busy machine is not a failure.
hypothesis.settings.register_profile("darkroom", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("darkroom")


@pytest.fixture(scope="session")
def repository():
    """Give the folder this repository is in."""
    return ROOT


@pytest.fixture(scope="session")
def reference_data():
    """Give the folder of real frames and peers' output, named by DARKROOM_REFERENCE_DATA."""
    named = os.environ.get("DARKROOM_REFERENCE_DATA")
    if not named:
        pytest.skip("DARKROOM_REFERENCE_DATA does not name a folder of reference data")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"DARKROOM_REFERENCE_DATA names {folder}, which is not a folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def watched():
    """Watch files from the first test on, as programs do.

    A test that runs a program in this process begins to watch and cannot end it: what the tests
    after it see must not depend on which ones these are.
    """
    from darkroom.integrity.watch import watch

    watch()


@pytest.fixture(autouse=True)
def forget_reads():
    """Let no test be stopped by a damaged file that an earlier one read in the same process."""
    yield
    from darkroom.integrity.seen import forget

    forget()
