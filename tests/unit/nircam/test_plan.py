"""What the NIRCam and CRDS rules ask of a campaign, and the small programs between the big ones."""

from pathlib import Path

import pytest
import yaml

from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.frames import COLUMNS, write_frames
from darkroom.campaign.status import write_status
from darkroom.crds.cache import Cache
from darkroom.crds.references import write_references
from darkroom.crds.settings import crds_settings
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.planning import (
    calibrate_options,
    check_dark,
    correction_options,
    corrections_of,
    dark_origin,
    item_kinds,
    noise_purpose,
    ramp_memory,
    reference_kinds,
    subtracts_made,
)
from nircam_jwst import CONTEXT, need_jwst, own_program, program, small_cache

ROOT = Path(__file__).resolve().parents[3]


def campaign(tmp_path, nircam=None, **top):
    settings = {
        "title": "t",
        "archive": {"kind": "local", "folder": "."},
        "items": {"a": {"instrument": "nircam", "nircam": nircam or {}}},
    }
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(settings | top))
    return open_campaign(str(path), ROOT)


def pipeline_settings(tmp_path, **nircam):
    return campaign(tmp_path, nircam).items["a"]["nircam"]


def test_by_default_an_item_needs_the_references_of_the_notebooks_steps(tmp_path):
    kinds = item_kinds(pipeline_settings(tmp_path))
    needed = ["linearity", "mask", "readnoise", "saturation"]
    assert kinds == [*needed, "sirskernel", "superbias"]
    kept = pipeline_settings(tmp_path, reference_pixels={"corrections": ["side"]})
    assert item_kinds(kept) == [*needed, "superbias"]
    asked = {"parameters": {"refpix": {"refpix_algorithm": "sirs"}}}
    kept = pipeline_settings(tmp_path, steps=asked, reference_pixels={"corrections": []})
    assert "sirskernel" in item_kinds(kept)


def test_what_is_neither_used_nor_compared_with_is_not_asked_for(tmp_path):
    nircam = pipeline_settings(
        tmp_path,
        steps={"superbias": ["dq_init"], "readnoise": ["dq_init", "refpix", "dark_current"]},
        superbias={"previous": "none"},
        readnoise={"previous": "ground.fits"},
        spectrum={"make": False},
        reference_pixels={"make": False},
    )
    assert item_kinds(nircam) == ["dark", "mask"]


@pytest.mark.parametrize(
    ("superbias", "origin"),
    [
        ({}, "first_group"),
        ({"sample": "intercept"}, "reset"),
        ({"sample": "pedestal"}, "reset"),
        ({"sample": "pedestal", "pedestal": "stcal"}, "first_group"),
        ({"sample": "pedestal", "method": "reffiles"}, "first_group"),
    ],
)
def test_the_dark_begins_where_the_superbias_made_here_needs_it(tmp_path, superbias, origin):
    settings = pipeline_settings(tmp_path, superbias=superbias)
    assert dark_origin(settings, "a") == origin
    of_crds = pipeline_settings(tmp_path, superbias=superbias, steps={"superbias_from": "crds"})
    assert dark_origin(of_crds, "a") == "first_group"
    wrong = {"reset": "first_group", "first_group": "reset"}[origin]
    told = pipeline_settings(tmp_path, superbias=superbias, dark={"origin": wrong})
    with pytest.raises(DarkroomError, match=f"item a: dark.origin is {wrong}, but"):
        dark_origin(told, "a")


@pytest.mark.parametrize(
    ("nircam", "words"),
    [
        ({"dark": {"make": True, "method": "reffiles"}}, "dark.method reffiles needs the flags"),
        ({"mask": {"make": True, "method": "reffiles"}}, "mask.method reffiles needs the slopes"),
        ({"mask": {"make": True}}, "mask.make needs the dark"),
    ],
)
def test_a_dark_or_mask_that_cannot_be_made_is_refused(tmp_path, nircam, words):
    with pytest.raises(DarkroomError, match=f"item a: {words}"):
        check_dark(pipeline_settings(tmp_path, **nircam), "a")


def test_an_unknown_step_is_refused_with_the_known_ones():
    with pytest.raises(
        DarkroomError, match="there is no step 'jump'; known steps: group_scale, dq"
    ):
        reference_kinds(["jump"])


