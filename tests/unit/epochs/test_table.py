"""States of numbers of ramps: the laws, files, and those of a noise spectrum and its pixels."""

import subprocess
import sys
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.epochs import laws, table
from darkroom.epochs.merging import write_product
from darkroom.epochs.series import LN
from darkroom.epochs.state_file import load, save
from darkroom.errors import InputError
from nircam_darks import stripe, write_ramp
from nircam_spectra import simulated

FORM = table.TableTemplate(
    ("slow, amplifier 0", "level, amplifier 0"),
    (LN, "DN"),
    rows={"BINS": 3, "WEIGHT": 1},
    sums={"SPECTRA": (2, 5)},
    constants={"CLOCK": np.array([170.0, 0.34])},
)
CARDS = {"PRODUCT": ("spectrum", "product")}


def unit(rng, k, form=FORM):
    return table.of_unit(
        form,
        f"exposure{k:02d} 1",
        rng.normal([1, 50], [0.1, 2]),
        60000 + k,
        rows={"BINS": rng.normal(size=3), "WEIGHT": np.array([np.nan if k == 3 else 1.0])},
        sums={"SPECTRA": rng.lognormal(0, 2, (2, 5)) * rng.choice([-1, 1], (2, 5))},
    )


@pytest.fixture(scope="module")
def units():
    rng = np.random.default_rng(8)
    return [unit(rng, k) for k in range(40)]


def build(units):
    return reduce(laws.merge, units, table.empty(FORM))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_of_adding_merging_and_removing_is_the_rebuild(units, data):
    piles = [(table.empty(FORM), frozenset())]
    for _ in range(data.draw(st.integers(5, 25))):
        held = frozenset().union(*(names for _, names in piles))
        action = data.draw(st.sampled_from(["add", "merge", "remove", "new"]))
        at = data.draw(st.integers(0, len(piles) - 1))
        pile, names = piles.pop(at)
        if action == "add" and len(held) < len(units):
            k = data.draw(st.sampled_from(sorted(set(range(len(units))) - held)))
            pile, names = laws.merge(units[k], pile), names | {k}
        elif action == "remove" and names:
            k = data.draw(st.sampled_from(sorted(names)))
            pile, names = laws.remove(pile, units[k]), names - {k}
        elif action == "merge" and piles:
            other, more = piles.pop()
            pile, names = laws.merge(pile, other), names | more
        elif action == "new":
            piles.append((table.empty(FORM), frozenset()))
        piles.append((pile, names))
    for pile, names in piles:
        assert laws.equal(pile, build([units[k] for k in sorted(names, reverse=True)]))


def test_a_thousand_random_moves_equal_the_rebuild(units):
    rng = np.random.default_rng(4)
    piles = [(table.empty(FORM), frozenset())] * 3
    for _ in range(1000):
        (pile, names), *rest = piles
        k = int(rng.integers(len(units)))
        if rng.random() < 0.1:
            pile, names = laws.merge(pile, rest[0][0]), names | rest[0][1]
            rest[0] = table.empty(FORM), frozenset()
        elif k in names:
            pile, names = laws.remove(pile, units[k]), names - {k}
        elif not any(k in other for _, other in rest):
            pile, names = laws.merge(pile, units[k]), names | {k}
        piles = [*rest, (pile, names)]
    assert sum(len(names) for _, names in piles) > 10
    for pile, names in piles:
        assert laws.equal(pile, build([units[k] for k in sorted(names, reverse=True)]))
    # Whole numbers: what is summed is what the units hold, each rounded once.
    pile, names = max(piles, key=lambda one: len(one[1]))
    exact = sum(units[k].sums["SPECTRA"] for k in names)
    np.testing.assert_array_equal(pile.sums["SPECTRA"], exact)


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


def test_a_changed_sum_or_row_is_found(units, tmp_path):
    for k, change in enumerate((("S_SPECTRA", None), ("UNITS", "R_BINS"))):
        path = tmp_path / f"state{k}.fits"
        save(path, build(units), CARDS, made_by="state", inputs=[])
        with fits.open(path, mode="update") as hdus:
            data = hdus[change[0]].data if change[1] is None else hdus[change[0]].data[change[1]]
            data[1, 2] += 1
            hdus[change[0]].add_datasum()
            hdus[change[0]].add_checksum()
        with pytest.raises(InputError, match="SHA-256"):
            load(path)


