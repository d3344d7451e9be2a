"""Read noise of groups that are means of frames, and what jwst's own steps make of it.

The pipeline divides its read noise file by the square root of NFRAMES: its jump step takes
R² / NFRAMES for the variance of a difference of two groups, its ramp fit R² / (2 NFRAMES) for that
of a group, R the noise of a difference of two single frames.
"""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.simulate import noise
from darkroom.nircam.simulate.exposures import plan
from darkroom.nircam.simulate.ramp import make_ramp
from darkroom.nircam.simulate.uncal import uncal
from darkroom.nircam.simulate.values import complete
from nircam_darks import make_darks, stripe, write_ramp
from nircam_jwst import deliver, jwst, need_jwst, own_program, small_cache
from nircam_sim import STILL

PATTERNS = {"RAPID": 1, "BRIGHT2": 2, "SHALLOW4": 4, "MEDIUM8": 8, "DEEP8": 8}
WHITE = 60.0
#: So noisy that the rounding of groups does not matter, and false jumps do not depend on it.
NOISY = {key: value for key, value in STILL.items() if key != "rows"} | {
    "detector": "NRCALONG",
    "subarray": "SUBGRISM64",
    "white": WHITE,
    "reference_white": 1.0,
    "nints": 10,
    "ngroups": 10,
    "exposures": 2,
    "truth": False,
}


def averaged(nframes, read=48.0, seed=0, **how):
    """Return darks whose groups are means of frames of noise `read`."""
    return make_darks(
        stripe(), 3, 8, seed=seed, cosmic_rays=0.0, read=read / np.sqrt(nframes), **how
    )


def write(folder, darks, **cards):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{k}.fits" for k in range(len(darks.data))]
    for path, ramp in zip(paths, darks.data, strict=True):
        write_ramp(path, ramp[None], darks.readout, **cards)
    return paths