def test_the_read_noise_takes_the_superbias_just_made_unless_told_otherwise(tmp_path):
    assert subtracts_made(pipeline_settings(tmp_path), "readnoise")
    assert not subtracts_made(pipeline_settings(tmp_path), "superbias")
    assert not subtracts_made(
        pipeline_settings(tmp_path, steps={"superbias_from": "crds"}), "readnoise"
    )
    assert not subtracts_made(
        pipeline_settings(tmp_path, steps={"readnoise": ["dq_init"]}), "readnoise"
    )


def test_a_superbias_cannot_be_subtracted_before_it_is_made(tmp_path):
    nircam = pipeline_settings(tmp_path, steps={"superbias": ["dq_init", "superbias"]})
    with pytest.raises(DarkroomError, match="a superbias made after these steps would be 0"):
        subtracts_made(nircam, "superbias")


def test_only_the_parameters_of_steps_that_run_are_handed_on(tmp_path):
    parameters = {"refpix": {"odd_even_columns": False}, "saturation": {"n_pix_grow_sat": 2}}
    nircam = pipeline_settings(tmp_path, steps={"parameters": parameters})
    options = calibrate_options(nircam, "superbias")
    assert options == (
        '--steps dq_init saturation --parameters \'{"saturation": {"n_pix_grow_sat": 2}}\''
    )


def test_memory_follows_the_shape_of_the_exposure():
    full = ramp_memory({"shape": "2048x2048", "nints": "1", "ngroups": "10"})
    assert 1250 < full < 2000  # measured: 960 to 1250 MB
    assert ramp_memory({"shape": "160x160", "nints": "3", "ngroups": "8"}) < 1000
    assert ramp_memory({}) > full


def test_facts_for_crds_are_checked_before_any_work(tmp_path):
    for key, value in (
        ("pedigree", "GROND"),
        ("useafter", "yesterday"),
        ("description", "x" * 66),
        ("author", ""),
    ):
        with pytest.raises(InputError, match=f"nircam.superbias.{key}"):
            campaign(tmp_path, {"superbias": {key: value}})


