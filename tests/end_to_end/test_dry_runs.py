"""Every shipped campaign is planned from its lock alone: no data, no network, on Slurm too."""

import re

import pytest
import yaml

from darkroom.ccd.simulate import exposures as ccd
from end_to_end.conftest import ROOT

pytestmark = pytest.mark.end_to_end
# Steps that travel in one Slurm job. A group is refused when something between two of its steps
# is no part of it.
_PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
ON_SLURM = ("--groups", *(f"{rule}={group}" for rule, group in _PROFILE["groups"].items()))


@pytest.mark.parametrize(("name", "batches"), [("demo", 17), ("asi178", 3)])
def test_a_campaign_whose_lock_ships_is_planned(checkout, monkeypatch, name, batches):
    monkeypatch.delenv("DARKROOM_REFERENCE_DATA", raising=False)
    jobs = checkout.jobs("--config", f"campaign={name}", *ON_SLURM)
    assert jobs["fetch"] == batches
    assert jobs["master_bias"] == jobs["report"] == 1


@pytest.mark.parametrize("name", ["cgi_counting", "wfc3_superdarks"])
def test_a_campaign_is_planned_on_slurm(checkout, name):
    assert checkout.jobs("--config", f"campaign={name}", *ON_SLURM)["report"] == 1


def test_the_series_is_planned_with_its_trends(checkout):
    jobs = checkout.jobs("--config", "campaign=series", *ON_SLURM)
    # A state of each of the twelve epochs: the product is that of the present segment.
    assert jobs["state_nircam"] == 3 * 12
    assert (jobs["series_product"], jobs["series_spectrum"]) == (2, 1)
    assert jobs["trends"] == jobs["report"] == 1


def test_the_notebooks_campaign_is_planned_from_a_folder_of_its_frames(checkout):
    """Its frames are not public: frames of the same names are simulated."""
    folder = checkout.folder / "data" / "sbig_st402"
    folder.mkdir(parents=True)
    small = {"shape": [16, 24]}
    for exposure in ccd.plan(small):
        ccd.deliver(small, exposure.name, folder / exposure.file)
    choice = "campaign=sbig_st402"
    checkout.snakemake("lock", "--config", choice)
    jobs = checkout.jobs("--config", choice, *ON_SLURM)
    assert jobs["fetch"] == 2
    assert jobs["subtract_dark"] == 1


def test_raw_coronagraph_frames_are_planned_and_kept_when_asked(checkout):
    simulate = {"level": "L1", "geometry": "small", "gains": [1.5, 500], "exptimes": [2, 100]}
    item = {"instrument": "cgi", "simulate": simulate | {"frames": 2}}
    pipelines = {"geometry": "small", "nonlinearity": "none", "keep_prepared": True}
    choice = checkout.campaign(items={"excam": item | {"cgi": pipelines}})
    checkout.snakemake("lock", "--config", choice)
    jobs = checkout.jobs("--config", choice, *ON_SLURM)
    assert (jobs["fetch"], jobs["prepare_cgi"]) == (4, 4)
    assert jobs["noise_maps"] == jobs["cgi_truth"] == 1
    assert "stack_statistics" not in jobs  # so few frames are read by the fit itself
    choice = checkout.campaign(items={"excam": item | {"cgi": pipelines | {"frames_per_part": 4}}})
    assert checkout.jobs("--config", choice)["stack_statistics"] == 4


def test_a_campaign_reads_the_rules_of_its_own_instruments(checkout):
    """Each cluster job reads them again; a campaign of all instruments has them all."""
    choice = checkout.campaign(simulate={"shape": [16, 24]})
    few = checkout.snakemake("--list-rules", "--config", choice).split()
    assert {"fetch", "master_bias", "report"} <= set(few)
    assert not {"superbias", "crds_sync", "treat_reads", "noise_maps"} & set(few)
    whole = checkout.snakemake("--list-rules", "--config", "campaign=demo").split()
    assert {"master_bias", "superbias", "crds_sync", "treat_reads", "noise_maps"} <= set(whole)


def test_what_every_exposure_waits_for_waits_for_items(checkout):
    """Snakemake compares each that waits with each input: the plan would be quadratic."""
    graph = checkout.snakemake("--dag", "--config", "campaign=demo")
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)', graph))
    edges = [(rules[a], rules[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)]
    assert {before for before, after in edges if after == "crds_sync"} == {"item_references"}
    assert ("crds_sync", "check_ramps") in edges


def test_batches_divide_the_items_of_a_campaign(checkout):
    """The first third of the demo's items; what they share is planned with them, no more."""
    jobs = checkout.jobs("products", "--batch", "products=1/3", "--config", "campaign=demo")
    whole = checkout.jobs("products", "--config", "campaign=demo")
    assert 0 < jobs["fetch"] < whole["fetch"]
    assert "report" not in whole
    text = checkout.snakemake(
        "products", "-n", "--batch", "products=3/3", "--config", "campaign=demo", status=1
    )
    assert "not all previous batches have been completed" in text
