"""The report of a campaign of hundreds of items stays small enough to be mailed and read."""

import re
import resource
import shutil
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.campaign.frames import COLUMNS, write_frames
from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.judge.judgement import WARNED, Judgement, write_judgements
from darkroom.plot import histograms, images, series
from darkroom.plot.book import FigureBook, Panel
from darkroom.report.campaign import write_report
from darkroom.report.item import write_item

ITEMS, EXPOSURES = 600, 40


def exposure(index):
    name = f"jw01234001001_02101_{index:05}_nrca1_uncal"
    values = dict.fromkeys(COLUMNS, "") | {
        "exposure": name, "role": "dark", "file": f"raw/{name}.fits", "accepted": "yes",
        "shape": "10x20x2048x2048", "binning": "1x1", "exptime_s": "214.7", "temperature_c": "-233",
        "date_obs": "2022-07-01T00:00:00.000", "sha256": f"{index:064x}",
    }  # fmt: skip
    if index == 1:
        values |= {"accepted": "no", "reason": f"raw/{name}.fits: truncated at byte 4194304"}
    return values


def picture_book(folder):
    """Draw a map of a subarray, of noise, which packs worst, and three charts."""
    noise = np.random.default_rng(1).normal(100, 5, (160, 160)).astype(np.float32)
    drawn = {
        "map": images.draw_image(noise, images.percentile(noise), unit="level [DN]"),
        "counts": histograms.draw_histogram(noise[:100], unit="level [DN]"),
        "log": histograms.draw_histogram(noise[:100], unit="level [DN]", log=True),
        "series": series.draw_pixel_series(noise[0, :40], unit="v [DN]"),
    }
    with FigureBook(folder) as book:
        for key, figure in drawn.items():
            book.add("Levels", key, f"The {key}", "A caption.", [Panel("", figure, f"the {key}")])


@pytest.fixture(scope="module")
def hundreds(tmp_path_factory):
    """Write the report of 600 items; return its folder and the seconds that it took."""
    base = tmp_path_factory.mktemp("campaign")
    picture_book(base / "figures")
    rows = [exposure(index) for index in range(EXPOSURES)]
    # A sentence of the length that checks write.
    said = f"{rows[2]['exposure']}.fits: its level is 14.2 DN, that of the others 9.1 ± 0.8 DN"
    judged = [Judgement(rows[2]["exposure"], "x", "level", "14.2 DN", "9.1 DN", WARNED, said)]
    warnings = [
        f"The bias drifts by {i}.5 ± 0.1 DN within the set; {'and so on ' * 20}." for i in (2, 3)
    ]
    numbers = [
        {"label": f"Noise of amplifier {i}, CDS", "value": 12.345 + i, "error": 0.012, "unit": "DN"}
        for i in range(8)
    ]
    names = [f"nrca1_subarray_{index:03}" for index in range(ITEMS)]
    for name in names:
        folder = base / name
        folder.mkdir()
        write_frames(folder / "frames.tsv", rows)
        write_judgements(folder / "judgements.tsv", judged)
        (folder / "figures").symlink_to(base / "figures")
        if name != names[300]:
            write_item(
                folder / "item.json", "nircam", summary="A superbias was made.", warnings=warnings,
                key_numbers=numbers, figures="figures/figures.json",
                products=[{"file": "frames.tsv", "what": "table of frames"}],
            )  # fmt: skip
    lock = Lock(base / "lock.tsv", {"query": "abc123"}, [
        Exposure(names[0], "dark", "dark_001", "dark_001.fits", "local:dark_001.fits", 1)
    ])  # fmt: skip
    lock.write()
    campaign = SimpleNamespace(
        name="many", path=base / "many.yaml", archive={"kind": "local"},
        settings={"title": "Six hundred items", "description": ""},
        items={each: {"description": "A subarray.", "instrument": "nircam"} for each in names},
    )  # fmt: skip
    begun = time.process_time()
    folders = [base / name for name in names]
    write_report(base / "report", campaign, lock, folders, "snakemake", "2026-01-01 00:00 UTC")
    return base / "report", time.process_time() - begun


@pytest.mark.heavy
def test_the_report_of_600_items_can_be_mailed(hundreds):
    folder, seconds = hundreds
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    pictures = [size for path, size in sizes.items() if path.suffix == ".webp"]
    first, all_of_it = sizes[folder / "index.html"], sum(sizes.values())
    print(
        f"{all_of_it / 1e6:.1f} MB in {len(sizes)} files, {first / 1e6:.3f} MB the first page, "
        f"{np.mean(pictures) / 1e3:.1f} kB a picture, made in {seconds:.1f} CPU s"
    )
    assert len(pictures) == 4 * (ITEMS - 1)
    assert all_of_it <= 60_000_000
    assert first <= 1_000_000
    assert max(pictures) <= 150_000


@pytest.mark.heavy
def test_the_first_page_of_600_items_has_every_one_and_the_worst_on_top(hundreds):
    text = (hundreds[0] / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<th scope="row"><a href="items/', text)) == ITEMS
    first = re.findall(r'<li><a href="items/(\w+)\.html#warnings">', text)
    assert first[:2] == ["nrca1_subarray_300", "nrca1_subarray_000"]
    assert f"</a> and {ITEMS - 6} further items: The bias drifts by 2.5 ± 0.1 DN" in text
    assert "1 of 600 items has no product." in text


def opened(page, profile):
    """Return the CPU seconds of a browser that opens a page, runs its script and lays it out."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-zygote", "--single-process"]
    options += [f"--user-data-dir={profile}", f"--screenshot={profile}/page.png"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["chromium", *options, page.as_uri()]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (profile / "page.png").stat().st_size
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.heavy
@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser to try")
def test_a_browser_opens_the_first_page_of_600_items_within_two_seconds(hundreds, tmp_path):
    """CPU seconds beyond those of a page with nothing on it: other processes do not count."""
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>Empty</title><p>Nothing.")
    opened(empty, tmp_path)
    alone, page = opened(empty, tmp_path), opened(hundreds[0] / "index.html", tmp_path)
    print(f"{page:.2f} CPU s, an empty page {alone:.2f}")
    assert page - alone < 2.0
