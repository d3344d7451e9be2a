"""A folder into which bad frames of each kind are mixed, as a campaign."""

import json

import numpy as np
import pytest
import yaml
from astropy.io import fits

from ccd_sets import build
from darkroom.campaign.frames import read_frames
from end_to_end.test_ccd_cases import LOADED, drafted
from end_to_end.warm import warmed

pytestmark = pytest.mark.heavy
SHAPE = (64, 64)
X = np.linspace(-0.5, 0.5, SHAPE[1])
BAD = {
    "b_zeros": "all pixels that were read are 0",
    "b_light": "IMAGETYP is 'Light Frame', the campaign uses it as bias",
    "b_copy": "is the same as b_0.fits",
    "b_gain": "gain (GAIN) is 200, but 100 in",
    "d_leak": "parts of its image deviate by up to",
    "d_flat": "OBSTYPE is 'FLAT', the campaign uses it as dark",
    "d_master": "NCOMBINE is 12: it was combined from several",
    "d_noise": "its noise from pixel to pixel is",
    "d_binned": "binning is 2x2, but 1x1 in",
}


def make_folder(folder):
    rng = np.random.default_rng(1)
    (folder / "bias").mkdir(parents=True)
    (folder / "dark").mkdir()
    pattern = 5 * rng.standard_normal(SHAPE)

    def write(kind, name, level, noise=8.0, add=0.0, **cards):
        image = level + pattern + add + noise * rng.standard_normal(SHAPE)
        hdu = fits.PrimaryHDU(np.clip(np.rint(image), 0, 65535).astype("uint16"))
        known = {
            "INSTRUME": "cam", "EXPTIME": 0.0 if kind == "bias" else 60.0, "GAIN": 100,
            "IMAGETYP": kind.title(), "SET-TEMP": -10.0,
            "CCD-TEMP": -10.2 + 0.41 * rng.integers(2),
            "DATE-OBS": f"2024-01-01T00:{rng.integers(60):02d}:{60 * rng.random():06.3f}",
        }  # fmt: skip
        for card, value in (known | cards).items():
            if value is not None:
                hdu.header[card] = value
        hdu.writeto(folder / kind / f"{name}.fits")

    for k in range(8):
        write("bias", f"b_{k}", 1000)
        write("dark", f"d_{k}", 1030)
    write("bias", "b_zeros", -500)
    write("bias", "b_light", 1000, IMAGETYP="Light Frame")
    write("bias", "b_gain", 1000, GAIN=200)
    write("dark", "d_leak", 1030, add=400 * X * np.linspace(-1, 1, 64)[:, None])
    write("dark", "d_flat", 20_000, IMAGETYP=None, OBSTYPE="FLAT")
    write("dark", "d_master", 1030, NCOMBINE=12)
    write("dark", "d_noise", 1030, noise=20)
    write("dark", "d_binned", 1030, XBINNING=2, YBINNING=2)
    with fits.open(folder / "bias" / "b_0.fits") as hdus:
        hdus[0].header["SWMODIFY"] = "resaved"
        hdus.writeto(folder / "bias" / "b_copy.fits")


