"""The report: complete, in one folder, escaped, and the same for the same inputs."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import write_frames
from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.judge.judgement import PASSED, WARNED, Judgement, write_judgements
from darkroom.plot import series
from darkroom.plot.book import FigureBook, Panel
from darkroom.report import exposures, page
from darkroom.report.campaign import write_report
from darkroom.report.index import index_line, item_findings, read_first
from darkroom.report.item import write_item
from report_rows import NASTY, ROWS, refused, row

JUDGED = [
    Judgement(f"dark_{i:03}", f"dark_{i:03}.fits", "level", f"{9 + i} ADU", "9 ± 1 ADU", WARNED,
              f"dark_{i:03}.fits: its level is {9 + i} ADU")
    for i in range(1, 9)
] + [Judgement("bias_001", "bias_001.fits", "shape", "48x60", "48x60", PASSED)]  # fmt: skip


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
    """A campaign on disk: items with products, only fetched, wholly excluded, not even fetched."""
    base = tmp_path_factory.mktemp("campaign")
    none = [refused(i, "its image is empty") for i in (1, 2)]
    fetched = [row(1, "exposure", "107.4", "")]
    for name, rows in (("st402", ROWS), ("fetched", fetched), ("excluded", none)):
        (base / name).mkdir()
        write_frames(base / name / "frames.tsv", rows)
        write_judgements(base / name / "judgements.tsv", JUDGED if name == "st402" else [])
    write_products(base / "st402")
    lock = Lock(base / "lock.tsv", {"query": "abc123"}, [
        Exposure("st402", "dark", "dark_001", "dark_001.fits", "local:dark_001.fits", 1)
    ])  # fmt: skip
    lock.write()
    settings = {"title": f"Title {NASTY}", "description": "What it is."}
    items = {
        name: {"description": f"Camera {name}.", "instrument": "ccd"}
        for name in ("st402", "fetched", "excluded", "absent")
    }
    made = SimpleNamespace(
        name="test", path=base / "test.yaml", settings=settings, items=items,
        archive={"kind": "local"},
    )  # fmt: skip
    return base, made, lock


def build(campaign, folder, written="2026-01-01 00:00 UTC"):
    base, made, lock = campaign
    folders = [base / name for name in made.items]
    return write_report(folder, made, lock, folders, "snakemake --config campaign=test", written)


@pytest.fixture(scope="module")
def report(campaign, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "report"
    build(campaign, folder)
    return folder


@pytest.fixture(scope="module")
def index(report):
    return (report / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(report):
    return (report / "items" / "st402.html").read_text(encoding="utf-8")


def files_of(folder):
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


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


def test_the_first_page_says_what_was_made_and_of_what_nothing_was(index):
    said = (
        "7 of 11 exposures used, 4 exposures excluded; made 1 product and 1 figure. "
        "3 of 4 items have no product."
    )
    assert said in index
    lines = dict(
        re.findall(r'<tr[^>]*><th scope="row"><a href="items/(\w+)\.html">(.*)</tr>', index)
    )
    assert list(lines) == ["st402", "fetched", "excluded", "absent"]
    cells = re.sub(r"<[^>]*>", "|", lines["st402"])
    for text in ("ccd", "6 of 8", "|2|", "|7|", "|1|", "Read noise: |10.430 ± 0.012| ADU", "31,242",
                 "The temperature drifts by 2.6 °C."):  # fmt: skip
        assert text in cells
    assert "no product was made of its 1 exposure" in lines["fetched"]
    assert "no product was made: all 2 exposures are excluded" in lines["excluded"]
    assert "its exposures have not been fetched and judged" in lines["absent"]


def test_the_worst_of_every_item_is_read_first(index):
    first = re.findall(r'<li><a href="([^"]*)">(\w+)</a>: (.*)</li>', index)
    assert [(link, item) for link, item, _ in first[:4]] == [
        (f"items/{item}.html#warnings", item) for item in ("fetched", "excluded", "absent", "st402")
    ]
    assert first[3][2] == "The temperature drifts by 2.6 °C."
    # There is room for the others of the one item that has more.
    assert [item for _, item, _ in first[4:]] == ["st402"] * 6
    assert "further warnings;" not in index


def test_an_item_with_many_warnings_stands_before_one_with_few_of_the_kind():
    lines = []
    for name, warnings in (("few", 1), ("many", 30)):
        record = {"pipeline": "ccd", "warnings": [f"{name} {i}" for i in range(warnings)],
                  "figures": []}  # fmt: skip
        seen = exposures.summarize([])
        found = item_findings(record, seen, [])
        item = {"name": name, "instrument": "ccd", "exposures": seen, "products": [],
                "record": record, "key_numbers": []}  # fmt: skip
        lines.append(index_line(item, found))
    first, further = read_first(lines)
    # The worst of each item first, then as many of the others as there is room for.
    told = ["many 0", "few 0", *(f"many {i}" for i in range(1, 11))]
    assert [each["text"] for each in first] == told
    assert further == 31 - 12
    assert [line["order"] for line in lines] == [1_999_998, 1_999_969]


def test_a_sentence_that_many_items_have_is_said_once():
    worst = {"text": "w", "link": "x"}
    lines = [
        {"warnings": 2, "order": 1, "worst": worst | {"item": f"i{i}"}, "next": []}
        for i in range(9)
    ]
    first, further = read_first(lines)
    assert [(each["text"], len(each["items"]), each["more"]) for each in first] == [("w", 5, 4)]
    assert further == 9


def test_repaired_cards_are_listed_with_their_exposures(html):
    text = re.sub(r"\s+", " ", html)
    assert (
        "EXPTIME = 3,2E-05 (malformed) read as 3.2e-05 in 2 exposures: bias_001, bias_002" in text
    )


def test_markup_in_the_data_is_shown_as_text(html, index):
    assert "<script" not in html
    assert index.count("<script") == 1
    assert "<script>alert" not in index
    for text in (html, index):
        assert "&lt;script&gt;" in text
    assert "Section &lt;one&gt;" in html


def test_a_page_asks_for_nothing_but_the_pictures_beside_it(report):
    for path in report.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for tag, attributes in Tags(text).tags:
            assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            for name in ("src", "href"):
                assert ":" not in attributes.get(name, "")
                assert not attributes.get(name, "").startswith("/")
            for name in ("srcset", "action", "poster", "data"):
                assert name not in attributes
        assert not re.search(r"url\(|@import|https?:", text)


def test_the_browser_is_told_to_refuse_all_but_style_script_and_pictures(report):
    for path in report.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        stated = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        first = path.name == "index.html"
        wanted = {"default-src", "img-src", "style-src", "base-uri", "form-action"}
        assert set(stated) == wanted | ({"script-src"} if first else set())
        assert stated["default-src"] == stated["base-uri"] == stated["form-action"] == "'none'"
        assert stated["img-src"] == "'self' file:"
        for tag in ("style", "script")[: 2 if first else 1]:
            (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert stated[f"{tag}-src"] == f"'sha256-{digest}'"


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser to try")
def test_a_browser_runs_the_script_and_shows_the_pictures_from_files(report, tmp_path):
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    for name in ("index.html", "items/st402.html"):
        ended = subprocess.run(
            ["chromium", *options, f"--user-data-dir={tmp_path}", "--dump-dom",
             (report / name).as_uri()],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert "Content Security Policy" not in ended.stderr
        if name == "index.html":
            assert '<p id="search">' in ended.stdout
            assert ended.stdout.count('<button type="button">') == 8


def test_every_picture_is_a_file_with_alt_text_and_size(report, html, campaign):
    (picture,) = [attributes for tag, attributes in Tags(html).tags if tag == "img"]
    assert picture["src"] == "../pictures/st402/key.webp"
    assert picture["alt"] == NASTY
    assert (picture["width"], picture["height"]) == ("480", "330")
    assert picture["loading"] == "lazy"
    original = campaign[0] / "st402" / "figures" / "key.webp"
    assert (report / "pictures" / "st402" / "key.webp").read_bytes() == original.read_bytes()


def test_tags_are_balanced_and_links_lead_somewhere(report):
    pages = {
        path.resolve(): Tags(path.read_text(encoding="utf-8")) for path in report.rglob("*.html")
    }
    ids = {}
    for path, parsed in pages.items():
        assert parsed.open == []
        found = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
        assert len(found) == len(set(found))
        ids[path] = set(found)
    for path, parsed in pages.items():
        links = [a.get("href") or a.get("src") for tag, a in parsed.tags if tag in ("a", "img")]
        assert len(links) > 3
        for link in links:
            name, _, place = link.partition("#")
            target = Path(path.parent, unquote(name)).resolve() if name else path
            assert target.is_file()
            assert target.is_relative_to(report.resolve())
            assert not place or place in ids[target]


def test_pages_lead_to_the_next_and_the_one_before(report):
    for name, before, after in (("st402", None, "fetched"), ("excluded", "fetched", "absent")):
        tags = Tags((report / "items" / f"{name}.html").read_text(encoding="utf-8")).tags
        ways = {a["rel"]: a["href"] for tag, a in tags if tag == "a" and "rel" in a}
        assert ways.get("prev") == (before and f"{before}.html")
        assert ways.get("next") == f"{after}.html"


def test_quantities_stand_beside_the_notebooks_with_their_uncertainty(html):
    assert "1080.117" in html
    assert "1080.11 ± 0.31" in html
    assert "1,234" in html


def test_warnings_answers_limits_tables_and_key_numbers_are_shown(html):
    for text in ("The temperature drifts by 2.6 °C.", "This much: 1.57 ADU.", "No gain is known.",
                 "10.430 ± 0.012", "31,242", "12.5", "All was made."):  # fmt: skip
        assert text in html


def test_what_checks_found_of_exposures_that_are_used_is_read_first(html):
    part = html
    first = part[: part.index("This much")]
    assert "Read this first" in first
    assert "dark_005.fits: its level is 14 ADU" in first
    assert "level: the same of 3 further exposures, see below" in first
    table = part[part.index("Exposures that a check refused") :]
    assert "17 ADU" in table
    assert "2 checks of each exposure" in table


def test_products_have_size_and_checksum_and_the_first_page_tells_provenance(html, index, campaign):
    base, _, lock = campaign
    digest = page.describe_file(base / "st402" / "master_bias.fits")["sha256"]
    assert digest in html
    assert "5.76 kB" in html
    assert page.describe_file(lock.path)["sha256"] in index
    for text in ("snakemake --config campaign=test", "numba", "0.68.1", "abc123"):
        assert text in index


def test_an_item_that_only_fetched_shows_its_exposures(report):
    part = (report / "items" / "fetched.html").read_text(encoding="utf-8")
    assert "1 of 1 exposure used" in part
    assert "107.4" in part
    part = (report / "items" / "excluded.html").read_text(encoding="utf-8")
    assert "its image is empty" in part


def test_same_inputs_give_the_same_report_but_for_the_date(campaign, report, tmp_path):
    before = files_of(report)
    build(campaign, tmp_path / "again")
    assert files_of(tmp_path / "again") == before
    build(campaign, tmp_path / "again", written="2027-02-02 11:11 UTC")
    after = files_of(tmp_path / "again")
    assert [name for name in after if after[name] != before[name]] == ["index.html"]
    lines = [files["index.html"].decode().split("\n") for files in (before, after)]
    different = [(a, b) for a, b in zip(*lines, strict=True) if a != b]
    assert len(different) == 1
    assert "2027-02-02 11:11 UTC" in different[0][1]


def test_a_new_report_leaves_nothing_of_the_old_and_a_failed_one_all_of_it(campaign, tmp_path):
    base, made, lock = campaign
    (tmp_path / "report" / "items").mkdir(parents=True)
    (tmp_path / "report" / "items" / "gone.html").write_text("an item of before")
    build(campaign, tmp_path / "report")
    whole = files_of(tmp_path / "report")
    assert "items/gone.html" not in whole
    broken = tmp_path / "fetched"
    broken.mkdir()
    (broken / "frames.tsv").write_text("no table")
    with pytest.raises(InputError, match="is not a frame table"):
        write_report(tmp_path / "report", made, lock, [base / "st402", broken], "", "")
    assert files_of(tmp_path) == {f"report/{name}": whole[name] for name in whole} | {
        "fetched/frames.tsv": b"no table"
    }


def test_a_folder_that_is_no_item_is_refused(campaign, tmp_path):
    _, made, lock = campaign
    with pytest.raises(DarkroomError, match=r"no item 'st40' \(did you mean 'st402'\?\)"):
        write_report(tmp_path / "report", made, lock, [tmp_path / "st40"], "", "")


# Exposures
