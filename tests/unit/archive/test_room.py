"""No file of a folder fills the disk: holes are refused, and what has no room is not begun."""

import errno
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive import local, room
from darkroom.errors import InputError

GIANT = 1 << 42
ITEM = {"instrument": "ccd", "recover": []}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    image = fits.PrimaryHDU(np.arange(600, dtype=np.uint16).reshape(20, 30))
    image.header["EXPTIME"] = 1.0
    image.writeto(folder / "bias_1.fits")
    return folder


def grow(path, size=GIANT):
    """Let a file end in a hole, which takes no room where it is."""
    with path.open("r+b") as stream:
        stream.truncate(size)


def row_of(folder):
    items = {"camera": ITEM | {"frames": {"bias": "*.fits"}}}
    (row,) = local.find({"folder": str(folder)}, items)
    return row


@pytest.mark.parametrize("stated", [True, False])
def test_a_hole_is_not_copied_whatever_the_lock_states(folder, tmp_path, stated):
    grow(folder / "bias_1.fits")
    row = row_of(folder)
    assert row.size == GIANT
    row = row if stated else replace(row, size=None)
    with pytest.raises(InputError, match=rf"has {GIANT} bytes, of which the disk holds \d+: it is"):
        local.deliver(row, tmp_path / "copy.fits", {"folder": str(folder)}, ITEM)
    assert not (tmp_path / "copy.fits").exists()


def test_a_hole_whose_header_announces_all_of_it_is_one_too(folder, tmp_path):
    header = fits.Header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 2, "NAXIS1": 1 << 20})
    header["NAXIS2"], header["EXPTIME"] = (1 << 21) - 1, 1.0
    path = folder / "bias_1.fits"
    path.write_bytes(header.tostring().encode())
    grow(path, 2880 + -(-header["NAXIS1"] * header["NAXIS2"] // 2880) * 2880)
    with pytest.raises(InputError, match="it is a hole"):
        local.deliver(row_of(folder), tmp_path / "copy.fits", {"folder": str(folder)}, ITEM)


def test_a_cube_that_is_a_hole_is_not_read_for_its_images(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "different_planes", None)
    header = fits.Header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 3, "NAXIS1": 2880, "NAXIS2": 1024})
    header["NAXIS3"], header["EXPTIME"] = 1 << 20, 1.0
    path = folder / "bias_1.fits"
    path.write_bytes(header.tostring().encode())
    grow(path, 2880 + (2880 << 30))
    row = row_of(folder)
    assert (row.exposure, row.uri) == ("bias_1", "local:bias_1.fits")
    row = replace(row, uri="local:bias_1.fits#1", size=None)
    with pytest.raises(InputError, match="it is a hole"):
        local.deliver(row, tmp_path / "copy.fits", {"folder": str(folder)}, ITEM)


def test_a_file_without_room_is_not_begun_and_not_refused(folder, tmp_path, monkeypatch):
    row, asked = row_of(folder), []
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=row.size - 1)
    )
    target = tmp_path / "raw" / "copy.fits"
    target.parent.mkdir()
    with pytest.raises(OSError, match="No space left on device") as caught:
        local.deliver(row, target, {"folder": str(folder)}, ITEM)
    assert (caught.value.errno, asked) == (errno.ENOSPC, [target.parent])
    assert not target.exists()
    for free in (row.size, row.size + 1):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        local.deliver(row, target, {"folder": str(folder)}, ITEM)
        assert target.read_bytes() == (folder / row.file).read_bytes()


@pytest.mark.parametrize(
    ("size", "held", "begin", "hole"),
    [
        (1_000_000_000, 4096, b"SIMPLE", False),
        (1_000_000_001, 4096, b"SIMPLE", True),
        (2_560_000_000, 51_200_000, b"SIMPLE", False),
        (2_560_000_001, 51_200_000, b"SIMPLE", True),
        # File systems that do not tell what they hold of a file; and a hole from its first byte.
        (GIANT, 0, b"SIMPLE", False),
        (GIANT, 0, b"", True),
    ],
)
def test_how_much_of_a_file_the_disk_must_hold(tmp_path, size, held, begin, hole):
    class Told(type(tmp_path)):
        """A path whose file is as the row says; every other path is left as it is."""

        def stat(self, **_):
            return SimpleNamespace(st_size=size, st_blocks=held // 512)

    path = Told(tmp_path / "a.fits")
    path.write_bytes(begin + bytes(600))
    if hole:
        with pytest.raises(InputError, match=f"has {size} bytes, of which the disk holds {held}:"):
            room.check_holes(path)
    else:
        room.check_holes(path)


def test_this_disk_tells_what_it_holds(folder):
    """Else the tests above try nothing."""
    grow(folder / "bias_1.fits")
    assert 0 < os.stat(folder / "bias_1.fits").st_blocks < 1000  # noqa: PTH116