def campaign(checkout, folder, name, items, on_bad):
    settings = {
        "title": "A mixed folder", "archive": {"kind": "local", "folder": str(folder)},
        "on_bad_exposure": on_bad, "items": items,
    }  # fmt: skip
    (checkout.folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    checkout.snakemake("lock", "--config", f"campaign={name}.yaml")
    return f"campaign={name}.yaml"


def test_bad_frames_of_each_kind_are_excluded_or_listed_in_one_message(checkout, tmp_path):
    folder = tmp_path / "in"
    make_folder(folder)
    frames = {"bias": ["bias/*.fits"], "dark": ["dark/*.fits"]}
    items = {
        "mixed": {"instrument": "ccd", "frames": frames},
        "biases": {"instrument": "ccd", "frames": {"bias": ["bias/b_[1-3].fits"]}},
        "darks": {"instrument": "ccd", "frames": {"dark": ["dark/d_[1-3].fits"]}},
    }
    choice = campaign(checkout, folder, "goes_on", items, "exclude")
    checkout.snakemake("--config", choice)
    results = checkout.folder / "results" / "goes_on"
    rows = read_frames(results / "mixed" / "frames.tsv")
    reasons = {row["exposure"]: row["reason"] for row in rows if row["accepted"] == "no"}
    assert set(reasons) == set(BAD)
    for name, words in BAD.items():
        assert words in reasons[name], reasons[name]
    header = fits.getheader(results / "mixed" / "dark_rate.fits", "SCI")
    assert header["RATELEV"] == pytest.approx(0.5, abs=4 * header["RATESYS"])
    assert fits.getheader(results / "mixed" / "dark_rate.fits")["NGROUPS"] == 1
    noise = fits.getheader(results / "mixed" / "read_noise.fits", "SCI")
    assert noise["READNOIS"] == pytest.approx(8.0, abs=0.2)
    assert fits.getheader(results / "mixed" / "master_bias.fits", "SCI")["NFRAMES"] == 8

    made = sorted(path.name for path in (results / "biases").glob("*.fits"))
    assert made == ["master_bias.fits", "read_noise.fits"]
    assert [path.name for path in (results / "darks").glob("*.fits")] == ["master_dark.fits"]
    limits = json.loads((results / "darks" / "item.json").read_text())["limits"]
    assert any(text.startswith("The item has no bias frames") for text in limits)
    assert (results / "report/index.html").is_file()

    choice = campaign(checkout, folder, "stops", {"mixed": items["mixed"]}, "stop")
    text = checkout.snakemake("exposures", "--config", choice, status=1)
    assert f"{len(BAD)} of {len(rows)} exposures are refused" in text
    for name, words in BAD.items():
        assert name in text
        assert words in text


# Items of one folder with the frames of many cameras.
CAMERAS = {
    "sharpcap", "nina", "maxim", "ekos", "unknown", "kb23", "mosaic2", "mosaic3", "microseconds",
    "electrons", "silent", "cubes", "spoilt", "regions_64x64_first_column_0_first_row_0",
    "regions_48x40_first_column_10_first_row_20",
}  # fmt: skip
OF_SPOILT = {"again", "linked", "half", "dark_5"}


def test_frames_of_many_cameras_end_in_one_report_with_the_true_numbers(checkout, tmp_path):
    build(tmp_path / "cameras")
    choice = drafted(checkout, tmp_path / "cameras")
    with warmed(checkout, "detector", LOADED):
        checkout.snakemake("--config", choice)
    results = checkout.folder / "results" / "cameras"
    assert (results / "report" / "index.html").is_file()
    assert {path.parent.name for path in results.glob("*/item.json")} == CAMERAS
    wrong = [line for item in CAMERAS for line in faults(results / item)]
    assert not wrong
    rows = read_frames(results / "spoilt" / "frames.tsv")
    assert {row["exposure"] for row in rows if row["accepted"] == "no"} == OF_SPOILT
    (slipped,) = [row["reason"] for row in rows if row["exposure"] == "dark_5"]
    assert "rows or columns are shifted" in slipped
    for row in read_frames(results / "electrons" / "frames.tsv"):
        assert "BUNIT is 'electron'" in row["warnings"]
    page = (results / "report" / "items" / "electrons.html").read_text()
    assert "BUNIT is &#39;electron&#39;" in page


def faults(folder):
    """Return the numbers of an item that are far from the truth."""
    item = json.loads((folder / "item.json").read_text())
    # The overscan is subtracted: 0 is left of the bias.
    level = 0.0 if folder.name.startswith("mosaic") else 1000.0
    true = {"Bias level": (level, 4.0), "Read noise": (8.0, 0.4), "Dark rate": (0.5, 0.07)}
    found = {start: [] for start in true}
    for entry in item["key_numbers"]:
        for start in true:
            if entry["label"].startswith(start):
                found[start].append((entry["label"], entry["value"]))
    wrong = [f"{folder.name}: no {start}" for start, entries in found.items() if not entries]
    for start, entries in found.items():
        wrong += [
            f"{folder.name}: {label} {value}"
            for label, value in entries
            if abs(value - true[start][0]) > true[start][1]
        ]
    return wrong
