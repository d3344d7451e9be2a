"""Read noise and dark current over epochs: any order the same bits, true, equal to the rebuild."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import laws
from darkroom.epochs.state_file import load
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.series import dark as dark_law
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from nircam_jwst import own_program

STEPS = dict.fromkeys(("S_SUPERB", "S_REFPIX", "S_LINEAR"), "COMPLETE") | {
    "TFRAME": DT,
    "TGROUP": DT,
}
LAYOUT = readout("NRCALONG", "SUB64P")
MAKE = {
    "readnoise": ("nircam/readnoise", "--pedigree", "DUMMY"),
    "dark": ("nircam/dark", "--gain", 2, "--pedigree", "DUMMY"),
}
RATE, READ = 0.02, 8.0


def done(*arguments):
    made = own_program(*arguments)
    assert made.returncode == 0, made.stderr
    return made


def written(folder, count, seed, first):
    """Write exposures of two ramps; the last quarter of the pixels is hot."""
    rate = np.full((64, 64), RATE)
    rate[50:54, 10:20] = 4.0
    data = make_ramps(2 * count, 12, (64, 64), seed=seed, rate=rate, read=READ, hits=1e-5)
    return [
        write_ramp(
            folder / f"dark{first + k:02d}.fits", data[2 * k : 2 * k + 2] + 500, LAYOUT,
            mjd=59600 + first + k, VISIT=f"{1 + (first + k) // 8:03d}", **STEPS,
        )
        for k in range(count)
    ], rate  # fmt: skip


@pytest.fixture(scope="module", params=[pytest.param("readnoise", marks=pytest.mark.heavy), "dark"])
def series(request, tmp_path_factory):
    product = request.param
    folder = tmp_path_factory.mktemp(product)
    one, rate = written(folder, 8, 5, 0)
    two, _ = written(folder, 8, 6, 8)
    program, *options = MAKE[product]
    done(program, "--output", folder / "product.fits", *options, *one)
    gain = ("--gain", 2) if product == "dark" else ()
    details = folder / "product_details.fits"
    done("nircam/state", product, "--start", details, *gain, "--output", folder / "one.fits", *one)
    start = ("--series", folder / "one.fits")
    done("nircam/state", product, *start, "--output", folder / "two.fits", *two)
    merged = folder / "both.fits"
    done("report/epochs", "merge", folder / "two.fits", folder / "one.fits", "--output", merged)
    return product, folder, [*one, *two], rate


def test_adding_is_the_rebuild_to_the_bit(series):
    product, folder, files, _ = series
    again = folder / "again.fits"
    done("nircam/state", product, "--series", folder / "one.fits", "--output", again, *files[::-1])
    assert laws.equal(load(again)[0], load(folder / "both.fits")[0])
    assert len(load(again)[0].units) == 32
    assert set(load(again)[0].facts[:, 1]) == {1, 2}


def test_first_integrations_are_left_out_as_of_the_product(series):
    product, folder, files, _ = series
    later = folder / "later.fits"
    start = ("--series", folder / "one.fits", "--skip-integrations", 1)
    done("nircam/state", product, *start, "--output", later, *files[:3])
    assert load(later)[0].units == ("dark00 2", "dark01 2", "dark02 2")


@pytest.mark.parametrize("series", ["dark"], indirect=True)
def test_states_of_a_dark_take_the_limit_for_cosmic_rays_of_the_dark(series, tmp_path):
    """At a limit of 1 noise is cut away: fewer ramps are left in most pixels."""
    _, folder, files, _ = series
    copied = shutil.copy(folder / "product_details.fits", tmp_path / "details.fits")
    fits.setval(copied, "STEPSIG", value=1.0)
    ramps = RampSet(files[:2], "dark")
    low, usual = (
        dark_law.template_of(path, ramps, np.full(1, 2.0))
        for path in (copied, folder / "product_details.fits")
    )
    assert low.constants["STEP"] == [1.0]
    few, many = (dark_law.state_of(ramps, template).count for template in (low, usual))
    assert np.mean(few) < np.mean(many) - 1


def test_a_withdrawn_exposure_leaves_no_trace(series):
    product, folder, files, _ = series
    start = ("--series", folder / "one.fits")
    one, left, rest = (folder / f"{name}.fits" for name in ("bad", "left", "rest"))
    done("nircam/state", product, *start, "--output", one, files[11])
    done("report/epochs", "remove", folder / "both.fits", one, "--output", left)
    done("nircam/state", product, *start, "--output", rest, *files[:11], *files[12:])
    assert laws.equal(load(left)[0], load(rest)[0])


def test_the_product_of_all_epochs_is_true_and_close_to_that_of_all_frames(series):
    product, folder, files, rate = series
    output, anew = folder / "series.fits", folder / "anew.fits"
    done("report/epochs", "product", folder / "both.fits", "--output", output)
    program, *options = MAKE[product]
    done(program, "--output", anew, *options, *files)
    truth = rate if product == "dark" else np.full((64, 64), np.sqrt(2) * READ / 2)
    name = "RATE" if product == "dark" else "CDS"
    with fits.open(output) as hdus, fits.open(folder / "anew_details.fits") as today:
        value, error = hdus["SCI"].data.astype(float), hdus["ERR"].data.astype(float)
        quoted = today[name].data.astype(float)
    known = np.isfinite(value)
    assert known[np.isfinite(quoted)].mean() > 0.99
    quiet = known.copy()
    quiet[50:54, 10:20] = False  # the charge of hot pixels has a noise of its own
    pull = ((value - truth) / error)[quiet]
    pull = pull[np.abs(pull) < 6]
    assert abs(np.median(pull)) < 0.15
    assert np.std(pull) == pytest.approx(1, abs=0.06)
    # The one decides by ramp what the other decides by all ramps of a pixel.
    same = np.isfinite(quoted) & known
    apart = ((value - quoted) / error)[same]
    assert np.mean(np.abs(apart) < 0.3) > 0.97
    assert abs(np.median(apart)) < 0.02
    if product == "dark":
        assert np.median(value[50:54, 10:20]) == pytest.approx(4.0, rel=0.02)
        assert np.isfinite(value[50:54, 10:20]).mean() > 0.95


def test_another_readout_is_refused(series, tmp_path):
    product, folder, _, _ = series
    data = make_ramps(2, 12, (64, 64), seed=1) + 500
    other = write_ramp(tmp_path / "other.fits", data, LAYOUT, **(STEPS | {"READPATT": "BRIGHT1"}))
    out = tmp_path / "x.fits"
    made = own_program(
        "nircam/state", product, "--series", folder / "one.fits", "--output", out, other
    )
    assert made.returncode == 1
    assert "is of another series: READPATT" in made.stderr
    assert not out.exists()
