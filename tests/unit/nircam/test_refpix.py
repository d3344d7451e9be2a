"""Reference pixels: what they must differ by is predicted, what is wrong with them is found."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.gates.budget import threshold
from darkroom.gates.cards import card
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.gating.noise import _instability
from darkroom.nircam.refpix import levels as refpix
from darkroom.nircam.refpix import numbers as refpix_numbers
from darkroom.nircam.refpix import pixels as refpix_pixels
from darkroom.nircam.refpix.corrections import compare
from darkroom.nircam.refpix.predict import row_correlation
from darkroom.nircam.refpix.residual import residual_noise
from darkroom.nircam.refpix.trends import trend_table
from darkroom.nircam.spectrum.measure import measure as measure_spectrum
from nircam_spectra import Held, simulated

ROWS = 64
#: So many rows tell noise below 8 Hz.
JUDGED = 512


def instabilities(source):
    """Return the instabilities of ramps, predicted from their own spectrum."""
    fit = measure_spectrum(source).fit
    levels = refpix.measure(source)
    sigma = float(np.median(refpix_pixels.measure(levels).sigma))
    return refpix_numbers.instabilities(levels, source.readout, fit, sigma)


def test_perfect_reference_pixels_have_no_excess():
    """The instability itself is 0.7 DN: 1/f noise at two edges is not that of the whole frame."""
    source, *_ = simulated(2, rows=ROWS, pedestal_rms=15.0, amplifier_pedestal_rms=9.0)
    found = instabilities(source)
    assert all(row.p > 0.001 for row in found)
    assert 0.5 < np.mean([row.value for row in found]) < 1.0
    ratio = np.sqrt(np.mean([(row.value / row.predicted) ** 2 for row in found]))
    assert ratio == pytest.approx(1, abs=0.2)


def unsettle(source, rms=2.0, seed=1):
    """Let the reference pixels of every amplifier jump on their own from frame to frame, DN."""
    rng, rms = np.random.default_rng(seed), np.broadcast_to(rms, 4)
    source.data = source.data.astype(np.float32)
    frames = source.readout.flip(source.data)
    reference, width = source.readout.reference_pixels(), 512
    for a in range(4):
        part = np.zeros_like(reference)
        part[:, a * width : (a + 1) * width] = reference[:, a * width : (a + 1) * width]
        jumps = rng.standard_normal((source.ngroups(0), 1), dtype=np.float32)
        frames[0][:, part] += np.float32(rms[a]) * jumps


def test_injected_instability_is_recovered_but_not_judged_from_few_rows():
    source, *_ = simulated(2, rows=ROWS, nints=1, ngroups=100)
    unsettle(source)
    found = instabilities(source)
    assert all(row.p < 0.001 for row in found)
    # So few rows do not tell what is below 8 Hz: nothing is flagged.
    assert not any(row.judged or row.flagged for row in found)
    rms = np.sqrt(np.mean([row.excess**2 for row in found]))
    assert rms == pytest.approx(2.0, rel=0.15)


#: The common noise of the real detectors steepens below 10 Hz.
REAL = {"amplitude": 0.24, "index": 1.0, "excess": 3.0, "knee_hz": 2.0}


def test_nothing_is_judged_by_a_spectrum_that_does_not_tell_the_steeper_noise():
    """Whether there is none, or it ends below the spectrum: the prediction may miss it."""
    for common in (REAL, REAL | {"excess": 0.0}):
        source, *_ = simulated(2, rows=128, nints=1, ngroups=20, common=common)
        found = instabilities(source)
        assert not any(row.judged or row.flagged for row in found)


@pytest.mark.heavy
def test_where_it_is_judged_an_instability_is_flagged_and_perfect_pixels_are_not():
    source, *_ = simulated(2, rows=JUDGED, nints=1, ngroups=30, common=REAL, pedestal_rms=15.0)
    found = instabilities(source)
    assert all(row.judged for row in found)
    assert not any(row.flagged for row in found)
    unsettle(source, 8.0)
    found = instabilities(source)
    assert all(row.flagged for row in found)
    rms = np.sqrt(np.mean([row.excess**2 for row in found]))
    assert rms == pytest.approx(8.0, rel=0.2)


#: Campaigns, and the chance of a false alarm of a gate in one of five products of four amplifiers.
TRIALS, CHANCE = 30, 0.001 / 20


@pytest.fixture(scope="module")
def campaigns():
    """Clean ramps, and the same with what the card of the one before states as seen in 50 %.

    Of each the instabilities; and whether each amplifier was seen in the latter.
    """
    clean, seen, sizes = [], [], None
    for seed in range(1, TRIALS + 1):
        source, *_ = simulated(
            seed, rows=JUDGED, nints=1, ngroups=30, common=REAL, pedestal_rms=15.0
        )
        clean.append(instabilities(source))
        usual = np.sqrt(np.mean([row.value**2 for rows in clean for row in rows]))
        if sizes is not None:
            unsettle(source, usual * np.sqrt(np.expm1(2 * np.array(sizes))), seed)
            gates = gates_of(instabilities(source))
            seen.append([gate.found and gate.found.t > threshold(CHANCE, np.inf) for gate in gates])
        gates = gates_of(clean[-1])
        sizes = (
            None if gates[0].found is None else [card(one, CHANCE, 1)["seen50"] for one in gates]
        )
    return clean, seen


def gates_of(found):
    """Return the gates of instabilities, as of the table of the product."""
    rows = [{name.upper(): value for name, value in asdict(row).items()} for row in found]
    return _instability(rows, [], {})


@pytest.mark.heavy
def test_perfect_pixels_are_called_unstable_no_more_often_than_is_stated(campaigns):
    """By the product, and by its gate. Amplifiers share the noise of it: they are one case."""
    rows = [found[0] for found in campaigns[0]]
    gates = [gates_of(found)[0].found for found in campaigns[0]]
    judged = [(row.p, gate.p, np.log(row.value / row.predicted) / gate.e)
              for row, gate in zip(rows, gates, strict=True) if row.judged]  # fmt: skip
    p, chance, pull = np.array(judged).T
    print(f"{len(judged)} of {TRIALS} judged; p {np.sort(p)[:4]}, gate {np.sort(chance)[:4]}, "
          f"pull {pull.mean():.2f} ± {pull.std():.2f}")  # fmt: skip
    assert len(judged) > 0.8 * TRIALS
    assert not any(row.flagged for row in rows)
    for values in (p, chance):
        assert (values < 0.001).sum() == 0
        assert (values < 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(values))
    assert abs(pull.mean()) < 3 / np.sqrt(len(pull))
    assert pull.std() < 1.4


@pytest.mark.heavy
def test_an_instability_of_the_size_that_a_card_states_is_seen_in_half_of_the_cases(campaigns):
    seen = [one for rows in campaigns[1] for one in rows if one is not None]
    print(f"seen {np.mean(seen):.2f} of {len(seen)}")
    assert len(seen) > 0.7 * 4 * TRIALS
    assert 0.33 <= np.mean(seen) <= 0.68


def test_frame_to_frame_scatter_is_recovered():
    source, *_ = simulated(4, rows=ROWS, pedestal_rms=15.7, amplifier_pedestal_rms=9.0)
    found = {row.name: row for row in refpix_numbers.scatters(refpix.measure(source))}
    common, own = found["common pedestal"], found["pedestal of an amplifier"]
    wanted = np.hypot(15.7, 9.0 / 2)
    assert common.ndiff == 36
    assert common.value == pytest.approx(wanted, abs=3 * wanted / np.sqrt(2 * common.ndiff))
    assert own.value == pytest.approx(9.0, abs=3 * 9.0 / np.sqrt(2 * own.ndiff))


def test_row_means_follow_side_pixels_as_the_spectrum_says():
    source, *_ = simulated(5, rows=256, nints=2)
    spectrum = measure_spectrum(source)
    levels = refpix.measure(source)
    best, gain = levels.rows.best()
    assert best in (5, 11, 31)
    assert 0.7 < gain < 1.1
    assert np.nanmin(levels.rows.residual) < 0.8 * np.sqrt(levels.rows.active_unsmoothed[0]).min()
    coherence = levels.sides.table()
    assert coherence[0]["coherence"] > 0.3 > 0.1 > coherence[-1]["coherence"]
    sigma = float(np.median(refpix_pixels.measure(levels).sigma))
    expected = row_correlation(spectrum.fit, source.readout, (5.05, sigma))
    found = levels.rows.correlation
    assert found[:3] == pytest.approx(expected[:3], abs=0.06)
    assert (found[2] > found[0]).all()


def test_noisy_telegraphic_and_drifting_pixels_are_found_and_no_others():
    readout = Readout.full("NRCA1", ROWS)
    rng = np.random.default_rng(7)
    ngroups, sigma = 100, 4.0
    data = 5000 + sigma * rng.standard_normal((1, ngroups, ROWS, 2048), dtype=np.float32)
    y, x = np.nonzero(readout.reference_pixels())
    chosen = rng.choice(y.size, 60, replace=False)
    frames = readout.flip(data)[0]
    for place, k in enumerate(chosen):
        values = frames[:, y[k], x[k]]
        if place < 40:
            values += sigma * np.sqrt(8) * rng.standard_normal(ngroups)
        elif place < 50:
            values += 6 * sigma * (np.cumsum(rng.random(ngroups) < 0.2) % 2)
        else:
            values += 4 * sigma * np.linspace(0, 1, ngroups)
    levels = refpix.measure(Held(data, readout))
    bad = refpix_pixels.measure(levels).bad
    wanted = np.zeros(y.size, bool)
    wanted[chosen] = True
    assert not (bad[~wanted] > 0).any()
    assert (bad[chosen[:40]] & refpix_pixels.Bad.NOISY > 0).all()
    assert (bad[chosen[40:50]] & refpix_pixels.Bad.TELEGRAPH > 0).sum() >= 9
    assert (bad[chosen[50:]] & refpix_pixels.Bad.DRIFT > 0).sum() >= 9


@pytest.mark.parametrize(("nints", "ngroups"), [(1, 3), (2, 6), (1, 30)])
def test_however_few_the_groups_no_good_pixel_is_called_bad(nints, ngroups):
    """With 3 groups a tenth of them have less than a fifth of the usual noise, by chance."""
    readout = Readout.full("NRCA1", ROWS)
    rng = np.random.default_rng(7)
    shape = (nints, ngroups, ROWS, 2048)
    data = np.rint(5000 + 4.0 * rng.standard_normal(shape, dtype=np.float32))
    levels = refpix.measure(Held(data, readout))
    pixels = refpix_pixels.measure(levels)
    assert (pixels.bad == 0).all()
    steps = np.abs(np.diff(levels.reference[0][:, 0]))
    assert pixels.jump[0] >= steps.max() - 4.0


def test_dead_and_displaced_pixels_are_found():
    readout = Readout.full("NRCA1", ROWS)
    rng = np.random.default_rng(7)
    data = 5000 + 4.0 * rng.standard_normal((1, 10, ROWS, 2048), dtype=np.float32)
    frames = readout.flip(data)[0]
    frames[:, 2, 700] = 5000
    frames[:, 1, 1800] += 3000
    levels = refpix.measure(Held(data, readout))
    places = zip(levels.regions.y, levels.regions.x, strict=True)
    where = {(int(y), int(x)): k for k, (y, x) in enumerate(places)}
    bad = refpix_pixels.measure(levels).bad
    assert bad[where[2, 700]] & refpix_pixels.Bad.DEAD
    assert bad[where[1, 1800]] == refpix_pixels.Bad.LEVEL
    assert (bad > 0).sum() == 2


def test_row_noise_grows_with_the_common_noise_and_lies_above_its_floor():
    quiet, *_ = simulated(6, rows=ROWS, nints=1, ngroups=4)
    loud, *_ = simulated(6, rows=ROWS, nints=1, ngroups=4, common={"amplitude": 1.0})
    white = [4.8, 5.0, 5.1, 5.3]
    before, after = residual_noise([quiet, loud], white)
    assert (after[0] > 1.5 * before[0]).all()
    assert (before[0] > before[2]).all()
    columns = np.array([508, 512, 512, 508])
    assert before[2] == pytest.approx(np.sqrt(2 / columns) * white, rel=0.01)


def test_a_subarray_without_reference_pixels_is_refused():
    readout = Readout("NRCALONG", "SUB160", -1, 2, 945, 945, 160, 160, 1)
    data = np.random.default_rng(0).normal(100, 5, (1, 4, 160, 160)).astype(np.float32)
    with pytest.raises(DarkroomError, match="SUB160 holds no reference pixels"):
        refpix.measure(Held(data, readout))


def test_levels_of_ramps_are_held_against_time_and_temperature():
    mjd = np.linspace(0, 2, 12)
    rng = np.random.default_rng(3)
    warm = rng.uniform(36, 41, 12)
    reference = 5.0 * mjd[:, None] + 0.1 * rng.standard_normal((12, 4))
    active = reference + 2.0 * warm[:, None]
    levels = SimpleNamespace(reference_start=reference, active_start=active)
    ramps = SimpleNamespace(mjd=mjd, integrations=np.zeros(12, int))
    rows = trend_table(levels, ramps, {"FPATEMP": warm})
    found = {(r["quantity"], r["amplifier"], r["against"]): r for r in rows}
    time = found["reference", -1, "mjd"]
    assert time["slope"] == pytest.approx(5, abs=4 * time["error"])
    assert time["p"] < 1e-6
    assert found["active - reference", 2, "FPATEMP"]["slope"] == pytest.approx(2)
    assert not any(row["against"] == "integration" for row in rows)


def test_a_correction_of_other_exposures_is_refused():
    with pytest.raises(DarkroomError, match=r"correction side: 1 exposure\(s\), 2 before"):
        compare(["a.fits", "b.fits"], [("side", ["a.fits"])], "spectrum.fits")


@pytest.mark.heavy
def test_zero_injection_is_above_the_one_percent_level_as_often_as_chance_has_it():
    found = []
    for seed in range(1, 25):
        source, *_ = simulated(seed, rows=ROWS, pedestal_rms=15.0, amplifier_pedestal_rms=9.0)
        found += instabilities(source)
    assert len(found) == 96
    assert sum(row.p < 0.01 for row in found) <= 4
    measured, expected = (
        np.sqrt(np.mean([value**2 for value in values]))
        for values in ([row.value for row in found], [row.predicted for row in found])
    )
    assert measured == pytest.approx(expected, rel=0.05)
