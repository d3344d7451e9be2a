"""Trends of states over epochs: what changed is said with its date, what did not is not."""

import json

import numpy as np
import pytest

from darkroom.epochs import state as states
from darkroom.epochs.causes import candidates
from darkroom.epochs.folder import add, epochs_of, gather, states_in
from darkroom.epochs.laws import quantities
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.state_file import save
from darkroom.epochs.template import REFERENCE
from darkroom.epochs.told import as_json
from darkroom.epochs.trends import judge, series_of
from darkroom.errors import InputError

SHAPE = (16, 64)
CARDS = {"PRODUCT": ("superbias", "product")}
NAMES = ("amplifier 0", "amplifier 1", "amplifier 0" + REFERENCE, "amplifier 1" + REFERENCE)
RAMPS = 8


def template():
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, 32:] = 1
    classes[:4] += 2
    return states.Template(
        np.full(SHAPE, 9000, np.int32), np.full(4, 20.0), classes, np.ones(SHAPE, bool), NAMES
    )


def epoch(rng, number, step=0.0, noise=20.0, ramps=RAMPS):
    """State of one epoch: offsets of frames and amplifiers, 3 DN of levels that stay."""
    form = template()
    whole = states.empty(form)
    for k in range(ramps):
        frame = 9000 + noise * rng.standard_normal(SHAPE) + rng.normal(0, 30)
        own = rng.normal(0, 8, 2)
        level = np.array([*(own + rng.normal(0, 3, 2)), *own])
        frame += level[form.classes]
        frame[form.classes == 1] += step
        mjd = 60000 + 60 * number + k / 100
        unit = states.of_unit(form, f"e{number:02d} {k}", frame, np.zeros(SHAPE, bool), mjd)
        whole = states.merge(whole, unit)
    return whole


def written(folder, steps, seed=2, **how):
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for number, step in enumerate(steps):
        path = folder / f"epoch{number:02d}.fits"
        save(path, epoch(rng, number, step, **how), CARDS, made_by="test", inputs=[])
    return states_in(folder)


def test_a_step_and_a_drift_are_said_with_their_dates(tmp_path):
    paths = written(tmp_path / "step", [0] * 6 + [15] * 6)
    epochs, whole, _ = gather(paths, 10)
    assert len(whole.units) == 12 * RAMPS
    told = as_json({"superbias": epochs}, EpochSettings(tolerance=10))
    json.dumps(told, allow_nan=False)
    found = told["products"]["superbias"]
    changed = {one["name"]: one for one in found["series"] if one["changed"]}
    assert list(changed) == ["level of amplifier 1 less reference pixels"]
    one = changed["level of amplifier 1 less reference pixels"]
    assert one["shape"] == "step"
    assert one["step"]["first"] == 6
    assert abs(one["step"]["size"] - 15) < 3 * one["step"]["error"]
    assert found["validity"]["changed"]
    assert found["validity"]["useafter"] == 60360
    assert found["validity"]["after"] < 60360

    paths = written(tmp_path / "drift", 2.0 * np.arange(12), seed=4)
    trends = judge(series_of(gather(paths, 10)[0]), 0.01)
    drifting = [one for one in trends if one.changed]
    assert [one.word for one in drifting] == ["drift"]
    assert abs(drifting[0].line.slope - 2 / 60) < 3 * drifting[0].line.error


def test_nothing_is_said_where_nothing_changed(tmp_path):
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        epochs = []
        for number in range(8):
            made = epoch(rng, number)
            epochs += epochs_of(f"{number}", made, "DN", 10)
        alarms += any(one.changed for one in judge(series_of(epochs), 0.01))
    assert alarms <= 1  # 1 % each is expected: 0.2


def _epoch(name, made):
    from darkroom.epochs.folder import Epoch

    return Epoch(name, made.mjd, made.facts, tuple(quantities(made, "DN")))


def test_more_noise_is_seen(tmp_path):
    rng = np.random.default_rng(3)
    epochs = [_epoch(f"{k}", epoch(rng, k, noise=20.0 if k < 4 else 22.0)) for k in range(8)]
    changed = [one.series.name for one in judge(series_of(epochs), 0.01) if one.changed]
    assert changed == ["ln of the variance of amplifier 0", "ln of the variance of amplifier 1"]


def test_a_new_hot_region_is_seen_and_dated():
    rng = np.random.default_rng(8)
    epochs = []
    for number in range(12):
        form, whole = template(), states.empty(template())
        for k in range(RAMPS):
            frame = 9000 + 20 * rng.standard_normal(SHAPE)
            hit = rng.random(SHAPE) < 0.002  # cosmic rays
            frame[hit] += 500
            if number >= 7:
                frame[8:11, 40:43] += 300
            mjd = 60000 + 60 * number + k / 100
            unit = states.of_unit(form, f"e{number:02d} {k}", frame, np.zeros(SHAPE, bool), mjd)
            whole = states.merge(whole, unit)
        epochs.append(_epoch(f"{number}", whole))
    (found,) = [one for one in judge(series_of(epochs), 0.01) if one.changed]
    assert found.series.name == "pixels far above in amplifier 1"
    assert found.word == "step"
    assert found.scan.first == 7
    assert abs(found.scan.size - 9) < 3 * found.scan.error


