"""Reads without data of their own: found in the RAW, left out when it is calibrated again."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.wfc3.files.imsets import Imsets
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.reads.diagnose import measure, with_data
from darkroom.wfc3.reads.lines import line_excess
from darkroom.wfc3.reads.reprocess import reprocess
from darkroom.wfc3.reads.sky import sky_pixels
from darkroom.wfc3.reads.stale import lost_words, without_data, without_rows
from wfc3_visits import REGIONS, Visit, cube_of


def freeze(path, reads, source):
    with fits.open(path, mode="update") as hdus:
        for extver in reads:
            hdus["SCI", extver].data = hdus["SCI", source].data.copy()


def zero(path, reads, rows=slice(None)):
    with fits.open(path, mode="update") as hdus:
        for extver in reads:
            hdus["SCI", extver].data[rows] = 0


@pytest.mark.parametrize(
    ("spoil", "reads", "level"),
    [
        (lambda path: freeze(path, (1, 2, 3, 4), 5), (1, 2, 3, 4), 1000),
        (lambda path: zero(path, (1, 2, 3)), (1, 2, 3), 1100),
        (lambda path: zero(path, (7,)), (7,), 1400),
        (lambda path: freeze(path, (7, 8), 9), (7, 8), 1400),
        (lambda path: freeze(path, (15, 14), 16), (14, 15), 1300),
        (lambda path: zero(path, (6,), slice(20, 60)), (6,), 1400),
    ],
    ids=["frozen end", "zero end", "zero middle", "frozen middle", "frozen start", "partly zero"],
)
def test_reads_without_data_are_named_and_the_sky_is_right_without_them(
    tmp_path, spoil, reads, level
):
    visit = Visit(tmp_path, exposures=[{}], stars=300)
    raw = visit.raw()
    spoil(raw)
    stale, _ = without_data(raw)
    assert tuple(sorted(stale)) == reads
    ramp = visit.ramp()
    cube = cube_of(ramp)
    sky = measure(cube, stale=stale)
    choice = choose(sky)
    assert (choice.verdict, choice.treatment, choice.reads) == ("chosen", "mask", reads)
    assert choice.kind == "no data"
    pixels = sky_pixels(with_data(cube, stale))
    made = reprocess(raw, visit.references, vars(choice), sky.full.median, pixels, regions=REGIONS)
    after = made.record["background"][1]
    assert after["level"] == pytest.approx(0.9, abs=0.03)
    assert made.record["exptime"][1] == pytest.approx(level, abs=5)
    assert any("no data" in warning for warning in made.record["warnings"])


def test_a_few_rows_without_data_are_said_and_are_no_trail(tmp_path):
    """Two lost rows of one read once were the trail of a satellite; frozen ones were silent."""
    visit = Visit(tmp_path, exposures=[{}], stars=300)
    raw = visit.raw()
    zero(raw, (6,), slice(30, 32))
    with fits.open(raw, mode="update") as hdus:
        for extver in (1, 2):
            hdus["SCI", extver].data[40] = hdus["SCI", 3].data[40]
    stale, lost = without_data(raw)
    assert stale == {}
    assert lost == {6: (30, 31), 2: (40,), 1: (40,)}
    (words,) = lost_words(lost)
    assert words.startswith("3 rows of EXTVER 1-2,6 have one value or repeat an earlier read")
    cube = cube_of(visit.ramp())
    assert choose(measure(cube, stale={})).kind == "trail"
    assert choose(measure(without_rows(cube, lost), stale={})).verdict == "quiet"


def test_frozen_reads_are_found_in_the_calibrated_reads_alone(tmp_path):
    visit = Visit(tmp_path, exposures=[{}])
    freeze(visit.raw(), (1, 2, 3, 4), 5)
    assert tuple(sorted(measure(cube_of(visit.ramp())).stale)) == (1, 2, 3, 4)


def test_no_read_of_good_exposures_is_stale(tmp_path):
    visit = Visit(tmp_path, exposures=[{}] * 3, sampseq="RAPID")
    for number in range(3):
        assert without_data(visit.raw(number))[0] == {}
        assert measure(cube_of(visit.ramp(number))).stale == {}


def test_rows_are_read_as_they_are_stored(tmp_path):
    raw = Visit(tmp_path, exposures=[{}], nsamp=3).raw()
    with Imsets(raw) as imsets:
        rows = imsets.rows("SCI", 2)
        assert len(rows) == 74
        stored = fits.getdata(raw, ("SCI", 2))
        values = np.frombuffer(rows[20], ">i2").astype(int) + 32768
        assert np.array_equal(values, stored[20])
        assert len(imsets.rows("SCI", 2, 16)) >= 16
        assert imsets.rows("TIME", 2) == imsets.rows("TIME", 2, 5)


@pytest.mark.parametrize("side", [64, 128, 1014])
def test_a_line_is_told_from_scattered_pixels_and_from_a_clump(side):
    rng = np.random.default_rng(1)
    rays = rng.random((side, side)) < 0.003
    assert line_excess(rays) < 0.3 * rays.sum()
    for angle in (0.0, 0.4, 1.3, 1.57):
        y, x = np.mgrid[:side, :side] - side / 2
        trail = np.abs(x * np.sin(angle) - y * np.cos(angle) + side / 10) < 2.5
        excess = (trail | rays).sum() - rays.sum()
        assert line_excess(trail | rays) > 0.7 * excess
    y, x = np.mgrid[:side, :side] - side / 2
    clump = np.hypot(x, y) < side / 10
    assert line_excess(clump) < 0.5 * clump.sum()
