"""What the WFC3 rules ask of a campaign."""

import pytest

from darkroom.delivery.planning import Deliveries
from darkroom.errors import DarkroomError
from darkroom.wfc3.pipeline import Wfc3Pipeline
from darkroom.wfc3.reference_kinds import DARK_KINDS
from plans import a_plan

ROWS = [
    ("visit", "science", "e1", {"shape": "74x74", "nsamp": "5"}),
    ("visit", "science", "e2", {}),
    ("drz", "science", "combined", {}),
]


def pipeline(folder, kind="local", **wfc3):
    items = {
        "visit": {"instrument": "wfc3", "wfc3": wfc3},
        "drz": {"instrument": "wfc3"},
    }
    return Wfc3Pipeline(a_plan(folder, items, ROWS, kind))


def test_an_item_that_is_only_compared_with_has_no_products_of_its_own(tmp_path):
    assert pipeline(tmp_path).items == ["visit", "drz"]
    wfc3 = pipeline(tmp_path, archive_drz="drz")
    assert wfc3.items == ["visit"]
    assert wfc3.archive_drz("visit") == {"archive": "results/c/drz/statuses.list"}
    with pytest.raises(DarkroomError, match="archive_drz names 'no', which is no item"):
        pipeline(tmp_path, archive_drz="no").archive_drz("visit")


def test_the_toolset_is_that_of_the_engine(tmp_path):
    assert pipeline(tmp_path).toolset == "detector"
    assert pipeline(tmp_path, engine="both", mask_scope="calwf3").toolset == "hst"


def test_memory_is_that_of_the_largest_ramp(tmp_path):
    """An exposure whose shape the lock does not know is taken for a full frame of 16 reads."""
    assert pipeline(tmp_path).ramp_memory("visit", 1) == 300 + round(1024**2 * 16 * 20 / 1e6)


def test_given_reads_become_an_option(tmp_path):
    wfc3 = pipeline(tmp_path, reads={"e1": [11, 12], "e2": ""})
    assert wfc3.given_reads("visit", "e1") == "--reads 11,12"
    assert wfc3.given_reads("visit", "e2") == "--reads ''"
    assert pipeline(tmp_path).given_reads("visit", "e1") == ""


def test_choices_of_single_exposures_are_told_apart_from_those_of_all(tmp_path):
    wfc3 = pipeline(tmp_path, reads={"e1": [11, 12]}, treatments={"e2": "subtract"})
    rows = wfc3.plan.exposures("visit")
    usual, own = wfc3.choice_options("visit"), wfc3.own_choices("visit", rows)
    assert own["e1"] == f"{usual} --reads 11,12"
    assert "--treatment subtract" in own["e2"]
    assert set(own) == {"e1", "e2"}
    assert pipeline(tmp_path).own_choices("visit", rows) == {}


def test_products_and_options(tmp_path):
    wfc3 = pipeline(tmp_path, kind="simulated")
    assert wfc3.products("visit")[-1] == "results/c/visit/item.json"
    assert wfc3.options("visit", "treat_reads").startswith("--engine builtin --mask-scope all")
    assert "--final-bits 16 " in wfc3.drizzle_options("visit")
    assert wfc3.figure_options("visit") == (
        "e1 e2 --folder results/c/visit --truth results/c/raw/visit/truth"
    )
    wfc3 = pipeline(tmp_path, kind="simulated", archive_drz="drz")
    archived = "--archive results/c/raw/drz/combined.json"
    assert wfc3.figure_options("visit").endswith(archived)
    assert wfc3.place() == "--cache results/c/crds --context hst_0001.pmap"
    with pytest.raises(DarkroomError, match="cannot leave masked reads out"):
        pipeline(tmp_path, engine="both").products("visit")


def test_an_item_of_darks_makes_a_superdark_and_none_of_the_products_of_a_visit(tmp_path):
    wfc3 = pipeline(tmp_path, kind="simulated", product="superdark")
    assert wfc3.superdarks == ["visit"]
    assert "drz" in wfc3.visits
    made = wfc3.products("visit")
    assert "results/c/visit/superdark.fits" in made
    assert made[-1] == "results/c/superdark_set.tsv"
    assert not any("drz" in path for path in made)
    assert wfc3.reference_kinds("visit") == DARK_KINDS
    assert wfc3.superdark_options("visit").startswith("--description ")
    assert "--hot 0.4" in wfc3.superdark_options("visit")
    assert "--warm" not in wfc3.superdark_options("visit")
    assert list(wfc3.judged("visit")) == ["superdark"]
    # Two full frames; more darks take more.
    assert wfc3.superdark_memory("visit", 1) == round(1.5 * wfc3.ramp_memory("visit", 1)) + 2 * 32


def test_a_superdark_is_compared_on_the_visit_that_names_it(tmp_path):
    """Its verdict has the comparison, so that the file can be delivered by the item it is of."""
    rows = [("darks", "dark", "d1", {}), *ROWS[:2], ("later", "science", "e3", {})]
    named = {"wfc3": {"candidates": {"dark": "results/c/darks/superdark.fits"}}}

    def made(visits, **top):
        items = {"darks": {"instrument": "wfc3", "wfc3": {"product": "superdark"}}}
        items |= {name: {"instrument": "wfc3"} | more for name, more in visits.items()}
        return Wfc3Pipeline(a_plan(tmp_path, items, rows, **top))

    alone = made({"visit": {}, "later": {}})
    assert alone.tested_on("darks") == "" and alone.counterfactuals("darks") == {}
    wfc3 = made({"visit": named, "later": {}}, deliver={"bad": ["darks/superdark"]})
    judge = "results/c/darks/judge"
    assert wfc3.counterfactuals("darks") == {
        "superdark": [f"{judge}/counterfactual_superdark.json", f"{judge}/insertion_superdark.json"]
    }
    assert wfc3.compared_superdark("darks") == "results/c/visit/judge/counterfactual_dark.json"
    assert wfc3.insertion_inputs("darks")["exposures"] == "results/c/visit/statuses.list"
    assert wfc3.insertion_options("darks") == "--refusals results/c/visit/refusals"
    assert "--current-bad" in wfc3.compare_options("visit", "dark")
    assert Deliveries(wfc3.plan, {"wfc3": wfc3}).products() == ["darks/superdark"]
    with pytest.raises(DarkroomError, match="items visit and later: candidates"):
        made({"visit": named, "later": named}).counterfactuals("darks")
    # Without exposures held out nothing is compared.
    assert made({"visit": named, "later": {}}, deck={"held_out": 0}).counterfactuals("darks") == {}
