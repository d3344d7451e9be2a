"""An exposure is accepted whole and verified, or refused by name; nothing half-made is left."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive import local
from darkroom.archive.fetching import header_reader
from darkroom.archive.receive import receive
from darkroom.campaign.frames import (
    frame_table,
    read_frames,
    require_accepted,
    role_list,
    write_frames,
)
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.status import acceptance, read_status, refusal, write_status
from darkroom.ccd.judging import checks
from darkroom.errors import DarkroomError, InputError

ITEM = {"instrument": "ccd", "recover": []}


def make_frame(path, exptime=1.0, shape=(20, 30), imagetyp=None, instrument="Trial"):
    noise = np.random.default_rng(zlib.crc32(path.name.encode()))
    hdu = fits.PrimaryHDU(noise.integers(990, 1010, shape, np.uint16))
    hdu.header["EXPTIME"] = exptime
    hdu.header["INSTRUME"] = instrument
    if imagetyp:
        hdu.header["IMAGETYP"] = imagetyp
    path.parent.mkdir(exist_ok=True, parents=True)
    hdu.writeto(path, checksum=True, overwrite=True)
    return path


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10):
        make_frame(tmp_path / "frames" / f"bias_{number}.fits", 0.1)
    make_frame(tmp_path / "frames" / "dark_1.fits", 10, imagetyp="Dark Frame")
    return tmp_path / "frames"


def archive(folder):
    return {"kind": "local", "folder": str(folder)}


def items(**frames):
    return {"camera": {"instrument": "ccd", "frames": frames}}


def test_a_folder_is_listed_in_natural_order_with_its_facts(folder):
    rows = local.find(archive(folder), items(bias="bias_*.fits", dark=["dark_*.fits"]))
    assert [row.exposure for row in rows] == ["bias_1", "bias_2", "bias_10", "dark_1"]
    assert [row.role for row in rows] == ["bias"] * 3 + ["dark"]
    assert rows[0].facts["exptime_s"] == "0.1"
    assert rows[0].facts["shape"] == "20x30"
    assert rows[0].size == (folder / "bias_1.fits").stat().st_size


def test_names_that_some_disks_take_for_one_are_told_apart():
    """Capitals, and an accent written as one sign or as two."""
    for paths in (["bias.fits", "BIAS.fits", "Bias.FIT"], ["é.fits", "e\u0301.fits", "E.fits"]):
        names = local.unique_names(paths)
        assert len({name.partition(".")[0].casefold() for name in names}) == 3
    assert local.unique_names(["a/bias.fits", "b/BIAS.fits"]) == ["a_bias.fits", "b_BIAS.fits"]


def test_a_pattern_without_a_match_and_a_frame_of_two_roles_are_refused(folder):
    with pytest.raises(
        DarkroomError, match=r"camera: no file in .* matches the dark pattern 'x\*'"
    ):
        local.find(archive(folder), items(dark="x*"))
    with pytest.raises(DarkroomError, match="matches the patterns of bias and dark"):
        local.find(archive(folder), items(bias="bias*", dark="*.fits"))


def test_a_folder_that_is_not_there_says_how_to_give_one(tmp_path, monkeypatch):
    with pytest.raises(DarkroomError, match=r"there is no folder .* --config folder=PATH"):
        local.find(archive(tmp_path / "none"), items(bias="*"))
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    with pytest.raises(DarkroomError, match="that environment variable is not set"):
        local.find(archive("$NOT_SET_ANYWHERE/x"), items(bias="*"))


def test_a_damaged_frame_stays_in_the_lock_to_be_refused_by_name(folder):
    (folder / "bias_1.fits").write_bytes(b"nonsense")
    rows = local.find(archive(folder), items(bias="bias_*.fits"))
    assert rows[0].exposure == "bias_1"
    assert rows[0].facts == {}


def bring(row, folder, destination, **more):
    return receive(
        row,
        destination,
        lambda path: local.deliver(row, path, archive(folder), ITEM),
        ITEM,
        more.pop("check_pin", lambda _: None),
        read_header=header_reader("ccd"),
        **more,
    )


def test_a_good_exposure_arrives_with_its_sum_and_facts(folder, tmp_path):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    status = bring(row, folder, tmp_path / "raw" / row.file)
    assert (tmp_path / "raw" / row.file).read_bytes() == (folder / row.file).read_bytes()
    assert status["accepted"]
    assert status["facts"]["exptime_s"] == 0.1
    assert len(status["sha256"]) == 64


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b[:-2880], "bias_1.fits: has 2880 bytes, 5760 are expected"),
        (lambda b: b"x" * len(b), "bias_1.fits: not a FITS file"),
    ],
)
def test_damaged_bytes_are_refused_and_leave_nothing(folder, tmp_path, spoil, message):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    (folder / row.file).write_bytes(spoil((folder / row.file).read_bytes()))
    with pytest.raises(InputError, match=message):
        bring(row, folder, tmp_path / "raw" / row.file)
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize("size", [1 << 42, 1])
def test_a_file_of_another_size_than_in_the_lock_is_not_copied(folder, tmp_path, size):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    with (folder / row.file).open("r+b") as stream:
        stream.truncate(size)  # a hole of four terabytes takes no room where it is
    target = tmp_path / "copy.fits"
    with pytest.raises(InputError, match=f"has {size} bytes, 5760 are expected"):
        local.deliver(row, target, archive(folder), ITEM)
    assert not target.exists()


def test_a_failed_refresh_keeps_the_good_copy(folder, tmp_path):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    destination = tmp_path / "raw" / row.file
    bring(row, folder, destination)
    good = destination.read_bytes()
    (folder / row.file).write_bytes(b"")
    with pytest.raises(InputError):
        bring(row, folder, destination)
    assert destination.read_bytes() == good


def test_an_instrument_without_a_module_of_its_own_keeps_the_header_values_of_the_lock(folder):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    assert header_reader("plot")(folder / row.file, row, ITEM) == (row.facts, [])


def test_known_bytes_are_verified_again_but_not_brought_again(folder, tmp_path):
    row = local.find(archive(folder), items(bias="bias_1.fits"))[0]
    destination = tmp_path / "raw" / row.file
    first = bring(row, folder, destination)

    def forbidden(path):
        raise AssertionError("brought again")

    again = receive(
        row, destination, forbidden, ITEM, lambda _: None, first["sha256"],
        read_header=header_reader("ccd"),
    )  # fmt: skip
    assert again == first


def brought(folder, row, destination, **options):
    """How often an exposure is brought over another good one."""
    calls = []

    def deliver(path):
        calls.append(path)
        make_frame(path, exptime=2.0)

    make_frame(destination, exptime=1.0)
    receive(row, destination, deliver, ITEM, lambda _: None, **options)
    return len(calls)


def test_other_bytes_replace_a_good_copy_when_they_come_twice(folder, tmp_path):
    row = Exposure("camera", "bias", "x", "x.fits", "local:x.fits", None)
    assert brought(folder, row, tmp_path / "raw" / "x.fits") == 2


def test_a_simulator_may_change_its_mind(folder, tmp_path):
    row = Exposure("camera", "bias", "x", "x.fits", "simulated:x.fits", None)
    assert brought(folder, row, tmp_path / "raw" / "x.fits", fixed=False) == 1


def test_a_frame_used_against_its_imagetyp_is_refused_when_it_is_judged(folder, tmp_path):
    row = Exposure("camera", "bias", "dark_1", "dark_1.fits", "local:dark_1.fits", None)
    status = bring(row, folder, tmp_path / "raw" / row.file) | {"path": "dark_1.fits"}
    (judged,), _ = frame_table([status], checks({}))
    assert judged["reason"].startswith(
        "dark_1.fits: IMAGETYP is 'Dark Frame', the campaign uses it as bias"
    )


def statuses(folder, tmp_path, *names):
    found = []
    for name in names:
        role = name.split("_")[0]
        row = Exposure("camera", role, name, f"{name}.fits", f"local:{name}.fits", None)
        path = tmp_path / "raw" / f"{name}.json"
        try:
            status = bring(row, folder, path.with_name(row.file))
        except InputError as error:
            status = refusal(row, error)
        write_status(path, status)
        found.append(read_status(path))
    return found


def test_frames_unlike_the_others_are_refused_by_name(folder, tmp_path):
    make_frame(folder / "bias_4.fits", shape=(10, 30))
    rows, _ = frame_table(statuses(folder, tmp_path, "bias_1", "bias_2", "bias_4", "bias_10"))
    assert [row["accepted"] for row in rows] == ["yes", "yes", "no", "yes"]
    assert rows[2]["reason"] == (
        "bias_4.fits: shape is 10x30, but 20x30 in 3 exposures (first: bias_1.fits)"
    )
    with pytest.raises(DarkroomError, match=r"camera: 1 of 4 exposures are refused(.|\n)*bias_4"):
        require_accepted("camera", rows)


def test_the_table_is_read_back_and_lists_follow_the_bytes(folder, tmp_path):
    rows, _ = frame_table(statuses(folder, tmp_path, "bias_1", "dark_1"))
    write_frames(tmp_path / "frames.tsv", rows)
    assert read_frames(tmp_path / "frames.tsv") == rows
    text = role_list(rows, "dark")
    assert text.splitlines()[1] == str(tmp_path / "raw" / "dark_1.fits")
    assert rows[1]["sha256"] in text
    assert role_list(rows, "science") == ""


@pytest.mark.parametrize("text", ["", "name\tvalue\n"])
def test_what_is_no_frame_table_is_refused(tmp_path, text):
    (tmp_path / "frames.tsv").write_text(text)
    with pytest.raises(InputError, match="is not a frame table: its columns must be"):
        read_frames(tmp_path / "frames.tsv")
    (tmp_path / "frames.tsv").unlink()
    with pytest.raises(InputError, match="no such frame table"):
        read_frames(tmp_path / "frames.tsv")


def test_a_verified_frame_that_is_gone_is_missed_by_name(folder, tmp_path):
    statuses(folder, tmp_path, "bias_1")
    (tmp_path / "raw" / "bias_1.fits").unlink()
    with pytest.raises(DarkroomError, match=r"bias_1.fits: was verified, but is gone .* remove"):
        read_status(tmp_path / "raw" / "bias_1.json")
    (tmp_path / "raw" / "bias_1.json").write_text("{}")
    with pytest.raises(DarkroomError, match="is a damaged status file"):
        read_status(tmp_path / "raw" / "bias_1.json")


def test_a_refusal_keeps_its_reason_in_one_line():
    row = Exposure("camera", "bias", "a", "a.fits", "local:a.fits", None)
    table, _ = frame_table(
        [refusal(row, InputError("a.fits", "is\nodd")) | {"path": str(Path("raw/a.fits"))}]
    )
    assert table[0]["reason"] == "a.fits: is\\nodd"
    assert not acceptance(row, 1, "", {}, [])["reason"]
