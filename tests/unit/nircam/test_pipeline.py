"""What the NIRCam rules ask of a campaign: ramps, methods, corrections, figures."""

import pytest

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.pipeline import NircamPipeline, measured_options
from plans import a_plan

FACTS = {"detector": "NRCA1", "subarray": "FULL", "readpatt": "RAPID", "shape": "2048x2048"}
ROWS = [("a", "dark", f"e{n}", FACTS) for n in (1, 2)]


def pipeline(folder, kind="local", rows=ROWS, **nircam):
    return NircamPipeline(
        a_plan(folder, {"a": {"instrument": "nircam", "nircam": nircam}}, rows, kind)
    )


def test_the_superbias_just_made_is_an_input_of_what_subtracts_it(tmp_path):
    nircam = pipeline(tmp_path)
    assert nircam.superbias_made("a", "readnoise") == {"superbias": "results/c/a/superbias.fits"}
    assert nircam.superbias_made("a", "superbias") == {}


def test_a_plan_is_made_of_an_odd_exposure_too_which_is_refused_when_judged(tmp_path):
    odd = [("a", "dark", "e0", FACTS | {"subarray": "SUB160"}), *ROWS]
    found = pipeline(tmp_path, rows=odd)
    assert found.calibrated("a", "noise") == "results/c/a/calibrated_noise.list"
    assert found.chosen_corrections("a") == pipeline(tmp_path).chosen_corrections("a")


def test_the_earlier_file_is_that_of_crds_a_path_or_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pipeline(tmp_path).previous("a", "superbias") == {
        "previous": "results/c/a/previous_superbias.fits"
    }
    other = pipeline(tmp_path, superbias={"previous": "old.fits"}, readnoise={"previous": "none"})
    with pytest.raises(InputError, match=r"old.fits: no such file; item a: nircam.superbias.prev"):
        other.previous("a", "superbias")
    (tmp_path / "old.fits").touch()
    assert other.previous("a", "superbias") == {"previous": "old.fits"}
    assert other.previous("a", "readnoise") == {}
    # What another item of the campaign makes is made first.
    made = pipeline(tmp_path, superbias={"previous": "results/c/b/superbias.fits"})
    assert made.previous("a", "superbias") == {"previous": "results/c/b/superbias.fits"}


def test_the_other_method_has_the_same_settings_but_the_method(tmp_path):
    nircam = pipeline(tmp_path, superbias={"pixel": [1, 2]})
    assert "--method aligned" in nircam.options("a", "superbias")
    assert "--pixel 1 2" in nircam.options("a", "superbias")
    assert "--method reffiles" in nircam.other_options("a", "superbias")
    assert "--pixel" not in nircam.other_options("a", "superbias")
    assert (
        pipeline(tmp_path, superbias={"other_method": "none"}).other_method("a", "superbias")
        is None
    )


def test_corrections_that_are_not_possible_are_named_with_the_reason(tmp_path):
    small = [("a", "dark", "e1", FACTS | {"subarray": "SUB160"})]
    nircam = pipeline(tmp_path, rows=small)
    assert nircam.corrections("a") == ["top_bottom"]
    options = nircam.corrected_options("a")
    assert options.startswith("--corrected top_bottom results/c/a/ramps/top_bottom/e1.json ")
    assert "--not-possible side 'through one output" in options
    assert len(pipeline(tmp_path).all_corrected("a")) == 4
    assert pipeline(tmp_path).compared_raw("a") == ["results/c/raw/a/e1.json"]


def test_what_a_correction_needs(tmp_path):
    nircam = pipeline(tmp_path)
    assert nircam.correct_inputs("a", "sirs")["kernel"] == "results/c/a/sirs_kernel.asdf"
    assert nircam.correct_inputs("a", "optimal")["best"] == "results/c/a/best_side.json"
    crds = pipeline(tmp_path, steps={"superbias_from": "crds"})
    assert crds.correct_inputs("a", "side") == {}
    assert measured_options({"kernel": "k.asdf"}) == "--sirs-kernel k.asdf"


