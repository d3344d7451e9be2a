"""Every part of the exposures held out of a version of its own."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.counterfactual.held_out import parts
from darkroom.counterfactual.made_of import file_of_each
from darkroom.counterfactual.score import decide, variance_gains
from darkroom.errors import InputError

SHAPE, TRIALS, FOLDS = (64, 128), 300, 4


def ramps(rng, count):
    """Return ramps of white noise, with that of rows and a slow drift."""
    white = 20.0 * rng.standard_normal((count, *SHAPE))
    slow = np.cumsum(rng.standard_normal((count, SHAPE[0], 1)), axis=1) * 0.6
    rows = 4.0 * rng.standard_normal((count, SHAPE[0], 1))
    return white + rows + slow - slow.mean(axis=1, keepdims=True)


def verdicts(count, current):
    """Return the verdicts on products of some ramps, by folds, with a file of another number."""
    rng, found = np.random.default_rng(44), []
    for _ in range(TRIALS):
        given, gains = ramps(rng, count), np.empty(count)
        used = ramps(rng, 1)[0] / np.sqrt(current)
        for part in parts(range(count), FOLDS):
            others = np.delete(given, part, axis=0)
            gains[part] = variance_gains(given[part], others.mean(axis=0), used)
        found.append(decide(gains).verdict)
    return found


def test_equal_files_are_called_better_or_worse_as_seldom_as_with_exposures_of_their_own():
    equal = verdicts(8, 6)  # versions are made of six
    assert equal.count("cannot tell") >= 0.97 * TRIALS
    assert verdicts(8, 3).count("better") >= 0.99 * TRIALS
    assert verdicts(8, 12).count("worse") >= 0.99 * TRIALS


def test_parts_hold_every_exposure_once_and_leave_the_others():
    names = [f"e{n}" for n in range(10)]
    found = parts(names, 4)
    assert sorted(name for part in found for name in part) == names
    assert [len(part) for part in found] == [3, 3, 2, 2]
    # Never neighbours in time alone: a drift would be taken for an error of the product.
    assert found[0] == ["e0", "e4", "e8"]
    assert parts(names[:3], 8) == [["e0"], ["e1"], ["e2"]]
    assert parts(names[:2], 2) == []
    assert len(parts(names, 1)) == 2


def version(folder, name, used):
    header = fits.Header()
    for one in used:
        header.add_history(f"input {one}.fits sha256 0")
    fits.PrimaryHDU(header=header).writeto(folder / name)
    return folder / name


def test_each_exposure_is_compared_on_the_version_that_was_made_without_it(tmp_path):
    one = version(tmp_path, "1.fits", ["b", "c"])
    two = version(tmp_path, "2.fits", ["a", "c"])
    traces = {name: f"input {name}." for name in "ab"}
    assert file_of_each([one, two], traces) == {"a": one, "b": two}
    with pytest.raises(InputError, match="was made of c too"):
        file_of_each([one, two], traces | {"c": "input c."})
