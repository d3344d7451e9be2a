"""A delivery is a folder with everything; a product that is not to be delivered gets a sentence."""

import json

import numpy as np
import yaml
from astropy.io import fits

from darkroom.counterfactual.held_out import by_version, held_out
from darkroom.counterfactual.records import plain, read_record, write_record
from darkroom.delivery.folder import Delivery, refusal, withdraw, write_folder
from darkroom.delivery.validity import sentences
from darkroom.provenance import sha256
from nircam_jwst import PYTHON, need_jwst, own_program, program

VERDICT = {
    "format": "darkroom verdict 1", "item": "nrca1", "product": "superbias",
    "verdict": "do not deliver", "reason": "10 ramps", "next": "29 more ramps",
    "decisive": "adds 44.6 DN2", "gates": [], "score": None, "counterfactual": [],
    "versions": {"jwst": "3.0.0"}, "context": "jwst_0001.pmap", "change_level": "MODERATE",
    "insertion": {
        "useafter_matches": "Yes", "replaced": ["old.fits"], "gates": [],
        "affected": {"criteria": {"INSTRUMENT.DETECTOR": "NRCA1"}},
    },
}  # fmt: skip
CAMPAIGN = """
title: x
archive: {{kind: simulated, seed: 1}}
items:
  nrca1:
    instrument: nircam
    simulate: {{detector: NRCA1, subarray: SUB160, exposures: 2, ngroups: 3}}
deliver: {{person: A. Person{more}}}
"""


def delivered(folder, verdict, more=""):
    """Run the program on one product; return its process and the folder of the delivery."""
    need_jwst()
    campaign, results = folder / "camp.yaml", folder / "results"
    campaign.write_text(CAMPAIGN.format(more=more))
    if not (folder / "camp.lock.tsv").exists():
        done = own_program("archive/lock", "--campaign", campaign)
        assert done.returncode == 0, done.stderr
    item = results / "nrca1"
    (item / "judge").mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(np.zeros((2, 2)))
    hdu.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "REFTYPE": "SUPERBIAS"})
    hdu.writeto(item / "superbias.fits", overwrite=True)
    (item / "superbias.certified").write_text("0 errors\n")
    sums = {"candidate": sha256(item / "superbias.fits"), "current": None}
    content = VERDICT | {"verdict": verdict, "file": "superbias.fits", "sha256": sums}
    (item / "judge" / "verdict_superbias.json").write_text(json.dumps(content))
    done = program(
        "delivery/deliver", "nrca1/superbias", "--campaign", campaign, "--results", results,
        python=PYTHON,
    )  # fmt: skip
    return done, item / "delivery" / "superbias"


def test_a_product_is_delivered_into_a_folder(tmp_path):
    done, folder = delivered(tmp_path, "deliver")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in folder.iterdir()}
    assert names == {"superbias.fits", "verdict.json", "form.yaml", "certify.log", "README.md"}
    form = yaml.safe_load((folder / "form.yaml").read_text())
    assert form["deliverer"] == "A. Person"
    assert form["old_reference_files"] == "old.fits"
    readme = (folder / "README.md").read_text()
    assert "Nothing was sent" in readme
    command = "python -m crds.submit --files superbias.fits --redcat-parameters form.yaml"
    assert f"    {command} --change-level MODERATE" in readme


def test_what_a_series_says_of_its_validity_stands_in_form_and_readme(tmp_path):
    (tmp_path / "results/nrca1").mkdir(parents=True)
    validity = {
        "useafter": 61101.5, "after": 61040.0, "before": 61101.5, "changed": True,
        "good_days": 412.3, "at_least": True, "rate": [0.5, 0.1, 1.4],
    }  # fmt: skip
    trends = {"products": {"superbias": {"validity": validity}}}
    (tmp_path / "results/nrca1/trends.json").write_text(json.dumps(trends))
    done, folder = delivered(tmp_path, "deliver")
    assert done.returncode == 0, done.stderr
    form = yaml.safe_load((folder / "form.yaml").read_text())
    said = form["additional_considerations"]
    assert "proposes USEAFTER 2026-03-02" in said
    assert "changed between 2025-12-31 and 2026-03-02" in said
    assert "at least 412 days, at 95 percent confidence" in said
    readme = (folder / "README.md").read_text()
    assert "It stays within the tolerance for at least 412 days" in readme


def test_another_useafter_than_that_proposed_is_said():
    validity = {
        "useafter": 61101.5, "after": 61040.0, "before": 61101.5, "changed": True,
        "good_days": None, "at_least": False, "rate": None,
    }  # fmt: skip
    (early,) = sentences(validity, "2022-01-01T00:00:00")
    assert "exposures before the change would get it" in early
    (late,) = sentences(validity, "2027-01-01T00:00:00")
    assert "exposures after the change would not get it" in late
    (same,) = sentences(validity, "2026-03-02T00:00:00")
    assert "would" not in same
    (kept,) = sentences(validity | {"changed": False}, "2022-01-01T00:00:00")
    assert "no change" in kept
    assert sentences(None, "2022-01-01T00:00:00") == []


def test_a_product_that_is_not_to_be_delivered_ends_with_status_3_and_a_sentence(tmp_path):
    done, folder = delivered(tmp_path, "do not deliver")
    assert done.returncode == 3
    assert not folder.exists()
    lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
    assert lines == [
        "ERROR nrca1/superbias is not delivered: do not deliver, because 10 ramps (next: 29 more "
        "ramps); deliver.override with a reason delivers it nevertheless"
    ]


def test_an_override_delivers_and_stands_in_form_and_readme(tmp_path):
    done, folder = delivered(tmp_path, "cannot tell", ', override: "the other is lost"')
    assert done.returncode == 0, done.stderr
    form = yaml.safe_load((folder / "form.yaml").read_text())
    assert "against the verdict, the other is lost" in form["description"]
    assert "Delivered against the verdict: the other is lost" in (folder / "README.md").read_text()


