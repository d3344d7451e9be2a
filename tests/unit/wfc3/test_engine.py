"""The builtin engine on exposures whose truth is known: rates, masks, cosmic rays, flags."""

import numpy as np
import pytest

import wfc3_case as case
from darkroom.wfc3.engine import engine

NSAMP = 8
RATE = 30.0  # e-/s
LAST = case.times(NSAMP)[-1]
INSIDE = case.INSIDE


def reduced(folder, counts, masked=(), scope="all", **keywords):
    """Write, load and reduce an exposure with all its events."""
    ramp = engine.load(case.write_case(folder, counts, **keywords), folder / "iref")
    return ramp, engine.reduce(ramp, masked, scope=scope, events=True)


def noisy(seed, rate=RATE, nsamp=NSAMP):
    """Counts with read noise, so that rejection has something to look at."""
    rng = np.random.default_rng(seed)
    return case.counts(rate, nsamp) + rng.normal(0, 8, (nsamp, *case.SHAPE))


def test_a_steady_pixel_gives_its_rate_over_all_reads(tmp_path):
    _, image = reduced(tmp_path, case.counts(RATE, NSAMP))
    # Counts are whole numbers in a RAW: half a DN over the exposure.
    np.testing.assert_allclose(image.sci, RATE, atol=1.5 * case.GAINS[0] / LAST)
    assert (image.samp == NSAMP).all()
    np.testing.assert_allclose(image.time, LAST, rtol=1e-6)
    assert not image.dq.any()


def test_the_error_is_that_of_signal_dark_and_reading(tmp_path):
    _, image = reduced(tmp_path, case.counts(RATE, NSAMP))
    poisson = (RATE + 0.036 * 1.0) * (LAST - case.times(NSAMP)[1])
    assert image.err.min() > np.sqrt(poisson) / LAST
    assert image.err.max() < np.sqrt(poisson + 4 * 21.0**2) / (LAST - case.times(NSAMP)[1])


def test_pixels_done_together_have_the_bits_of_pixels_done_one_by_one(tmp_path):
    ramp, together = reduced(tmp_path, noisy(1), masked=(7,))
    ramp.dq |= np.int16(2048)  # a flag that is taken off again, but sends pixels the other way
    single = engine.reduce(ramp, (7,), events=True)
    for name in ("sci", "err", "samp", "time", "events"):
        assert np.array_equal(getattr(together, name), getattr(single, name)), name


def test_threads_do_not_change_a_bit(tmp_path):
    raw = case.write_case(tmp_path, noisy(2))
    one = engine.load(raw, tmp_path / "iref")
    many = engine.load(raw, tmp_path / "iref", threads=3)
    assert np.array_equal(one.sci, many.sci)
    assert np.array_equal(one.dq, many.dq)
    first, second = engine.reduce(one), engine.reduce(many, threads=3)
    assert np.array_equal(first.sci, second.sci)
    assert np.array_equal(first.err, second.err)


def test_a_cosmic_ray_is_taken_out_and_marked_from_its_read_on(tmp_path):
    counts = case.counts(RATE, NSAMP)
    counts[4:, 20, 20] += 2000
    ramp, image = reduced(tmp_path, counts)
    y, x = 20 - case.BORDER, 20 - case.BORDER
    assert image.sci[y, x] == pytest.approx(RATE, abs=0.2)
    assert not image.dq[y, x]
    marked = [bool(image.events[k, y, x] & 1) for k in range(NSAMP)]
    assert marked == [False] * 4 + [True] * 4
    flags = engine.calibrated_read(ramp, 5, image)[2]
    assert flags[20, 20] & 8192


def test_a_pixel_with_four_cosmic_rays_is_given_up_as_unstable(tmp_path):
    counts = case.counts(RATE, 16)
    for k in (3, 6, 9, 12):
        counts[k:, 20, 20] += 3000
    ramp, image = reduced(tmp_path, counts)
    assert image.dq[15, 15] & 32
    assert (image.events[:, 15, 15] & 4).all()
    assert (engine.calibrated_read(ramp, 0, image)[2][20, 20]) & 32


@pytest.fixture
def scattered(tmp_path):
    """Light that is gone after the second read; one pixel has a static flag."""
    counts = case.counts(RATE, NSAMP)
    counts[1] += 300
    counts[2:] += 900
    flags = np.zeros(case.SHAPE, int)
    flags[20, 20] = 512
    raw = case.write_case(tmp_path, counts, dq=flags)
    return engine.load(raw, tmp_path / "iref")


EARLY = (NSAMP - 2, NSAMP - 1)  # EXTVERs of reads 1 and 2


def test_masked_reads_are_left_out_of_rate_time_and_samples(scattered):
    image = engine.reduce(scattered, EARLY)
    np.testing.assert_allclose(image.sci, RATE, atol=0.1)
    np.testing.assert_allclose(image.time, LAST - case.times(NSAMP)[2], rtol=1e-6)
    assert (image.samp == NSAMP - 2).all()


