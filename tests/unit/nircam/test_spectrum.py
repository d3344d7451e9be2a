"""The noise spectrum gives back what was put in, with errors that mean what they say."""

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.spectrum.measure import measure
from darkroom.nircam.spectrum.numbers import band_noise, numbers, pedestal_noise, pedestal_spectrum
from nircam_sim import STILL
from nircam_spectra import Held, measured, pulls, simulated

ROWS = 64


@pytest.fixture(scope="module")
def one():
    """Spectrum of a small detector, and the truth."""
    return measured(3, rows=ROWS)


def test_parameters_are_within_their_errors(one):
    spectrum, true = one
    everything = np.concatenate(list(pulls(spectrum, true).values()))
    assert np.abs(everything).max() < 4
    assert 0.6 < everything.std() < 1.4


def test_integral_of_the_spectrum_is_the_variance_of_the_residuals(one):
    assert np.abs(one[0].parseval).max() < 1e-5


def test_no_line_is_found_in_noise_without_lines(one):
    assert one[0].lines == []


def test_scatter_of_the_auto_spectra_about_the_fit_is_that_of_chance(one):
    fit = one[0].fit
    # The amplifiers share the common noise, so these are fewer values than they look.
    assert fit.chi2 / fit.dof == pytest.approx(1, abs=0.15)


def test_cross_spectra_have_no_imaginary_part(one):
    spectrum = one[0]
    upper = np.triu_indices(4, 1)
    own = np.diagonal(spectrum.matrix, 0, 1, 2).real
    cross = spectrum.matrix[:, *upper]
    product = own[:, upper[0]] * own[:, upper[1]]
    error = np.sqrt((product - cross.real**2) / (2 * spectrum.n_independent[:, None]))
    deviation = cross.imag / error
    assert abs(deviation.mean()) < 3.5 / np.sqrt(deviation.shape[0])
    assert deviation.std() == pytest.approx(1, abs=0.12)


def test_split_without_a_model_agrees_with_the_fit(one):
    spectrum, true = one
    band = (spectrum.grid.edges[0], 1000.0)
    found = band_noise(spectrum.frequency, spectrum.grid.edges, spectrum.common, band)
    law = true["common"] * 30 * np.log(band[1] / band[0])
    assert found == pytest.approx(np.sqrt(law), rel=0.04)


def test_order_of_ramps_and_threads_do_not_change_the_result():
    source, *_ = simulated(3, rows=ROWS, nints=2)
    first = measure(source)
    again = measure(source, threads=2)
    assert np.array_equal(first.fit.values, again.fit.values)
    assert np.array_equal(first.matrix, again.matrix)


def test_masked_pixels_do_not_change_the_law_but_the_noise_of_its_estimate():
    """Zero filling alone would take 11 to 17 % off the amplifiers' 1/f noise at 3 % masked."""
    source, *_ = simulated(8, rows=ROWS)
    whole = measure(source)
    source.usable &= np.random.default_rng(0).random(source.usable.shape) > 0.1
    masked = measure(source)
    for name in ("common", "own_0", "own_1", "own_2", "own_3"):
        assert masked.fit.get(name)[0] == pytest.approx(whole.fit.get(name)[0], rel=0.06)
    assert masked.kept.mean() == pytest.approx(0.9 * whole.kept.mean(), rel=0.01)


def test_a_line_is_found_where_it_is_and_left_out():
    spectrum, true = measured(4, rows=ROWS, lines=[{"hz": 1234.0, "rms": 0.5}])
    (line,) = spectrum.lines
    assert line.frequency == pytest.approx(1234, abs=1)
    assert line.rms == pytest.approx(0.5, rel=0.1)
    assert line.coherence > 0.9
    assert abs(pulls(spectrum, true)["white"][0]) < 4


def test_a_line_at_a_multiple_of_the_frame_rate_repeats_in_each_frame_and_is_not_seen():
    rate = 1 / Readout.full("NRCA1", ROWS).frame_time
    spectrum, _ = measured(4, rows=ROWS, lines=[{"hz": 50 * rate, "rms": 0.5}])
    assert spectrum.lines == []


