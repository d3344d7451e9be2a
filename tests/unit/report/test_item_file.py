"""The item file that programs write and the report reads: complete, inside its folder, in words."""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import write_frames
from darkroom.errors import InputError
from darkroom.report import page
from darkroom.report.item import inside, read_item, write_item
from programs import load
from report_rows import row


def test_a_folder_without_an_item_file_is_an_item_that_only_fetched(tmp_path):
    assert read_item(tmp_path)["pipeline"] is None


@pytest.mark.parametrize(
    ("change", "text"),
    [({"colour": "red"}, "unknown key 'colour'"), ({"format": "x"}, "does not say"),
     ({"warnings": [3]}, "warnings holds 3"), ({"products": [{"file": "a"}]}, "lacks 'what'"),
     ({"pipeline": None}, "lacks the key 'pipeline'")],
)  # fmt: skip
def test_a_wrong_item_file_is_reported_in_one_sentence(tmp_path, change, text):
    record = {"format": "darkroom item 1", "pipeline": "ccd"} | change
    (tmp_path / "item.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=text):
        read_item(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_item_file_is_refused(tmp_path, content):
    (tmp_path / "item.json").write_text(content)
    with pytest.raises(InputError, match=r"item\.json"):
        read_item(tmp_path)


def test_a_missing_product_or_picture_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.fits: a product of the item is missing"):
        page.describe_file(tmp_path / "gone.fits")
    with pytest.raises(InputError, match=r"gone\.webp: cannot be read"):
        page.place_picture(tmp_path / "gone.webp", tmp_path)
    (tmp_path / "text.webp").write_text("no picture")
    with pytest.raises(InputError, match="is no WebP"):
        page.place_picture(tmp_path / "text.webp", tmp_path)


def test_a_picture_of_another_folder_is_refused(tmp_path):
    panel = {"file": "../other/key.webp", "alt": "a", "inches": [4.8, 3.3]}
    figure = {"section": "s", "title": "t", "caption": "c", "panels": [panel]}
    (tmp_path / "figures.json").write_text(json.dumps({"figures": [figure]}))
    write_item(tmp_path / "item.json", "ccd", figures="figures.json")
    with pytest.raises(InputError, match="which lies elsewhere"):
        read_item(tmp_path)


def test_an_item_file_with_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_item(tmp_path / "item.json", "ccd", key_numbers=[{"label": "x", "value": np.nan}])
    assert not (tmp_path / "item.json").exists()


SHAPE = (30, 40)


def planes(cards, extver=1, **images):
    """Make image HDUs, the cards in the first of them."""
    hdus = [fits.ImageHDU(np.asarray(data), name=name, ver=extver) for name, data in images.items()]
    hdus[0].header.update({"BUNIT": "adu"} | cards)
    return hdus


def table(name, **columns):
    formats = {str: "20A", int: "J", float: "D"}
    made = [
        fits.Column(key, formats[type(values[0])], array=np.array(values))
        for key, values in columns.items()
    ]
    return fits.BinTableHDU.from_columns(made, name=name)


def make_ccd_item(folder):
    """Write frames and products of a small CCD item; return the arguments of its figures."""
    rng = np.random.default_rng(7)
    level, error = rng.normal(1000, 5, SHAPE), np.full(SHAPE, 2.0)
    rows = []
    for role, exptime, count in (("bias", 0.04, 2), ("dark", 10.0, 3), ("science", 10.0, 1)):
        for i in range(1, count + 1):
            path = folder / f"{role}_{i:03}.fits"
            image = level + (role != "bias") * 15 + rng.normal(0, 10, SHAPE)
            fits.PrimaryHDU(np.rint(image).astype(np.uint16)).writeto(path)
            rows.append(row(i, role, str(exptime), "-4.8", file=str(path), mjd=str(100 + i)))
    write_frames(folder / "frames.tsv", rows)
    master = {"MEAN": 1000.12, "MEDIAN": 1000.0, "CMERR": 0.25, "NFRAMES": 2, "NCLIPPED": 4,
              "OFFRMS": 0.3, "NOISE": 10.0, "EXPTIME": 10.0, "CCD-TEMP": -4.8}  # fmt: skip
    noise = {"READNOIS": 10.01, "RNERR": 0.02, "RNMEAN": 9.7}
    rate = {"TGROUP": 1, "CCD-TEMP": -4.8, "NDARKS": 3, "RATEMEAN": 1.5, "RATEMED": 1.5,
            "RATELEV": 1.498, "RATEERR": 0.5, "RATESYS": 0.021}  # fmt: skip
    compared = {f"{key}{when}": 1.5 for key in ("BKG", "FIN", "SPR") for when in ("BEF", "AFT")}
    dq = np.zeros(SHAPE, np.int32)
    dq[3, 4] = 4
    warned = fits.PrimaryHDU()
    warned.header.add_history("warning: the levels drift by 5.0 +- 0.1 " + 9 * "and so on ")
    offsets = table("OFFSETS", ROLE=["bias", "dark"], MJD=[1.0, 2.0], OFFSET=[0.0, 1.0],
                    OFFERR=[0.1, 0.1], TEMP=[-4.8, -4.8])  # fmt: skip
    names = table("DQ_DEF", VALUE=[4], NAME=["HOT"], DESCRIPTION=["hot in both halves"])
    hottest = table("HOTTEST", Y=[3], X=[4], RATE=[150.1234567], RATEERR=[np.nan],
                    NOISE=[1.01], FLAGS=["HOT"])  # fmt: skip
    gainless = fits.PrimaryHDU()
    gainless.header["GAIN"] = None
    products = {
        "master_bias": [gainless, *planes(master, SCI=level, ERR=error)],
        "read_noise": [fits.PrimaryHDU(), *planes(noise, SCI=error * 5)],
        "master_dark": [fits.PrimaryHDU(), *planes(master, SCI=level + 15, ERR=error)],
        "dark_rate": [warned, *planes(rate, SCI=error * 0.75, ERR=error / 4), offsets],
        "hot_pixels": [fits.PrimaryHDU(), *planes({}, DQ=dq), names, hottest],
    }
    (folder / "science").mkdir()
    science = folder / "science" / "science_001_dsub.fits"
    cards = {"EXPTIME": 10.0, "DARKHOW": "matched"} | compared
    fits.HDUList([fits.PrimaryHDU(), *planes(cards, SCI=level)]).writeto(science)
    options = ["--science", str(science), "--frames", str(folder / "frames.tsv")]
    for name, hdus in products.items():
        fits.HDUList(hdus).writeto(folder / f"{name}.fits")
        options += [f"--{name.replace('_', '-')}", str(folder / f"{name}.fits")]
    answer = {"question": "How much noise?", "answer": "1.5 ADU"}
    (folder / "quantities.json").write_text(json.dumps({"quantities": [], "answers": [answer]}))
    for option, name in (("quantities", "quantities.json"), ("figures", "figures"),
                         ("output", "item.json")):  # fmt: skip
        options += [f"--{option}", str(folder / name)]
    return options


@pytest.fixture(scope="module")
def ccd_item(tmp_path_factory):
    figures = load("ccd/figures")

    folder = tmp_path_factory.mktemp("item")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["figures.py", *make_ccd_item(folder)])
        figures.main()
    return folder, read_item(folder)


def test_the_ccd_programs_item_file_is_read_by_the_report(ccd_item):
    folder, record = ccd_item
    assert record["pipeline"] == "ccd"
    assert len(record["figures"]) > 15
    assert all(panel["path"].is_file() for f in record["figures"] for panel in f["panels"])
    assert all((folder / product["file"]).is_file() for product in record["products"])
    assert "science/science_001_dsub.fits" in [product["file"] for product in record["products"]]


def test_key_numbers_warnings_and_answers_come_from_the_products(ccd_item):
    _, record = ccd_item
    found = {
        entry["label"]: (entry["value"], entry.get("error")) for entry in record["key_numbers"]
    }
    assert found == {
        "Bias level": (1000.12, 0.25), "Read noise": (10.01, 0.02),
        "Dark rate at −4.80 °C": (1.498, 0.021), "Hot pixels": (1, None),
    }  # fmt: skip
    assert record["warnings"] == [
        "The levels drift by 5.0 ± 0.1 " + 8 * "and so on " + "and so on."
    ]
    assert record["answers"] == [{"question": "How much noise?", "answer": "1.5 ADU"}]
    assert record["tables"][2]["rows"] == [[3, 4, 150.123, None, 1.01, "HOT"]]


def test_a_file_outside_the_items_folder_is_refused(ccd_item, tmp_path):
    folder, _ = ccd_item
    with pytest.raises(InputError, match="does not lie in the item's folder"):
        inside(tmp_path / "x.fits", folder)