def measured(folder, paths, method, *more):
    made = own_program(
        "nircam/readnoise", *paths, "--method", method, "--output", folder / "rn.fits",
        "--quantities", folder / "rn.json", *more,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return fits.getdata(folder / "rn.fits", "SCI"), fits.open(folder / "rn_details.fits")


@pytest.mark.parametrize("method", ["line", "stack", "ramp"])
def test_the_noise_is_that_of_single_frames(tmp_path, method):
    """It is the noise of the groups times the square root of the frames in a group."""
    darks = averaged(8)
    eight = measured(tmp_path, write(tmp_path / "8", darks, NFRAMES=8), method)[0]
    one = measured(tmp_path, write(tmp_path / "1", darks, NFRAMES=1), method)[0]
    assert np.allclose(eight, one * np.sqrt(8), rtol=1e-6, equal_nan=True)
    if method == "line":
        assert np.sqrt(np.mean(eight[4:] ** 2)) == pytest.approx(48 * np.sqrt(2), rel=0.01)


def test_details_and_quantities_are_of_single_frames(tmp_path):
    path = write(tmp_path / "x", averaged(4), NFRAMES=4, READPATT="SHALLOW4")
    cds, details = measured(tmp_path, path, "line")
    header = details[0].header
    assert header["NFRAMES"] == 4
    assert "single frames" in str(fits.getheader(tmp_path / "rn.fits")["HISTORY"])
    single, error, nu = (details[name].data for name in ("SINGLE", "ERR", "NU"))
    assert np.allclose(cds, single * np.sqrt(2))
    assert np.allclose(error, single / np.sqrt(2 * nu))
    for image in (single, details["PAIR"].data / np.sqrt(2)):
        assert np.sqrt(np.nanmean(image**2)) == pytest.approx(48, rel=0.01)
    assert details["STABILITY"].data["NOISE"] == pytest.approx(48, rel=0.05)
    spatial = details["SPATIAL"].data
    assert spatial["WITHOUT_ROWS"] == pytest.approx(48, rel=0.02)
    assert spatial["RATIO"] == pytest.approx(1, abs=0.03)
    entries = json.loads((tmp_path / "rn.json").read_text())
    values = {entry["name"]: entry["value"] for entry in entries}
    assert values["frames averaged in a group"] == 4
    assert values["CDS noise, amplifier 0, active"] == pytest.approx(48 * np.sqrt(2), rel=0.03)


def test_the_previous_read_noise_is_compared_as_single_frames(tmp_path):
    """A file made of RAPID darks and one of MEDIUM8 darks of the same detector agree."""
    measured(tmp_path, write(tmp_path / "1", averaged(1), NFRAMES=1), "line")
    (tmp_path / "rn.fits").rename(tmp_path / "before.fits")
    paths = write(tmp_path / "8", averaged(8, seed=1), NFRAMES=8)
    details = measured(tmp_path, paths, "line", "--previous", tmp_path / "before.fits")[1]
    assert details["COMPARE"].data["RATIO"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [
        ({"NFRAMES": 2}, 2),
        ({"NFRAMES": None, "READPATT": "MEDIUM8"}, 8),
        ({"NFRAMES": None, "READPATT": "RAPID"}, 1),
    ],
)
def test_frames_of_a_group_come_from_the_header(tmp_path, cards, wanted):
    assert frames_per_group(RampSet(write(tmp_path, averaged(1), **cards), "x")) == wanted


@pytest.mark.parametrize("nframes", [0, None, -8])
def test_an_unknown_number_of_frames_is_refused(tmp_path, nframes):
    paths = write(tmp_path, averaged(1), NFRAMES=nframes, READPATT="ANY")
    with pytest.raises(DarkroomError, match=r"0\.fits.*NFRAMES"):
        frames_per_group(RampSet(paths, "read noise"))


def test_raw_files_are_written_group_by_group_with_the_same_bytes(tmp_path):
    settings = {"detector": "NRCB1", "subarray": "SUB64P", "readpatt": "MEDIUM8"}
    settings |= {"nints": 2, "ngroups": 3, "exposures": 1}
    path, full = deliver(settings, tmp_path), complete(settings)
    [exposure] = plan(settings)
    data, _ = make_ramp(full, exposure.name)
    uncal(full, exposure, data).writeto(tmp_path / "whole.fits")
    assert path.read_bytes() == (tmp_path / "whole.fits").read_bytes()
    header = fits.getheader(path)
    assert [header[card] for card in ("NFRAMES", "GROUPGAP", "NGROUPS")] == [8, 2, 3]
    assert header["TGROUP"] == pytest.approx(10 * header["TFRAME"])


def test_noise_of_long_integrations_is_made_in_parts_of_equal_noise(monkeypatch):
    """Also in the frames in which a part fades into the next one."""
    flat = {"amplitude": 4e-4, "index": 0.0}
    full = complete({"detector": "NRCA1", "common": flat | {"excess": 0.0}, "amplifier": flat})
    readout, rng = Readout.full("NRCA1", 64), np.random.default_rng(1)
    whole = noise.integration_noise(full, readout, 6, np.ones(4), lambda _: rng)
    monkeypatch.setattr(noise, "_MAX_SAMPLES", 1)
    monkeypatch.setattr(noise, "_PART", 2)
    parts = noise.integration_noise(full, readout, 6, np.ones(4), lambda _: rng)
    assert isinstance(parts, noise.LongNoise)
    expected = whole.frame(0).std()
    frames = [parts.frame(k) for k in range(6)]
    for image in frames:
        assert image.std() == pytest.approx(expected, rel=0.02)
        assert image[:8].std() == pytest.approx(image[-8:].std(), rel=0.04)
    # No frame is used twice, but where parts overlap.
    assert np.corrcoef([image.ravel() for image in frames])[~np.eye(6, dtype=bool)].max() < 0.02


def false_jumps(threshold, ramps=1_000_000, groups=10, seed=1):
    """Return the rate of false jumps of white noise by the rule of the step, per difference.

    With few differences it compares their absolute values with the median of all but the largest,
    flags the one farthest from it, and repeats while four differences are left.
    """
    rng = np.random.default_rng(seed)
    steps = np.abs(np.diff(rng.standard_normal((ramps, groups)), axis=1)) / np.sqrt(2)
    flagged = 0
    while len(steps):
        others = steps.copy()
        others[np.arange(len(steps)), np.nanargmax(steps, axis=1)] = np.nan
        ratio = np.abs(steps - np.nanmedian(others, axis=1, keepdims=True))
        largest = np.nanmax(ratio, axis=1)
        left = np.isfinite(steps).sum(axis=1)
        jump = (largest > threshold) & (left >= 4)
        steps, ratio = steps[jump], ratio[jump]
        steps[np.arange(len(steps)), np.nanargmax(ratio, axis=1)] = np.nan
        flagged += len(steps)
    return flagged / ramps / (groups - 1)


@pytest.mark.heavy
def test_rates_scatter_as_quoted_and_false_jumps_come_as_the_rule_says(tmp_path):
    """Through jwst's jump and ramp_fit steps, for darks of white noise of five read patterns."""
    need_jwst()
    cache = small_cache(tmp_path / "cache", NOISY)
    gain = str(next((cache.path / "references").rglob("*gain*")))
    calls, order = [], []
    for pattern in PATTERNS:
        folder = tmp_path / pattern
        folder.mkdir()
        settings = NOISY | {"readpatt": pattern}
        first, second = (deliver(settings, folder, number) for number in (0, 1))
        for one in ((), ("--single-value",)):
            measured(folder, [first], "line", *one)
            kept = folder / f"rn{len(one)}.fits"
            (folder / "rn.fits").rename(kept)
            arguments = {"path": str(second), "readnoise": str(kept), "gain": gain}
            # A threshold of 3 makes 90 times as many false jumps as the usual 4.
            arguments["threshold"] = 3.0 if one else 4.0
            calls.append(["rates_and_jumps", arguments])
            order.append((pattern, bool(one)))
    expected = false_jumps(3.0)
    for (pattern, one), (fault, found) in zip(order, jwst(cache.path, calls), strict=True):
        assert fault is None, found
        samples, flagged, square, variance, _ = found
        if one:
            wanted = expected * samples
            assert abs(flagged - wanted) < 4 * np.sqrt(wanted) + 0.04 * wanted, (pattern, flagged)
        else:
            assert square / variance == pytest.approx(1, abs=0.02), pattern


@pytest.mark.heavy
def test_with_1_over_f_noise_the_quoted_variance_is_right_for_any_pattern(tmp_path):
    """After the pipeline's correction by reference pixels; a read noise serves all patterns."""
    need_jwst()
    settings = NOISY | {
        "detector": "NRCBLONG", "white": 4.4, "nints": 2, "exposures": 5,
        "noise_sampling": "tick", "pedestal_rms": 10.0, "amplifier_pedestal_rms": 8.0,
    }  # fmt: skip
    cache = small_cache(tmp_path / "cache", settings)
    gain, mask = (str(next((cache.path / "references").rglob(f"*{k}*"))) for k in ("gain", "mask"))
    patterns = ("RAPID", "SHALLOW4")
    ramps = {pattern: [tmp_path / f"{pattern}{k}.fits" for k in range(5)] for pattern in patterns}
    calls = []
    for pattern, paths in ramps.items():
        (tmp_path / pattern).mkdir()
        for number, saved in enumerate(paths):
            raw = deliver(settings | {"readpatt": pattern}, tmp_path / pattern, number)
            calls.append(
                ["calibrate_to", {
                    "path": str(raw), "saved": str(saved), "steps": ["dq_init", "refpix"],
                    "references": {"mask": mask}, "parameters": {},
                }]
            )  # fmt: skip
    for fault, text in jwst(cache.path, calls):
        assert fault is None, text
    calls, order = [], []
    for pattern, paths in ramps.items():
        measured(tmp_path, paths[:4], "line")
        (tmp_path / "rn.fits").rename(tmp_path / f"rn_{pattern}.fits")
        for other in patterns:
            arguments = {"path": str(ramps[other][4]), "gain": gain}
            arguments["readnoise"] = str(tmp_path / f"rn_{pattern}.fits")
            calls.append(["rates_and_jumps", arguments])
            order.append((pattern, other))
    for names, (fault, found) in zip(order, jwst(cache.path, calls), strict=True):
        assert fault is None, found
        # Of slow noise a slope sees less than the residuals of a line: 0.97 for RAPID.
        assert found[2] / found[3] == pytest.approx(0.985, abs=0.035), names
