"""Read differences: the notebook's formulas, regions, sources, uncertainties."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.files.reads import Cube, difference, limit_rates, ranges, read_ima, region
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.reads.diagnose import from_record, measure, to_record
from darkroom.wfc3.reads.sky import sky_pixels

TIMES = np.array([0.0, 2.9, 102.9, 202.9, 302.9])


def cube(rates, noise=0.0, side=138, seed=1):
    """Reads of a sky whose rate in each interval is given, with read noise (e-)."""
    rng = np.random.default_rng(seed)
    rates = np.asarray(rates, float)
    counts = np.zeros((TIMES.size, side, side))
    for j, rate in enumerate(rates, 1):
        counts[j] = counts[j - 1] + rate * (TIMES[j] - TIMES[j - 1])
    counts += noise * rng.standard_normal(counts.shape)
    counts -= counts[0]
    with np.errstate(invalid="ignore"):
        reads = np.where(TIMES[:, None, None] > 0, counts / TIMES[:, None, None], 0)
    flagged = np.ones((side, side), bool)
    flagged[5:-5, 5:-5] = False
    return Cube(reads.astype(np.float32), TIMES, flagged, "ELECTRONS/S", "ixxx01aaq")


def test_instantaneous_difference_is_the_mean_rate_between_two_reads():
    made = cube([5.0, 1.0, 2.0, 3.0])
    assert [difference(made, j)[50, 50] for j in range(1, 5)] == pytest.approx([5, 1, 2, 3], 1e-5)


def test_cumulative_difference_is_the_earlier_rate_minus_the_later():
    made = cube([5.0, 1.0, 2.0, 3.0])
    expected = made.rates[1, 0, 0] - made.rates[2, 0, 0]
    assert difference(made, 2, "cumulative")[0, 0] == expected


def test_an_unknown_difference_is_named():
    with pytest.raises(DarkroomError, match="difference 'both' is not one of instantaneous, cum"):
        difference(cube([1, 1, 1, 1]), 1, "both")


def test_each_interval_is_named_by_the_read_that_ends_it():
    assert measure(cube([1, 1, 1, 1])).extvers.tolist() == [4, 3, 2, 1]


def test_the_full_frames_regions_are_the_notebooks():
    assert region((50, 250, 100, 900), (1024, 1024)) == (slice(100, 900), slice(50, 250))


def test_regions_of_a_subarray_are_scaled_and_kept_off_the_border():
    rows, columns = region((50, 250, 100, 900), (74, 74))
    assert (rows, columns) == (slice(7, 65), slice(5, 18))
    assert measure(cube([1, 1, 1, 1], side=74)).scaled


def test_medians_stray_from_the_truth_by_their_errors():
    pulls = []
    for seed in range(20):
        found = measure(cube([1, 1, 1, 1], noise=14.0, seed=seed), sources="none")
        pulls += list((found.full.median - 1) / found.full.error)
        pulls += list((found.left.median - 1) / found.left.error)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)
    assert abs(np.mean(pulls)) < 0.3


def test_the_error_of_the_ratio_is_its_scatter():
    ratios, errors = [], []
    for seed in range(100):
        found = measure(cube([1, 1, 1, 1], noise=14.0, side=74, seed=seed), sources="none")
        ratios.append(found.ratio[1:])
        errors.append(found.ratio_error[1:])
    assert np.std(ratios) == pytest.approx(np.median(errors), rel=0.12)


def test_the_notebooks_limit_drops_bright_rates_before_differencing():
    made = cube([1, 1, 1, 1])
    made.rates[:, 20:60, 40:50] = 4.0
    assert np.isnan(difference(limit_rates(made, 3.0), 2)[30, 45])
    found = measure(made, sources="limit", limit=3.0)
    assert found.full.count[0] == 128 * 128 - 400
    assert found.full.median == pytest.approx(np.ones(4), rel=1e-5)


def test_a_star_is_no_sky_but_a_gradient_is():
    sky = np.linspace(1.3, 0.7, 138)[None, :] * np.ones((138, 1))
    star = np.zeros((138, 138))
    star[68:71, 68:71] = 2.0
    found = sky_pixels(cube([sky + star] * 4, noise=3.0))
    assert not found[69, 69]
    assert found[20:50, 20:118].mean() > 0.9


def test_a_cosmic_ray_in_one_part_of_the_exposure_is_no_source():
    times = np.array([0.0, *np.arange(1, 16) * 100.0])
    rng = np.random.default_rng(3)
    counts = np.cumsum(np.concatenate([[0], np.full(15, 100.0)]))[:, None, None] + np.zeros(
        (16, 138, 138)
    )
    counts[1:] += 10 * rng.standard_normal((15, 138, 138))
    counts[8:, 60, 60] += 5000
    rates = np.divide(counts, times[:, None, None], where=times[:, None, None] > 0, out=counts * 0)
    flagged = np.zeros((138, 138), bool)
    made = Cube(rates.astype(np.float32), times, flagged, "ELECTRONS/S", "x")
    assert sky_pixels(made)[60, 60]
    counts[:, 60, 60] += 50 * times
    rates = np.divide(counts, times[:, None, None], where=times[:, None, None] > 0, out=counts * 0)
    star = Cube(rates.astype(np.float32), times, flagged, "ELECTRONS/S", "x")
    assert not sky_pixels(star)[60, 60]


def test_records_are_read_back_as_they_were():
    found = measure(cube([1, 1, 1, 1], noise=5.0))
    again = from_record(to_record(found))
    assert np.array_equal(again.ratio, found.ratio)
    assert again.boxes == found.boxes


def test_extvers_are_written_as_ranges():
    assert ranges([15, 11, 12, 14, 13, 3]) == "3,11-15"
    assert ranges([]) == ""


def write_ima(path, nsamp=3, unit="ELECTRONS/S", **cards):
    hdus = [fits.PrimaryHDU()]
    hdus[0].header.update({"INSTRUME": "WFC3", "DETECTOR": "IR", "NSAMP": nsamp} | cards)
    for extver in range(1, 4):
        for name in ("SCI", "ERR", "DQ", "SAMP", "TIME"):
            data = np.ones((20, 20), np.float32) if name == "SCI" else None
            hdu = fits.ImageHDU(data, name=name, ver=extver)
            if data is None:
                hdu.header.update(NPIX1=20, NPIX2=20, PIXVALUE=0.0)
                if name in ("DQ", "SAMP"):
                    hdu.header["PIXVALUE"] = 0
            if name == "TIME":
                hdu.header["PIXVALUE"] = 100.0 * (3 - extver)
            hdu.header["BUNIT"] = unit
            hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


def test_an_ima_is_put_in_time_order(tmp_path):
    assert read_ima(write_ima(tmp_path / "x_ima.fits")).times.tolist() == [0, 100, 200]


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"DETECTOR": "UVIS"}, "is not of WFC3/IR"),
        ({"unit": "COUNTS"}, "is in COUNTS; read differences need rates; give the IMA"),
        ({"nsamp": 1}, "has 1 read"),
        ({"nsamp": 4}, "truncated: NSAMP is 4, but EXTVER 4 is not there"),
    ],
)
def test_what_is_no_ima_is_refused_in_a_sentence(tmp_path, cards, words):
    with pytest.raises(InputError, match=words):
        read_ima(write_ima(tmp_path / "x_ima.fits", **cards))


def test_a_truncated_ima_is_refused(tmp_path):
    path = write_ima(tmp_path / "x_ima.fits")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="truncated"):
        read_ima(path)


@pytest.mark.parametrize("root", ["iccz11q4q", "ibxy01z8q", "ibxy07p9q"])
def test_the_real_exposures_are_undecidable_and_none_is_chosen(reference_data, root):
    made = read_ima(reference_data / f"real/wfc3_ima/{root}_ima.fits.gz")
    for sources in ("mask", "limit", "none"):
        found = measure(made, sources=sources)
        choice = choose(found)
        assert choice.verdict == "undecidable"
        assert choice.reads == ()
        assert choice.words.startswith("undecidable, none chosen: the longest step")
    # What the specification measured: 72 e-/s of scatter in each difference.
    assert measure(made).full.sigma == pytest.approx(72, abs=1.5)
