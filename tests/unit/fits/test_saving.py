"""What astropy writes is what it writes to a name, and a disk that takes no more is an error."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.fits.write import edited, save


def hdus():
    columns = [
        fits.Column("a", "PJ()", array=np.array([np.arange(3), np.arange(5)], object)),
        fits.Column("s", "5A", array=["ab", "cd"]),
    ]
    return fits.HDUList(
        [
            fits.PrimaryHDU(np.arange(24, dtype=np.uint16).reshape(4, 6)),
            fits.ImageHDU(np.ones((5, 5), np.float32)),
            fits.ImageHDU(np.ones((5, 6), ">f8")[:, ::2]),
            fits.BinTableHDU.from_columns(columns),
        ]
    )


def test_the_bytes_are_those_that_astropy_writes_to_a_name(tmp_path):
    hdus().writeto(tmp_path / "theirs.fits")
    save(tmp_path / "ours.fits", hdus())
    assert (tmp_path / "ours.fits").read_bytes() == (tmp_path / "theirs.fits").read_bytes()


def test_one_hdu_is_saved_with_the_options_of_astropy_in_place_of_what_was_there(tmp_path):
    path = tmp_path / "one.fits"
    path.write_bytes(b"much longer than a block" * 1000)
    save(path, fits.PrimaryHDU(np.ones((2, 2))), checksum=True)
    assert "CHECKSUM" in fits.getheader(path)
    assert path.stat().st_size == 2 * 2880


@pytest.mark.parametrize("cards", [1, 80])
def test_an_edited_file_is_what_astropy_makes_of_it_on_the_disk(tmp_path, cards):
    """Cards that fit into the header, and cards for which the file must grow."""

    def edit(opened):
        for number in range(cards):
            opened[0].header[f"K{number}"] = number
        opened[1].data[0, 0] = 5

    save(tmp_path / "ours.fits", hdus())
    shutil.copy(tmp_path / "ours.fits", tmp_path / "theirs.fits")
    with fits.open(tmp_path / "theirs.fits", mode="update", memmap=False) as opened:
        edit(opened)
    with edited(tmp_path / "ours.fits") as opened:
        edit(opened)
    assert (tmp_path / "ours.fits").read_bytes() == (tmp_path / "theirs.fits").read_bytes()


def test_an_edited_file_keeps_right_checksums_where_it_has_some(tmp_path):
    path, opened = tmp_path / "a.fits", hdus()
    opened[1].add_checksum()
    save(path, opened)
    with edited(path) as opened:
        opened[0].header["X"] = 1
        opened[1].data[0, 0] = 5
    with fits.open(path, checksum=True) as opened:
        assert ["CHECKSUM" in hdu.header for hdu in opened] == [False, True, False, False]
        assert opened[1].verify_checksum() == opened[1].verify_datasum() == 1


def test_an_edited_file_is_as_it_was_when_the_edit_fails(tmp_path):
    path = tmp_path / "a.fits"
    save(path, hdus())
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), edited(path) as opened:
        opened[1].data[0, 0] = 1 / 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("side", [2, 30, 300])
def test_a_full_disk_is_an_error_of_the_disk(side):
    with pytest.raises(OSError, match="No space left"):
        save(Path("/dev/full"), fits.PrimaryHDU(np.ones((side, side))))