def test_reference_pixels_need_the_spectrum(tmp_path):
    nircam = pipeline(tmp_path, spectrum={"make": False})
    with pytest.raises(DarkroomError, match=r"reference_pixels.make needs the noise spectrum"):
        nircam.makes_reference_pixels("a")


def test_figures_show_what_is_made(tmp_path):
    off = {"spectrum": {"make": False}, "reference_pixels": {"make": False}}
    nircam = pipeline(tmp_path, kind="simulated", **off, readnoise={"pixel": [5, 6]})
    inputs = nircam.figure_inputs("a")
    assert set(inputs) == {"truth", "comparison", "superbias_other", "readnoise_other"}
    options = nircam.figure_options("a", {"truth": "t.fits", "superbias_other": ["a", "b"]})
    assert options == "--superbias-other a b --truth t.fits --pixel 5 6"


def test_products_and_their_numbers(tmp_path):
    nircam = pipeline(tmp_path)
    names = {path.rpartition("/")[2] for path in nircam.products("a")}
    assert {"superbias.fits", "readnoise.certified", "corrections.csv", "item.json"} <= names
    assert "truth.fits" not in names
    assert nircam.quantities("a")[:2] == [
        "results/c/a/superbias.json",
        "results/c/a/readnoise.json",
    ]
    assert nircam.noise_ramps("a") == "results/c/a/superbias_ramps.list"
    outputs = {"quantities": "q.json"}
    assert nircam.product_options({}, outputs) == "--quantities q.json"
    assert nircam.ramp_memory("a", 2) > 2000
    assert nircam.truth_settings("a")[-3:] == ["aligned", "group0", "reset"]
    assert nircam.noise_truth_inputs("a")["reference"] == "results/c/a/reference_pixels.fits"
    assert "sirskernel" in nircam.reference_kinds("a")
    assert nircam.calibrate_options("a", "superbias") == "--steps dq_init saturation"
    assert nircam.place() == "--cache results/crds --context jwst_1234.pmap"


def test_each_engine_has_its_rules_and_both_compares_them(tmp_path):
    builtin, jwst, both = (pipeline(tmp_path, engine=name) for name in ("builtin", "jwst", "both"))
    for found, made, checked in (
        (builtin, "(?!)", "a"),
        (jwst, "a", "(?!)"),
        (both, "(?!)", "a"),
    ):
        assert found.only_items_by("jwst") == made
        assert found.only_items_by("builtin", "both") == checked
    assert builtin.ramps_by_pipeline("a", "superbias") == {}
    against = both.ramps_by_pipeline("a", "superbias")["against"]
    assert against == both.calibrated("a", "superbias")
    assert both.against("a", "calibrated/noise") == "--against results/c/a/calibrated/noise"
    assert jwst.all_corrected("a")[0] == "results/c/a/corrected/top_bottom.list"
    assert builtin.all_corrected("a")[0] == "results/c/a/ramps/top_bottom"


def test_what_the_built_in_engine_cannot_do_is_refused_when_planned(tmp_path):
    steps = {"parameters": {"dq_init": {"user_supplied_dq": "mine.fits"}}}
    with pytest.raises(DarkroomError, match=r"user_supplied_dq.*use engine: jwst"):
        pipeline(tmp_path, steps=steps).engine("a")
    assert pipeline(tmp_path, engine="jwst", steps=steps).engine("a") == "jwst"
    with pytest.raises(DarkroomError, match="side_gain of refpix is '1'"):
        pipeline(tmp_path, steps={"parameters": {"refpix": {"side_gain": "1"}}}).engine("a")


