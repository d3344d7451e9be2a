"""What goes wrong with a series: each is refused in a sentence that names the file, or no harm."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import laws, table
from darkroom.epochs.folder import Epoch, add, gather, states_in
from darkroom.epochs.laws import Quantity
from darkroom.epochs.merging import merged, remove_file, write_product
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.state_file import load, save
from darkroom.epochs.told import as_json
from darkroom.errors import DarkroomError, InputError

FORM = table.TableTemplate(("level", "rate"), ("DN", "e-/s"))
CARDS = {
    "DETECTOR": ("A1", "detector"),
    "READPATT": ("RAPID", "readout pattern"),
    "PRODUCT": ("bias", "product"),
}


def state(epoch, units=6, day=None, step=0.0, form=FORM):
    rng = np.random.default_rng(100 + epoch)
    start = 60000 + 60 * epoch if day is None else day
    every = [
        table.of_unit(form, f"e{epoch} {k}", rng.normal([step, 0.1], 1.0), start + k / 100)
        for k in range(units)
    ]
    return reduce(laws.merge, every, table.empty(form))


def written(folder, number, made=None, cards=CARDS, name=None):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name or f'epoch{number:03d}'}.fits"
    save(path, state(number) if made is None else made, cards, made_by="test", inputs=[])
    return path


def trends(paths, **more):
    return as_json({"bias": gather(paths, 10, **more)[0]}, EpochSettings())["products"]["bias"]


def test_an_epoch_that_is_there_twice_is_named(tmp_path):
    paths = [written(tmp_path, k) for k in range(3)]
    again = written(tmp_path, 1, name="again")
    with pytest.raises(InputError, match=r"again.*e1 0 is in both states \(6 units are\)"):
        gather([*paths, again], 10)
    with pytest.raises(InputError, match="is in both states"):
        merged([*paths, again])


def test_a_unit_with_other_numbers_in_two_states_is_named(tmp_path):
    one = written(tmp_path, 0)
    other = state(0)
    two = written(tmp_path, 1, replace(other, values=other.values + 1))
    with pytest.raises(InputError, match="e0 0 is in both states"):
        gather([one, two], 10)
    with pytest.raises(InputError, match="other numbers than those that were added"):
        remove_file(one, two, tmp_path / "left.fits")
    assert not (tmp_path / "left.fits").exists()


@pytest.mark.parametrize(("card", "value"), [("DETECTOR", "A2"), ("READPATT", "BRIGHT1")])
def test_a_state_of_another_detector_or_readout_is_named_with_both_values(tmp_path, card, value):
    one = written(tmp_path, 0)
    two = written(tmp_path, 1, cards=CARDS | {card: (value, "")})
    with pytest.raises(InputError, match=rf"epoch001.*of another series: {card} is '{value}', not"):
        gather([one, two], 10)


def test_a_state_of_another_version_or_law_is_refused(tmp_path):
    one = written(tmp_path, 0)
    for card, value in (("DATATYPE", "darkroom state 1"), ("LAW", "median")):
        old = written(tmp_path, 1, name="old")
        with fits.open(old, mode="update", checksum=True) as hdus:
            hdus[0].header[card] = value
        with pytest.raises(InputError, match=r"old\.fits.*not 'darkroom state 2' with one of"):
            gather([one, old], 10)
    other = state(1, form=table.TableTemplate(("level", "rate"), ("DN", "e-")))
    with pytest.raises(InputError, match="about different templates"):
        gather([one, written(tmp_path, 1, other)], 10)


def test_a_damaged_state_is_named(tmp_path):
    paths = [written(tmp_path, k) for k in range(2)]
    data = bytearray(paths[1].read_bytes())
    data[-2000] ^= 255
    paths[1].write_bytes(data)
    with pytest.raises(InputError, match="epoch001"):
        gather(paths, 10)


def test_what_is_withdrawn_must_be_there(tmp_path):
    paths = [written(tmp_path, k) for k in range(3)]
    strange = written(tmp_path / "withdrawn", 7)
    with pytest.raises(InputError, match=r"epoch007.*no state of the series holds as a whole"):
        gather(paths, 10, withdrawn=[strange])
    half = laws.merge(state(1, units=1), state(7, units=1))
    partly = written(tmp_path / "withdrawn", 8, half)
    with pytest.raises(InputError, match=r"epoch008.*e7 0 is not in the state"):
        gather(paths, 10, withdrawn=[partly])


def test_an_epoch_whose_last_unit_is_withdrawn_is_no_epoch(tmp_path):
    paths = [written(tmp_path, k) for k in range(4)]
    gone = [written(tmp_path / "withdrawn", 2)]
    epochs, whole, _ = gather(paths, 10, withdrawn=gone)
    assert [one.name for one in epochs] == ["epoch000", "epoch001", "epoch003"]
    assert laws.equal(whole, reduce(laws.merge, [state(0), state(1), state(3)]))
    every = [written(tmp_path / "withdrawn", k) for k in range(4)]
    with pytest.raises(InputError, match="without a unit: all are withdrawn"):
        gather(paths, 10, withdrawn=every)
    left = tmp_path / "left.fits"
    assert remove_file(paths[0], every[0], left) == 0
    assert load(left)[0].units == ()
    with pytest.raises(InputError, match="nothing to make a product of"):
        write_product(load(left)[0], {}, [left], tmp_path / "product.fits")


def test_one_of_many_that_add_an_epoch_at_once_does(tmp_path):
    made = [written(tmp_path / "made", k, state(0, step=float(k)), name=f"s{k}") for k in range(12)]
    folder = tmp_path / "series"

    def added(path):
        try:
            return add(path, folder, "epoch"), path
        except InputError as error:
            assert "is there already, with other numbers" in str(error)
            return None

    with ThreadPoolExecutor(6) as pool:
        done = [one for one in pool.map(added, made) if one]
    assert len(done) == 1
    assert states_in(folder) == [done[0][0]]
    assert laws.equal(load(done[0][0])[0], load(done[0][1])[0])
    assert sorted(path.name for path in folder.iterdir()) == ["epoch.fits"]


def test_dates_may_come_in_any_order_and_not_twice(tmp_path):
    paths = [written(tmp_path, k) for k in range(5)]
    usual = trends(paths)
    mixed = trends([paths[k] for k in (3, 0, 4, 2, 1)])
    assert mixed == usual
    assert usual["epochs"] == [path.stem for path in paths]
    same = written(tmp_path, 9, state(9, day=60060.0))
    with pytest.raises(InputError, match=r"epoch009 began when epoch epoch001 had not ended"):
        gather([*paths, same], 10)
    at_once = [
        written(tmp_path, k, replace(state(k), mjd=np.full(6, 60000.0)), name=f"x{k}")
        for k in range(3)
    ]
    with pytest.raises(InputError, match="had not ended"):
        gather(at_once, 10)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_series_of_few_epochs_says_only_what_it_can(tmp_path, count):
    found = trends([written(tmp_path, k) for k in range(count)])
    assert len(found["epochs"]) == count
    if count < 3:
        assert (found["series"], found["validity"]) == ([], None)
    else:
        assert len(found["series"]) == 2
        assert not found["validity"]["changed"]
    json.dumps(found, allow_nan=False)


def test_an_infinite_level_is_named(tmp_path):
    with pytest.raises(ValueError, match="level is infinite"):
        table.of_unit(FORM, "e 1", np.array([np.inf, 1.0]))
    epochs = [
        Epoch(f"e{k}", 60000.0 + k + np.arange(3), np.full((3, 2), np.nan),
              (Quantity("level", "DN", np.array([1.0, 2.0, np.inf if k == 2 else 3.0])),))
        for k in (0, 2, 20)
    ]  # fmt: skip
    with pytest.raises(DarkroomError, match="the series of bias: level: a value, variance or time"):
        as_json({"bias": epochs}, EpochSettings())


def test_numbers_without_scatter_are_no_change(tmp_path):
    """Units that are all alike, in every epoch or in one, and a number that never changes."""
    rng = np.random.default_rng(4)
    epochs = []
    for k in range(8):
        values = np.full(6, 5.0) if k == 3 else 5 + rng.normal(0, 1, 6)
        quantities = (Quantity("same", "DN", np.full(6, 7.0)), Quantity("level", "DN", values))
        facts = np.full((6, 2), np.nan)
        epochs.append(Epoch(f"e{k}", 60000 + 60.0 * k + np.arange(6) / 100, facts, quantities))
    found = as_json({"bias": epochs}, EpochSettings())["products"]["bias"]
    assert not any(one["changed"] for one in found["series"])
    json.dumps(found, allow_nan=False)


def test_a_pause_of_years_is_no_change_and_the_change_after_it_is_dated_within(tmp_path):
    days = [60000 + 60 * k for k in range(6)] + [63000 + 60 * k for k in range(6)]
    for step in (0.0, 4.0):
        folder = tmp_path / f"{step:g}"
        found = trends(
            [
                written(folder, k, state(k, day=day, step=step * (k >= 6)))
                for k, day in enumerate(days)
            ]
        )
        level = found["series"][0]
        assert level["changed"] == (step > 0)
        if step:
            # Two groups of epochs, far apart, lie on a line as well as on two levels.
            assert level["shape"] in ("step", "step or drift")
            assert level["changes"][0]["first"] == 6
            assert found["validity"]["after"] == pytest.approx(days[5] + 0.05)
            assert found["validity"]["before"] == days[6]


def test_what_changed_since_a_delivery_is_said(tmp_path):
    steps = [0, 0, 0, 9, 9, 9, 9, 4, 4, 4]
    paths = [written(tmp_path, k, state(k, step=float(one))) for k, one in enumerate(steps)]
    epochs = gather(paths, 10)[0]
    # The epochs begin on 2023-02-25 and every sixty days after.
    for day, epoch, change in (
        ("", 0, 4),
        ("2001-01-01", 0, 4),
        ("2023-09-01", 3, -5),
        ("2024-05-01", 7, None),
        ("2030-01-01", 9, None),
    ):
        found = as_json({"bias": epochs}, EpochSettings(delivered=day))["products"]["bias"]
        assert found["delivered"] == epoch
        level, rate = found["series"]
        assert rate["since"] is None
        if change is None:
            assert level["since"] is None
        else:
            value, error = level["since"]
            assert abs(value - change) < 3 * error
            assert 0.2 < error < 0.6
    with pytest.raises(DarkroomError, match=r"epochs\.delivered is '1 May': give a day"):
        as_json({"bias": epochs}, EpochSettings(delivered="1 May"))


def test_what_a_drift_made_since_a_delivery_is_said(tmp_path):
    paths = [written(tmp_path, k, state(k, step=2.0 * k)) for k in range(10)]
    epochs = gather(paths, 10)[0]
    found = as_json({"bias": epochs}, EpochSettings(delivered="2023-09-01"))["products"]["bias"]
    assert found["series"][0]["shape"] == "drift"
    value, error = found["series"][0]["since"]
    assert abs(value - 12) < 3 * error


def test_two_hundred_epochs_cost_seconds(tmp_path):
    paths = [written(tmp_path, k, state(k, step=4.0 * (k >= 150))) for k in range(200)]
    start = time.process_time()
    found = trends(paths)
    assert time.process_time() - start < 20
    level, rate = found["series"]
    assert (level["changed"], rate["changed"]) == (True, False)
    assert [one["first"] for one in level["changes"]] == [150]


def test_the_program_says_it_in_one_line(repository, tmp_path):
    paths = [written(tmp_path / "series", k) for k in range(2)]
    own = written(tmp_path, 1, name="own")
    done = subprocess.run(
        [sys.executable, repository / "scripts/report/trends.py", "--name", "now",
         "--state", "bias", "now", own, tmp_path / "series", "--output", tmp_path / "trends.json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "own.fits" in done.stderr
    assert "is in both states" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "trends.json").exists()
    assert len(paths) == 2


def test_a_clock_that_was_wrong_moves_no_other_epoch(tmp_path):
    """One unit of the year 1970: it is an epoch that tells nothing, and the others stay."""
    paths = [written(tmp_path, k, state(k, step=6.0 * (k >= 5))) for k in range(9)]
    usual = trends(paths)
    lost = state(3)
    paths[3] = written(tmp_path, 3, replace(lost, mjd=np.array([40587.0, *lost.mjd[1:]])))
    found = trends(paths)
    assert found["epochs"] == [
        "epoch003 1",
        *usual["epochs"][:3],
        "epoch003 2",
        *usual["epochs"][4:],
    ]
    assert {one["epoch"] for one in found["missing"]} == {"epoch003 1"}
    one = found["series"][0]
    assert (one["shape"], [change["first"] for change in one["changes"]]) == ("step", [6])
    assert found["validity"]["useafter"] == usual["validity"]["useafter"]
    # In the order of the wrong clock two epochs are one in the other: that is refused.
    swapped = replace(lost, mjd=lost.mjd + 60 - np.arange(6) / 200)
    paths[3] = written(tmp_path, 3, swapped)
    with pytest.raises(InputError, match="had not ended"):
        trends(paths)


def test_the_same_exposure_of_two_sites_is_named(tmp_path):
    """Each site has an epoch of its own, and one exposure of both."""
    one, two = state(1), state(2)
    shared = laws.merge(two, state(1, units=1))
    paths = [written(tmp_path, 0), written(tmp_path, 1, one), written(tmp_path, 2, shared)]
    for read in (gather, merged):
        with pytest.raises(InputError, match=r"epoch002.*e1 0 is in both states \(1 units are\)"):
            read(paths, 10) if read is gather else read(paths)


def test_a_series_of_which_no_number_is_told_goes_on(tmp_path):
    nothing = [replace(state(k), values=np.full((6, 2), np.nan)) for k in range(4)]
    found = trends([written(tmp_path, k, one) for k, one in enumerate(nothing)])
    assert (found["series"], found["validity"]) == ([], None)
    assert len(found["missing"]) == 8
    json.dumps(found, allow_nan=False)
