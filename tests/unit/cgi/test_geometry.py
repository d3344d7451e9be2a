"""Detector geometries: the flight detector's numbers, and refusals of others that cannot be."""

import copy
import json

import pytest

from cgi_stacks import REGIONS
from darkroom.cgi.geometry import POPULATIONS, read_geometry
from darkroom.errors import InputError


def test_the_flight_detector():
    geometry = read_geometry()
    assert geometry.shape == (1200, 2200)
    assert geometry.section("image") == (slice(13, 1037), slice(1088, 2112))
    assert geometry.imaging == (slice(0, 1037), slice(1088, 2144))
    assert geometry.telemetry_rows == slice(1199, 1200)
    assert geometry.bias_region == (slice(0, 1199), slice(800, 1000))
    assert geometry.em_stages == 604


def test_every_pixel_belongs_to_a_population():
    geometry = read_geometry("small")
    populations = geometry.populations
    assert (populations == POPULATIONS.index("rest")).sum() == 0
    assert populations[0, 108] == populations[105, 214] == POPULATIONS.index("imaging")
    assert populations[0, 107] == POPULATIONS.index("prescan")
    assert populations[110, 150] == POPULATIONS.index("parallel_overscan")
    assert (populations[-1] == POPULATIONS.index("telemetry")).all()


def test_regions_may_stand_at_the_top_of_the_file(tmp_path):
    path = tmp_path / "flat.json"
    path.write_text(json.dumps(REGIONS))
    assert read_geometry(path).shape == (40, 60)


def test_no_telemetry_row(tmp_path):
    path = tmp_path / "none.json"
    path.write_text(json.dumps({"SCI": REGIONS, "telemetry_rows": [0, 0]}))
    assert (read_geometry(path).populations == POPULATIONS.index("telemetry")).sum() == 0


def changed(**changes):
    regions = copy.deepcopy(REGIONS)
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            regions[part][key] = value
        else:
            regions[part] = value
    return {"SCI": regions}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is no valid JSON"),
        ("[1]", "must hold a dictionary"),
        (changed(frame_rows="40"), "frame_rows is '40', a positive whole number is needed"),
        (changed(image=None), "lacks the region 'image'"),
        (changed(image__r0c0=[20, 24]), "region 'image' .* lies outside the frame of 40 x 60"),
        (changed(image__r0c0=3), r"r0c0 of 'image' is 3, \[row, column\] is needed"),
        (changed(prescan__col_end=90), "col_start 0 and col_end 90 of the prescan"),
        (changed(overscan={}), "unknown key 'overscan'"),
        (changed() | {"telemetry_rows": [30, 35]}, "telemetry rows 30 to 34 reach into the image"),
        (changed() | {"telemetry_rows": 7}, "telemetry_rows is 7"),
        (changed() | {"em_stages": 0}, "em_stages is 0"),
        (changed(parallel_overscan__rows=1), "do not fit together"),
    ],
)
def test_a_geometry_that_cannot_be_is_refused(tmp_path, content, text):
    path = tmp_path / "geometry.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=text):
        read_geometry(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json: no such geometry file"):
        read_geometry(tmp_path / "nothing.json")
