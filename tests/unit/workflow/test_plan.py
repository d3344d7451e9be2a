"""What rules ask of a campaign: items, exposures, files, memory, options."""

import pytest

from darkroom.errors import DarkroomError
from darkroom.pipelines import (
    PIPELINES,
    campaign_products,
    item_products,
    pipeline_class,
    pipelines,
    simulation_group,
)
from darkroom.workflow.plan import OrExit, input_options, named_options, or_exit, quoted
from plans import a_plan


class Inputs(dict):
    """Named inputs of a job, as Snakemake gives them."""


ITEMS = {"a": {"instrument": "ccd"}, "b": {"instrument": "ccd"}, "c": {"instrument": "cgi"}}
ROWS = [
    ("a", "bias", "a_bias", {"shape": "100x200"}),
    ("a", "dark", "a_dark", {"shape": "10x20"}),
    ("c", "dark", "c_dark", {}),
]


@pytest.fixture
def plan(tmp_path):
    return a_plan(tmp_path, ITEMS, ROWS)


def test_items_and_exposures_are_found(plan):
    assert plan.items_of("ccd") == ["a", "b"]
    assert plan.instruments == ["ccd", "cgi"]
    assert plan.only_items_of("ccd") == "a|b"
    assert plan.only_items_of("wfc3") == "(?!)"
    assert [row.exposure for row in plan.exposures("a", "dark")] == ["a_dark"]
    assert plan.statuses("a") == ["results/c/raw/a/a_bias.json", "results/c/raw/a/a_dark.json"]


def test_memory_follows_the_largest_image(plan):
    assert plan.largest_image("a") == 20_000
    assert plan.image_memory("a", 2, 1000) == 2 * (500 + 20)
    assert plan.largest_image("c") == 0


def test_only_simulated_items_have_a_truth(tmp_path, plan):
    assert plan.truth_comparison("a") == {}
    simulated = a_plan(tmp_path, ITEMS, ROWS, kind="simulated")
    assert simulated.truth_comparison("a") == {"truth": "results/c/a/truth.json"}
    archive, selection = simulated.truth_settings("a")
    assert archive == {"kind": "simulated", "seed": 1}
    assert selection["instrument"] == "ccd"


def test_only_the_campaigns_own_pipelines_are_made(plan):
    assert list(pipelines(plan)) == ["ccd", "cgi"]


@pytest.mark.parametrize("instrument", PIPELINES)
def test_a_pipeline_says_what_the_workflow_must_know(instrument, plan):
    pipeline = pipeline_class(instrument)
    assert pipeline.instrument == instrument
    assert pipeline.observatory in (None, "jwst", "hst")
    assert simulation_group(instrument).__doc__
    assert pipeline(plan).items == plan.items_of(instrument)


def test_options_name_those_inputs_that_a_job_has():
    inputs = Inputs(truth="t.json", science="s.list")
    options = {"truth": "--truth ", "science": "--science @", "other": "--other "}
    assert input_options(inputs, options) == "--truth t.json --science @s.list"
    assert named_options(Inputs(noise_truth="n.json"), "noise_truth", "x") == "--noise-truth n.json"
    assert quoted("--cache", "my folder") == "--cache 'my folder'"


def test_a_fault_ends_in_its_sentence():
    class Faulty:
        value = 3

        def products(self, item, many=False):
            if many:
                return [item]
            raise DarkroomError(f"item {item}: no darks")

    faulty = OrExit(Faulty())
    assert faulty.value == 3
    assert faulty.products("a", many=True) == ["a"]
    with pytest.raises(SystemExit, match="darkroom: item a: no darks"):
        faulty.products("a")
    with pytest.raises(SystemExit, match="darkroom: item b: no darks"):
        or_exit(Faulty().products, "b")


def test_a_campaign_ends_in_pins_report_and_the_products_of_every_item(tmp_path):
    items = {"a": {"instrument": "ccd"}, "c": {"instrument": "cgi"}}
    rows = [*ROWS[:2], ("c", "dark", "c_dark", {"em_gain": "1.5", "exptime_s": "2"})]
    plan = a_plan(tmp_path, items, rows)
    made = campaign_products(plan, pipelines(plan))
    assert made[:2] == ["results/c/pins.tsv", "results/c/report"]
    assert {"results/c/a/statuses.list", "results/c/c/noise_maps.fits"} <= set(made)
    assert item_products(plan, pipelines(plan))[:4] == [
        "results/c/a/frames.tsv",
        "results/c/a/judgements.tsv",
        "results/c/c/frames.tsv",
        "results/c/c/judgements.tsv",
    ]
