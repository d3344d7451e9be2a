"""`snakemake judge`: verdicts after the products, which stay as they are."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from astropy.io import fits

from ccd_frames import run_ccd
from darkroom.delivery.form import REQUIRED
from end_to_end.warm import CCD, warmed
from programs import SCRIPTS

pytestmark = pytest.mark.end_to_end
JUDGING = (*CCD, "darkroom.judge", "darkroom.gates")


def test_judging_makes_no_product_stale_and_is_repeated_to_the_byte(checkout):
    choice = checkout.campaign(simulate={"shape": [64, 96]})
    checkout.snakemake("lock", "--config", choice)
    with warmed(checkout, "detector", JUDGING):
        judge_twice(checkout, choice)
    assert "Every file is as it was recorded" in checkout.snakemake("check", "--config", choice)


def judge_twice(checkout, choice):
    """Make the products and judge them, twice."""
    checkout.snakemake("--config", choice)
    folder = checkout.folder / "results" / "small"
    before = {path: path.read_bytes() for path in folder.rglob("*.fits")}
    assert before
    checkout.snakemake("judge", "--config", choice)
    assert {path: path.read_bytes() for path in folder.rglob("*.fits")} == before
    assert "Nothing to be done" in checkout.snakemake("-n", "--config", choice)
    verdicts = sorted(folder.glob("camera/judge/verdict_*.json"))
    assert len(verdicts) == 4
    for path in verdicts:
        text = path.read_text(encoding="utf-8")
        assert "NaN" not in text
        # Nothing says that these are better than a file in use.
        assert json.loads(text)["verdict"] != "deliver"
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "Should these products be delivered?" in page
    # Not each of the four started a program: one makes the gates of others; they are the same.
    logs = sorted((folder / "logs/gates_ccd").glob("camera_*.log"))
    assert len(logs) == 4
    assert 0 < sum(path.stat().st_size > 0 for path in logs) < 4
    gates = sorted(folder.glob("camera/judge/gates_*.json"))
    assert len(gates) == 4
    first = [path.read_bytes() for path in (*verdicts, *gates)]
    # A verdict that is gone is missed, and given again.
    verdicts[0].unlink()
    checkout.snakemake("judge", "--config", choice)
    assert [path.read_bytes() for path in (*verdicts, *gates)] == first
    checkout.snakemake("judge", "--config", choice, "--forcerun", "gates_ccd")
    assert [path.read_bytes() for path in (*verdicts, *gates)] == first


@pytest.mark.heavy
def test_a_ccd_product_better_than_that_of_the_previous_night_is_delivered(checkout):
    """The night before left a master bias of three frames; this night has twenty-four."""
    simulate = {
        "shape": [96, 128], "bias": {"count": 24}, "targets": [],
        "darks": [{"count": 5, "exptime": 5.0}, {"count": 5, "exptime": 20.0}],
    }  # fmt: skip
    before = checkout.folder / "night_before"
    items = {
        "camera": {"instrument": "ccd", "simulate": simulate, "ccd": {"previous": str(before)}}
    }
    choice = checkout.campaign(items=items)
    checkout.snakemake("lock", "--config", choice)
    with warmed(checkout, "detector", JUDGING):
        checkout.snakemake("--config", choice)
    frames = (checkout.folder / "results/small/camera/bias.list").read_text().splitlines()
    frames = [checkout.folder / line for line in frames if not line.startswith("#")]
    before.mkdir()
    # Every sixth frame is held out, from the fourth on.
    run_ccd("master_bias", "--output", before / "master_bias.fits", *frames[:3])
    with warmed(checkout, "detector", JUDGING):
        checkout.snakemake("judge", "--config", choice)
    judge = checkout.folder / "results/small/camera/judge"
    verdict = json.loads((judge / "verdict_master_bias.json").read_text())
    assert verdict["counterfactual"][0]["shift"] == 0
    assert verdict["score"]["verdict"] == "better", verdict["score"]
    assert verdict["score"]["exposures"] == 4
    assert verdict["verdict"] == "deliver", verdict["reason"]
    # The other products have nothing to be compared with.
    assert not (judge / "counterfactual_read_noise.json").exists()
    checkout.snakemake("deliver", "--config", choice)
    made = checkout.folder / "results/small/camera/delivery/master_bias"
    assert {path.name for path in made.iterdir()} == {
        "master_bias.fits", "verdict.json", "counterfactual.json", "README.md",
    }  # fmt: skip
    assert "copy the file" in (made / "README.md").read_text()
    # Every frame is compared on a version that was made without it, and without the file in use.
    rng, others = np.random.default_rng(19), []
    for path in frames[:3]:
        others.append(before / path.name)
        data, header = fits.getdata(path, header=True)
        data = np.rint(data + rng.normal(0, 3, data.shape)).astype(data.dtype)
        fits.writeto(others[-1], data, header)
    run_ccd("master_bias", "--output", before / "master_bias.fits", *others)
    checkout.campaign(items=items, deck={"folds": 4})
    with warmed(checkout, "detector", JUDGING):
        checkout.snakemake("judge", "--config", choice)
    verdict = json.loads((judge / "verdict_master_bias.json").read_text())
    assert (verdict["score"]["exposures"], verdict["score"]["verdict"]) == (24, "better")
    assert (judge / "trial_4_master_bias.fits").exists()


@pytest.mark.heavy
def test_the_demonstration_has_three_verdicts_each_for_a_true_reason(checkout):
    """One product to deliver, one not to, one insufficient; the folder of the first is whole."""
    demo = yaml.safe_load((checkout.folder / "config/campaigns/demo.yaml").read_text())
    items = {name: demo["items"][name] for name in ("nrcalong", "nrcblong")}
    choice = checkout.campaign(archive=demo["archive"], items=items, deliver={"person": "A. Body"})
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("--config", choice)
    checkout.snakemake("judge", "--config", choice)
    folder = checkout.folder / "results/small"
    told = {
        (row["item"], row["product"]): row
        for row in csv.DictReader((folder / "verdict.tsv").open(), delimiter="\t")
    }
    # The superbias in use is wrong by 15 DN in each pixel: of 225 DN² little is left by ramps of
    # about 24 DN.
    better = told["nrcalong", "superbias"]
    assert better["verdict"] == "deliver", better
    score = json.loads((folder / "nrcalong/judge/verdict_superbias.json").read_text())["score"]
    assert 150 < score["value"] < 225
    # The read noise in use is known to 5 %, that of 24 ramps of 5 groups to more.
    worse = told["nrcalong", "readnoise"]
    assert worse["verdict"] == "do not deliver", worse
    assert "worse than the file in use" in worse["reason"]
    # Four ramps can be judged by no gate.
    few = told["nrcblong", "superbias"]
    assert few["verdict"] == "insufficient", few
    page = (folder / "report/index.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("deliver", "do not deliver", "insufficient"))

    text = checkout.snakemake("deliver", "--config", choice, status=1)
    assert "nrcalong/readnoise is not delivered: do not deliver" in text
    made = folder / "nrcalong/delivery/superbias"
    assert {path.name for path in made.iterdir()} == {
        "superbias.fits", "form.yaml", "verdict.json", "counterfactual.json", "insertion.json",
        "rules.diff", "certify.log", "README.md",
    }  # fmt: skip
    form = yaml.safe_load((made / "form.yaml").read_text())
    assert form["deliverer"] == "A. Body"
    assert form["compliance_verified"] == "Yes"
    assert form["old_reference_files"] == "jwst_nircam_superbias_0001.fits"
    assert all(form[name] not in ("", None) for name in REQUIRED)
    for value in form.values():
        assert re.fullmatch(r"[A-Za-z0-9 ._/,=+-]*", str(value)), value
    assert "0 errors" in (made / "certify.log").read_text()
    assert "jwst_nircam_superbias_0001.fits" in (made / "rules.diff").read_text()
    readme = (made / "README.md").read_text()
    assert readme.count("crds.submit") == 1
    assert not (folder / "nrcalong/delivery/readnoise").exists()


@pytest.mark.heavy
def test_cgi_maps_and_darks_better_than_those_in_use(checkout):
    """The maps in use were made of two frames of each stack, the new files of twelve."""
    stacks = [(1.5, 2), (500, 2), (30, 100), (5000, 100)]
    simulate = {
        "geometry": "small",
        "stacks": [{"gain": gain, "exptime": time, "frames": 12} for gain, time in stacks],
    }
    previous = checkout.folder / "in_use.fits"
    settings = {
        "geometry": "small", "previous": str(previous),
        "traditional": [{"gain": 30, "exptime": 100}],
        "synthesized": [{"gain": 500, "exptime": 2}],
    }  # fmt: skip
    items = {"excam": {"instrument": "cgi", "simulate": simulate, "cgi": settings}}
    choice = checkout.campaign(items=items)
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("results/small/excam/noise_maps.fits", "--config", choice)
    raw = sorted((checkout.folder / "results/small/raw/excam").glob("*.json"))
    # Every third frame of each stack is held out, from the second on.
    chosen = [path for k, path in enumerate(raw) if k % 12 in (0, 2)]
    run_cgi("noise_maps", "--geometry", "small", "--output", previous, *chosen, at=checkout.folder)
    checkout.snakemake("judge", "--config", choice)
    judge = checkout.folder / "results/small/excam/judge"
    verdict = json.loads((judge / "verdict_noise_maps.json").read_text())
    assert verdict["counterfactual"][0]["shift"] == 0
    assert verdict["score"]["exposures"] == 16
    assert verdict["score"]["verdict"] == "better", verdict["score"]
    assert verdict["verdict"] in ("deliver", "insufficient"), verdict["reason"]
    for dark in ("traditional_g30_t100", "synthesized_g500_t2"):
        verdict = json.loads((judge / f"verdict_{dark}.json").read_text())
        assert verdict["counterfactual"][0]["shift"] == 0
        assert verdict["score"]["exposures"] == 4
        assert verdict["score"]["verdict"] == "better", verdict["score"]


@pytest.mark.heavy
def test_a_wfc3_dark_of_seven_exposures_is_worse_than_the_true_one(checkout):
    """The superdark of one item is compared on the visit of another, in one campaign.

    The reason of a person delivers it nevertheless: the folder is whole, its form filled.
    """
    exposures = {"sampseq": "SPARS100", "subarray": "SQ128SUB", "dark_level": 0.007}
    dithers = ([0.0, 0.0], [2.1, 0.4], [0.3, 2.3], [2.5, 2.7])
    items = {
        "darks": {
            "instrument": "wfc3",
            "simulate": exposures | {"visit": 2, "exposures": [{"light": "none"}] * 7},
            "wfc3": {
                "product": "superdark",
                "superdark": {
                    "pedigree": "MODEL",
                    "description": "Simulated by darkroom",
                    "useafter": "2009-01-01T00:00:00",
                },
            },
        },
        "visit": {
            "instrument": "wfc3",
            "simulate": exposures
            | {"stars": 500, "exposures": [{"dither": place} for place in dithers]},
            "wfc3": {"candidates": {"dark": "results/small/darks/superdark.fits"}},
        },
    }
    deliver = {"person": "A. Body", "override": "a trial of the delivery"}
    choice = checkout.campaign(
        items=items, archive={"kind": "simulated", "seed": 71}, deliver=deliver
    )
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("judge", "--config", choice)
    folder = checkout.folder / "results/small"
    verdict = json.loads((folder / "visit/judge/verdict_dark.json").read_text())
    assert verdict["counterfactual"][0]["shift"] == 0
    assert verdict["gates"]
    # The one in use is the simulator's own: no mean of exposures is better.
    assert verdict["score"]["exposures"] == 4
    assert verdict["score"]["verdict"] == "worse", verdict["score"]
    assert verdict["verdict"] == "do not deliver", verdict["reason"]
    sky = next(r for r in verdict["counterfactual"] if r["estimand"] == "sky")
    assert (sky["class"], sky["harm"]) == ("all pixels", 0.01)
    # Levels of single darks scatter by 0.007 e-/s.
    assert abs(sky["shift"]) < 4 * 0.007 / 7**0.5
    # A gate that would see a fault of some size sees a larger one too.
    for path in folder.glob("visit/judge/verdict_*_flt.json"):
        for gate in json.loads(path.read_text())["gates"]:
            if gate["seen95"] and gate["seen95"] < gate["harm"]:
                assert gate["power"] >= 0.94, gate
    assert "Nothing to be done" in checkout.snakemake("-n", "--config", choice)
    # The verdict on the superdark itself has its gates, this comparison and its place in the rules.
    own = json.loads((folder / "darks/judge/verdict_superdark.json").read_text())
    assert own["score"] == verdict["score"] and own["verdict"] == "do not deliver"
    assert {gate["family"] for gate in own["gates"]} > {gate["family"] for gate in verdict["gates"]}
    checkout.snakemake("deliver", "--config", choice)
    made = folder / "darks/delivery/superdark"
    assert {path.name for path in made.iterdir()} == {
        "superdark.fits", "form.yaml", "verdict.json", "counterfactual.json", "insertion.json",
        "rules.diff", "certify.log", "README.md",
    }  # fmt: skip
    form = yaml.safe_load((made / "form.yaml").read_text())
    assert all(form[name] not in ("", None) for name in REQUIRED)
    assert (form["instrument"], form["file_type"]) == ("WFC3", "DARK")
    assert form["keywords_checked"] == form["history_updated"] == "Yes"
    # It has the USEAFTER of the dark in use, and other words.
    assert (form["descrip_updated"], form["useafter_matches"]) == ("Yes", "Yes")
    assert "SPARS100 SQ128SUB" in form["description"]
    assert "a trial of the delivery" in form["description"]
    assert "SAMP_SEQ SPARS100" in form["modes_affected"]
    inserted = json.loads((made / "insertion.json").read_text())
    # The dark of the row that the exposures of the visit have, and no other.
    assert inserted["change"] == "replaced" and inserted["replaced"] == [inserted["current"]]
    assert len(inserted["affected"]["exposures"]) == 4
    assert form["old_reference_files"] == inserted["current"]
    assert "python -m crds.submit --files superdark.fits" in (made / "README.md").read_text()
    assert "+++" in (made / "rules.diff").read_text()
    assert not (folder / "visit/delivery").exists()


@pytest.mark.heavy
def test_a_nircam_dark_and_mask_are_compared_with_those_of_crds(checkout):
    """Both go through the pipeline on four exposures that neither was made of."""
    made = {"pedigree": "DUMMY", "description": "Simulated", "useafter": "2022-01-01T00:00:00"}
    items = {
        "nrcalong": {
            "instrument": "nircam",
            "simulate": {
                "detector": "NRCALONG", "subarray": "SUB64P", "readpatt": "BRIGHT2",
                "exposures": 12, "nints": 2, "ngroups": 5,
            },
            "nircam": {
                "superbias": made | {"previous": "none"},
                "readnoise": made | {"previous": "none"},
                "spectrum": {"make": False},
                "reference_pixels": {"make": False},
                "dark": made | {"make": True, "previous": "crds"},
                "mask": made | {"make": True, "previous": "crds"},
            },
        }
    }  # fmt: skip
    choice = checkout.campaign(items=items)
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("judge", "--config", choice)
    judge = checkout.folder / "results/small/nrcalong/judge"
    for product in ("dark", "mask"):
        verdict = json.loads((judge / f"verdict_{product}.json").read_text())
        assert verdict["counterfactual"][0]["shift"] == 0
        # Two integrations of each of four exposures.
        assert verdict["score"]["exposures"] == 8
        # Those in use are the simulator's own.
        assert verdict["score"]["verdict"] in ("worse", "cannot tell"), verdict["score"]
        assert verdict["verdict"] != "deliver", verdict["reason"]
        assert (judge / f"insertion_{product}.json").exists()
    assert "Nothing to be done" in checkout.snakemake("-n", "--config", choice)


def run_cgi(program, *arguments, at):
    command = [sys.executable, SCRIPTS / f"cgi/{program}.py", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, cwd=at)
