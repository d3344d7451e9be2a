"""What the CCD rules ask of a campaign."""

import pytest

from darkroom.ccd.pipeline import CcdPipeline
from darkroom.errors import DarkroomError
from plans import a_plan

FACTS = {"shape": "10x20", "exptime_s": "10"}
ROWS = [
    ("a", role, name, FACTS)
    for role, name in (("bias", "b1"), ("bias", "b2"), ("dark", "d1"), ("science", "s1"))
]


def pipeline(folder, rows=ROWS, kind="local", **ccd):
    item = {"instrument": "ccd", "recover": ["EXPTIME=EXPOINUS*1e-6"], "ccd": ccd}
    return CcdPipeline(a_plan(folder, {"a": item}, rows, kind))


def test_products_follow_the_roles_of_the_exposures(tmp_path):
    made = pipeline(tmp_path).products("a")
    assert "results/c/a/science" in made
    assert "results/c/a/truth.fits" not in made
    without = pipeline(tmp_path, ROWS[:3], kind="simulated").products("a")
    assert "results/c/a/science" not in without
    assert "results/c/a/truth.fits" in without


def names(folder, rows):
    return [path.rpartition("/")[2] for path in pipeline(folder, rows).products("a")]


def test_bias_frames_alone_make_a_master_bias_and_a_read_noise(tmp_path):
    assert names(tmp_path, ROWS[:2]) == ["master_bias.fits", "read_noise.fits", "item.json"]
    assert names(tmp_path, ROWS[:1]) == ["master_bias.fits", "item.json"]


def test_darks_alone_make_a_rate_when_they_have_two_exposure_times(tmp_path):
    assert names(tmp_path, ROWS[2:]) == ["master_dark.fits", "item.json"]
    longer = ("a", "dark", "d2", FACTS | {"exptime_s": "20"})
    assert names(tmp_path, [*ROWS[2:], longer]) == [
        "master_dark.fits", "dark_rate.fits", "hot_pixels.fits", "bad_pixels.fits", "item.json",
    ]  # fmt: skip


def test_flats_tell_the_gain_where_the_read_noise_is_known(tmp_path):
    flats = [("a", "flat", name, FACTS) for name in ("f1", "f2")]
    assert "gain.fits" in names(tmp_path, [*ROWS, *flats])
    ccd = pipeline(tmp_path, [*ROWS[:2], *flats])
    assert ccd.gain_inputs("a") == {
        name: f"results/c/a/{name}.fits" for name in ("master_bias", "read_noise")
    }
    assert set(pipeline(tmp_path, [*ROWS, *flats]).gain_inputs("a")) == {
        "master_bias", "read_noise", "dark_rate", "hot_pixels",
    }  # fmt: skip
    assert "gain.fits" not in names(tmp_path, [*ROWS[1:], *flats])
    other = ("a", "flat", "f2", FACTS | {"exptime_s": "20"})
    assert "gain.fits" not in names(tmp_path, [*ROWS, flats[0], other])


def test_an_item_of_neither_is_refused(tmp_path):
    with pytest.raises(DarkroomError, match="item a: the CCD pipeline needs bias frames or darks"):
        pipeline(tmp_path, ROWS[3:]).products("a")


def test_options_are_the_settings_of_the_program(tmp_path):
    ccd = pipeline(tmp_path, gain_e_per_adu=2.0, pixel=[3, 4])
    assert ccd.options("a", "master_bias") == (
        "--clip mad --nsigma 5.0 --iterations 5 --saturation-adu 65535.0 --gain-e-per-adu 2.0 "
        "--overscan row --overscan-degree 3 --recover 'EXPTIME=EXPOINUS*1e-6' --judged"
    )
    assert ccd.options("a", "figures") == (
        "--pixel 3 4 --display-range-adu -30.0 50.0 --overscan row --overscan-degree 3"
    )
    assert "--hot-nsigma 5.0" in ccd.options("a", "hot_pixels")


def test_cards_that_the_campaign_names_reach_the_programs(tmp_path):
    item = {"instrument": "ccd", "cards": {"exptime": "EXP_TIME", "role": "ESO DPR TYPE"}}
    ccd = CcdPipeline(a_plan(tmp_path, {"a": item | {"ccd": {"gain_e_per_adu": "EGAIN"}}}, ROWS))
    words = ccd.options("a", "master_bias")
    assert "--gain-e-per-adu EGAIN" in words
    assert words.endswith("--cards exptime=EXP_TIME --cards 'role=ESO DPR TYPE' --judged")


def test_lists_of_science_frames_are_there_when_there_are_any(tmp_path):
    assert pipeline(tmp_path).science_lists("a") == {
        "science": "results/c/a/science.list",
        "subtracted": "results/c/a/subtracted.list",
    }
    assert pipeline(tmp_path, ROWS[:3]).science_lists("a") == {}


def test_products_of_stacks_are_those_that_the_item_makes(tmp_path):
    found = pipeline(tmp_path).stacked("a")
    assert list(found) == ["master_bias", "read_noise", "master_dark", "dark_rate"]
    assert list(found["dark_rate"].values()) == ["results/c/a/bias.list", "results/c/a/dark.list"]
    assert list(pipeline(tmp_path, ROWS[2:3]).stacked("a")) == ["master_dark"]


def test_every_part_of_the_frames_has_a_version_made_without_it(tmp_path):
    rows = [("a", "bias", f"b{n}", FACTS | {"date_obs": f"2026-01-0{n}"}) for n in range(1, 8)]
    ccd = pipeline(tmp_path, rows, previous=str(tmp_path))
    assert ccd.folds("a", "bias") == {"": ["b2", "b6"]}
    ccd.plan.campaign.settings["deck"] |= {"folds": 3}
    folds = {"_1": ["b1", "b4", "b7"], "_2": ["b2", "b5"], "_3": ["b3", "b6"]}
    assert ccd.folds("a", "bias") == folds
    assert sorted(ccd.deck("a", "bias")) == [f"b{n}" for n in range(1, 8)]
    judge = "results/c/a/judge"
    assert ccd.comparison("a", "read_noise") == {
        "candidate": [f"{judge}/trial_{k}_read_noise.fits" for k in (1, 2, 3)],
        "current": str(tmp_path / "read_noise.fits"),
        "frames": [f"{judge}/held_out_{k}_bias.list" for k in (1, 2, 3)],
        "bias": [f"{judge}/trial_{k}_master_bias.fits" for k in (1, 2, 3)],
    }