def test_bands_compare_the_exposures_corrected_with_and_without_side_pixels(tmp_path):
    nircam = pipeline(tmp_path, superbias={"bands": True})
    assert nircam.band_inputs("a") == ["results/c/a/ramps/side", "results/c/a/ramps/top_bottom"]
    assert nircam.band_options("a").startswith("--with-side results/c/a/ramps/side/e1.json")
    by_jwst = pipeline(tmp_path, superbias={"bands": True}, engine="jwst")
    assert by_jwst.band_inputs("a")[0] == "results/c/a/corrected/side/e1.json"
    made = {"results/c/a/superbias_bands.fits", "results/c/a/superbias_bands.json"}
    assert made <= set(nircam.products("a"))
    assert nircam.figure_inputs("a")["bands"] == "results/c/a/superbias_bands.fits"
    assert not made & set(pipeline(tmp_path).products("a"))
    alone = pipeline(tmp_path, superbias={"bands": True}, reference_pixels={"corrections": []})
    with pytest.raises(DarkroomError, match="side and top_bottom, and side and top_bottom is not"):
        alone.makes_bands("a")


def test_a_mask_is_made_with_the_bad_reference_pixels_of_the_item(tmp_path):
    darks = {"dark": {"make": True, "gain": 2.0}, "mask": {"make": True}}
    inputs = pipeline(tmp_path, **darks).mask_inputs("a")
    assert inputs == {"pixels": "results/c/a/reference_pixels.fits"}
    assert pipeline(tmp_path, **darks, reference_pixels={"make": False}).mask_inputs("a") == {}


def test_a_simulated_crds_has_the_types_of_what_is_made(tmp_path):
    darks = {"dark": {"make": True, "gain": 2.0}, "mask": {"make": True}}
    assert "dark" in pipeline(tmp_path, kind="simulated", **darks).reference_kinds("a")
    assert "dark" not in pipeline(tmp_path, **darks).reference_kinds("a")  # a file of gigabytes
    assert "dark" not in pipeline(tmp_path, kind="simulated").reference_kinds("a")


def test_every_part_of_the_exposures_has_a_version_made_without_it(tmp_path):
    rows = [("a", "dark", f"e{n}", FACTS | {"date_obs": f"2026-01-0{n}"}) for n in range(1, 8)]
    nircam = pipeline(tmp_path, rows=rows)
    nircam.plan.campaign.settings["deck"] |= {"folds": 3}
    folds = nircam.folds("a")
    assert folds == {"_1": ["e1", "e4", "e7"], "_2": ["e2", "e5"], "_3": ["e3", "e6"]}
    assert sorted(nircam.deck("a")) == [f"e{n}" for n in range(1, 8)]
    words, inputs = nircam.comparison("a", "superbias")
    judge = "results/c/a/judge"
    trials = [f"{judge}/trial_{k}_superbias.fits" for k in (1, 2, 3)]
    assert f"--candidate {' '.join(trials)} --current" in words
    assert inputs[:3] == trials
    assert nircam.trial_ramps("a", "mask")[2] == f"{judge}/trial_3_readnoise_ramps.list"
    nircam.plan.campaign.settings["deck"] |= {"folds": 20}
    assert len(nircam.folds("a")) == 7


def test_a_comparison_names_its_files_and_the_exposures_that_were_held_out(tmp_path):
    rows = [("a", "dark", f"e{n}", FACTS | {"date_obs": f"2026-01-0{n}"}) for n in range(1, 7)]
    nircam = pipeline(tmp_path, rows=rows)
    words, inputs = nircam.comparison("a", "readnoise")
    judge, held = "results/c/a/judge", nircam.deck("a")
    assert len(held) == 2
    assert words.startswith(f"--product readnoise --candidate {judge}/trial_readnoise.fits ")
    assert f"--made-of {judge}/trial_readnoise_ramps.list" in words
    assert "--context jwst_1234.pmap" in words
    # The noise spectrum predicts what VAR_RNOISE is.
    assert "--spectrum results/c/a/noise_spectrum.fits" in words
    assert inputs[:4] == [
        f"{judge}/trial_readnoise.fits", "results/c/a/previous_readnoise.fits",
        "results/c/a/noise_spectrum.fits", f"{judge}/trial_readnoise_ramps.list",
    ]  # fmt: skip
    # All that the program reads of an exposure: a note of a batch is worth nothing after an edit.
    assert inputs[4:] == [
        "results/c/a/refusals.list", f"{judge}/references.list", "results/c/a/statuses.list",
    ]  # fmt: skip
