"""The report: complete, self-contained, escaped, and the same for the same inputs."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import COLUMNS, write_frames
from darkroom.campaign.lock import Exposure, Lock
from darkroom.errors import DarkroomError, InputError
from darkroom.judge.judgement import PASSED, WARNED, Judgement, write_judgements
from darkroom.plot import series
from darkroom.plot.book import FigureBook, Panel
from darkroom.report import exposures, page
from darkroom.report.campaign import page_context
from darkroom.report.item import inside, read_item, write_item
from programs import load

NASTY = '<script>alert("x")</script> & "quoted"'


def row(index, role="dark", exptime="10.0", temperature="-4.8", **extra):
    values = dict.fromkeys(COLUMNS, "")
    values |= {
        "exposure": f"{role}_{index:03}", "role": role, "file": f"raw/{role}_{index:03}.fits",
        "accepted": "yes", "shape": "48x60", "binning": "1x1", "exptime_s": exptime,
        "temperature_c": temperature, "sha256": f"{index:064x}",
    }  # fmt: skip
    return values | extra


def refused(index, reason):
    return row(index, accepted="no", reason=f"raw/dark_{index:03}.fits: {reason}")


JUDGED = [
    Judgement(f"dark_{i:03}", f"dark_{i:03}.fits", "level", f"{9 + i} ADU", "9 ± 1 ADU", WARNED,
              f"dark_{i:03}.fits: its level is {9 + i} ADU")
    for i in range(1, 9)
] + [Judgement("bias_001", "bias_001.fits", "shape", "48x60", "48x60", PASSED)]  # fmt: skip
REPAIR = "EXPTIME = 3,2E-05 (malformed) read as 3.2e-05"
ROWS = [
    *[row(i, "bias", "0.04", notes=REPAIR) for i in (1, 2)],
    *[row(i) for i in (1, 2, 3)],
    row(4, temperature="-5.2"),
    refused(5, "truncated: its image needs 100 bytes, the file has 50"),
    refused(6, f"its instrument is {NASTY}, that of 6 other frames is X"),
]  # fmt: skip


def write_products(folder):
    header = fits.Header()
    header.add_history("version numpy 2.4.6")
    header.add_history("version numba 0.68.1")
    fits.PrimaryHDU(np.ones((2, 3)), header).writeto(folder / "master_bias.fits")
    with FigureBook(folder / "figures") as book:
        figure = series.draw_pixel_series([1.0, 2.0], unit="v [ADU]")
        book.add("Section <one>", "key", NASTY, f"Caption {NASTY}", [Panel("", figure, NASTY)])
    quantities = [
        {"name": "mean bias", "notebook": 1080.116577213892, "value": 1080.11, "uncertainty": 0.31,
         "unit": "ADU", "definition": NASTY},
        {"name": "hot pixels", "notebook": None, "value": 1234, "uncertainty": None, "unit": "",
         "definition": "counted"},
    ]  # fmt: skip
    (folder / "quantities.json").write_text(json.dumps(quantities))
    write_item(
        folder / "item.json",
        "ccd",
        summary="All was made.",
        warnings=["The temperature drifts by 2.6 °C."],
        key_numbers=[
            {"label": "Read noise", "value": 10.43, "error": 0.012, "unit": "ADU"},
            {"label": "Hot pixels", "value": 31242},
        ],
        answers=[{"question": "How much?", "answer": "This much: 1.57 ADU."}],
        tables=[{"title": "Hottest", "columns": ["y", "rate"], "rows": [[308, 12.5]], "note": "n"}],
        figures="figures/figures.json",
        quantities="quantities.json",
        products=[{"file": "master_bias.fits", "what": "mean of the biases"}],
        limits=["No gain is known."],
    )


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign of two items on disk: one with products, one only fetched."""
    base = tmp_path_factory.mktemp("campaign")
    for name, rows in (("st402", ROWS), ("fetched", [row(1, "exposure", "107.4", "")])):
        (base / name).mkdir()
        write_frames(base / name / "frames.tsv", rows)
        write_judgements(base / name / "judgements.tsv", JUDGED if name == "st402" else [])
    write_products(base / "st402")
    lock = Lock(base / "lock.tsv", {"query": "abc123"}, [
        Exposure("st402", "dark", "dark_001", "dark_001.fits", "local:dark_001.fits", 1)
    ])  # fmt: skip
    lock.write()
    settings = {"title": f"Title {NASTY}", "description": "What it is."}
    items = {"st402": {"description": "A camera."}, "fetched": {"description": ""}}
    made = SimpleNamespace(
        name="test", path=base / "test.yaml", settings=settings, items=items,
        archive={"kind": "local"},
    )  # fmt: skip
    return base, made, lock


def build(campaign, written="2026-01-01 00:00 UTC"):
    base, made, lock = campaign
    folders = [base / name for name in made.items]
    context = page_context(made, lock, folders, "snakemake --config campaign=test", written)
    return page.render(context)


@pytest.fixture(scope="module")
def html(campaign):
    return build(campaign)