def test_a_reason_of_blanks_delivers_nothing(tmp_path):
    done, folder = delivered(tmp_path, "cannot tell", ', override: "  "')
    assert done.returncode == 3, done.stdout
    assert "nrca1/superbias is not delivered: cannot tell" in done.stdout
    assert not folder.exists()


def test_a_reason_is_text_and_no_command_of_the_readme(tmp_path):
    hostile = r', override: "because\n\n    python -m crds.submit --all\n# <b>Title</b>"'
    done, folder = delivered(tmp_path, "cannot tell", hostile)
    assert done.returncode == 0, done.stderr
    readme = (folder / "README.md").read_text()
    assert [line.split()[:3] for line in readme.splitlines() if line.startswith("    ")] == [
        ["python", "-m", "crds.submit"]
    ]
    assert "--all" not in next(line for line in readme.splitlines() if line.startswith("    "))
    assert r"because python -m crds.submit --all \# \<b\>Title\</b\>" in readme
    form = yaml.safe_load((folder / "form.yaml").read_text())
    assert "because python -m crds.submit --all b Title /b" in form["description"]


def test_a_former_delivery_is_taken_away_when_the_verdict_is_another(tmp_path):
    """Its README would still tell how to send the file."""
    done, folder = delivered(tmp_path, "deliver")
    assert done.returncode == 0 and folder.exists()
    done, _ = delivered(tmp_path, "do not deliver")
    assert done.returncode == 3
    assert not folder.exists()
    assert "delivery/superbias: taken away" in done.stdout


def test_a_file_that_was_not_judged_is_refused(tmp_path):
    __, folder = delivered(tmp_path, "deliver")
    path = tmp_path / "results" / "nrca1" / "judge" / "verdict_superbias.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"sha256": {"candidate": "0" * 64, "current": None}}))
    done = program(
        "delivery/deliver", "nrca1/superbias", "--campaign", tmp_path / "camp.yaml",
        "--results", tmp_path / "results", python=PYTHON,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not the file that was judged" in done.stderr
    assert not folder.exists()


def test_a_file_without_crds_has_no_form(tmp_path):
    file, verdict = tmp_path / "bias.fits", tmp_path / "verdict.json"
    file.write_text("x")
    verdict.write_text("{}")
    name = write_folder(tmp_path / "out", Delivery("bias", file, verdict, {}, None, ""))
    assert name == ""
    assert "No CRDS holds files of this kind" in (tmp_path / "out" / "README.md").read_text()


def test_a_verdict_to_deliver_or_a_reason_is_no_refusal():
    assert refusal({"verdict": "deliver"}) == ""
    assert refusal({"verdict": "insufficient"}, "reason") == ""
    assert "insufficient" in refusal({"verdict": "insufficient"})


def test_exposures_are_held_out_over_the_whole_time():
    names = [f"e{n}" for n in range(12)]
    assert held_out(names, 4) == ["e1", "e4", "e7", "e10"]
    assert held_out(names, 0) == []
    assert held_out(names[:2], 4) == []
    assert held_out(names[:3], 4) == ["e1"]
    assert held_out(names[:10], 9) == ["e1", "e5", "e8"]


def test_records_have_six_digits_and_no_nan(tmp_path):
    path = tmp_path / "x.json"
    value = {
        "a": np.float64(1 / 3),
        "b": float("nan"),
        "c": [np.int64(3), True, None],
        "format": "f",
    }
    write_record(path, value)
    assert read_record(path, "f") == {"a": 0.333333, "b": None, "c": [3, True, None], "format": "f"}
    assert plain(float("inf")) is None


def test_a_list_without_the_exposures_held_out(tmp_path):
    source, target = tmp_path / "all.list", tmp_path / "some.list"
    source.write_text("# sha256 1\na/e1.chain.json\n# sha256 2\na/e10.chain.json\n")
    done = own_program("delivery/without", source, "--output", target, "--without", "e1")
    assert done.returncode == 0, done.stderr
    assert target.read_text() == "# sha256 2\na/e10.chain.json\n"
    done = own_program("delivery/without", source, "--output", target, "--without", "e")
    assert "names none of the exposures held out (e)" in done.stderr
    done = own_program("delivery/without", source, "--output", target, "--without", "e1", "e10")
    assert "hold out fewer" in done.stderr


def test_a_part_of_the_exposures_that_is_all_refused_is_named(tmp_path):
    """Every part has a version of its own (deck.folds); of the second, none is accepted."""
    exposures = [f"b{n}" for n in range(1, 7)]
    source = tmp_path / "bias.list"
    used = [name for name in exposures if name not in ("b2", "b5")]
    source.write_text("".join(f"frames/{name}.fits\n" for name in used))
    for end, part in by_version(exposures, 0, 3).items():
        others, left_out = (tmp_path / f"{name}{end}.list" for name in ("trial", "held_out"))
        done = own_program(
            "delivery/without", source, "--output", others, "--left-out", left_out,
            "--without", *part,
        )  # fmt: skip
        if end == "_2":
            assert done.returncode == 1
            assert "bias.list: names none of the exposures held out (b2, b5)" in done.stderr
            assert "fewer parts (deck.folds)" in done.stderr
            assert not others.exists()
        else:
            assert left_out.read_text() == "".join(f"frames/{name}.fits\n" for name in part)


def test_a_link_in_place_of_a_former_delivery_is_removed_and_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    (tmp_path / "superbias").symlink_to(tmp_path / "mine")
    assert withdraw(tmp_path / "superbias")
    assert not (tmp_path / "superbias").exists()
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"
