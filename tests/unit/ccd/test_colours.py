"""Files that hold the colours of one exposure are not taken for three exposures."""

import numpy as np
import pytest
from astropy.io import fits

import ccd_judged
from darkroom.draft.text import table
from darkroom.drafts import draft


def write(folder, levels, last=False, **cards):
    rng = np.random.default_rng(3)
    for name, time in (("b", 0.0), ("d", 60.0)):
        for k in range(3):
            planes = [rng.normal(level, 8.0, (32, 48)) for level in levels]
            data = np.stack(planes, -1 if last else 0).round().astype("uint16")
            hdu = fits.PrimaryHDU(data)
            hdu.header.update({"INSTRUME": "cam", "EXPTIME": time, "IMAGETYP": name, **cards})
            hdu.header["IMAGETYP"] = {"b": "bias", "d": "dark"}[name]
            hdu.writeto(folder / f"{name}{k}.fits")


@pytest.mark.parametrize(
    ("levels", "cards", "words"),
    [
        ((1000, 1050, 1090), {}, "the three images of its cube have levels of their own"),
        ((1000, 1000, 1000), {"CTYPE3": "RGB"}, "its header says 'RGB'"),
    ],
)
def test_colours_are_refused(tmp_path, levels, cards, words):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", levels, **cards)
    reasons = ccd_judged.refused(ccd_judged.table(tmp_path / "in", tmp_path / "raw"))
    assert len(reasons) == 18
    assert all(words in reason for reason in reasons.values()), reasons


def test_three_images_of_one_level_are_used_and_said(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", (1000, 1000, 1000))
    rows = ccd_judged.table(tmp_path / "in", tmp_path / "raw")
    assert not ccd_judged.refused(rows)
    said = ccd_judged.warned(rows)
    assert len(said) == 18
    assert all(
        "a cube of three images, which are taken as three exposures" in s for s in said.values()
    )


def test_interleaved_colours_are_told_in_the_draft(tmp_path):
    write(tmp_path, (1000, 1050, 1090), last=True)
    found = draft(tmp_path)
    assert not found.yaml
    assert len(found.unread) == 6
    assert "colours, not columns" in table(found.items, found.unread, tmp_path)