def test_a_withdrawn_exposure_leaves_no_trace_in_the_series(tmp_path):
    rng = np.random.default_rng(9)
    form, whole, bad = template(), states.empty(template()), states.empty(template())
    for k in range(RAMPS):
        frame = 9000 + 20 * rng.standard_normal(SHAPE) + (400 * (k == 3)) * (form.classes == 1)
        unit = states.of_unit(form, f"e00 {k}", frame, np.zeros(SHAPE, bool), 60000 + k / 100)
        if k == 3:
            bad = unit
        whole = states.merge(whole, unit)
    path, gone = tmp_path / "whole.fits", tmp_path / "bad.fits"
    save(path, whole, CARDS, made_by="test", inputs=[])
    save(gone, bad, CARDS, made_by="test", inputs=[])
    epochs, left, _ = gather([path], 10, withdrawn=[gone])
    assert left.units == tuple(f"e00 {k}" for k in range(RAMPS) if k != 3)
    assert [len(one.mjd) for one in epochs] == [RAMPS - 1]
    assert states.equal(left, states.remove(whole, bad))
    other = states.of_unit(form, "e07 1", frame, np.zeros(SHAPE, bool), 60001)
    save(gone, other, CARDS, made_by="test", inputs=[])
    with pytest.raises(InputError, match="no state of the series holds"):
        gather([path], 10, withdrawn=[gone])


def test_what_changed_together_is_listed_and_what_is_the_same_is_not():
    rng = np.random.default_rng(4)
    step = np.repeat([0.0, 5.0], 6)
    facts = {
        "temperature": 38.5 + 0.1 * step + rng.normal(0, 0.01, 12),
        "visit": np.full(12, 1001.0),
        "pause": np.concatenate([[np.nan], rng.normal(60, 5, 11)]),
        "hours": np.full(12, np.nan),
    }
    found = candidates(step + rng.normal(0, 0.3, 12), facts)
    assert [one.name for one in found] == ["temperature", "pause"]
    assert found[0].correlation > 0.95
    assert found[0].chance < 1e-5
    assert found[1].epochs == 11


def test_the_epoch_that_the_template_was_made_of_is_no_step():
    """Its units lie nearer to the template than others: as it is in every true series."""
    shape, units, found = (40, 60), 12, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        noise = np.where(rng.random(shape) < 0.02, 1.6, 1.0) * 20  # some, not flagged as noisy
        frames = [9000 + noise * rng.standard_normal((units, *shape)) for _ in range(5)]
        mean, std = frames[0].mean(axis=0), frames[0].std(axis=0, ddof=1)
        names = [f"e0 {k:02d}" for k in range(units)]
        form = states.Template(
            np.rint(mean).astype(np.int32), np.array([np.sqrt((std**2).mean())]),
            np.zeros(shape, np.uint8), np.ones(shape, bool), ("all",), members=tuple(names),
        )  # fmt: skip
        epochs = []
        for number, cube in enumerate(frames):
            whole = states.empty(form)
            for k, frame in enumerate(cube):
                mjd, bad = 60000 + 60 * number + k / 100, np.zeros(shape, bool)
                unit = states.of_unit(form, f"e{number} {k:02d}", np.rint(frame), bad, mjd)
                whole = states.merge(whole, unit)
            epochs.append(_epoch(f"{number}", whole))
        found += [one.series.name for one in judge(series_of(epochs), 0.01) if one.changed]
    assert len(found) <= 1, found


def test_one_state_of_many_epochs_is_divided_at_its_pauses(tmp_path):
    rng = np.random.default_rng(5)
    whole = states.empty(template())
    for number in range(4):
        whole = states.merge(whole, epoch(rng, number))
    path = tmp_path / "all.fits"
    save(path, whole, CARDS, made_by="test", inputs=[])
    epochs, _, _ = gather([path], 10)
    assert [one.name for one in epochs] == ["all 1", "all 2", "all 3", "all 4"]
    assert [len(one.mjd) for one in epochs] == [RAMPS] * 4
    assert len(gather([path], 1000)[0]) == 1
    short = as_json({"superbias": epochs[:2]}, EpochSettings())["products"]["superbias"]
    assert short["validity"] is None
    assert short["series"] == []
    assert short["units"] == [RAMPS] * 2


def test_a_file_of_the_series_is_never_replaced(tmp_path):
    rng = np.random.default_rng(6)
    one, two = tmp_path / "one.fits", tmp_path / "two.fits"
    save(one, epoch(rng, 0), CARDS, made_by="test", inputs=[])
    save(two, epoch(rng, 1), CARDS, made_by="test", inputs=[])
    folder = tmp_path / "series"
    target = add(one, folder, "first")
    before = target.read_bytes()
    assert add(one, folder, "first") == target  # the same numbers: nothing to do
    with pytest.raises(InputError, match="is there already, with other numbers"):
        add(two, folder, "first")
    assert target.read_bytes() == before
    save(two, epoch(rng, 1), {"PRODUCT": ("bias", "")}, made_by="test", inputs=[])
    with pytest.raises(InputError, match="of another series: PRODUCT"):
        add(two, folder, "second")
    assert states_in(folder) == [target]


def test_epochs_that_overlap_and_units_without_time_are_refused(tmp_path):
    rng = np.random.default_rng(7)
    form = template()
    whole = states.empty(form)
    for k in (0, 300):
        frame = 9000 + 20 * rng.standard_normal(SHAPE)
        unit = states.of_unit(form, f"x {k}", frame, np.zeros(SHAPE, bool), 60000 + k / 100)
        whole = states.merge(whole, unit)
    paths = written(tmp_path / "series", [0])
    long = tmp_path / "long.fits"
    save(long, whole, CARDS, made_by="test", inputs=[])
    with pytest.raises(InputError, match="began when epoch epoch00 had not ended"):
        gather([*paths, long], 10)
    unit = states.of_unit(form, "t 1", frame, np.zeros(SHAPE, bool))
    save(long, unit, CARDS, made_by="test", inputs=[])
    with pytest.raises(InputError, match="has a unit without time"):
        gather([long], 10)