def test_pedestals_offsets_and_steady_slopes_leave_the_spectrum_alone_and_are_measured():
    quiet, _ = measured(5, rows=ROWS)
    jumpy, _ = measured(
        5, rows=ROWS, pedestal_rms=30.0, amplifier_pedestal_rms=10.0, ktc=20.0, dark=0.1
    )
    for name in ("common", "white_0", "own_1"):
        value, error = jumpy.fit.get(name)
        assert value == pytest.approx(quiet.fit.get(name)[0], abs=error)
    common, own, count = pedestal_noise(jumpy.pedestals)
    slow = pedestal_spectrum(jumpy.pedestals, 2.0)
    assert np.mean([row["own"] for row in slow]) == pytest.approx(2 * 2.0 * own**2, rel=0.4)
    assert count == 36
    assert common == pytest.approx(np.hypot(30, 10 / 2), rel=3 / np.sqrt(2 * count))
    assert own == pytest.approx(10, rel=3 / np.sqrt(6 * count))


def test_cosmic_rays_telegraph_and_hot_pixels_are_left_out():
    dirty = {"cosmic_rays": 0.2, "rtn_fraction": 0.002, "hot_fraction": 0.001}
    spectrum, true = measured(6, rows=ROWS, **dirty)
    for a in range(4):
        assert spectrum.fit.get(f"white_{a}")[0] == pytest.approx(true[f"white_{a}"], rel=0.012)
        assert spectrum.fit.get(f"own_{a}")[0] == pytest.approx(true[f"own_{a}"], rel=0.2)


def white_only(seed, nints=2, ngroups=8, rows=ROWS):
    readout = Readout.full("NRCB1", rows)
    rng = np.random.default_rng(seed)
    data = 100 + 5 * rng.standard_normal((nints, ngroups, rows, 2048), dtype=np.float32)
    return Held(data, readout)


def test_white_noise_alone_shows_no_common_noise():
    """Smoothing a spectrum and averaging amplifiers calls 0.67 DN of pure white noise common."""
    spectrum = measure(white_only(1))
    below = (spectrum.frequency > 1) & (spectrum.frequency < 1000)
    weights = spectrum.counts[below]
    mean = np.average(spectrum.common[below], weights=weights)
    level = 25 / 5e4
    error = level / np.sqrt(12 * spectrum.n_independent[below].sum())
    assert abs(mean) < 3.5 * error
    assert spectrum.fit.get("common")[0] < 0.02 * level
    assert numbers(spectrum.fit, spectrum.grid)["white"] == pytest.approx(5.0, rel=0.005)


def test_a_dead_amplifier_is_left_out_and_named(caplog):
    source, *_ = simulated(3, rows=ROWS, nints=2)
    source.data = source.data.copy()
    dead = source.readout.flip(source.data)
    dead[..., 512:1024] = 7
    spectrum = measure(source)
    assert spectrum.amplifiers == [0, 2, 3]
    assert "amplifier 1 left out" in caplog.text


def test_one_output_gives_its_own_spectrum_and_no_common_part():
    spectrum, true = measured(
        3, detector="NRCALONG", subarray="SUB160", rows=2048, nints=2, white=5.0
    )
    assert spectrum.amplifiers == [0]
    # Among few and steep bins a baseline beside the spectrum would make lines.
    assert spectrum.lines == []
    assert np.isnan(spectrum.common).all()
    value, error = spectrum.fit.get("white_0")
    assert abs(value - true["white_0"]) < 4 * error
    # Common and own noise are one.
    total = 0.07 / 100 + 0.24 * 1.05**2 / 100
    assert spectrum.fit.get("own_0")[0] == pytest.approx(total, rel=0.3)


def test_a_single_integration_of_three_groups_is_enough():
    spectrum, true = measured(3, rows=ROWS, nints=1, ngroups=3)
    assert spectrum.dof == pytest.approx(1, abs=0.01)
    assert np.abs(pulls(spectrum, true)["white"]).max() < 4


def test_two_groups_are_refused():
    source, *_ = simulated(3, rows=ROWS, nints=1, ngroups=2)
    with pytest.raises(DarkroomError, match=r"ramp 1: 2 group\(s\), at least 3 are needed"):
        measure(source)


def test_ramps_with_hardly_a_pixel_are_refused():
    source, *_ = simulated(3, rows=ROWS, nints=1, ngroups=3)
    source.usable &= np.random.default_rng(0).random(source.usable.shape) < 0.1
    with pytest.raises(DarkroomError, match="no amplifier can be measured"):
        measure(source)


def test_averaged_frames_are_scaled_to_one():
    source = white_only(2)
    source.nframes = 4
    assert measure(source).fit.get("white_0")[0] == pytest.approx(4 * 25 / 5e4, rel=0.01)


def test_still_detector_is_refused():
    source, *_ = simulated(1, **{**STILL, "rows": ROWS})
    with pytest.raises(DarkroomError, match="noise below"):
        measure(source)
