"""What the CCD rules ask of a campaign."""

import pytest

from darkroom.ccd.pipeline import CcdPipeline
from darkroom.errors import DarkroomError
from plans import a_plan

ROWS = [("a", role, f"{role}_1", {"shape": "10x20"}) for role in ("bias", "dark", "science")]


def pipeline(folder, rows=ROWS, kind="local", **ccd):
    item = {"instrument": "ccd", "recover": ["EXPTIME=EXPOINUS*1e-6"], "ccd": ccd}
    return CcdPipeline(a_plan(folder, {"a": item}, rows, kind))


def test_products_follow_the_roles_of_the_exposures(tmp_path):
    made = pipeline(tmp_path).products("a")
    assert "results/c/a/science" in made
    assert "results/c/a/truth.fits" not in made
    without = pipeline(tmp_path, ROWS[:2], kind="simulated").products("a")
    assert "results/c/a/science" not in without
    assert "results/c/a/truth.fits" in without


def test_an_item_without_darks_is_refused(tmp_path):
    with pytest.raises(DarkroomError, match="item a: the CCD pipeline needs bias frames and darks"):
        pipeline(tmp_path, ROWS[:1]).products("a")


def test_options_are_the_settings_of_the_program(tmp_path):
    ccd = pipeline(tmp_path, gain_e_per_adu=2.0, pixel=[3, 4])
    assert ccd.options("a", "master_bias") == (
        "--clip mad --nsigma 5.0 --iterations 5 --saturation-adu 65535.0 --gain-e-per-adu 2.0 "
        "--overscan row --overscan-degree 3 --recover 'EXPTIME=EXPOINUS*1e-6'"
    )
    assert ccd.options("a", "figures") == (
        "--pixel 3 4 --display-range-adu -30.0 50.0 --overscan row --overscan-degree 3"
    )
    assert "--hot-nsigma 5.0" in ccd.options("a", "hot_pixels")


def test_lists_of_science_frames_are_there_when_there_are_any(tmp_path):
    assert pipeline(tmp_path).science_lists("a") == {
        "science": "results/c/a/science.list",
        "subtracted": "results/c/a/subtracted.list",
    }
    assert pipeline(tmp_path, ROWS[:2]).science_lists("a") == {}