def test_scope_all_holds_for_flagged_pixels_too(scattered):
    image = engine.reduce(scattered, EARLY)
    assert image.dq[15, 15] == 512
    assert image.sci[15, 15] == pytest.approx(RATE, abs=0.1)


def test_scope_calwf3_keeps_the_masked_reads_of_flagged_pixels(scattered):
    image = engine.reduce(scattered, EARLY, scope="calwf3")
    assert image.sci[15, 15] > RATE + 0.3
    assert image.time[15, 15] > LAST - case.times(NSAMP)[2]


def test_scope_all_leaves_no_1024_and_scope_calwf3_sets_it(scattered):
    assert not (engine.reduce(scattered, EARLY).dq & 1024).any()
    assert (engine.reduce(scattered, EARLY, scope="calwf3").dq & 1024).all()


def test_a_mask_changes_nothing_of_the_ramp(scattered):
    before = scattered.sci.copy(), scattered.dq.copy()
    first = engine.reduce(scattered)
    engine.reduce(scattered, EARLY)
    assert np.array_equal(before[0], scattered.sci)
    assert np.array_equal(before[1], scattered.dq)
    assert np.array_equal(first.sci, engine.reduce(scattered).sci)


def test_a_mask_in_the_file_is_the_mask_given(tmp_path, scattered):
    counts = noisy(3)
    marked = case.write_case(tmp_path / "marked", counts, masked=EARLY)
    plain = case.write_case(tmp_path / "plain", counts)
    in_file = engine.load(marked, tmp_path / "marked/iref")
    assert in_file.masked_in_file == EARLY
    given = engine.reduce(engine.load(plain, tmp_path / "plain/iref"), EARLY)
    found = engine.reduce(in_file)
    assert np.array_equal(found.sci, given.sci)
    assert np.array_equal(found.dq, given.dq)


def test_a_pixel_saturated_in_every_read_left_is_flagged_not_zero(tmp_path):
    counts = case.counts(RATE, NSAMP)
    counts[3:, 20, 20] = case.NODE + 2000
    counts[1:3, 20, 20] = 500
    _, image = reduced(tmp_path, counts, masked=EARLY)
    assert image.samp[15, 15] == 0
    assert image.dq[15, 15] & 256


def test_a_pixel_saturated_in_the_first_read_takes_the_zeroth(tmp_path):
    counts = case.counts(RATE, NSAMP)
    counts[0, 20, 20] = 5000
    counts[1:, 20, 20] = case.NODE + 2000
    ramp, image = reduced(tmp_path, counts)
    assert image.samp[15, 15] == 1
    assert image.sci[15, 15] == pytest.approx(5000 * case.GAINS[0] / ramp.zeroth_time, rel=1e-3)


@pytest.mark.parametrize("step", ["DARKCORR", "FLATCORR", "UNITCORR", "CRCORR", "ZSIGCORR"])
def test_a_step_that_is_omitted_is_not_run(tmp_path, step):
    counts = case.counts(RATE, NSAMP)
    ramp, image = reduced(tmp_path, counts, switches={step: "OMIT"})
    expected = {
        "DARKCORR": RATE + case.DARK_RATE * case.GAINS[0],
        "FLATCORR": RATE / case.GAINS[0],
        "UNITCORR": RATE * LAST,
    }.get(step, RATE)
    assert ramp.steps[step] == "OMIT"
    np.testing.assert_allclose(image.sci, expected, rtol=0.01)


def test_a_dummy_reference_skips_its_step(tmp_path):
    from astropy.io import fits

    raw = case.write_case(tmp_path, case.counts(RATE, NSAMP))
    fits.setval(tmp_path / "iref/darkfile.fits", "PEDIGREE", value="DUMMY")
    ramp = engine.load(raw, tmp_path / "iref")
    assert ramp.steps["DARKCORR"] == "SKIPPED"
    assert not ramp.mean_darks


def test_the_bias_level_ignores_a_hit_reference_pixel(tmp_path):
    from darkroom.wfc3.engine.bias import bias_level
    from darkroom.wfc3.engine.tables import Border

    border = Border(5, 5, 5, 5, ((1, 4), (37, 40)))
    read = np.random.default_rng(4).normal(11000, 5, case.SHAPE).round().astype(np.float32)
    quiet = bias_level(read, border)
    read[20, 2] += 5000
    assert bias_level(read, border) == pytest.approx(quiet, abs=0.2)
    assert quiet == pytest.approx(11000, abs=1)


def test_photometry_is_interpolated_in_time(tmp_path):
    ramp, _ = reduced(tmp_path, case.counts(RATE, NSAMP))
    assert ramp.photmode == "WFC3 IR F140W MJD#57327.0000"
    assert ramp.photometry["PHOTFLAM"] == pytest.approx(1.5e-20 * 1.01)
