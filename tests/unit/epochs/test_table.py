"""States of numbers of ramps: the laws, files, and those of a noise spectrum and its pixels."""

import subprocess
import sys
from functools import reduce

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import laws, table
from darkroom.epochs.merging import write_product
from darkroom.epochs.series import LN
from darkroom.epochs.state_file import load, save
from darkroom.errors import InputError
from nircam_darks import stripe, write_ramp
from nircam_spectra import simulated

FORM = table.TableTemplate(("slow, amplifier 0", "level, amplifier 0"), (LN, "DN"))
CARDS = {"PRODUCT": ("spectrum", "product")}


@pytest.fixture(scope="module")
def units():
    rng = np.random.default_rng(8)
    return [
        table.of_unit(FORM, f"exposure{k:02d} 1", rng.normal([1, 50], [0.1, 2]), 60000 + k)
        for k in range(40)
    ]


def build(units):
    return reduce(laws.merge, units, table.empty(FORM))


def test_a_thousand_random_moves_equal_the_rebuild(units):
    rng = np.random.default_rng(4)
    whole, inside = table.empty(FORM), set()
    for _ in range(1000):
        k = int(rng.integers(len(units)))
        whole = laws.remove(whole, units[k]) if k in inside else laws.merge(whole, units[k])
        inside ^= {k}
    assert laws.equal(whole, build([units[k] for k in sorted(inside, reverse=True)]))


def test_a_state_comes_back_to_the_bit_and_its_product_is_the_mean(units, tmp_path):
    whole = build(units)
    save(tmp_path / "state.fits", whole, CARDS, made_by="state", inputs=[])
    found, cards = load(tmp_path / "state.fits")
    assert laws.equal(found, whole)
    write_product(found, cards, [tmp_path / "state.fits"], tmp_path / "product.fits")
    means = fits.getdata(tmp_path / "product.fits", "MEANS")
    assert list(means["NAME"]) == list(FORM.names)
    assert list(means["KIND"]) == list(FORM.kinds)
    pull = (means["MEAN"] - [1, 50]) / means["ERROR"]
    assert np.abs(pull).max() < 4
    np.testing.assert_allclose(means["ERROR"], np.array([0.1, 2]) / np.sqrt(40), rtol=0.5)
    quantities = laws.quantities(found, "DN")
    assert [(one.name, one.unit) for one in quantities] == list(
        zip(FORM.names, FORM.kinds, strict=True)
    )


def test_a_changed_number_is_found(units, tmp_path):
    save(tmp_path / "state.fits", build(units), CARDS, made_by="state", inputs=[])
    with fits.open(tmp_path / "state.fits", mode="update") as hdus:
        hdus["UNITS"].data["VALUES"][3, 1] += 1e-9
        hdus["UNITS"].add_datasum()
        hdus["UNITS"].add_checksum()
    with pytest.raises(InputError, match="SHA-256"):
        load(tmp_path / "state.fits")


def test_what_is_no_unit_of_the_series_is_refused(units):
    with pytest.raises(ValueError, match="level, amplifier 0 is not known"):
        table.of_unit(FORM, "exposure 1", np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="3 numbers, the series has 2"):
        table.of_unit(FORM, "exposure 1", np.zeros(3))
    with pytest.raises(ValueError, match="is in both states"):
        laws.merge(units[0], units[0])
    with pytest.raises(ValueError, match="is not in the state"):
        laws.remove(units[0], units[1])
    other = table.of_unit(FORM, units[0].units[0], np.array([3.0, 40.0]))
    with pytest.raises(ValueError, match="other numbers"):
        laws.remove(build(units), other)
    renamed = table.TableTemplate(("slow, amplifier 0", "level"), (LN, "DN"))
    with pytest.raises(ValueError, match="of two series"):
        laws.merge(units[0], table.empty(renamed))


def run(repository, script, *arguments, status=0):
    command = [sys.executable, repository / f"scripts/{script}.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).strip()


def test_the_spectra_of_two_epochs_make_a_series_that_can_be_withdrawn_from(repository, tmp_path):
    data = simulated(3, subarray="SUBGRISM64", rows=2048, nints=5, ngroups=3)[0].data
    files = [
        write_ramp(tmp_path / f"dark{k}.fits", data[k : k + 1], stripe(), mjd=60000.0 + k)
        for k in range(5)
    ]
    epochs = {"one": files[:2], "two": files[2:], "bad": files[3:4]}
    for name, part in epochs.items():
        product = tmp_path / f"{name}_spectrum.fits"
        run(repository, "nircam/noise_spectrum", "--output", product, *part)
        series = () if name == "one" else ("--series", tmp_path / "one.fits")
        run(
            repository, "nircam/state", "spectrum", "--start", product, *series,
            "--output", tmp_path / f"{name}.fits", *part,
        )  # fmt: skip
    first, _ = load(tmp_path / "one.fits")
    rows = fits.getdata(tmp_path / "one_spectrum.fits", "UNITS")
    column = first.template.names.index("ln of the noise power above 10 kHz, amplifier 1")
    expected = rows["LN_WHITE"][rows["AMPLIFIER"] == 1]
    np.testing.assert_array_equal(first.values[:, column], expected)
    # One ramp measured alone differs from the same ramp among three by rounding only.
    left = tmp_path / "left.fits"
    two, bad = tmp_path / "two.fits", tmp_path / "bad.fits"
    run(repository, "report/epochs", "remove", two, bad, "--output", left)
    assert load(left)[0].units == ("dark2 1", "dark4 1")
    message = run(
        repository, "nircam/state", "spectrum", "--start", tmp_path / "two_spectrum.fits",
        "--output", tmp_path / "x.fits", *epochs["one"], status=1,
    )  # fmt: skip
    assert "was made without" in message
    assert not (tmp_path / "x.fits").exists()
