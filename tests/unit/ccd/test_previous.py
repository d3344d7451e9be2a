"""A previous night of the same camera: changes are found, and only those."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd import previous
from darkroom.ccd.previous import compare, sentences, table
from darkroom.ccd.simulate import exposures as simulator

ROOT = Path(__file__).parents[3]
NIGHT = {
    "shape": [48, 64],
    "bias": {"count": 10},
    "darks": [{"count": 6, "exptime": 20.0}],
    "targets": [],
    "row_noise": 0.0,
}


def products_of(folder, settings):
    """Simulate a night, make its products, and return their paths."""
    folder.mkdir()
    frames = {}
    for item in simulator.plan(settings):
        simulator.deliver(settings, item.name, folder / item.file)
        frames.setdefault(item.role, []).append(str(folder / item.file))
    made = {name: folder / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    both = ["--bias", *frames["bias"], "--dark", *frames["dark"]]
    for name, files in (
        ("master_bias", frames["bias"]),
        ("read_noise", frames["bias"]),
        ("dark_rate", both),
    ):
        command = [sys.executable, ROOT / f"scripts/ccd/{name}.py", "--output", made[name], *files]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights") / "first"
    products_of(folder, NIGHT | {"seed": 1})
    return folder


def test_a_rate_and_a_noise_that_rose_are_said(first, tmp_path):
    changed = {"seed": 1, "level": 1061.5, "read_noise": 11.5, "dark_rate": 2.4}
    changes, faults = compare(products_of(tmp_path / "now", NIGHT | changed), first)
    assert faults == []
    assert [one.quantity for one in changes] == ["bias level", "read noise", "dark rate"]
    found = sentences(changes)
    assert len(found) == 2
    assert "read noise changed since the previous night from 10.8" in found[0]
    assert "dark rate changed" in found[1]
    assert len(table(changes)["rows"]) == 3


def test_the_same_night_has_not_changed(first):
    now = {name: first / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    changes, faults = compare(now, first)
    assert sentences(changes) == faults == []
    assert all(one.beyond == 0 for one in changes)


def spoil(path, card=None, value=None, hdu=0):
    with fits.open(path, mode="update") as hdus:
        if card:
            hdus[hdu].header[card] = value
        else:
            hdus[hdu].data = hdus[hdu].data[:-4]


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def without(path, name):
    with fits.open(path) as hdus:
        kept = fits.HDUList([hdu.copy() for hdu in hdus if hdu.name != name])
    kept.writeto(path, overwrite=True)


EDGES = {
    "other shape": (lambda path: spoil(path, hdu="CORR"), "44"),
    "no error image": (lambda path: without(path, "ERR"), "ERR"),
    "no image": (lambda path: without(path, "SCI"), "SCI"),
    "no level": (lambda path: spoil(path, "READNOIS", None, "SCI"), None),
    "other gain": (lambda path: spoil(path, "GAIN", 2.0), "is of gain 2.0, this item is of none"),
    "other binning": (lambda path: spoil(path, "BINNING", "2x2"), "is of binning 2x2"),
    "other unit": (lambda path: spoil(path, "BUNIT", "electron", "SCI"), "is in electron"),
    "other camera": (lambda path: spoil(path, "INSTRUME", "C"), "is of camera C, this item is of"),
    "cut in its images": (lambda path: cut(path, 0.4), ""),
    "cut in its header": (lambda path: cut(path, 0.01), ""),
    "empty": (lambda path: path.write_bytes(b""), ""),
    "no FITS": (lambda path: path.write_text("not this\n" * 999), ""),
}


@pytest.mark.parametrize(("change", "said"), EDGES.values(), ids=EDGES)
@pytest.mark.filterwarnings("ignore")
def test_a_product_that_cannot_be_compared_is_one_sentence(first, tmp_path, change, said):
    now = {name: first / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    for path in now.values():
        shutil.copy(path, tmp_path)
    change(tmp_path / "read_noise.fits")
    changes, faults = compare(now, tmp_path)
    others = ["bias level", "dark rate"]
    assert [one.quantity for one in changes if one.quantity != "read noise"] == others
    if said is None:
        assert faults == []
        assert np.isnan(changes[1].before)
        assert sentences(changes) == []
        return
    assert len(changes) == 2
    (sentence,) = faults
    assert sentence.startswith("Not compared with the previous night: ")
    assert "read_noise.fits" in sentence
    assert said in sentence
    assert "\n" not in sentence


def test_another_number_of_amplifiers_is_said(first, tmp_path, monkeypatch):
    now = {"read_noise": first / "read_noise.fits"}
    counts = iter((2, 1))
    monkeypatch.setattr(previous, "part_count", lambda _: next(counts))
    changes, (sentence,) = compare(now, first)
    assert changes == []
    assert "has 2 amplifiers, this item has 1" in sentence


def test_a_folder_without_products_is_said(first, tmp_path):
    now = {name: first / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    for folder in (tmp_path, tmp_path / "absent"):
        changes, (sentence,) = compare(now, folder)
        assert changes == []
        assert "no product of a previous night" in sentence
