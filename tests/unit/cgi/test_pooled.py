"""The pooled estimator: unbiased, with errors that are the errors."""

import numpy as np
import pytest

from cgi_stacks import EXPTIMES, GAINS, REGIONS, source_of, sources, tiny_geometry, truth
from darkroom.cgi.darks.darks import synthesized_dark
from darkroom.cgi.geometry import IMAGING
from darkroom.cgi.maps.design import Design
from darkroom.cgi.maps.maps import PAIRS
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

SYNTHESIZED = ((1000.0, 10.0), (5000.0, 100.0), (30.0, 30.0))
WORST = {"hot_fraction": 0.001, "masked": 0.03, "odd": (30.0, 2.0)}


def unweighted(found, geometry):
    """Return the signed maps of corgidrp 5.1.1's fit (weights: number of frames)."""
    moments = [source._moments for source in found]
    design = Design.from_stacks([source.stack for source in found], geometry.em_stages)
    means = np.stack([m.mean().ravel() for m in moments])
    counts = np.stack([m.count.ravel().astype(float) for m in moments])
    maps = np.empty((3, means.shape[1]))
    load_kernel("darkroom.cgi.maps.lsq_kernel").solve_weighted(design.matrix, means, counts, maps)
    return maps.reshape(3, *geometry.shape)


def realise(geometry, nframes, number, seed, *, hot_fraction=0.0, masked=0.0, odd=None):
    """Simulate and fit again and again; return what the imaging area's pixels have."""
    rng = np.random.default_rng(seed)
    area, rows = geometry.imaging, []
    for _ in range(number):
        maps, hot = truth(geometry, rng, hot_fraction)
        found = sources(geometry, maps, nframes, rng, masked=masked, odd=odd)
        fit = fit_pooled(found, geometry)
        deviation, error = fit.data - maps, fit.err
        peer = unweighted(found, geometry) - maps
        darks = []
        for gain, exptime in SYNTHESIZED:
            dark = synthesized_dark(fit, exptime, gain)
            true = maps[0] / gain + exptime * maps[2] + maps[1]
            darks += [dark.data - true, dark.err]
        planes = np.concatenate([deviation, error, peer, darks, [hot]])
        rows.append(planes[(slice(None), *area)].reshape(len(planes), -1))
    return np.concatenate(rows, axis=1)


def check(planes):
    """Assert what is claimed of the estimator."""
    good = np.isfinite(planes).all(axis=0)
    assert good.mean() > 0.999
    planes, hot = planes[:, good], planes[-1, good] > 0
    for k, name in enumerate("FCD"):
        deviation, error, peer = planes[k], planes[3 + k], planes[6 + k]
        typical = np.median(error)
        assert abs(deviation.mean()) < 0.1 * typical, name
        assert (deviation / error).std() == pytest.approx(1.0, abs=0.05), name
        assert deviation[~hot].std() < peer[~hot].std() / 1.35, name
    for k, (gain, exptime) in enumerate(SYNTHESIZED):
        deviation, error = planes[9 + 2 * k], planes[10 + 2 * k]
        assert abs(deviation.mean()) < 0.1 * np.median(error), (gain, exptime)
        assert (deviation / error).std() == pytest.approx(1.0, abs=0.05), (gain, exptime)


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


@pytest.mark.parametrize("key", [(1.5, 100.0), (30.0, 30.0), (5000.0, 2.0)])
def test_a_level_of_one_stack_leaves_the_stated_share_in_its_residual(geometry, key):
    """The fit follows the rest; gates judge the level by it."""
    maps, _ = truth(geometry, np.random.default_rng(1))

    def report(light):
        rng = np.random.default_rng(2)
        fit = fit_pooled(sources(geometry, maps, 40, rng, leaking=key, light=light), geometry)
        [found] = [r for r in fit.used if (r.stack.commanded_gain, r.stack.exptime) == key]
        return found

    light = 3.0
    before, after = report(0.0), report(light)
    response = (after.residual - before.residual) / light
    assert response == pytest.approx(before.residual_share, rel=0.03)
    assert 0 < before.residual_share < 1


@pytest.mark.parametrize("hard", [{}, WORST], ids=["plain", "hot-masked-odd"])
def test_eight_frames_a_stack_unbiased_true_errors_less_noise_than_the_peer(geometry, hard):
    check(realise(geometry, 8, 40, seed=8, **hard))


