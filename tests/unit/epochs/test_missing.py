"""A number that an epoch does not tell is missing there, and said so; the series goes on."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from functools import reduce
from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.epochs import laws, table, variance
from darkroom.epochs import state as states
from darkroom.epochs.folder import gather
from darkroom.epochs.merging import write_product
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.state_file import load, save
from darkroom.epochs.template import REFERENCE
from darkroom.epochs.told import as_json
from darkroom.errors import InputError
from darkroom.nircam.series.units import ramps_between

SHAPE, UNITS = (8, 32), 6
CARDS = {"DETECTOR": ("A1", "detector"), "READPATT": ("RAPID", "readout")}
NAMES = ("amplifier 0", "amplifier 1", "amplifier 0" + REFERENCE, "amplifier 1" + REFERENCE)


def classes():
    found = np.zeros(SHAPE, np.uint8)
    found[:, 16:] = 1
    found[:2] += 2
    return found


def mean_unit(rng, name, mjd, lost=()):
    """Return a unit without a good sample of some classes."""
    form = states.Template(
        np.full(SHAPE, 900, np.int32), np.full(4, 20.0), classes(), np.ones(SHAPE, bool), NAMES
    )
    frame = 900 + 20 * rng.standard_normal(SHAPE)
    frame[np.isin(form.classes, lost)] = np.nan
    return states.of_unit(form, name, frame, np.zeros(SHAPE, bool), mjd)


def variance_unit(rng, name, mjd, lost=()):
    form = variance.VarianceTemplate(np.full(4, 5.0), classes(), np.zeros(SHAPE, bool), NAMES, 0.75)
    dof = np.where(np.isin(form.classes, lost), 0, 10)
    return variance.of_unit(form, name, 25 * rng.chisquare(10, SHAPE), dof, mjd)


def table_unit(rng, name, mjd, lost=()):
    form = table.TableTemplate(tuple(f"power of {one}" for one in NAMES), ("DN",) * 4)
    values = rng.normal(5, 1, 4)
    values[list(lost)] = np.nan
    return table.of_unit(form, name, values, mjd)


LAWS = {"mean": mean_unit, "variance": variance_unit, "table": table_unit}


def epoch(unit, number, lost=(), units=UNITS, bad=UNITS):
    """State of an epoch of which the first `bad` units lack some classes."""
    rng = np.random.default_rng(20 + number)
    every = [
        unit(rng, f"e{number} {k}", 60000 + 60 * number + k / 100, lost if k < bad else ())
        for k in range(units)
    ]
    return reduce(laws.merge, every)


def written(folder, number, made, cards=CARDS):
    folder.mkdir(exist_ok=True)
    path = folder / f"epoch{number}.fits"
    save(path, made, cards, made_by="test", inputs=[])
    assert laws.equal(load(path)[0], made)
    return path


def told(paths):
    absent = {}
    epochs, whole, cards = gather(paths, 10, absent=absent)
    found = as_json({"x": epochs}, EpochSettings(), {"x": absent})
    json.dumps(found, allow_nan=False)
    return found["products"]["x"], whole, cards


@pytest.mark.parametrize("law", LAWS)
def test_a_class_without_a_sample_is_missing_in_its_epoch_alone(tmp_path, law):
    unit = LAWS[law]
    made = [epoch(unit, k, lost=(1,) if k == 3 else ()) for k in range(8)]
    paths = [written(tmp_path, k, one) for k, one in enumerate(made)]
    found, whole, cards = told(paths)
    assert found["epochs"] == [f"epoch{k}" for k in range(8)]
    lost = [one for one in found["series"] if None in one["value"]]
    assert lost
    for one in lost:
        assert "amplifier 1" in one["name"]
        assert [k for k, value in enumerate(one["value"]) if value is None] == [3]
        assert one["error"][3] is None
    assert {one["series"] for one in found["missing"]} == {one["name"] for one in lost}
    for one in found["missing"]:
        assert (one["epoch"], one["why"]) == ("epoch3", "none of its units tells it")
    assert not any(one["changed"] for one in found["series"])
    # Nothing is lost: any order, and what is withdrawn, as everywhere.
    assert laws.equal(whole, reduce(laws.merge, made[::-1]))
    assert laws.equal(laws.remove(whole, made[3]), reduce(laws.merge, made[:3] + made[4:]))
    write_product(whole, cards, paths, tmp_path / "product.fits")


@pytest.mark.parametrize("law", LAWS)
def test_a_unit_that_lacks_a_number_is_left_out_of_it(tmp_path, law):
    """Of six units one lacks it: the epoch stays; five lack it: one alone has no scatter."""
    unit = LAWS[law]
    for bad, why in ((1, None), (5, "one unit alone tells it, without a scatter")):
        paths = [
            written(tmp_path / f"{bad}", k, epoch(unit, k, (1,) if k == 2 else (), bad=bad))
            for k in range(5)
        ]
        found = told(paths)[0]
        assert {one["why"] for one in found["missing"]} == ({why} if why else set())
        assert found["units"] == [UNITS] * 5


def test_steps_are_dated_by_the_epochs_that_tell_them(tmp_path):
    def made(number):
        whole = epoch(table_unit, number, (0,) if number in (1, 5) else ())
        return replace(whole, values=whole.values + np.array([9.0 * (number >= 6), 0, 0, 0]))

    found = told([written(tmp_path, k, made(k)) for k in range(10)])[0]
    one = next(one for one in found["series"] if one["changed"])
    assert one["shape"] == "step"
    # Epoch 5 is silent: the change lies between epochs 4 and 6.
    assert [change["first"] for change in one["changes"]] == [6]
    assert found["validity"]["useafter"] == 60360
    assert found["validity"]["after"] == pytest.approx(60240.05)


@pytest.mark.parametrize("law", LAWS)
def test_an_epoch_of_one_unit_stays_and_tells_nothing(tmp_path, law):
    made = [epoch(LAWS[law], k, units=1 if k == 2 else UNITS) for k in range(6)]
    paths = [written(tmp_path, k, one) for k, one in enumerate(made)]
    found, whole, _ = told(paths)
    assert found["units"] == [6, 6, 1, 6, 6, 6]
    assert all(one["value"][2] is None for one in found["series"])
    assert len(found["missing"]) == len(found["series"])
    assert len(whole.units) == 31


@pytest.mark.parametrize("card", ["DETECTOR", "READPATT"])
def test_a_state_of_another_series_is_said_and_left_out(tmp_path, card, repository):
    made = [epoch(mean_unit, k) for k in range(5)]
    paths = [
        written(tmp_path, k, one, CARDS | ({card: ("B2", "")} if k == 1 else {}))
        for k, one in enumerate(made)
    ]
    found, whole, _ = told(paths)
    assert found["epochs"] == ["epoch0", "epoch2", "epoch3", "epoch4"]
    (one,) = found["missing"]
    assert one["epoch"] == "epoch1"
    assert one["why"] == f"is of another series: {card} is 'B2', not {CARDS[card][0]!r}"
    assert laws.equal(whole, reduce(laws.merge, made[:1] + made[2:]))
    with pytest.raises(InputError, match="of another series"):
        gather(paths, 10)
    # The product of a campaign leaves it out as well; by hand it is refused.
    program, output = repository / "scripts/report/epochs.py", tmp_path / "product.fits"
    command = [sys.executable, program, "product", *paths, "--output", output]
    for more, status in (([], 1), (["--of", paths[-1]], 0)):
        done = subprocess.run(
            [*map(str, command), *map(str, more)], capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert output.exists() == (status == 0)


def test_other_pixels_are_refused_in_one_sentence(tmp_path):
    other = states.Template(
        np.full((8, 16), 900, np.int32), np.full(4, 20.0), classes()[:, 8:24],
        np.ones((8, 16), bool), NAMES,
    )  # fmt: skip
    part = states.of_unit(other, "x 1", np.full((8, 16), 900.0), np.zeros((8, 16), bool), 60500)
    paths = [written(tmp_path, 0, epoch(mean_unit, 0)), written(tmp_path, 1, part)]
    with pytest.raises(InputError, match=r"epoch1.*different templates: they are of two series"):
        told(paths)
    with pytest.raises(ValueError, match=r"\(8, 16\) pixels, the series has"):
        states.of_unit(load(paths[0])[0].template, "x 1", np.ones((8, 16)), np.ones((8, 16), bool))


@pytest.mark.parametrize("law", ["mean", "variance"])
def test_an_exposure_without_any_sample_is_refused(law):
    with pytest.raises(ValueError, match=r"no good pixel|no pixel of any class"):
        LAWS[law](np.random.default_rng(1), "x 1", 60000, (0, 1, 2, 3))


def test_the_program_says_what_is_missing(tmp_path, repository):
    made = [epoch(table_unit, k, (2,) if k == 1 else ()) for k in range(4)]
    paths = [written(tmp_path / "series", k, one) for k, one in enumerate(made[:3])]
    own = written(tmp_path, 3, made[3])
    done = subprocess.run(
        [sys.executable, repository / "scripts/report/trends.py", "--name", "now",
         "--state", "spectrum", "now", own, tmp_path / "series",
         "--output", tmp_path / "trends.json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stderr + done.stdout
    assert "spectrum, epoch epoch1: power of amplifier 0" in said
    assert "none of its units tells it" in said
    assert len(paths) == 3
    logging.shutdown()


def test_units_between_two_times_are_a_state_of_their_own():
    rng = np.random.default_rng(3)
    units = [table_unit(rng, f"u{k}", 60000.0 + 10 * k) for k in range(6)]
    whole = reduce(laws.merge, units)
    parts = [table.within(whole, bounds) for bounds in ((0, 60020), (60020, 60040), (60040, 1e6))]
    assert [part.units for part in parts] == [("u0", "u1"), ("u2", "u3"), ("u4", "u5")]
    assert laws.equal(parts[1], laws.merge(units[3], units[2]))
    assert laws.equal(reduce(laws.merge, parts[::-1]), whole)
    form = table.TableTemplate(("a",), ("DN",), sums={"S": (2,)})
    one, two = (
        table.of_unit(form, name, np.ones(1), mjd, sums={"S": np.ones(2)})
        for name, mjd in (("x", 60000.0), ("y", 60100.0))
    )
    with pytest.raises(ValueError, match="cannot be divided"):
        table.within(laws.merge(one, two), (0.0, 60050.0))


def test_ramps_between_two_times_keep_their_names():
    files = [SimpleNamespace(mjd=[60000.0, 60000.1]), SimpleNamespace(mjd=[60060.0, np.nan])]
    ramps = SimpleNamespace(
        files=files, ramps=[(0, 0), (0, 1), (1, 0), (1, 1)],
        mjd=np.array([60000.0, 60000.1, 60060.0, np.nan]),
    )  # fmt: skip
    # One without time stays, and is refused when the state is made.
    assert ramps_between(ramps, (0.0, 60030.0)).ramps == [(0, 0), (0, 1), (1, 1)]
    assert ramps_between(ramps, (60030.0, 1e6)).ramps == [(1, 0), (1, 1)]
    assert len(ramps.ramps) == 4