def test_crds_settings_come_from_the_campaign(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_CACHE", "/somewhere")
    given = {"context": "jwst_1293.pmap", "path": "$MY_CACHE/crds"}
    found = crds_settings(campaign(tmp_path, crds={"jwst": given}), "jwst", "results")
    assert (found.context, found.cache) == ("jwst_1293.pmap", "/somewhere/crds")
    assert found.server == "https://jwst-crds.stsci.edu"
    given |= {"server": None, "path": None}
    found = crds_settings(campaign(tmp_path, crds={"jwst": given}), "jwst", "results")
    assert (found.server, found.cache) == (None, "results/crds")


def test_simulated_campaigns_bring_their_own_references(tmp_path):
    simulated = campaign(tmp_path, archive={"kind": "simulated", "seed": 1})
    found = crds_settings(simulated, "jwst", "results")
    assert (found.context, found.server, found.cache) == (CONTEXT, None, "results/c/crds")


def test_a_campaign_without_a_pinned_context_is_told_how_to_pin_one(tmp_path):
    with pytest.raises(DarkroomError, match=r"needs references of jwst; pin the context"):
        crds_settings(campaign(tmp_path), "jwst", "results")
    wrong = campaign(tmp_path, crds={"jwst": {"context": "hst_0001.pmap"}})
    with pytest.raises(DarkroomError, match=r"'hst_0001\.pmap', a context of another observatory"):
        crds_settings(wrong, "jwst", "results")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Give a small cache of two detectors."""
    folder = tmp_path_factory.mktemp("plan")
    sets = [{"detector": name, "subarray": "SUB64P"} for name in ("NRCB1", "NRCA3")]
    return small_cache(folder / "crds", *sets)


def test_the_earlier_reference_is_the_one_all_exposures_have(cache, tmp_path):
    lists = []
    for number in (1, 1, 2):
        lists.append(tmp_path / f"{len(lists)}.json")
        facts = cache.record(f"jwst_nircam_superbias_{number:04d}.fits")
        write_references(lists[-1], {"superbias": facts})
    refused = tmp_path / "refused.json"
    write_references(refused, {})
    output = tmp_path / "previous.fits"
    options = ["--kind", "superbias", "--cache", cache.path, "--output", output]
    done = own_program("nircam/previous", *lists[:2], refused, *options)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == cache.reference("jwst_nircam_superbias_0001.fits").read_bytes()
    done = own_program("nircam/previous", *lists, *options)
    assert "the exposures have different superbias references" in done.stderr
    done = own_program("nircam/previous", refused, *options)
    assert "CRDS has no superbias for these exposures" in done.stderr


def _status(folder, exposure, accepted, reason=""):
    ramps = folder / f"{exposure}.fits"
    ramps.write_bytes(b"x")
    status = {
        "item": "a",
        "role": "dark",
        "exposure": exposure,
        "file": ramps.name,
        "uri": "",
        "accepted": accepted,
        "reason": reason,
        "size": 1,
        "sha256": "0" * 64,
        "facts": {},
        "notes": [],
    }
    write_status(folder / f"{exposure}.json", status)
    return folder / f"{exposure}.json"


def test_ramps_are_used_when_neither_the_frame_table_nor_a_step_refused_them(tmp_path):
    statuses = [_status(tmp_path, n, n != "b", "no ramps" * (n == "b")) for n in "abc"]
    rows = [dict.fromkeys(COLUMNS, "") | {"exposure": n, "accepted": "yes"} for n in "abc"]
    rows[2]["accepted"] = "no"
    write_frames(tmp_path / "frames.tsv", rows)
    output = tmp_path / "ramps.list"
    options = ["--frames", tmp_path / "frames.tsv", "--output", output]
    done = own_program("nircam/ramp_list", *statuses, *options)
    assert done.returncode == 0, done.stderr
    assert [x for x in output.read_text().splitlines() if x[0] != "#"] == [f"{tmp_path}/a.fits"]
    done = own_program("nircam/ramp_list", *statuses[1:], *options)
    assert done.returncode == 1
    assert "no exposure is left to use: no ramps; c: see the frame table" in done.stderr


def test_a_reference_file_that_crds_does_not_take_is_an_error(cache, tmp_path):
    need_jwst()
    from astropy.io import fits

    reference = tmp_path / "superbias.fits"
    with fits.open(cache.reference("jwst_nircam_superbias_0001.fits")) as hdus:
        hdus[0].header["PEDIGREE"] = "GROND"
        hdus.writeto(reference)
    place = ["--cache", cache.path, "--context", CONTEXT]
    done = program("references/certify", reference, *place, "--output", tmp_path / "said.txt")
    assert done.returncode == 1
    assert "superbias.fits: CRDS does not certify it" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "said.txt").exists()


def test_the_small_cache_holds_what_its_server_states(cache):
    stated = Cache(cache.path, "jwst")
    files = sorted(p.name for p in (cache.path / "references" / "jwst").iterdir())
    assert len(files) == 16
    assert [name for name in files if stated.fault(stated.record(name))] == []


def test_noise_is_measured_on_the_ramps_of_the_superbias_when_they_are_the_same(tmp_path):
    assert noise_purpose(pipeline_settings(tmp_path)) == "superbias"
    nircam = pipeline_settings(tmp_path, steps={"superbias": ["dq_init", "saturation", "refpix"]})
    assert noise_purpose(nircam) == "noise"


def test_corrections_differ_in_the_parameters_of_the_pipelines_step():
    assert '"use_side_ref_pixels": false' in correction_options("top_bottom")
    # Those of the best one are measured and come from a file.
    assert "--parameters" not in correction_options("optimal")


def test_sides_are_not_compared_where_the_pipeline_does_not_use_them(tmp_path):
    nircam = pipeline_settings(tmp_path)

    def possible(subarray, pipeline=nircam):
        found = corrections_of(pipeline, {"subarray": subarray})
        return [name for name, why in found.items() if not why]

    every = ["top_bottom", "side", "sirs", "optimal"]
    assert list(corrections_of(nircam, {"subarray": "SUB160"})) == every
    assert possible("SUB160") == ["top_bottom"]
    assert "one output" in corrections_of(nircam, {"subarray": "SUB160"})["sirs"]
    assert possible("SUBGRISM64") == ["top_bottom", "side", "optimal"]
    assert "full frames only" in corrections_of(nircam, {"subarray": "SUBGRISM64"})["sirs"]
    assert possible("FULL") == every
    # Something is always compared.
    alone = pipeline_settings(tmp_path, reference_pixels={"corrections": ["sirs"]})
    assert possible("SUBGRISM64", alone) == ["top_bottom"]
    off = pipeline_settings(tmp_path, reference_pixels={"corrections": []})
    assert corrections_of(off, {"subarray": "SUB160"}) == {}