@pytest.mark.heavy
@pytest.mark.parametrize("nframes", [8, 100])
@pytest.mark.parametrize("hard", [{}, WORST], ids=["plain", "hot-masked-odd"])
def test_two_hundred_realisations_unbiased_true_errors_less_noise_than_the_peer(
    geometry, nframes, hard
):
    check(realise(geometry, nframes, 200, seed=nframes, **hard))


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("exptime", EXPTIMES)
def test_whichever_stack_is_odd_its_noise_is_weighed_and_nothing_is_biased(geometry, gain, exptime):
    planes = realise(geometry, 8, 3, seed=5, odd=(gain, exptime))
    for k in range(3):
        pull = planes[k] / planes[3 + k]
        assert abs(pull.mean()) < 0.1 + 4 / np.sqrt(pull.size)
        assert pull.std() == pytest.approx(1, abs=0.05)


def test_hot_pixels_have_pulls_of_one_and_far_less_noise_than_the_peer(geometry):
    planes = realise(geometry, 20, 6, seed=3, hot_fraction=0.05)
    hot = planes[-1] > 0
    for k in range(3):
        assert (planes[k] / planes[3 + k])[hot].std() == pytest.approx(1, abs=0.15)
        assert abs((planes[k] / planes[3 + k])[hot].mean()) < 0.2
        assert planes[k, hot].std() < planes[6 + k, hot].std() / 1.5


@pytest.mark.parametrize("exptimes", [EXPTIMES, (2.0, 100.0)])
@pytest.mark.parametrize("nframes", [3, 8])
def test_normal_pixels_are_hardly_ever_called_hot(geometry, exptimes, nframes):
    rng = np.random.default_rng(1)
    flagged = []
    for _ in range(15):
        found = sources(geometry, truth(geometry, rng)[0], nframes, rng)
        found = [source for source in found if source.stack.exptime in exptimes]
        flagged.append(fit_pooled(found, geometry).hot > 0)
    assert np.mean(flagged) < 1e-4


def test_chi_square_is_that_of_the_degrees_of_freedom(geometry):
    rng = np.random.default_rng(2)
    fit = fit_pooled(sources(geometry, truth(geometry, rng)[0], 20, rng, masked=0.03), geometry)
    imaging = geometry.populations == IMAGING
    chi2 = fit.chi2[imaging] / (fit.usable[imaging] - 3.0)
    assert chi2.mean() == pytest.approx(1, abs=0.05)


def test_an_unmasked_cosmic_ray_does_not_spoil_the_pooled_variance(geometry):
    rng = np.random.default_rng(4)
    found = sources(geometry, truth(geometry, rng)[0], 8, rng)
    clean = fit_pooled(found, geometry).reports[0].noise
    found[0]._moments.m2[10, 30] += (1e5) ** 2
    assert fit_pooled(found, geometry).reports[0].noise == pytest.approx(clean, rel=1e-2)


def test_telemetry_rows_and_pixels_with_three_usable_stacks_are_nan_and_flagged(geometry):
    rng = np.random.default_rng(6)
    found = sources(geometry, truth(geometry, rng)[0], 4, rng)
    for source in found[:9]:
        moments = source._moments
        moments.count[9, 30] = moments.total[9, 30] = moments.m2[9, 30] = 0
        moments.seen[9, 30] = 128
    fit = fit_pooled(found, geometry)
    assert fit.dq[9, 30] == 128 | 1
    assert np.isnan(fit.data[:, 9, 30]).all()
    assert np.isnan(fit.err[:, 9, 30]).all()
    assert (fit.dq[-1] == 1).all()
    assert np.isnan(fit.data[:, -1]).all()
    assert (fit.dq[:-1].astype(bool).sum(), fit.usable[9, 30]) == (1, 3)


def test_four_usable_stacks_of_one_gain_determine_nothing_and_are_flagged(geometry):
    rng = np.random.default_rng(7)
    found = [
        source_of(geometry, gain, exptime, rng.normal(5, 100, (5, *geometry.shape)))
        for gain in (1.5, 30.0)
        for exptime in (1.0, 2.0, 30.0, 100.0)
    ]
    for source in found[:4]:
        for plane in (source._moments.count, source._moments.total, source._moments.m2):
            plane[20, 40] = 0
    fit = fit_pooled(sorted(found, key=lambda s: s.stack.key), geometry)
    assert fit.usable[20, 40] == 4
    assert fit.dq[20, 40] > 0
    assert np.isnan(fit.data[:, 20, 40]).all()


