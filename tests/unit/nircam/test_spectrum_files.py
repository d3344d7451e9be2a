"""From files to a noise spectrum: short, damaged, half-dead exposures get an answer or a reason."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.spectrum import run as spectrum_run
from nircam_darks import stripe, write_ramp
from nircam_spectra import NOISE, simulated

DARKS = {"subarray": "SUBGRISM64", "rows": 2048, "nints": 2, "ngroups": 4}


@pytest.fixture(scope="module")
def ramps():
    """Give two ramps of 4 groups, (2, 4, 64, 2048) uint16, DMS frame."""
    return simulated(3, **DARKS)[0].data


@pytest.fixture
def spectrum(tmp_path):
    """Give a function that writes ramps and measures them."""

    def measure(*files, **keywords):
        paths = [
            write_ramp(tmp_path / f"dark{k}.fits", data, stripe(), **keywords)
            for k, data in enumerate(files)
        ]
        return spectrum_run.run(paths).spectrum

    return measure


def white_pulls(spectrum):
    """Return (white noise - truth) / error of the amplifiers measured."""
    found = np.array([spectrum.fit.get(f"white_{k}") for k in range(len(spectrum.amplifiers))])
    true = (np.array(NOISE["white"])[spectrum.amplifiers] ** 2 + 1 / 12) / 5e4
    return (found[:, 0] - true) / found[:, 1]


def run(repository, tmp_path, path):
    """Run the program on a file; return status, last line, and whether it wrote anything."""
    output = tmp_path / "made" / "spectrum.fits"
    output.parent.mkdir()
    command = [
        sys.executable,
        repository / "scripts/nircam/noise_spectrum.py",
        "--output",
        output,
        path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip().splitlines()[-1], list(output.parent.iterdir())


def test_the_program_writes_the_product_of_one_short_integration(repository, tmp_path, ramps):
    path = write_ramp(tmp_path / "dark.fits", ramps[:1, :3], stripe())
    status, _, files = run(repository, tmp_path, path)
    assert status == 0
    names = {file.name for file in files}
    assert names == {"spectrum.fits", "spectrum.csv", "spectrum_fit.csv"}
    with fits.open(tmp_path / "made" / "spectrum.fits") as hdus:
        numbers = hdus["NUMBERS"].data
        assert hdus["NUMBERS"].columns["WEAK"].unit == "DN2"
        assert np.isfinite([numbers["WHITE"], numbers["WHITE_ERROR"], numbers["WEAK"]]).all()
        assert np.abs(numbers["WHITE"] / NOISE["white"] - 1).max() < 0.05


def _cut(path, _):
    path.write_bytes(path.read_bytes()[:-5760])


def _flat(path, ramps):
    fits.HDUList(
        [fits.open(path)[0].copy(), fits.ImageHDU(ramps[0].astype(np.float32), name="SCI")]
    ).writeto(path, overwrite=True)


def _narrow(path, ramps):
    write_ramp(path, ramps[..., :1024], stripe(), SUBSIZE1=2048)


def _two_groups(path, ramps):
    write_ramp(path, ramps[:, :2], stripe())


def _corrected(path, ramps):
    write_ramp(path, ramps.astype(np.float32), stripe(), S_REFPIX="COMPLETE")


def _dead(path, ramps):
    write_ramp(path, np.full_like(ramps, 7), stripe())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "truncated: SCI ends at byte"),
        (_flat, "SCI has 3 axes (4, 64, 2048), a ramp has 4"),
        (_narrow, "SUBSIZE1 × SUBSIZE2 = 2048 × 64, but SCI has 1024 × 64 pixels"),
        (_two_groups, "2 group(s), at least 3 are needed"),
        (_corrected, "was corrected by reference pixels"),
        (_dead, "has no data (one value in all pixels)"),
    ],
)
def test_a_file_that_holds_no_answer_is_refused_by_name(tmp_path, ramps, spoil, words):
    path = write_ramp(tmp_path / "dark.fits", ramps, stripe())
    spoil(path, ramps)
    with pytest.raises(DarkroomError) as refused:
        spectrum_run.run([path])
    assert "dark.fits" in str(refused.value)
    assert words in str(refused.value)


def test_the_program_says_why_and_writes_nothing(repository, tmp_path, ramps):
    path = write_ramp(tmp_path / "dark.fits", ramps, stripe())
    _cut(path, ramps)
    status, said, files = run(repository, tmp_path, path)
    assert status == 1
    assert said.startswith("ERROR ")
    assert "dark.fits" in said
    assert files == []


@pytest.mark.parametrize("where", ["pixels", "rows", "columns"])
def test_pixels_without_a_value_are_gaps(spectrum, ramps, where):
    data = ramps.astype(np.float32)
    lost = np.zeros(data.shape[2:], bool)
    if where == "pixels":
        lost = np.random.default_rng(0).random(lost.shape) < 0.05
    elif where == "rows":
        lost[10:14] = True
    else:
        lost[:, 100:140] = True
    # In one group only, which takes the whole ramp of the pixel.
    data[:, 2][:, lost] = np.nan
    found = spectrum(data)
    assert np.isfinite(found.matrix).all()
    assert np.abs(white_pulls(found)).max() < 4


def test_half_of_the_pixels_masked_cost_accuracy_and_nine_tenths_the_answer(spectrum, ramps):
    chance = np.random.default_rng(0).random(ramps.shape[2:])
    errors = []
    for share in (0.0, 0.5):
        masked = np.where(chance < share, int(Pixel.DO_NOT_USE), 0)
        found = spectrum(ramps, pixeldq=masked)
        assert np.abs(white_pulls(found)).max() < 4
        errors.append(np.mean([found.fit.get(f"white_{a}")[1] for a in range(4)]))
    assert errors[1] > 1.3 * errors[0]
    with pytest.raises(DarkroomError, match=r"dark0.fits integration 1: no amplifier can be"):
        spectrum(ramps, pixeldq=np.where(chance < 0.9, int(Pixel.DO_NOT_USE), 0))


@pytest.mark.parametrize(("dead", "left"), [(slice(512, 1536), [0, 3]), (slice(512, 2048), [3])])
def test_amplifiers_that_work_are_measured_without_the_dead(spectrum, ramps, dead, left):
    data = ramps.copy()
    data[..., dead] = 7
    found = spectrum(data)
    assert found.amplifiers == left
    assert np.abs(white_pulls(found)).max() < 4


@pytest.mark.parametrize(("value", "words"), [(7, "noise is 0 DN"), (np.nan, "0 % of its pixels")])
def test_an_amplifier_that_fails_later_is_no_quiet_one(spectrum, ramps, value, words):
    """Once half the noise came out, or none at all, without a word."""
    later = ramps[:, ::-1].astype(np.float32)
    later[1, :, :, 512:1024] = value
    with pytest.raises(
        DarkroomError, match=r"dark1.fits integration 2: amplifier 2 works in"
    ) as no:
        spectrum(ramps.astype(np.float32), later)
    assert words in str(no.value)
    assert "leave this exposure out" in str(no.value)


def test_exposures_of_different_length_are_weighted(spectrum, ramps):
    found = spectrum(ramps, ramps[:, 1:4])
    assert found.dof == pytest.approx(2 * 2 + 2 * 1, rel=0.01)
    assert np.abs(white_pulls(found)).max() < 4
    with pytest.raises(DarkroomError, match=r"dark1.fits integration 1: 2 group\(s\)"):
        spectrum(ramps, ramps[:, 1:3])