def test_what_is_no_unit_of_the_series_is_refused(units):
    rows = {"BINS": np.zeros(3), "WEIGHT": np.ones(1)}
    sums = {"SPECTRA": np.zeros((2, 5))}

    def made(values, rows=rows, sums=sums, name="exposure 1"):
        return table.of_unit(FORM, name, np.array(values), rows=rows, sums=sums)

    with pytest.raises(ValueError, match="level, amplifier 0 is infinite"):
        made([1.0, np.inf])
    with pytest.raises(ValueError, match="3 numbers, the series has 2"):
        made(np.zeros(3))
    with pytest.raises(ValueError, match=r"rows of .*, the series has"):
        made([1.0, 2.0], rows={"BINS": np.zeros(4), "WEIGHT": np.ones(1)})
    with pytest.raises(ValueError, match=r"sums of shapes .*, the series has"):
        made([1.0, 2.0], sums={"SPECTRA": np.zeros((2, 6))})
    for wrong in (np.nan, 1e6):
        with pytest.raises(ValueError, match="SPECTRA is not a number, or too large"):
            made([1.0, 2.0], sums={"SPECTRA": np.full((2, 5), wrong)})
    with pytest.raises(ValueError, match="is in both states"):
        laws.merge(units[0], units[0])
    with pytest.raises(ValueError, match="is not in the state"):
        laws.remove(units[0], units[1])
    for name in ("values", "BINS"):
        other = made(units[0].values[0] + (name == "values"), name=units[0].units[0])
        other = replace(other, rows=units[0].rows if name == "values" else other.rows)
        with pytest.raises(ValueError, match="other numbers"):
            laws.remove(build(units), other)
    for field, value in (
        ("names", ("slow, amplifier 0", "level")),
        ("rows", {"BINS": 3}),
        ("sums", {}),
        ("constants", {"CLOCK": np.array([170.0, 0.35])}),
    ):
        with pytest.raises(ValueError, match="of two series"):
            laws.merge(units[0], table.empty(replace(FORM, **{field: value})))


def run(repository, script, *arguments, status=0):
    command = [sys.executable, repository / f"scripts/{script}.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def darks(tmp_path_factory):
    """Six ramps of one amplifier's noise, with other bad pixels in each."""
    folder = tmp_path_factory.mktemp("darks")
    data = simulated(3, subarray="SUBGRISM64", rows=2048, nints=6, ngroups=4)[0].data
    rng = np.random.default_rng(6)
    for ramp in data:
        hit = rng.random(ramp.shape[1:]) < 0.02
        ramp[2:, hit] += 3000
    return [
        write_ramp(folder / f"dark{k}.fits", data[k : k + 1], stripe(), mjd=60000.0 + k)
        for k in range(6)
    ]


@pytest.mark.heavy
def test_the_noise_spectrum_of_a_series_is_fitted_from_its_states(repository, darks, tmp_path):
    epochs = {"one": darks[:2], "two": darks[2:], "bad": darks[3:4]}
    for name, part in epochs.items():
        series = () if name == "one" else ("--series", tmp_path / "one.fits")
        run(
            repository, "nircam/state", "spectrum", *series,
            "--output", tmp_path / f"{name}.fits", *part,
        )  # fmt: skip
    one, two, bad, left = (tmp_path / f"{name}.fits" for name in ("one", "two", "bad", "left"))
    # A ramp has the same numbers to the bit, whatever is beside it.
    run(repository, "report/epochs", "remove", two, bad, "--output", left)
    assert load(left)[0].units == ("dark2 1", "dark4 1", "dark5 1")
    run(repository, "nircam/series_spectrum", one, left, "--output", tmp_path / "a.fits")
    run(
        repository, "nircam/series_spectrum", two, one, "--withdrawn", bad,
        "--output", tmp_path / "b.fits",
    )  # fmt: skip
    good = [path for k, path in enumerate(darks) if k != 3]
    run(repository, "nircam/noise_spectrum", "--output", tmp_path / "direct.fits", *good)
    with (
        fits.open(tmp_path / "a.fits") as a,
        fits.open(tmp_path / "b.fits") as b,
        fits.open(tmp_path / "direct.fits") as direct,
    ):
        assert [hdu.name for hdu in a] == [hdu.name for hdu in direct]
        assert (a[0].header["NRAMPS"], a[0].header["NUNITS"]) == (5, 5)
        for table_, other in zip(a[1:], b[1:], strict=True):
            assert table_.data.tobytes() == other.data.tobytes()
        fit, expected = a["FIT"].data, direct["FIT"].data
        assert list(fit["PARAMETER"]) == list(expected["PARAMETER"])
        assert np.abs((fit["VALUE"] - expected["VALUE"]) / expected["ERROR"]).max() < 0.03
        np.testing.assert_allclose(fit["ERROR"], expected["ERROR"], rtol=0.01)
        same = ("LN_WHITE", "LN_SLOW", "COHERENCE", "AMPLIFIER", "INTEGRATION")
        for column in same:
            np.testing.assert_allclose(
                a["UNITS"].data[column], direct["UNITS"].data[column], atol=1e-4
            )
    # A corrected ramp and one that was read otherwise have no place in it.
    short = write_ramp(
        tmp_path / "short.fits", fits.getdata(darks[0])[:, :3], stripe(), mjd=60009.0
    )
    message = run(
        repository, "nircam/state", "spectrum", "--series", one,
        "--output", tmp_path / "x.fits", short, status=1,
    )  # fmt: skip
    assert "has 3 groups, the series has 4" in message
    message = run(
        repository, "nircam/series_spectrum", tmp_path / "direct.fits",
        "--output", tmp_path / "x.fits", status=1,
    )  # fmt: skip
    assert "DATATYPE" in message
    assert not (tmp_path / "x.fits").exists()
