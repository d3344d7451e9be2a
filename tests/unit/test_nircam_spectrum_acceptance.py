"""The noise spectrum over many seeds: bias, scatter, and errors that mean what they say."""

import numpy as np
import pytest

from darkroom.nircam.spectrum_numbers import band_noise
from darkroom.simulate.nircam_values import MEASURED
from nircam_spectra import closure, measured, pulls

#: Relative, or for indices absolute, of a single measurement of 512 rows.
LIMITS = {
    "white": 0.005,
    "common": 0.05,
    "common_index": 0.02,
    "gain": 0.015,
    "own": 0.08,
    "alternating": 0.12,
}


def _kinds(spectrum, true):
    found = {}
    for name in spectrum.fit.layout.names:
        if name in true:
            value, wanted = spectrum.fit.get(name)[0], true[name]
            kind = name.rstrip("0123456789").rstrip("_")
            found.setdefault(kind, []).append((value - wanted) / wanted)
    return found


def _bands(spectrum, true):
    """Return common and own noise below 1 kHz over the truth, without a model, minus 1."""
    low = spectrum.grid.edges[0]
    edges, frequency = spectrum.grid.edges, spectrum.frequency
    span = np.log(1000 / low)
    common = band_noise(frequency, edges, spectrum.common, (low, 1000.0))
    yield common / np.sqrt(true["common"] * 30 * span) - 1
    for a in range(4):
        own = spectrum.own[:, a] - spectrum.fit.get(f"white_{a}")[0]
        own = band_noise(frequency, edges, own, (low, 1000.0))
        yield own / np.sqrt(true[f"own_{a}"] * 100 * span) - 1


@pytest.mark.heavy
def test_twelve_seeds_of_512_rows_are_within_the_limits():
    everything, bands, deviations = {}, [], {}
    for seed in range(1, 13):
        spectrum, true = measured(seed, rows=512)
        assert np.abs(spectrum.parseval).max() < 0.005
        for kind, values in pulls(spectrum, true).items():
            deviations.setdefault(kind, []).extend(values)
        for kind, values in _kinds(spectrum, true).items():
            everything.setdefault(kind, []).extend(values)
        bands.append(list(_bands(spectrum, true)))
    for kind, values in everything.items():
        print(
            f"{kind:18s} bias {100 * np.mean(values):+.3f} % scatter {100 * np.std(values):.3f} %"
            f" pulls {np.mean(deviations[kind]):+.2f} ± {np.std(deviations[kind]):.2f}"
        )
    bands = np.array(bands)
    print("bands", 100 * bands.mean(axis=0), 100 * bands.std(axis=0))
    for kind, limit in LIMITS.items():
        assert np.abs(everything[kind]).max() < limit, kind
    assert np.abs(bands).max() < 0.04
    assert bands[:, 1:].std() < 0.018


@pytest.mark.heavy
def test_pulls_of_a_hundred_seeds_have_unit_deviation():
    everything = {}
    for seed in range(1001, 1101):
        for kind, values in pulls(*measured(seed, rows=64)).items():
            everything.setdefault(kind, []).extend(values)
    for kind, values in everything.items():
        print(f"{kind:18s} mean {np.mean(values):+.3f} std {np.std(values, ddof=1):.3f}")
    for kind, values in everything.items():
        assert 0.9 < np.std(values, ddof=1) < 1.1, kind
        assert abs(np.mean(values)) < 4 / np.sqrt(len(values)), kind


@pytest.mark.heavy
def test_contaminated_ramps_of_1024_rows_are_within_the_limits():
    spectrum, true = measured(
        7,
        rows=1024,
        cosmic_rays=0.005,
        rtn_fraction=0.002,
        hot_fraction=0.001,
        pedestal_rms=15.0,
        amplifier_pedestal_rms=9.0,
        ktc=20.0,
        common={"amplitude": 0.24, "index": 1.0, "excess": 3.0, "knee_hz": 2.0},
        lines=[{"hz": hz, "rms": 0.3} for hz in (61.3, 1777.0, 20123.4)],
    )
    print({kind: np.round(values, 4) for kind, values in _kinds(spectrum, true).items()})
    assert [round(line.frequency) for line in spectrum.lines] == [61, 1777, 20123]
    found = _kinds(spectrum, true)
    for kind, limit in LIMITS.items():
        assert np.abs(found[kind]).max() < limit, kind


@pytest.mark.heavy
def test_a_full_frame_is_within_the_limits():
    spectrum, true = measured(9, rows=2048, nints=3)
    found = _kinds(spectrum, true)
    print({kind: np.round(values, 4) for kind, values in found.items()})
    for kind, limit in LIMITS.items():
        assert np.abs(found[kind]).max() < limit, kind
    assert np.abs(list(_bands(spectrum, true))).max() < 0.04


@pytest.mark.heavy
def test_the_measured_detectors_give_back_what_was_put_in():
    """A weak excess at low frequencies, left out of the fit, would make common noise 4 % high."""
    deviations = {}
    for detector in sorted(MEASURED):
        for kind, values in pulls(*closure(detector, rows=128, nints=2)).items():
            if not kind.startswith("excess"):
                deviations.setdefault(kind, []).extend(values)
    for kind, values in deviations.items():
        print(f"{kind:18s} mean {np.mean(values):+.2f} std {np.std(values):.2f}")
        assert np.abs(values).max() < 4.5, kind
        assert abs(np.mean(values)) < 4 / np.sqrt(len(values)), kind
