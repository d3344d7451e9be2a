"""The rules of CRDS and the steps of the JWST pipeline, run offline; each step is checked."""

import json
import re
import tarfile

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.status import read_status
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.uncal import primary_cards as uncal_cards
from darkroom.nircam.simulate.values import complete
from nircam_jwst import (
    CONTEXT,
    WITH_BORDER,
    WITHOUT_BORDER,
    deliver,
    jwst,
    need_jwst,
    program,
    small_cache,
)

CHAIN = ["dq_init", "saturation", "superbias", "refpix", "linearity"]
KINDS = ["mask", "saturation", "superbias", "linearity", "readnoise", "gain", "ipc", "dark"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give a cache, two exposures, the references and what the jwst environment makes of them."""
    need_jwst()
    folder = tmp_path_factory.mktemp("steps")
    cache = small_cache(folder / "crds", WITH_BORDER, WITHOUT_BORDER)
    inside = deliver(WITHOUT_BORDER, folder / "raw_inside")
    border = deliver(WITH_BORDER, folder / "raw")
    names = {kind: f"jwst_nircam_{kind}_0001.fits" for kind in KINDS}
    references = {kind: str(cache.reference(name)) for kind, name in names.items()}
    others = {kind: path.replace("_0001", "_0002") for kind, path in references.items()}
    holed = _holed(references["superbias"], folder / "holed.fits", flagged=False)
    flagged = _holed(references["superbias"], folder / "flagged.fits", flagged=True)
    early = folder / "early.fits"
    _before(border, early)

    def steps(path, names, given=references, parameters=None, **more):
        arguments = {"path": str(path), "steps": names, "references": given}
        return ["run_steps", arguments | {"parameters": parameters or {}} | more]

    calls = {
        **{f"open {k}": ["open_model", {"path": p}] for k, p in references.items()},
        "open raw": ["open_model", {"path": str(border)}],
        "best": [
            "best_references",
            {"path": str(border), "kinds": [*KINDS, "refpix"], "context": CONTEXT},
        ],
        "best other": [
            "best_references",
            {"path": str(inside), "kinds": ["mask"], "context": CONTEXT},
        ],
        "too early": [
            "best_references",
            {"path": str(early), "kinds": ["mask"], "context": CONTEXT},
        ],
        "no such type": [
            "best_references",
            {"path": str(border), "kinds": ["flat"], "context": CONTEXT},
        ],
        "chain": steps(border, CHAIN, save=str(folder / "chain.npy")),
        "dark": steps(border, [*CHAIN, "dark_current"]),
        "all": steps(border, ["group_scale", *CHAIN[:2], "ipc", *CHAIN[2:]]),
        "raw": steps(border, ["dq_init", "saturation"], save=str(folder / "raw.npy")),
        "no reference pixels": steps(inside, ["dq_init", "superbias", "refpix"], others),
        "holed": steps(border, ["dq_init", "superbias"], superbias=str(holed)),
        "flagged": steps(border, ["dq_init", "superbias"], superbias=str(flagged)),
        "parameter": steps(border, ["refpix"], parameters={"refpix": {"odd_even": False}}),
        "off": steps(border, CHAIN, parameters={"refpix": {"odd_even_columns": False}}),
        "saturated": steps(
            _changed(border, folder / "full.fits", "top"), ["dq_init", "saturation"]
        ),
        "cut": steps(_changed(border, folder / "cut.fits", "rows"), ["dq_init"]),
        "no ramp": steps(references["mask"], ["dq_init"]),
        "flags": ["flags", {}],
    }
    answers = dict(zip(calls, jwst(cache.path, list(calls.values())), strict=True))
    return {"cache": cache, "border": border, "folder": folder, "answers": answers}


def _holed(source, path, *, flagged):
    with fits.open(source) as hdus:
        hdus["SCI"].data[10:13, 10] = np.nan
        if flagged:
            hdus["DQ"].data[10:13, 10] = 1
        hdus.writeto(path)
    return path


def _changed(source, path, what):
    """Write a raw exposure that is saturated from the first group on, or lacks rows."""
    with fits.open(source, do_not_scale_image_data=True) as hdus:
        if what == "top":
            hdus["SCI"].data[...] = 32767
        else:
            data, old = hdus["SCI"].data[..., :100, :].copy(), hdus["SCI"].header
            hdus["SCI"] = fits.ImageHDU(data, name="SCI")
            hdus["SCI"].header["BZERO"] = old["BZERO"]
        hdus.writeto(path)
    return path


def _before(source, path):
    with fits.open(source) as hdus:
        hdus[0].header["DATE-OBS"] = "2021-01-01"
        hdus.writeto(path)


def answer(world, name):
    error, value = world["answers"][name]
    assert error is None, value
    return value


def refusal(world, name):
    error, value = world["answers"][name]
    assert error in ("InputError", "DarkroomError"), (error, value)
    return value


def test_our_data_quality_bits_are_those_of_the_pipeline(world):
    theirs = answer(world, "flags")
    assert {bit.name: bit.value for bit in Pixel} == {bit.name: theirs[bit.name] for bit in Pixel}


def test_the_raw_file_opens_as_the_pipelines_own_model(world):
    assert answer(world, "open raw") == ["Level1bModel", [1, 5, 160, 160], "uint16"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_simulated_reference_opens_as_its_model_without_a_warning(world, kind):
    model, shape, _ = answer(world, f"open {kind}")
    assert model.lower() == f"{kind}model"
    assert shape[-2:] == ([3, 3] if kind == "ipc" else [160, 160])


def test_crds_chooses_the_references_of_the_exposure_offline(world):
    best = answer(world, "best")
    assert best.pop("refpix") == "N/A"
    assert best == {kind: f"jwst_nircam_{kind}_0001.fits" for kind in KINDS}
    assert answer(world, "best other") == {"mask": "jwst_nircam_mask_0002.fits"}


def test_an_exposure_without_a_reference_is_refused_by_name(world):
    assert "jwst_0001.pmap has no mask for DETECTOR = 'NRCALONG'" in refusal(world, "too early")
    assert "jwst_0001.pmap has no rules for the type flat" in refusal(world, "no such type")


def test_the_steps_remove_what_the_detector_added(world):
    raw = np.load(world["folder"] / "raw.npy")
    ramps = np.load(world["folder"] / "chain.npy")
    assert np.median(raw) > 3000
    assert abs(np.median(ramps)) < 20
    assert answer(world, "chain") < 0.6 * answer(world, "raw")


def test_a_step_can_be_left_out_or_given_a_parameter(world):
    assert answer(world, "off") != answer(world, "chain")
    assert answer(world, "dark") == pytest.approx(answer(world, "chain"), rel=0.1)


def test_the_dark_pipelines_further_steps_can_be_chosen(world):
    """No coupling and no groups to scale here, so that they change nothing."""
    assert answer(world, "all") == answer(world, "chain")


def test_a_reference_pixel_step_that_changed_nothing_is_an_error(world):
    text = refusal(world, "no reference pixels")
    assert "refpix reported COMPLETE but changed nothing" in text


def test_a_superbias_with_unflagged_holes_is_refused(world):
    assert "3 pixels of this superbias are not finite and not flagged" in refusal(world, "holed")
    answer(world, "flagged")


def test_a_parameter_that_a_step_does_not_have_is_refused_with_those_it_has(world):
    text = refusal(world, "parameter")
    assert "refpix has no parameter 'odd_even' (did you mean 'odd_even_" in text
    assert "save_results" not in text


def test_a_file_that_holds_no_ramps_is_refused(world):
    assert "has no extension SCI (it holds PRIMARY, DQ" in refusal(world, "no ramp")


def test_an_exposure_saturated_from_the_start_is_refused(world):
    words = r"full\.fits: integration 1: 9\d% of its pixels have no usable value|: 100% of its"
    assert re.search(words, refusal(world, "saturated"))


def test_an_image_of_another_size_than_stated_is_refused(world):
    assert "cut.fits: SUBSIZE1 × SUBSIZE2 = 160 × 160, but SCI has 160 × 100 pixels" in refusal(
        world, "cut"
    )


def test_crds_ending_the_process_becomes_one_sentence(world, tmp_path):
    path = str(world["border"])
    best = {"path": path, "kinds": ["mask"], "context": CONTEXT}
    [(error, text)] = jwst(tmp_path, [["best_references", best]])
    assert (error, "CRDS ended (status" in text) == ("DarkroomError", True)


def test_real_rules_choose_the_references_that_they_are_known_to_choose(reference_data, tmp_path):
    """Real mappings of 2019 (jwst_0541.pmap): which files they name for A1 is known."""
    archive = next((reference_data / "crds").glob("*.tgz"))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    exposure = nircam.plan({"detector": "NRCA1"})[0]
    header = fits.PrimaryHDU()
    header.header.extend(uncal_cards(complete({"detector": "NRCA1"}), exposure), update=True)
    path = tmp_path / exposure.file
    header.writeto(path)
    kinds = ["mask", "saturation", "superbias", "linearity", "readnoise", "refpix"]
    context = "jwst_0541.pmap"
    call = ["best_references", {"path": str(path), "kinds": kinds, "context": context}]
    [(error, found)] = jwst(tmp_path / "subset", [call], context)
    assert error is None, found
    assert found == {
        "mask": "jwst_nircam_mask_0033.fits",
        "saturation": "jwst_nircam_saturation_0064.fits",
        "superbias": "jwst_nircam_superbias_0026.fits",
        "linearity": "jwst_nircam_linearity_0056.fits",
        "readnoise": "jwst_nircam_readnoise_0025.fits",
        "refpix": "N/A",
    }


def test_from_the_raw_file_to_ramps_by_the_programs(world, tmp_path):
    cache = ["--cache", world["cache"].path, "--context", CONTEXT]
    references = tmp_path / "references.json"
    done = program(
        "references/bestrefs", world["border"], "--kinds", *KINDS, *cache, "--output", references
    )
    assert done.returncode == 0, done.stderr
    table = tmp_path / "crds.tsv"
    done = program("references/sync", references, *cache, "--output", table)
    assert done.returncode == 0, done.stderr
    assert len(table.read_text().splitlines()) == 3 + len(KINDS)
    output, status = tmp_path / "ramps.fits", tmp_path / "ramps.json"
    steps = ["--steps", *CHAIN, "--references", references, "--status", status]
    done = program("nircam/calibrate", world["border"], *steps, *cache, "--output", output)
    assert done.returncode == 0, done.stderr
    assert read_status(status)["accepted"]
    with fits.open(output, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[:4]] == ["PRIMARY", "SCI", "PIXELDQ", "GROUPDQ"]
        header = hdus[0].header
        assert header["R_SUPERB"] == "crds://jwst_nircam_superbias_0001.fits"
        assert header["S_REFPIX"] == "COMPLETE"
        assert header["FILENAME"] == "ramps.fits"
        assert str(tmp_path) not in header.tostring()
        saved = np.load(world["folder"] / "chain.npy")
        np.testing.assert_array_equal(hdus["SCI"].data, saved)
    first = output.read_bytes()
    done = program("nircam/calibrate", world["border"], *steps, *cache, "--output", output)
    assert "up to date, made from the same inputs before" in done.stdout
    output.unlink()
    done = program("nircam/calibrate", world["border"], *steps, *cache, "--output", output)
    assert "kept" not in done.stdout
    assert output.read_bytes() == first


def test_an_exposure_no_step_can_use_is_recorded_or_stops_the_run_as_asked(world, tmp_path):
    cache = ["--cache", world["cache"].path, "--context", CONTEXT]
    references = tmp_path / "references.json"
    broken = tmp_path / "broken_uncal.fits"
    broken.write_bytes(world["border"].read_bytes()[:3000])
    program(
        "references/bestrefs", world["border"], "--kinds", "mask", *cache, "--output", references
    )
    status = tmp_path / "s.json"
    common = ["--steps", "dq_init", "--references", references, *cache]
    outputs = ["--status", status, "--output", tmp_path / "r.fits"]
    done = program("nircam/calibrate", broken, *common, *outputs, "--exclude")
    assert done.returncode == 0, done.stderr
    assert "broken_uncal.fits: " in json.loads(status.read_text())["reason"]
    done = program("nircam/calibrate", broken, *common, *outputs)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ERROR")
    assert "broken_uncal.fits: " in done.stderr.splitlines()[-1]