class Tags(HTMLParser):
    """Collect tags with attributes, and check that what is opened is closed."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_excluded_exposure_is_named_with_its_reason(html):
    assert "truncated: its image needs 100 bytes, the file has 50" in html
    assert "that of 6 other frames is X" in html
    for name in ("dark_005", "dark_006"):
        assert f"<strong>{name}</strong>" in html
    assert "5 of 7" not in html
    assert "7 of 9 exposures used, 2 exposures excluded; made 1 product and 1 figure." in html


def test_repaired_cards_are_listed_with_their_exposures(html):
    text = re.sub(r"\s+", " ", html)
    assert (
        "EXPTIME = 3,2E-05 (malformed) read as 3.2e-05 in 2 exposures: bias_001, bias_002" in text
    )


def test_markup_in_the_data_is_shown_as_text(html):
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "Section &lt;one&gt;" in html


def test_the_page_asks_for_no_other_file(html):
    for tag, attributes in Tags(html).tags:
        assert tag not in {"link", "script", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert re.match(r"data:image/png;base64,|#", attributes.get(name, "#"))
    assert not re.search(r"url\(|@import|https?:", html)


def test_every_picture_is_inlined_with_alt_text_and_size(html):
    pictures = [attributes for tag, attributes in Tags(html).tags if tag == "img"]
    assert len(pictures) == 1
    for attributes in pictures:
        assert attributes["src"].startswith("data:image/png;base64,iVBOR")
        assert attributes["alt"] == NASTY
        assert (attributes["width"], attributes["height"]) == ("480", "330")


def test_tags_are_balanced_and_links_lead_somewhere(html):
    parsed = Tags(html)
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for tag, a in parsed.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_quantities_stand_beside_the_notebooks_with_their_uncertainty(html):
    assert "1080.117" in html
    assert "1080.11 ± 0.31" in html
    assert "1,234" in html


def test_warnings_answers_limits_tables_and_key_numbers_are_shown(html):
    for text in ("The temperature drifts by 2.6 °C.", "This much: 1.57 ADU.", "No gain is known.",
                 "10.430 ± 0.012", "31,242", "12.5", "All was made."):  # fmt: skip
        assert text in html


def test_what_checks_found_of_exposures_that_are_used_is_read_first(html):
    part = html[html.index('id="st402"') : html.index('id="fetched"')]
    first = part[: part.index("This much")]
    assert "Read this first" in first
    assert "dark_005.fits: its level is 14 ADU" in first
    assert "level: the same of 3 further exposures, see below" in first
    table = part[part.index("Exposures that a check refused") :]
    assert "17 ADU" in table
    assert "2 checks of each exposure" in table


def test_products_have_size_and_checksum_and_the_page_tells_provenance(html, campaign):
    base, _, lock = campaign
    digest = page.describe_file(base / "st402" / "master_bias.fits")["sha256"]
    assert digest in html
    assert "5.76 kB" in html
    assert page.describe_file(lock.path)["sha256"] in html
    for text in ("snakemake --config campaign=test", "numba", "0.68.1", "abc123"):
        assert text in html


def test_an_item_that_only_fetched_shows_its_exposures(html):
    part = html[html.index('id="fetched"') :]
    assert "1 of 1 exposure used" in part
    assert "107.4" in part
    assert part.index("107.4") < part.index("Provenance")


def test_same_inputs_give_the_same_page_but_for_the_date(campaign, html):
    assert build(campaign) == html
    changed = build(campaign, written="2027-02-02 11:11 UTC")
    different = [
        (a, b) for a, b in zip(html.split("\n"), changed.split("\n"), strict=True) if a != b
    ]
    assert len(different) == 1
    assert "2027-02-02 11:11 UTC" in different[0][1]


def test_a_folder_that_is_no_item_is_refused(campaign, tmp_path):
    _, made, lock = campaign
    with pytest.raises(DarkroomError, match=r"no item 'st40' \(did you mean 'st402'\?\)"):
        page_context(made, lock, [tmp_path / "st40"], "", "")


# Exposures


def test_exposures_are_counted_by_role_time_and_temperature():
    grid = exposures.count_grid(ROWS[:6])
    assert grid["columns"] == ["−5.2", "−4.8"]
    assert [(r["role"], r["exptime"], r["counts"], r["total"]) for r in grid["rows"]] == [
        ("bias", "0.04", [0, 2], 2), ("dark", "10", [1, 3], 4),
    ]  # fmt: skip


def test_many_temperatures_are_counted_in_wider_steps():
    rows = [row(i, temperature=str(20 + i / 10)) for i in range(60)]
    grid = exposures.count_grid(rows)
    assert grid["step"] == 1.0
    assert len(grid["columns"]) == 7
    assert sum(r["total"] for r in grid["rows"]) == 60


def test_exposures_without_temperature_are_counted_once():
    grid = exposures.count_grid([row(i, temperature="") for i in range(3)])
    assert grid["columns"] == []
    assert grid["rows"][0]["total"] == 3
    mixed = exposures.count_grid([row(1), row(2, temperature="")])
    assert mixed["columns"] == ["−4.8", "unknown"]


def test_no_exposure_time_gives_no_table():
    assert exposures.count_grid([row(1, exptime="")]) is None
    assert exposures.summarize([])["total"] == 0


# Item files


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
    with pytest.raises(InputError, match=r"gone\.png: cannot be read"):
        page.inline_png(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="is no PNG"):
        page.inline_png(tmp_path / "text.png")


def test_an_item_file_with_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_item(tmp_path / "item.json", "ccd", key_numbers=[{"label": "x", "value": np.nan}])
    assert not (tmp_path / "item.json").exists()


# The item file of the CCD pipeline

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
