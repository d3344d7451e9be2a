"""A product is whole, says where it comes from, and is the same whenever it is made."""

import hashlib
import time

import numpy as np
import pytest
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.fits.content import both_sha256, content_sha256, is_product
from darkroom.fits.verify import verify
from darkroom.fits.write import write
from darkroom.integrity import digests
from darkroom.provenance import settings_digest, sha256, stamp


def product(path, inputs=(), **settings):
    primary = fits.PrimaryHDU()
    stamp(primary.header, made_by="trial", inputs=inputs, settings=settings)
    image = fits.ImageHDU(np.arange(12, dtype=np.float32).reshape(3, 4), name="SCI")
    write(path, [primary, image])
    return path


def test_a_product_verifies_and_tells_its_origin(tmp_path):
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"raw")
    header = verify(product(tmp_path / "a.fits", [raw], nsigma=5))
    assert header["MADEBY"] == "trial"
    assert header["CFGHASH"] == settings_digest({"nsigma": 5})
    history = "\n".join(header["HISTORY"])
    assert f"input raw.bin sha256 {sha256(raw)}" in history.replace("\n", "")
    assert "setting nsigma = 5" in history
    assert "version astropy" in history


def test_the_time_of_writing_is_in_the_date_alone(tmp_path):
    first = product(tmp_path / "a.fits")
    time.sleep(1.1)
    second = product(tmp_path / "b.fits")
    assert first.read_bytes() != second.read_bytes()
    assert content_sha256(first) == content_sha256(second)
    next_first = product(tmp_path / "next_a.fits", [first])
    second.rename(first)
    assert content_sha256(product(tmp_path / "next_b.fits", [first])) == content_sha256(next_first)


def test_another_content_is_another_digest(tmp_path):
    assert content_sha256(product(tmp_path / "a.fits", nsigma=5)) != content_sha256(
        product(tmp_path / "b.fits", nsigma=4)
    )
    assert is_product(tmp_path / "a.fits")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "raw.fits")
    assert not is_product(tmp_path / "raw.fits")
    for creator, ours in (("darkroom 0.1", True), ("darkroomish 2", False), ("jwst 1", False)):
        made = fits.PrimaryHDU(np.zeros((2, 2)))
        made.header.add_history("CREATOR = 'darkroom 0.1'")
        made.header["CREATOR"] = creator
        made.writeto(tmp_path / "other.fits", overwrite=True)
        assert is_product(tmp_path / "other.fits") is ours


def test_a_failed_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = product(tmp_path / "a.fits")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), written_atomically(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_orphaned_writer_cannot_overwrite(tmp_path):
    """A writer that was overtaken finds its temporary file gone and fails at the rename."""
    path = tmp_path / "a.txt"
    with pytest.raises(FileNotFoundError), written_atomically(path) as orphan:
        orphan.write_text("old")
        with written_atomically(path) as again:
            # In life another process, with another name.
            assert again == orphan
            again.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("filler", range(14))
def test_the_content_leaves_out_cards_wherever_a_block_of_reading_ends(
    tmp_path, monkeypatch, filler
):
    header = fits.Header()
    for number in range(filler):
        header[f"KEY{number}"] = number
    header["DATE"] = "2026-01-01"
    path = tmp_path / "a.fits"
    fits.HDUList(
        [fits.PrimaryHDU(np.arange(9), header), fits.ImageHDU(np.arange(4.0), header)]
    ).writeto(path, checksum=True)
    # Blocks that are shorter than a card, that end within one, and that hold all.
    monkeypatch.setattr(digests, "_BLOCK", [7, 80, 100, 1000, 1 << 20][filler % 5])
    text = path.read_bytes()
    kept = b"".join(
        text[start : start + 80]
        for start in range(0, len(text), 80)
        if text[start : start + 8] not in (b"DATE    ", b"CHECKSUM")
    )
    assert both_sha256(path) == (
        hashlib.sha256(text).hexdigest(),
        hashlib.sha256(kept).hexdigest(),
    )
