"""How often a file is fetched, and which of its copies is taken."""

import functools
import hashlib
import io
import logging

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive.receive import facts_of, facts_of_lock, receive
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError, InputError

ROW = Exposure("camera", "bias", "b1", "b1.fits", "local:b1.fits", None, {"a": "1"})


@functools.cache
def good(number):
    """Return the bytes of a good file."""
    stream = io.BytesIO()
    fits.PrimaryHDU(np.full((4, 4), number, np.int16)).writeto(stream, checksum=True)
    return stream.getvalue()


def bad(number):
    return f"no FITS file {number}".encode()


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Archive:
    """One whose file is another each time."""

    def __init__(self, *copies):
        self.copies, self.asked = list(copies), 0

    def __call__(self, path):
        self.asked += 1
        path.write_bytes(self.copies.pop(0))

    def bring(self, destination, **options):
        return receive(ROW, destination, self, {}, lambda _: None, **options)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "raw" / "b1.fits"


def test_a_damaged_copy_is_fetched_once_more(place):
    archive = Archive(bad(1), good(1))
    assert archive.bring(place)["sha256"] == sha(good(1))
    assert archive.asked == 2
    assert place.read_bytes() == good(1)


def test_two_alike_that_are_damaged_are_what_the_archive_has(place):
    archive = Archive(bad(1), bad(2), bad(1), good(1))
    with pytest.raises(InputError, match=r"^b1\.fits: "):
        archive.bring(place)
    assert archive.asked == 3
    assert list(place.parent.iterdir()) == []


def test_four_that_are_all_different_are_enough(place):
    archive = Archive(*map(bad, range(9)))
    with pytest.raises(DarkroomError, match=r"b1\.fits came 4 times, and no two copies were alike"):
        archive.bring(place)
    assert archive.asked == 4


@pytest.mark.parametrize(
    ("copies", "asked"), [([1, 1], 2), ([1, 2, 1], 3), ([1, 2, 3, 2], 4), ([1, 2, 3, 3], 4)]
)
def test_a_copy_that_must_be_confirmed_comes_twice(place, copies, asked):
    archive = Archive(*map(good, copies))
    assert archive.bring(place, confirm=True)["sha256"] == sha(good(copies[asked - 1]))
    assert archive.asked == asked


def test_a_copy_whose_sum_is_known_needs_no_second(place):
    archive = Archive(good(1))
    archive.bring(place, confirm=True, known=sha(good(1)))
    assert archive.asked == 1


def test_a_file_that_is_there_with_the_known_sum_is_not_fetched(place):
    place.parent.mkdir()
    place.write_bytes(good(1))
    archive = Archive()
    assert archive.bring(place, known=sha(good(1)))["accepted"]
    assert archive.asked == 0


@pytest.mark.parametrize("known", ["0" * 64, "f" * 64, None])
def test_a_file_that_is_there_with_another_sum_is_confirmed_by_one_copy(place, known):
    place.parent.mkdir()
    place.write_bytes(good(1))
    archive = Archive(good(1), good(1))
    assert archive.bring(place, known=known)["sha256"] == sha(good(1))
    assert archive.asked == 1


def test_a_good_file_is_replaced_by_another_that_comes_twice_alike(place):
    place.parent.mkdir()
    place.write_bytes(good(1))
    archive = Archive(good(2), good(2))
    assert archive.bring(place)["sha256"] == sha(good(2))
    assert archive.asked == 2
    archive = Archive(good(3), good(2))
    assert archive.bring(place)["sha256"] == sha(good(2))
    assert archive.asked == 2


def test_a_simulated_file_is_replaced_at_once(place):
    place.parent.mkdir()
    place.write_bytes(good(1))
    archive = Archive(good(2))
    assert archive.bring(place, fixed=False)["sha256"] == sha(good(2))


@pytest.mark.parametrize("there", [bad(1), good(1)[:-2880], b""])
def test_a_damaged_file_that_is_there_confirms_nothing(place, there):
    place.parent.mkdir()
    place.write_bytes(there)
    archive = Archive(good(2))
    assert archive.bring(place)["sha256"] == sha(good(2))
    assert archive.asked == 1


def test_a_damaged_file_with_the_known_sum_is_fetched(place):
    place.parent.mkdir()
    place.write_bytes(bad(1))
    archive = Archive(good(2))
    assert archive.bring(place, known=sha(bad(1)))["sha256"] == sha(good(2))


def test_a_link_that_is_there_is_no_copy_and_is_replaced(place, tmp_path):
    place.parent.mkdir()
    (tmp_path / "elsewhere.fits").write_bytes(good(1))
    place.symlink_to(tmp_path / "elsewhere.fits")
    archive = Archive(good(2))
    assert archive.bring(place, known=sha(good(1)))["sha256"] == sha(good(2))
    assert archive.asked == 1
    assert not place.is_symlink()
    assert (tmp_path / "elsewhere.fits").read_bytes() == good(1)


def test_a_folder_where_the_file_should_be_is_told(place):
    place.mkdir(parents=True)
    with pytest.raises(DarkroomError, match="is a folder, and the file should go there"):
        Archive().bring(place)


def test_a_pin_that_is_not_kept_is_no_copy(place):
    def refuse(digest):
        raise InputError("x", f"pinned is another than {digest[:4]}")

    archive = Archive(good(1), good(1), good(1))
    with pytest.raises(InputError, match=r"b1\.fits: pinned is another"):
        receive(ROW, place, archive, {}, refuse)
    assert archive.asked == 2
    assert not place.exists()


@pytest.mark.parametrize(
    "error", [KeyError("X"), ValueError("y"), TypeError(), ZeroDivisionError()]
)
def test_a_reader_that_meets_what_it_does_not_expect_is_a_sentence(place, caplog, error):
    def reader(*_):
        raise error

    with (
        caplog.at_level(logging.INFO),
        pytest.raises(
            InputError, match=rf"b1\.fits: its header cannot be read \({type(error).__name__}"
        ),
    ):
        facts_of(place, ROW, {}, reader)
    assert caplog.records[-1].exc_info[1] is error


def test_the_lock_s_facts_are_a_copy():
    facts, notes = facts_of_lock(None, ROW, {})
    assert (facts, notes) == ({"a": "1"}, [])
    assert facts is not ROW.facts
