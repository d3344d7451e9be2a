"""Exposures of a folder: which there are, their names and facts, and what is copied of them."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive import local
from darkroom.archive.fetching import Fetching
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError, InputError

CARDS = {
    "INSTRUME": "Trial",
    "EXPTIME": 30.0,
    "CCD-TEMP": -10.25,
    "DATE-OBS": "2026-01-02T03:04:05",
}


def write(path, shape=(4, 5), extension=False, seed=0, **cards):
    """Write a frame, or a cube of different images; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).integers(0, 1000, shape, np.int16)
    header = fits.Header(CARDS | cards)
    if extension:
        hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(data, name="SCI")]
    else:
        hdus = [fits.PrimaryHDU(data, header)]
    fits.HDUList(hdus).writeto(path)
    return path


def find(folder, pattern="*.fits", instrument="ccd", **settings):
    item = {"instrument": instrument, "frames": {"bias": pattern}} | settings
    return local.find({"folder": str(folder)}, {"camera": item})


def deliver(row, folder, target):
    local.deliver(row, target, {"folder": str(folder)}, {})
    return target


# Cubes


@pytest.mark.parametrize("extension", [False, True])
def test_each_different_image_of_a_cube_is_an_exposure(tmp_path, extension):
    path = write(tmp_path / "in" / "night.1.fits", (12, 4, 5), extension)
    rows = find(tmp_path / "in")
    assert [row.exposure for row in rows] == [f"night.1_{k:02}" for k in range(1, 13)]
    assert [row.file for row in rows] == [f"night.1_{k:02}.fits" for k in range(1, 13)]
    assert [row.uri for row in rows] == [f"local:night.1.fits#{k}" for k in range(1, 13)]
    assert {(row.size, row.role, row.item) for row in rows} == {(None, "bias", "camera")}
    assert rows[0].facts["exptime_s"] == "30"
    cube = fits.getdata(path)
    for row, plane in zip(rows, cube, strict=True):
        assert np.array_equal(
            fits.getdata(deliver(row, tmp_path / "in", tmp_path / row.file)), plane
        )


def test_an_image_that_a_cube_has_twice_is_one_exposure(tmp_path):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    data[1] = data[0]
    fits.PrimaryHDU(data, fits.Header(CARDS)).writeto(tmp_path / "a.fits")
    assert [row.exposure for row in find(tmp_path)] == ["a_1", "a_3"]


@pytest.mark.parametrize("shape", [(1, 4, 5), (4, 5)])
def test_a_single_image_is_the_exposure_of_its_file(tmp_path, shape):
    path = write(tmp_path / "a.fits", shape)
    (row,) = find(tmp_path)
    assert (row.exposure, row.file, row.uri) == ("a", "a.fits", "local:a.fits")
    assert row.size == path.stat().st_size


@pytest.mark.parametrize("instrument", ["nircam", "wfc3", "cgi", "fits"])
def test_a_cube_of_another_instrument_is_one_exposure(tmp_path, instrument):
    """That is a ramp, whose images belong together. (No instrument is called fits.)"""
    write(tmp_path / "a.fits", (3, 4, 5), DETECTOR="NRCA1", NGROUPS=3)
    (row,) = find(tmp_path, instrument=instrument)
    assert (row.exposure, row.uri) == ("a", "local:a.fits")
    assert (row.facts["detector"], row.facts["ngroups"]) == ("NRCA1", "3")


def test_a_cube_that_cannot_be_read_is_one_exposure_to_be_refused(tmp_path):
    path = write(tmp_path / "a.fits", (3, 4, 5))
    path.write_bytes(path.read_bytes()[:2880])
    (row,) = find(tmp_path)
    assert (row.exposure, row.size) == ("a", 2880)


def test_a_file_whose_name_looks_like_an_image_of_a_cube_is_the_whole_file(tmp_path):
    whole = write(tmp_path / "in" / "a.fits#2")
    write(tmp_path / "in" / "a.fits", (3, 4, 5))
    (row,) = find(tmp_path / "in", "a.fits#*")
    target = deliver(row, tmp_path / "in", tmp_path / "out.fits")
    assert target.read_bytes() == whole.read_bytes()
    row = Exposure("camera", "bias", "a_3", "a_3.fits", "local:a.fits#3", None)
    assert fits.getheader(deliver(row, tmp_path / "in", tmp_path / "3.fits"))["CUBPLANE"] == 3


# Facts


def test_facts_are_those_of_the_header(tmp_path):
    write(tmp_path / "a.fits", EMGAIN_C=12.5)
    (row,) = find(tmp_path)
    assert row.facts == {
        "instrument": "Trial",
        "shape": "4x5",
        "exptime_s": "30",
        "temperature_c": "-10.25",
        "em_gain": "12.5",
        "date_obs": "2026-01-02T03:04:05",
    }


def test_what_a_header_does_not_say_is_empty(tmp_path):
    data = np.zeros((4, 5), np.int16)
    fits.PrimaryHDU(data, fits.Header({"EXPTIME": 1.0, "EMGAIN_C": "high"})).writeto(
        tmp_path / "a.fits"
    )
    (row,) = find(tmp_path)
    assert {name for name, value in row.facts.items() if value} == {
        "instrument", "shape", "exptime_s",
    }  # fmt: skip
    assert row.facts["instrument"] == "unknown"


