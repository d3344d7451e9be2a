"""The product of the current segment: the rebuild of the epochs after the last change."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from functools import reduce
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import laws
from darkroom.epochs import state as states
from darkroom.epochs.folder import add_all, gather
from darkroom.epochs.plan import SeriesPlan
from darkroom.epochs.segment import chosen
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.state_file import load, save
from darkroom.epochs.told import as_json
from darkroom.errors import InputError

SHAPE, RAMPS = (16, 64), 8
CARDS = {"PRODUCT": ("superbias", "product")}


def template():
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, 32:] = 1
    names = ("amplifier 0", "amplifier 1")
    return states.Template(
        np.full(SHAPE, 9000, np.int32), np.full(2, 20.0), classes, np.ones(SHAPE, bool), names
    )


def units(steps):
    """Return the units of epochs whose amplifier 1 is on these levels."""
    rng = np.random.default_rng(8)
    form, every = template(), []
    for number, step in enumerate(steps):
        for k in range(RAMPS):
            frame = 9000 + 20 * rng.standard_normal(SHAPE)
            frame += np.array([rng.normal(0, 3), rng.normal(step, 3)])[form.classes]
            mjd = 60000 + 60 * number + k / 100
            every.append(
                states.of_unit(form, f"e{number:02d} {k}", frame, np.zeros(SHAPE, bool), mjd)
            )
    return every


def written(folder, steps, together=1):
    """Write the states of epochs, so many in a file, and their trends."""
    every, paths = units(steps), []
    for first in range(0, len(every), RAMPS * together):
        paths.append(folder / f"epoch{len(paths):02d}.fits")
        whole = reduce(states.merge, every[first : first + RAMPS * together])
        save(paths[-1], whole, CARDS, made_by="test", inputs=[])
    return paths, told(folder, paths)


def told(folder, paths, **how):
    found = as_json({"superbias": gather(paths, 10, **how)[0]}, EpochSettings())
    (folder / "trends.json").write_text(json.dumps(found), encoding="utf-8")
    return folder / "trends.json"


def test_after_a_step_the_segment_is_the_rebuild_of_the_epochs_after_it(tmp_path, repository):
    paths, trends = written(tmp_path, [0] * 6 + [15] * 5)
    found = chosen(paths, (), (trends, "superbias"))
    rebuilt = reduce(laws.merge, [load(path)[0] for path in reversed(paths[6:])])
    assert laws.equal(found.state, rebuilt)
    assert not laws.equal(found.state, chosen(paths).state)

    def made(name, inputs, *more):
        output = tmp_path / name
        program = repository / "scripts/report/epochs.py"
        command = [sys.executable, program, "product", *inputs, *more, "--output", output]
        subprocess.run(list(map(str, command)), check=True)
        return fits.open(output)

    segment = made("segment.fits", paths, "--segment", trends, "superbias")
    for name, other, same in (("after", paths[6:], True), ("whole", paths, False)):
        with made(f"{name}.fits", other) as whole:
            assert (
                all(
                    np.array_equal(segment[k].data, whole[k].data, equal_nan=True)
                    for k in ("SCI", "ERR", "COUNT")
                )
                is same
            )
    history = "".join(segment[0].header["HISTORY"])
    assert (
        "after the last change, from MJD 60360.0000 (2024-02-20) on, by level of amplifier 1"
        in history
    )
    assert '"epoch06.fits", "epoch07.fits"' in history
    assert '"epoch05.fits"]' in history
    segment.close()


def test_without_a_change_the_segment_is_the_whole(tmp_path):
    paths, trends = written(tmp_path, [0] * 8)
    found = chosen(paths, (), (trends, "superbias"))
    assert laws.equal(found.state, chosen(paths).state)
    assert found.settings["segment leaves out"] == []
    assert "no step was found" in found.settings["segment"]
    few = told(tmp_path, paths[:2])
    assert laws.equal(chosen(paths[:2], (), (few, "superbias")).state, chosen(paths[:2]).state)


def test_an_epoch_that_may_be_on_either_side_is_on_neither(tmp_path):
    # A step of few errors: its date is not sure.
    paths, trends = written(tmp_path, [0] * 6 + [4] * 6)
    found = json.loads(trends.read_text(encoding="utf-8"))
    now = found["products"]["superbias"]["validity"]
    assert now["changed"]
    assert now["useafter"] < now["segment"] == now["before"]
    first = round((now["segment"] - 60000) / 60)
    made = chosen(paths, (), (trends, "superbias"))
    assert made.settings["segment holds"] == [path.name for path in paths[first:]]


def test_withdrawn_units_go_with_the_epochs_that_hold_them(tmp_path):
    paths, _ = written(tmp_path, [0] * 6 + [15] * 5)
    bad = []
    for epoch in (2, 8):
        bad.append(tmp_path / f"bad{epoch}.fits")
        unit = units([0] * 6 + [15] * 5)[RAMPS * epoch + 3]
        save(bad[-1], unit, CARDS, made_by="test", inputs=[])
    trends = told(tmp_path, paths, withdrawn=bad)
    found = chosen(paths, bad, (trends, "superbias"))
    assert laws.equal(found.state, chosen(paths[6:], bad[1:]).state)
    assert len(found.state.units) == 5 * RAMPS - 1


def test_a_state_on_both_sides_of_the_change_is_refused(tmp_path):
    paths, trends = written(tmp_path, [0] * 5 + [15] * 5, together=2)
    with pytest.raises(InputError, match=r"epoch02.*before and after MJD 60300.*cannot be divided"):
        chosen(paths, (), (trends, "superbias"))


def test_the_trends_must_be_those_of_the_product(tmp_path):
    paths, trends = written(tmp_path, [0] * 3)
    with pytest.raises(InputError, match="has no trends of dark"):
        chosen(paths, (), (trends, "dark"))
    trends.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="no table of trends"):
        chosen(paths, (), (trends, "superbias"))


def planned(folder, product="series", add=False, days=(0,), dated=True):
    """Return the plan of an item whose exposures are of some days."""
    plan = SeriesPlan()
    begin = datetime(2030, 1, 1)
    dates = [(begin + timedelta(days=day)).isoformat() for day in days]
    exposures = [SimpleNamespace(facts={"date_obs": date} if dated else {}) for date in dates]
    plan.plan = SimpleNamespace(
        folder=lambda item: f"results/{item}",
        exposures=lambda _: exposures,
        campaign=SimpleNamespace(name="now"),
    )
    chosen = {"series": str(folder), "product": product, "add": add, "gap_days": 10.0}
    plan.settings = lambda _: {"epochs": chosen}
    plan.series_products = lambda _: ["dark"]
    plan.state_options = lambda *_: "--keep"
    return plan


@pytest.mark.parametrize(("product", "trends"), [("series", False), ("segment", True)])
def test_the_program_chooses_by_the_trends(tmp_path, product, trends):
    plan = planned(tmp_path, product)
    found = plan.all_states("one", "dark")
    assert found["states"] == ["results/one/dark_state.fits"]
    inputs = SimpleNamespace(states=found["states"], withdrawn=[], get=found.get)
    assert ("trends" in found) is trends
    options = plan.segment_options(inputs, "dark")
    own = "--of results/one/dark_state.fits"
    assert options == own + (" --segment results/one/trends.json dark" if trends else "")


@pytest.mark.parametrize(
    ("product", "add", "divided"),
    [("series", False, False), ("segment", False, True), ("series", True, True)],
)
def test_the_epochs_of_a_campaign_become_states_of_their_own(tmp_path, product, add, divided):
    days = (130, 0, 1, 60, 61, 130)
    plan = planned(tmp_path, product, add, days)
    epochs = plan.own_epochs("one")
    assert list(epochs) == ([".01", ".02", ".03"] if divided else [""])
    if divided:
        begin = 62502.0
        assert [bounds[0] for bounds in epochs.values()] == [0.0, begin + 30.5, begin + 95.5]
        found = plan.options_of_epoch("one", "dark", ".02", None)
        assert found == f"--keep --between {begin + 30.5} {begin + 95.5}"
        assert plan.own_states("one", "dark") == {
            f"now.0{k}": f"results/one/dark_state.0{k}.fits" for k in (1, 2, 3)
        }
    # A pause is needed, and a date of every exposure.
    assert list(planned(tmp_path, product, add, (0, 9, 18)).own_epochs("one")) == [""]
    assert list(planned(tmp_path, product, add, days, dated=False).own_epochs("one")) == [""]
    # States of an earlier run of this campaign are not those of another epoch.
    folder = tmp_path / "one" / "dark"
    folder.mkdir(parents=True)
    for name in ("now", "now.02", "now.x", "nowhere", ".hidden", "before"):
        (folder / f"{name}.fits").touch()
    earlier = [path.rpartition("/")[2] for path in plan.earlier_states("one", "dark")]
    assert earlier == ["before.fits", "now.x.fits", "nowhere.fits"]


def test_epochs_that_are_divided_otherwise_are_not_added(tmp_path):
    paths, _ = written(tmp_path, [0] * 2)
    folder = tmp_path / "folder"
    add_all({paths[0]: "now"}, folder, "now")
    with pytest.raises(InputError, match="whose epochs are divided otherwise now"):
        add_all({paths[0]: "now.01", paths[1]: "now.02"}, folder, "now")
    assert [path.name for path in folder.iterdir()] == ["now.fits"]


def test_what_the_product_is_made_of_is_told(tmp_path):
    paths, _ = written(tmp_path, [0] * 6 + [15] * 5)
    epochs = {"superbias": gather(paths, 10)[0]}
    for product, count in (("series", 11), ("segment", 5)):
        found = as_json(epochs, EpochSettings(product=product))["products"]["superbias"]["made_of"]
        assert found["epochs"] == [path.stem for path in paths[-count:]]
        assert found["left_out"] == [path.stem for path in paths[:-count]]
    assert found["why"].endswith("by level of amplifier 1")
