"""A campaign of a camera with two amplifiers and a drifting overscan, from frames to the report."""

import json

import pytest
from astropy.io import fits

TWO = {
    "shape": [48, 64],
    "bias": {"count": 5},
    "darks": [{"count": 5, "exptime": 5.0}, {"count": 5, "exptime": 20.0}],
    "targets": [{"exptime": 20.0}],
    "flats": [{"count": 2, "exptime": time} for time in (2.0, 8.0, 20.0)],
    "amplifiers": 2,
    "overscan": {"columns": 16, "drift": 10.0},
    "offset_rms": 40.0,
}


@pytest.mark.heavy
def test_two_amplifiers_reach_the_report(checkout):
    choice = checkout.campaign(simulate=TWO)
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("--config", choice)
    folder = checkout.folder / "results" / "small" / "camera"
    for name in ("master_bias", "read_noise", "master_dark", "dark_rate", "hot_pixels"):
        assert fits.getheader(folder / f"{name}.fits")["NAMPS"] == 2
    assert fits.getdata(folder / "bad_pixels.fits", "AMP2").shape == (48, 32)
    assert (folder / "bad_pixels_AMP1.reg").read_text().startswith("# Region file format: DS9")
    with fits.open(folder / "gain.fits") as hdus:
        header = hdus["PTC", 2].header
    assert abs(header["GAINPTC"] - 5.8) < 5 * header["GAINERR"]
    with fits.open(folder / "science" / "target_image_dsub.fits") as hdus:
        assert hdus["SCI", 2].header["ERRPHOT"]
    item = json.loads((folder / "item.json").read_text())
    (table,) = [table for table in item["tables"] if table["title"] == "Amplifiers"]
    assert [row[0] for row in table["rows"]] == ["AMP1", "AMP2"]
    assert [one["label"] for one in item["key_numbers"]][-2:] == ["Gain of AMP1", "Gain of AMP2"]
    rows = json.loads((folder / "truth.json").read_text())
    levels = [row for row in rows if "level" in row["quantity"] or "rate at" in row["quantity"]]
    assert {row["quantity"][:11] for row in levels} == {"amplifier 1", "amplifier 2"}
    assert all(abs(row["pull"]) < 5 for row in levels if row["unit"])