def test_the_covariance_is_that_of_the_estimates(geometry):
    rng = np.random.default_rng(9)
    maps, _ = truth(geometry, rng)
    fits = [fit_pooled(sources(geometry, maps, 8, rng), geometry) for _ in range(30)]
    scale = np.array([1.0, 300.0, 1e4])[:, None, None]
    imaging = geometry.populations == IMAGING
    spread = np.stack([(fit.data - maps) * scale for fit in fits])[:, :, imaging]
    measured = np.einsum("rip,rjp->ij", spread, spread) / spread[:, 0].size
    for plane, (i, j) in enumerate(PAIRS):
        quoted = fits[0].covariance[plane][imaging].mean()
        quoted *= (scale[i] * scale[j]).item()
        size = np.sqrt(measured[i, i] * measured[j, j])
        assert measured[i, j] == pytest.approx(quoted, abs=0.06 * size)


def test_the_offset_of_an_odd_stack_is_measured_in_the_prescan_and_subtracted(geometry):
    rng = np.random.default_rng(10)
    maps, _ = truth(geometry, rng)
    found = sources(geometry, maps, 40, rng, odd=(1.5, 30.0), offset=20.0)
    fit = fit_pooled(found, geometry)
    odd = [report for report in fit.reports if report.corrected]
    assert [(r.stack.em_gain, r.stack.exptime) for r in odd] == [(1.5, 30.0)]
    assert odd[0].offset == pytest.approx(20.0, abs=4 * odd[0].offset_error)
    assert any("off the other stacks', which was subtracted" in text for text in fit.warnings)
    kept = fit_pooled(found, geometry, correct_offsets=False)
    area = geometry.imaging
    assert abs((fit.data - maps)[0][area].mean()) < abs((kept.data - maps)[0][area].mean())


def test_stacks_that_agree_have_no_offset_and_a_bias_offset_of_zero_within_its_error(geometry):
    rng = np.random.default_rng(11)
    fit = fit_pooled(sources(geometry, truth(geometry, rng)[0], 8, rng), geometry)
    assert not any(report.corrected for report in fit.reports)
    assert fit.bias.measured
    assert abs(fit.bias.value) < 4 * fit.bias.error < 1.0


def test_six_stacks_cannot_tell_an_offset(geometry):
    rng = np.random.default_rng(12)
    fit = fit_pooled(sources(geometry, truth(geometry, rng)[0], 8, rng)[:6], geometry)
    assert not fit.bias.measured
    assert np.isnan([report.offset for report in fit.reports]).all()


def test_read_noise_is_told_by_the_lowest_gain_and_nan_where_charge_dominates(geometry):
    rng = np.random.default_rng(13)
    maps, _ = truth(geometry, rng)
    found = sources(geometry, maps, 8, rng)
    assert fit_pooled(found, geometry).read_noise == pytest.approx(100, rel=0.03)
    amplified = [source for source in found if source.stack.em_gain >= 500]
    assert np.isnan(fit_pooled(amplified[1:], geometry).read_noise)


def test_a_stack_whose_threshold_cuts_into_its_signal_is_left_out_and_named(geometry):
    rng = np.random.default_rng(14)
    found = sources(geometry, truth(geometry, rng)[0], 4, rng)
    found[-1].stack.threshold_dn = 205.17
    fit = fit_pooled(found, geometry)
    assert [report.used for report in fit.reports] == [True] * 11 + [False]
    assert "EM gain 5000 and 100 s: its cosmic-ray threshold of 1785 e-" in fit.warnings[0]
    assert len(fit_pooled(found, geometry, check_thresholds=False).used) == 12


def test_one_frame_a_stack_tells_no_noise(geometry):
    rng = np.random.default_rng(15)
    found = sources(geometry, truth(geometry, rng)[0], 1, rng)
    with pytest.raises(DarkroomError, match="a single frame, so its noise is unknown"):
        fit_pooled(found, geometry)