def test_facts_of_a_ramp_are_in_its_primary_header(tmp_path):
    cards = {"SAMP_SEQ": "SPARS50", "NSAMP": 15, "SUBARRAY": True, "SUBTYPE": "SQ256SUB"}
    cards |= {"DATE-OBS": "2012-03-04", "TIME-OBS": "05:06:07", "DETECTOR": "IR", "FILTER": "Blank"}
    write(tmp_path / "a.fits", extension=True, **cards)
    (row,) = find(tmp_path, instrument="wfc3")
    assert {name: value for name, value in row.facts.items() if value} == {
        "instrument": "Trial",
        "shape": "4x5",
        "exptime_s": "30",
        "temperature_c": "-10.25",
        "date_obs": "2012-03-04T05:06:07",
        "detector": "IR",
        "subarray": "SQ256SUB",
        "sampseq": "SPARS50",
        "nsamp": "15",
        "filter": "Blank",
    }


def test_a_subarray_is_named_by_its_own_card_where_there_is_no_other(tmp_path):
    path = write(tmp_path / "a.fits", (3, 4, 5), SUBARRAY="FULL")
    path_of_day = write(tmp_path / "b.fits", (3, 4, 5), **{"DATE-OBS": "", "TIME-OBS": "05:06:07"})
    assert local.header_facts(path, {"instrument": "nircam"})["subarray"] == "FULL"
    assert local.header_facts(path_of_day, {"instrument": "nircam"})["date_obs"] == ""
    path.write_bytes(b"nonsense")
    assert local.header_facts(path, {"instrument": "nircam"}) == {}


def test_a_frame_is_described_with_the_cards_of_its_item(tmp_path):
    path = write(tmp_path / "a.fits", SHUTTER=7.5)
    assert local.header_facts(path)["exptime_s"] == "30"
    settings = {"instrument": "ccd", "cards": {"exptime": "SHUTTER"}}
    assert local.header_facts(path, settings)["exptime_s"] == "7.5"


# Names


def test_names_take_as_many_folders_as_tell_them_apart():
    assert local.unique_names([]) == []
    assert local.unique_names(["a/x.fits", "b/y.fits"]) == ["x.fits", "y.fits"]
    assert local.unique_names(["a/b/x.fits", "c/b/x.fits", "c/y.fits"]) == [
        "a_b_x.fits", "c_b_x.fits", "y.fits",
    ]  # fmt: skip
    assert local.unique_names(["x.fits", "b/x.fits"]) == ["x.fits", "b_x.fits"]
    # Of one name without suffixes, and what another is called already.
    assert local.unique_names(["x.fits", "x.fit", "x.fits.gz"]) == [
        "x.fits", "x_2.fit", "x_3.fits.gz",
    ]  # fmt: skip
    assert local.unique_names(["b_x.fits", "a/x.fits", "b/x.fits"]) == [
        "b_x.fits", "a_x.fits", "b_x_2.fits",
    ]  # fmt: skip


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("f10b2", "f10b10", "f9", "f2", "f", "g1", "10", "9"):
        write(tmp_path / f"{name}.fits")
    assert [row.exposure for row in find(tmp_path)] == [
        "9", "10", "f2", "f9", "f10b2", "f10b10", "f", "g1",
    ]  # fmt: skip


def test_a_folder_is_no_file_and_a_file_that_two_patterns_match_is_one(tmp_path):
    write(tmp_path / "a.fits")
    (tmp_path / "b.fits").mkdir()
    assert [row.exposure for row in find(tmp_path, ["a*", "*.fits"])] == ["a"]
    write(tmp_path / "c" / "d.fits")
    assert [row.uri for row in find(tmp_path, "**/d.fits")] == ["local:c/d.fits"]


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../*", "a/.."])
def test_a_pattern_leads_out_of_no_folder(tmp_path, pattern):
    write(tmp_path / "in" / "a" / "x.fits")
    with pytest.raises(DarkroomError, match=r"item camera: the bias pattern .* leads out of the f"):
        find(tmp_path / "in", pattern)
    assert len(find(tmp_path / "in", "a/x*")) == 1


# Deliveries


@pytest.mark.parametrize("more", [-1, 1])
def test_a_file_of_another_size_than_in_the_lock_is_not_copied(tmp_path, more):
    path = write(tmp_path / "in" / "a.fits")
    (row,) = find(tmp_path / "in")
    size = path.stat().st_size
    os.truncate(path, size + more)
    with pytest.raises(InputError, match=f"has {size + more} bytes, {size} are expected"):
        deliver(row, tmp_path / "in", tmp_path / "out.fits")
    assert not (tmp_path / "out.fits").exists()
    path.unlink()
    with pytest.raises(InputError, match="is in the lock, but no longer in the folder"):
        deliver(row, tmp_path / "in", tmp_path / "out.fits")


def test_a_file_has_changed_when_it_was_written_to_after_a_time(tmp_path):
    path = write(tmp_path / "in" / "a.fits")
    (row,) = find(tmp_path / "in")
    archive, when = {"folder": str(tmp_path / "in")}, path.stat().st_ctime_ns
    changed = [local.changed_since(row, archive, when + after_ns) for after_ns in (-1, 0, 1)]
    assert changed == [True, False, False]
    path.unlink()
    assert not local.changed_since(row, archive, 0)
    assert not local.changed_since(row, {"folder": str(tmp_path / "none")}, 0)


def test_a_large_file_may_take_as_long_as_on_a_slow_disk():
    """At least two minutes, and a second for each megabyte: 12 GB are copied for hours."""
    row = Exposure("camera", "bias", "a", "a.fits", "local:a.fits", None)
    assert local.longest_attempt_s(row, {}) == 120
    row = Exposure("camera", "bias", "a", "a.fits", "local:a.fits", 12_000_000_000)
    assert local.longest_attempt_s(row, {}) == 12_120


def test_of_a_folder_one_file_is_copied_at_a_time_for_each_core(tmp_path):
    campaign = SimpleNamespace(archive={"kind": "local", "folder": str(tmp_path)})
    assert [Fetching(campaign, None, None, tmp_path, workers=k)._parallel for k in (1, 3)] == [1, 3]
