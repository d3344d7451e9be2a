"""Traps of the detector steps: each is followed, or refused in one sentence."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.chain import flags as bits
from darkroom.nircam.chain.exposure import RawExposure, lost_parts
from darkroom.nircam.chain.memory import Memory
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.references import References
from darkroom.nircam.chain.refpix import clipped_mean
from nircam_chain import CHAIN, Case, everything

POINT = {"detector": "NRCALONG", "subarray": "SUB64P", "nints": 2, "ngroups": 4}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("traps") / "case", POINT)


def changed(case, name, change):
    """Return a copy of the raw exposure with a change."""
    path = case.folder / name
    with fits.open(case.raw, memmap=False) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True)
    return path


def card(name, value):
    def change(hdus):
        hdus[0].header[name] = value

    return change


def as_float(hdus):
    hdus["SCI"].data = hdus["SCI"].data.astype(np.float32)


def with_flags(hdus):
    hdus.append(fits.ImageHDU(np.zeros(hdus["SCI"].shape[2:], np.int32), name="PIXELDQ"))


def longer(hdus):
    hdus["SCI"].data = np.zeros((1, 1, 8, 3200), np.uint16)


def blank(hdus):
    data = hdus["SCI"].data.astype(np.int16) // 2
    hdus["SCI"] = fits.ImageHDU(data, name="SCI")
    hdus["SCI"].header["BLANK"] = -1


REFUSED = {
    "T7 stripes": (card("MSTR_RD1", 64), "multistripe"),
    "T7 superstripes": (card("SSTR_NST", 2), "multistripe"),
    "T7 name": (card("SUBARRAY", "SUB41STRIPE1_DHS"), "multistripe"),
    "T8 instrument": (card("INSTRUME", "NIRSPEC"), "INSTRUME is NIRSPEC"),
    "T8 a side of more than 2048": (longer, "more than the detector's"),
    "T8 guider": (card("EXP_TYPE", "FGS_TRACK"), "EXP_TYPE is FGS_TRACK"),
    "T10 names of NIRSpec": (card("SUBARRAY", "SUB512S"), "another instrument"),
    "T15 float": (as_float, "16-bit integers"),
    "T15 flags": (with_flags, "flags"),
    "T16 BLANK": (blank, "BLANK"),
    "axes": (card("FASTAXIS", 2), "FASTAXIS is 2"),
    "window": (card("SUBSTRT1", 2000), "does not fit the detector"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_engine_does_not_do_is_refused(case, name):
    change, words = REFUSED[name]
    path = changed(case, "changed.fits", change)
    with pytest.raises(InputError, match=words) as caught:
        RawExposure(path)
    assert "changed.fits" in str(caught.value)
    if name.startswith("T"):
        assert "use engine: jwst" in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "parameters", "words"),
    [
        (("saturation", "dq_init"), {}, "in the pipeline's order.*use engine: jwst"),
        (CHAIN, {"dq_init": {"user_supplied_dq": "mine.fits"}}, "user_supplied_dq.*engine: jwst"),
        (("dark_current",), {"dark_current": {"dark_output": "x"}}, "dark_output.*engine: jwst"),
        (
            ("dark_current",),
            {"dark_current": {"average_dark_current": 1.0}},
            "average_dark_current.*engine: jwst",
        ),
        (CHAIN, {"refpix": {"nobody": 1}}, "nobody.*engine: jwst"),
        (CHAIN, {"refpix": {"side_gain": "1"}}, "side_gain of refpix is '1'.*a number"),
        (CHAIN, {"refpix": {"side_smoothing_length": 11.0}}, "11.0, and must be a whole number"),
        (CHAIN, {"refpix": {"side_smoothing_length": 1}}, "at least 2"),
        (CHAIN, {"refpix": {"side_smoothing_length": 5000}}, "less than 4096"),
        (CHAIN, {"refpix": {"refpix_algorithm": "mean"}}, "median or sirs"),
        (CHAIN, {"saturation": {"n_pix_grow_sat": -1}}, "at least 0"),
        (CHAIN, {"saturation": {"use_readpatt": 1}}, "true or false"),
        (("flat",), {}, "no step 'flat'"),
    ],
)
def test_steps_and_parameters_are_refused_when_planned(steps, parameters, words):
    """T11, T12: types and ranges are checked before anything runs."""
    with pytest.raises(DarkroomError, match=words):
        chosen_steps(steps, parameters)


def test_parameters_without_effect_on_nircam_are_taken():
    parameters = {"refpix": {"odd_even_rows": False, "side_gain": 1}, "dq_init": {}}
    assert chosen_steps(CHAIN, parameters).refpix.side_gain == 1


def test_the_saturation_step_does_not_use_the_superbias_that_is_subtracted(case):
    """T1: for flags that of CRDS, for values the one made here."""
    files, window = References(), RawExposure(case.raw).window
    engine = case.engine(references=files)
    other = case.engine(references=files, made=False)
    level = files.subtracted(case.made, window) - files.subtracted(
        case.references["superbias"], window
    )
    assert np.abs(level).max() > 1
    np.testing.assert_array_equal(everything(engine)[1], everything(other)[1])
    assert (engine.block(0, 1, 0, 64)[0] != other.block(0, 1, 0, 64)[0]).any()


def test_only_the_first_frame_of_a_file_is_in_single_precision(tmp_path):
    """T2, T3: of two equal integrations, the first group of the first differs by rounding."""
    settings = POINT | {"subarray": "SUBGRISM64", "nints": 2, "ngroups": 2}

    def alike(hdus):
        hdus["SCI"].data[:] = hdus["SCI"].data[0, 0]
        # The second file of a segmented exposure: its first frame is again the first of a file.
        hdus[0].header["INTSTART"], hdus[0].header["INTEND"] = 3, 4

    engine = Case(tmp_path, settings, dirty=False, change={"raw": alike}).engine(
        ("dq_init", "superbias", "refpix")
    )
    first, second = engine.block(0, 0, 0, 64)[0], engine.block(1, 0, 0, 64)[0]
    later = engine.block(0, 1, 0, 64)[0]
    np.testing.assert_array_equal(second, later)
    assert 0.2 < (first != later).mean() < 0.9
    assert np.abs(first - later).max() < 1e-3


def test_refpix_does_not_see_the_flags_of_later_steps(case):
    """T4, T5: flags of linearity do not exclude reference pixels, those of the superbias do."""
    steps = ("dq_init", "superbias", "refpix")
    alone, more = case.engine(steps), case.engine((*steps, "linearity"))
    assert (alone.pixeldq != more.pixeldq).any()
    np.testing.assert_array_equal(alone.levels(0, 1).column, more.levels(0, 1).column)


def test_the_mean_of_equal_values_is_in_double_precision():
    """T6."""
    assert clipped_mean(np.full(9, 0.1, np.float32), 3.0).dtype == np.float64
    assert clipped_mean(np.arange(9, dtype=np.float32), 3.0).dtype == np.float32
    assert clipped_mean(np.array([], np.float32), 3.0) is None


def test_a_subarray_without_noutputs_has_one(case):
    """T9."""

    def without(hdus):
        del hdus[0].header["NOUTPUTS"]

    path = changed(case, "without.fits", without)
    before, case.raw = case.raw, path
    try:
        found = everything(case.engine())[0]
        case.raw = before
        np.testing.assert_array_equal(found, everything(case.engine())[0])
    finally:
        case.raw = before


def test_flags_are_translated_by_their_table():
    """T21: bits without a row, and rows with unknown names, are dropped."""
    table = np.array([(4, "HOT"), (8, "NOBODY")], [("VALUE", "u4"), ("NAME", "U20")])
    found = bits.translated(np.array([[4, 8, 16, 12]]), table)
    assert found.tolist() == [[bits.BITS["HOT"], 0, 0, bits.BITS["HOT"]]]
    assert bits.translated(np.array([16]), table[:0]).tolist() == [16]


def test_lost_packets_are_marked(case):
    def lose(hdus):
        hdus["SCI"].data[0, 1] = 0
        hdus["SCI"].data[1, 2, 5] = 0

    raw = RawExposure(changed(case, "lost.fits", lose))
    found = lost_parts(raw, False)
    assert set(found) == {(0, 1), (1, 2)}
    assert found[0, 1].all()
    assert np.flatnonzero(found[1, 2][:, 0]).tolist() == [5]
    assert lost_parts(raw, True)[1, 2].all()


def test_a_packed_exposure_gives_the_same(case):
    packed = case.folder / "packed.fits.gz"
    packed.write_bytes(gzip.compress(Path(case.raw).read_bytes()))
    plain, case.raw = case.raw, packed
    try:
        found = everything(case.engine())
    finally:
        case.raw = plain
    for one, two in zip(found, everything(case.engine()), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_bands_of_any_height_and_order_give_the_same(tmp_path, rows):
    """Groups may be asked for in any order, also when nothing is kept of those before."""
    case = Case(tmp_path, POINT | {"readpatt": "SHALLOW4", "nints": 1})
    values, flags = everything(case.engine(), rows)
    engine = case.engine()
    engine._memory = Memory(0)
    for g in (3, 1, 0, 2):
        one, two = engine.block(0, g, 0, 64)
        np.testing.assert_array_equal(one, values[0, g])
        np.testing.assert_array_equal(two, flags[0, g])
    assert (flags & 2).any()


def test_exposures_that_share_memory_do_not_share_flags(tmp_path):
    """Also when one is gone, and the next is where it was."""
    cases = [Case(tmp_path / str(seed), POINT, seed=seed) for seed in (1, 2, 3)]
    apart = [everything(case.engine())[1] for case in cases]
    memory = Memory()
    for case, expected in zip(cases, apart, strict=True):
        engine = case.engine()
        engine._memory = memory
        np.testing.assert_array_equal(everything(engine)[1], expected)
        del engine