def test_the_result_does_not_depend_on_how_the_frames_were_parted(geometry):
    rng = np.random.default_rng(16)
    frames = rng.normal(5, 100, (12, 9, *geometry.shape)).astype(np.float32)
    pairs = [(g, t) for t in EXPTIMES for g in GAINS]
    whole = [source_of(geometry, *p, f) for p, f in zip(pairs, frames, strict=True)]
    parted = [source_of(geometry, *p, f[:4]) for p, f in zip(pairs, frames, strict=True)]
    for source, rest, pair in zip(parted, frames, pairs, strict=True):
        source._moments.merge(source_of(geometry, *pair, rest[4:])._moments)
    one, two = fit_pooled(whole, geometry), fit_pooled(parted, geometry)
    np.testing.assert_allclose(one.data, two.data, rtol=1e-9, equal_nan=True)
    np.testing.assert_allclose(one.err, two.err, rtol=1e-12, equal_nan=True)


def test_a_stack_with_twice_the_noise_is_named_and_does_not_tell_the_read_noise(geometry):
    """Here it is the one of least charge, which would tell it otherwise."""
    rng = np.random.default_rng(17)
    maps, _ = truth(geometry, rng)
    fit = fit_pooled(sources(geometry, maps, 8, rng, odd=(1.5, 2.0), offset=0.0), geometry)
    named = [
        text for text in fit.warnings if "times that expected from read noise and charge" in text
    ]
    assert len(named) == 1
    assert named[0].startswith("stack of EM gain 1.5 and 2 s: its noise of 198.8 e- is 2 times")
    assert abs(fit.read_noise - 100) < 4 * fit.read_noise_error
    assert fit.read_noise_error == pytest.approx(100 / np.sqrt(2 * 7 * 33 * 32), rel=0.1)


def mask(source, section):
    """Take all samples of a stack out in a section."""
    moments = source._moments
    for plane in (moments.count, moments.total, moments.m2, moments.err2):
        plane[section] = 0
    moments.seen[section] = 128


def test_a_strip_in_which_one_stack_is_all_masked_is_fitted_by_the_others(tmp_path):
    """Strips are of about 64 rows, and each has pooled variances of its own."""
    regions = REGIONS | {"frame_rows": 128}
    for name, rows in (("image", 118), ("prescan", 128), ("prescan_reliable", 128)):
        regions[name] = REGIONS[name] | {"rows": rows}
    regions["serial_overscan"] = REGIONS["serial_overscan"] | {"rows": 128}
    regions["parallel_overscan"] = REGIONS["parallel_overscan"] | {"r0c0": [121, 24]}
    geometry = tiny_geometry(tmp_path, SCI=regions)
    rng = np.random.default_rng(18)
    maps, _ = truth(geometry, rng)
    found = sources(geometry, maps, 8, rng)
    mask(found[5], np.s_[:64])
    fit = fit_pooled(found, geometry)
    area = geometry.imaging
    assert (fit.usable[area][:60] == 11).all()
    assert (fit.usable[area][70:] == 12).all()
    assert (fit.data - maps)[0][area].std() == pytest.approx(fit.err[0][area].mean(), rel=0.05)
    assert fit.reports[5].noise == pytest.approx(fit.reports[5].expected_noise, rel=0.05)


def test_a_stack_without_a_usable_frame_is_left_out_and_named(geometry):
    rng = np.random.default_rng(19)
    found = sources(geometry, truth(geometry, rng)[0], 4, rng)
    others = fit_pooled(found[:3] + found[4:], geometry)
    mask(found[3], np.s_[:])
    fit = fit_pooled(found, geometry)
    np.testing.assert_array_equal(fit.data, others.data)
    assert [report.used for report in fit.reports] == [True] * 3 + [False] + [True] * 8
    text = "stack of EM gain 5000 and 2 s: no pixel has a usable frame; it is left out"
    assert (fit.warnings[0], fit.reports[3].reason) == (text, text)


def test_fewer_usable_stacks_than_needed_are_refused_and_the_others_named(geometry):
    rng = np.random.default_rng(19)
    found = sources(geometry, truth(geometry, rng)[0], 4, rng)[:6]
    for source in found[:3]:
        mask(source, np.s_[:])
    with pytest.raises(DarkroomError, match=r"3 stacks to fit .* Left out: stack of EM gain 1.5"):
        fit_pooled(found, geometry)


def test_an_imaging_area_that_cannot_be_fitted_is_refused(geometry):
    rng = np.random.default_rng(20)
    found = sources(geometry, truth(geometry, rng)[0], 4, rng)
    for source in found[:9]:
        mask(source, geometry.imaging)
    with pytest.raises(DarkroomError, match="no pixel of the imaging area can be fitted"):
        fit_pooled(found, geometry)
