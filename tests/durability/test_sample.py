"""A few operations of a few programs; all of all are swept by `make test-durability`."""

import pytest

from durability import kernel, later
from durability.cases import CASES, archive_cases, start_clock
from durability.sweep import Sweep

pytestmark = pytest.mark.skipif(kernel.available() != "", reason=kernel.available() or "-")
SAMPLED = ("archive/fetch (simulated)", "archive/pins", "ccd/bad_pixels", "figures")


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Give a function that sweeps every n-th operation of a case."""
    monkeypatch.setattr("sys.argv", ["pytest"])

    def sweep(case, every):
        result = Sweep(case, tmp_path / "box", tmp_path / "log").run(every)
        assert result.faults == []
        assert not result.others
        return result

    yield sweep
    start_clock()


@pytest.mark.parametrize("case", [c for c in CASES if c.name in SAMPLED], ids=lambda c: c.name)
def test_nothing_that_has_a_name_is_wrong_and_a_repeat_completes(case, swept):
    assert swept(case, 11).points > 12


def test_the_same_of_a_transfer(swept):
    with archive_cases() as cases:
        case = next(c for c in cases if c.name == "archive/fetch (MAST)")
        assert swept(case, 11).points > 12


@pytest.mark.heavy
@pytest.mark.parametrize("case", [*CASES, *later.CASES], ids=lambda c: c.name)
def test_every_case_runs_undisturbed(case, swept):
    """One whose program takes other options by now would be found by a sweep of hours alone."""
    assert swept(case, 10**6).points
