"""What NIRCam exposures are refused for, warned of and left out, one trait at a time."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, WARNED, Subject, sentences
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.judging import checks
from darkroom.nircam.ramps.ramps import GroupStack, RampSet, open_ramp
from darkroom.nircam.received import read_header
from darkroom.nircam.simulate import exposures as nircam
from nircam_darks import make_darks, write_darks, write_ramp

SMALL = readout("NRCB1", "SUB64P")


def exposures(folder, count=4, ngroups=5, nints=1, seed=0):
    darks = make_darks(SMALL, count * nints, ngroups, seed=seed, span=0.1)
    return write_darks(folder, darks, nints=nints), darks


def rewrite(path, change=None, **cards):
    """Change the cards (None: remove) and pixels of a file."""
    with fits.open(path, memmap=False) as hdus:
        for card, value in cards.items():
            if value is None:
                hdus[0].header.remove(card, ignore_missing=True)
            else:
                hdus[0].header[card] = value
        if change:
            change(hdus)
        hdus.writeto(path, overwrite=True)


def judged(paths, product="", **settings):
    """Return the sentences of refusals and warnings by file name, as in a campaign."""
    row = SimpleNamespace(facts={})
    subjects = [
        Subject(path.name, path.name, read_header(path, row, {})[0]["judged"]) for path in paths
    ]
    found = judge(subjects, checks(settings, product))
    return sentences(found, REFUSED), sentences(found, WARNED)


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"NFRAMES": 8}, "NFRAMES is 8, but 1 in 4 exposures (first: dark000_uncal.fits)"),
        ({"NFRAMES": -1}, "NFRAMES is -1, it should be at least 1"),
        ({"GROUPGAP": -1}, "GROUPGAP is -1, it should be at least 0"),
        ({"GROUPGAP": 2}, "GROUPGAP is 2, but 0 in 4"),
        ({"TGROUP": 0.6}, "TGROUP is 0.6 s, but 0.05016 s in 4"),
        ({"NOUTPUTS": 2}, "NOUTPUTS is 2, but 1 in 4"),
        ({"SUBSTRT1": 1}, "SUBSTRT1 is 1, but 1851 in 4"),
        ({"SUBSTRT2": 1}, "SUBSTRT2 is 1, but 1817 in 4"),
        ({"FASTAXIS": -1}, "FASTAXIS is -1, but 1 in 4"),
        ({"SLOWAXIS": 2}, "SLOWAXIS is 2, but -2 in 4"),
        ({"DRPFRMS1": 1}, "DRPFRMS1 is 1, but 0 in 4"),
        ({"EXP_TYPE": "MIR_DARKIMG"}, "EXP_TYPE is MIR_DARKIMG, NRC_DARK is needed"),
        ({"EXP_TYPE": "NRC_TAMANUAL"}, "EXP_TYPE is NRC_TAMANUAL, NRC_DARK is needed"),
        ({"EXP_TYPE": "NRC_IMAGE"}, "EXP_TYPE is NRC_IMAGE, NRC_DARK is needed"),
        ({"INSTRUME": "NIRISS"}, "INSTRUME is NIRISS, NIRCAM is needed"),
        ({"READPATT": "NRSIRS2RAPID"}, "READPATT is NRSIRS2RAPID: NIRSpec's IRS2 readout"),
        ({"MSTR_RD1": 40}, "MSTR_RD1 is 40: a multistripe exposure"),
        ({"SUBARRAY": "SUB41STRIPE1_DHS"}, "SUBARRAY is SUB41STRIPE1_DHS: a multistripe exposure"),
        ({"S_SUPERB": "COMPLETE"}, "it was changed by superbias already (S_SUPERB is COMPLETE)"),
        ({"S_LINEAR": "COMPLETE"}, "it was changed by linearity already (S_LINEAR is COMPLETE)"),
        ({"S_REFPIX": "COMPLETE"}, "state is refpix, but raw in 4"),
        ({"ZEROFRAM": True}, "ZEROFRAM is T, but the file has no extension ZEROFRAME"),
        ({"NGROUPS": 6}, "NGROUPS is 6, but SCI has 5 groups"),
        ({"NINTS": 2}, "NINTS is 2, but SCI has 1 integrations"),
        ({"INTSTART": 2, "INTEND": 5}, "INTSTART 2 to INTEND 5 are not the 1 integrations"),
        ({"INTSTART": 3, "INTEND": 3, "NINTS": 2}, "INTSTART 3 and INTEND 3 are not within NINTS"),
    ],
)  # fmt: skip
def test_an_odd_card_is_refused_by_program_and_campaign(tmp_path, cards, words):
    paths, _ = exposures(tmp_path, 5)
    rewrite(paths[2], **cards)
    with pytest.raises(InputError) as refused:
        RampSet(paths, "superbias")
    assert f"dark002_uncal.fits: {words}" in str(refused.value)
    found, _ = judged(paths)
    assert set(found) == {"dark002_uncal.fits"}
    assert any(words in sentence for sentence in found["dark002_uncal.fits"]) or (
        # Raw exposures are needed here: the step itself is the fault.
        "S_REFPIX is COMPLETE" in found["dark002_uncal.fits"][0]
    )


def test_a_refused_type_can_be_allowed_and_an_unknown_one_is_said(tmp_path):
    paths, _ = exposures(tmp_path)
    for path in paths:
        rewrite(path, EXP_TYPE="NRC_FLAT")
    assert len(judged(paths)[0]) == 4
    assert judged(paths, exp_types=["NRC_FLAT"]) == ({}, {})
    for path in paths:
        rewrite(path, EXP_TYPE="CAL_LAMP")
    refused, warned = judged(paths)
    assert not refused
    assert "EXP_TYPE is CAL_LAMP, NRC_DARK is needed" in warned[paths[0].name][0]


def test_an_old_file_without_cards_is_not_refused(tmp_path):
    paths, _ = exposures(tmp_path, 6)
    for path in paths[:3]:
        rewrite(path, **dict.fromkeys(
            ("NFRAMES", "GROUPGAP", "TGROUP", "TFRAME", "NINTS", "NGROUPS", "EXP_TYPE", "NOUTPUTS",
             "FASTAXIS", "SLOWAXIS", "INSTRUME"),
        ))  # fmt: skip
    assert len(RampSet(paths, "superbias").ramps) == 6
    refused, warned = judged(paths)
    assert not refused
    assert "its header has no EXP_TYPE, NRC_DARK is needed" in " ".join(warned[paths[0].name])


def test_all_bad_files_are_named_in_one_message(tmp_path):
    paths, _ = exposures(tmp_path, 6)
    rewrite(paths[1], EXP_TYPE="NRC_IMAGE")
    rewrite(paths[3], NFRAMES=8)
    paths[4].write_text("no FITS")
    with pytest.raises(DarkroomError) as refused:
        RampSet(paths, "superbias")
    assert "3 exposures cannot be used for the superbias; leave them out:" in str(refused.value)
    for number in (1, 3, 4):
        assert f"\n  dark00{number}_uncal.fits: " in str(refused.value)


def test_a_refused_exposure_is_kept_on_request(tmp_path, caplog):
    paths, _ = exposures(tmp_path)
    rewrite(paths[1], EXP_TYPE="NRC_IMAGE")
    ramps = RampSet(paths, "superbias", keep=True)
    assert len(ramps.ramps) == 4
    assert "EXP_TYPE is NRC_IMAGE" in caplog.text
    assert "kept" in ramps.warnings[0]


def test_repeated_integrations_are_found_by_their_pixels(tmp_path):
    """Another name, other cards, another integration, a segment: the noise is the same."""
    paths, _ = exposures(tmp_path, 3, nints=2)
    rewrite(paths[0], lambda hdus: hdus["SCI"].data.__setitem__(1, hdus["SCI"].data[0]))
    with pytest.raises(InputError, match=r"dark000.*integration 2 is the same as integration 1"):
        RampSet(paths, "superbias")
    paths, _ = exposures(tmp_path / "b", 3, nints=2)
    copied = paths[0].with_name("renamed.fits")
    copied.write_bytes(paths[0].read_bytes())
    rewrite(copied, EXPSTART=60000.0, HISTORY="another")
    with pytest.raises(InputError, match=r"renamed\.fits: integration 1 is the same as"):
        RampSet([*paths, copied], "superbias")
    # The same after dq_init: float32.
    rewrite(copied, lambda h: setattr(h["SCI"], "data", h["SCI"].data.astype(np.float32)))
    assert "stored type is float, but integer in" in " ".join(
        RampSet([*paths[1:], copied], "superbias").warnings
    )
    assert "renamed.fits" in judged([*paths, copied])[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + np.uint16(7),
        lambda data: np.where(np.arange(64) == 30, 1, data).astype(np.uint16),
        lambda data: np.where(np.arange(64)[:, None] < 20, 0, data).astype(np.uint16),
    ],
    ids=["a constant added", "a column marked", "rows lost"],
)
def test_a_copy_that_was_changed_is_a_copy(tmp_path, change):
    paths, _ = exposures(tmp_path, 4)
    copied = paths[1].with_name("changed.fits")
    copied.write_bytes(paths[1].read_bytes())
    rewrite(copied, lambda h: setattr(h["SCI"], "data", change(h["SCI"].data)), EXPSTART=59601.0)
    with pytest.raises(InputError, match=r"changed\.fits: its integration is the same as dark001"):
        RampSet([*paths, copied], "superbias")
    assert set(judged([*paths, copied])[0]) == {"changed.fits"}


@pytest.mark.parametrize("product", ["superbias", "read noise", "noise spectrum"])
def test_groups_that_repeat_earlier_ones_are_refused(tmp_path, product):
    """Frozen groups would lower the noise: 0.88 of it with one ramp of four frozen."""
    paths, _ = exposures(tmp_path, 4)
    rewrite(paths[1], lambda h: h["SCI"].data.__setitem__((0, slice(2, 5)), h["SCI"].data[0, 1]))
    rewrite(paths[3], lambda h: h["SCI"].data.__setitem__((0, 4), h["SCI"].data[0, 2]))
    with pytest.raises(DarkroomError) as refused:
        RampSet(paths, product)
    assert "dark001_uncal.fits: integration 1: groups 3 to 5 repeat an" in str(refused.value)
    assert "dark003_uncal.fits: integration 1: group 5 repeats an earlier" in str(refused.value)
    assert set(judged(paths)[0]) == {paths[1].name, paths[3].name}


def test_groups_filled_with_any_value_are_lost(tmp_path):
    """An aborted integration, filled with 32768 (0 as it is stored) or with full scale."""
    paths, _ = exposures(tmp_path, 3, nints=2)
    rewrite(paths[0], lambda h: h["SCI"].data.__setitem__((1, slice(3, 5)), 32768))
    ramps = RampSet(paths, "superbias")
    assert "2 groups have no data and are left out" in ramps.warnings[0]
    assert np.isnan(GroupStack(ramps, 3).read(slice(0, 64))[1]).all()
    rewrite(paths[0], lambda h: h["SCI"].data.__setitem__((1, slice(3, 5)), 65535))
    with pytest.raises(InputError, match="100% of its pixels are at full scale in the last group"):
        RampSet(paths, "superbias")


def test_a_card_of_a_step_that_says_neither_is_told(tmp_path):
    paths, _ = exposures(tmp_path)
    rewrite(paths[1], S_SUPERB="PERFORMED")
    rewrite(paths[2], S_SUPERB="SKIPPED")
    warned = judged(paths)[1]
    assert set(warned) == {paths[1].name}
    assert "S_SUPERB is PERFORMED, neither COMPLETE nor SKIPPED" in warned[paths[1].name][0]


def test_another_number_of_resets_is_warned_of(tmp_path):
    paths, _ = exposures(tmp_path)
    for path in paths:
        rewrite(path, NRESETS=1)
    rewrite(paths[2], NRESETS=2)
    refused, warned = judged(paths)
    assert not refused
    assert "NRESETS is 2, but 1 in 3" in warned[paths[2].name][0]


def test_a_set_of_subtracted_exposures_makes_no_superbias(tmp_path):
    paths, darks = exposures(tmp_path)
    for k, path in enumerate(paths):
        write_ramp(path, (darks.data[k : k + 1] - darks.bias).astype(np.float32), SMALL)
    # Without the card the level shows it.
    with pytest.raises(DarkroomError, match=r"level is .* at least 100 DN; has its bias"):
        RampSet(paths, "superbias")
    assert len(RampSet(paths, "read noise").ramps) == 4


def test_the_clock_of_other_outputs_is_refused_and_any_other_for_a_spectrum(tmp_path):
    for noutputs, frame, other in ((1, 0.34061, "1.3596"), (4, 1.35960, "0.34061")):
        stripe = readout("NRCA1", "SUBGRISM64")
        path = write_darks(tmp_path / str(noutputs), make_darks(stripe, 1, 4))[0]
        rewrite(path, NOUTPUTS=noutputs, TFRAME=frame, TGROUP=frame)
        with pytest.raises(InputError) as refused:
            RampSet([path], "superbias")
        assert f"TFRAME is {frame:.5g} s" in str(refused.value)
        assert f"take {other} s" in str(refused.value)
    path = exposures(tmp_path, 1)[0][0]
    rewrite(path, TFRAME=0.49, TGROUP=0.49)
    warnings = RampSet([path], "superbias").warnings
    assert "TFRAME is 0.49 s, but 64 × 64 pixels through 1 output (NOUTPUTS) take" in warnings[0]
    with pytest.raises(InputError, match=r"TFRAME is 0\.49 s"):
        RampSet([path], "noise spectrum")


def _zero(hdus, integration, groups):
    hdus["SCI"].data[integration, groups] = 0


def test_lost_groups_are_left_out_counted_and_said(tmp_path):
    paths, _ = exposures(tmp_path, 3, nints=2)
    rewrite(paths[0], lambda hdus: _zero(hdus, 1, slice(3, 5)))
    rewrite(paths[1], lambda hdus: _zero(hdus, 0, 0))
    ramps = RampSet(paths, "superbias")
    assert ramps.ramps == [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert (
        "2 groups have no data and are left out (integration 2: groups 4 to 5)"
        in (ramps.warnings[0])
    )
    assert (
        "dark002_uncal.fits: 1 group has no data and is left out (integration 1: group 1)"
        in (ramps.warnings[1])
    )
    assert np.isnan(GroupStack(ramps, 3).read(slice(0, 64))[1]).all()
    assert len(ramps.mjd) == len(ramps.integrations) == 5
    assert RampSet(paths, "noise spectrum", whole=True).ramps == [(0, 0), (1, 1), (2, 0), (2, 1)]
    rewrite(paths[1], lambda hdus: _zero(hdus, slice(None), 0))
    with pytest.raises(InputError, match="first group of each of its 2 integrations has no data"):
        RampSet(paths, "superbias")


def test_lost_rows_are_no_values_but_a_dead_pixel_is_one(tmp_path):
    paths, _ = exposures(tmp_path, 3)

    def lose(hdus):
        hdus["SCI"].data[0, 2, 10:14] = 0
        hdus["SCI"].data[0, :, 30, 30] = 0

    rewrite(paths[1], lose)
    ramps = RampSet(paths, "superbias")
    assert "1 group has rows without data" in ramps.warnings[0]
    values = GroupStack(ramps, 2).read(slice(0, 64))[1]
    assert np.isnan(values[10:14]).all()
    assert np.isnan(values).sum() == 4 * 64
    assert values[30, 30] == 0


def test_an_amplifier_whose_packets_were_lost_is_said(tmp_path):
    """Its values are left out, which was done without a word."""
    paths = write_darks(tmp_path, make_darks(readout("NRCA1", "SUBGRISM64"), 3, 4, span=0.1))
    rewrite(paths[1], lambda hdus: hdus["SCI"].data.__setitem__((0, 2, ..., slice(512, 1024)), 0))
    ramps = RampSet(paths, "superbias")
    assert ramps.warnings == [
        "dark001_uncal.fits: 1 group has rows without data (one value), which are left out: lost "
        "packets"
    ]
    values = GroupStack(ramps, 2).read(slice(0, 64))[1]
    assert np.isnan(values).sum() == 512 * 64


def test_an_exposure_that_stands_out_is_refused_or_warned_of(tmp_path):
    paths, _ = exposures(tmp_path, 10)

    def change(step):
        return lambda hdus: hdus["SCI"].data.__iadd__(step.astype(np.uint16))

    rewrite(paths[1], change(np.full((1, 5, 1, 1), 4000)))
    rewrite(paths[2], change(np.full((1, 5, 1, 1), 900)))
    rewrite(paths[4], change(50 * np.arange(5)[None, :, None, None]))
    noise = np.random.default_rng(1).normal(50, 15, (1, 5, 64, 64)).clip(0)
    rewrite(paths[6], change(noise))
    refused, warned = judged(paths)
    assert "level is" in refused[paths[1].name][0]
    assert "its slope is" in refused[paths[4].name][0]
    assert "its noise is" in refused[paths[6].name][0]
    assert set(refused) == {paths[k].name for k in (1, 4, 6)}
    assert "its level is" in warned[paths[2].name][0]


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"EXPSTART": 0.0, "DATE-OBS": "1858-11-17"}, "EXPSTART 0 is no date of a NIRCam exposure"),
        ({"EXPSTART": "unknown", "DATE-OBS": None}, "no valid EXPSTART and DATE-OBS"),
        ({"EXPSTART": 60100.0}, "EXPSTART and DATE-OBS differ by 500.0 days"),
        ({"READPATT": "ANY"}, "READPATT is ANY, which is no read pattern of NIRCam that is known"),
        ({"READPATT": "DEEP8"}, "READPATT DEEP8 has NFRAMES 8 and GROUPGAP 12, its header has 1"),
        ({"TGROUP": 0.3}, "TGROUP is 0.3 s, but NFRAMES 1 and GROUPGAP 0 of TFRAME"),
    ],
)
def test_an_odd_header_is_said(tmp_path, cards, words):
    paths, _ = exposures(tmp_path)
    for path in paths:
        rewrite(path, **cards)
    assert words in " ".join(RampSet(paths, "superbias").warnings)
    assert words in " ".join(judged(paths)[1][paths[0].name])


def test_compressed_exposures_are_read_and_their_copies_removed(tmp_path, monkeypatch):
    paths, _ = exposures(tmp_path / "raw", 3)
    plain = GroupStack(RampSet(paths, "superbias"), 1).read(slice(0, 64))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    packed = [path.with_suffix(".fits.gz") for path in paths[:2]]
    for path, gz in zip(paths, packed, strict=False):
        gz.write_bytes(gzip.compress(path.read_bytes()))
    tiled = paths[2].with_suffix(".fits.fz")
    with fits.open(paths[2]) as hdus:
        image = fits.CompImageHDU(hdus["SCI"].data, name="SCI", compression_type="RICE_1")
        fits.HDUList([hdus[0].copy(), image]).writeto(tiled)
    ramps = RampSet([*packed, tiled], "superbias")
    assert len(list(scratch.iterdir())) == 3
    np.testing.assert_array_equal(GroupStack(ramps, 1).read(slice(0, 64)), plain)
    assert ramps.label(0) == "dark000_uncal.fits.gz integration 1"
    del ramps
    assert not list(scratch.iterdir())
    hidden = paths[0].with_name("hidden.fits")
    hidden.write_bytes(packed[0].read_bytes())
    with pytest.raises(InputError, match=r"gzip-compressed, but its name does not end in \.gz"):
        open_ramp(hidden)
    packed[0].write_bytes(packed[0].read_bytes()[:2000])
    with pytest.raises(InputError, match="gzip data are damaged or end early"):
        open_ramp(packed[0])


@pytest.mark.heavy
def test_of_200_good_exposures_none_is_refused_and_hardly_one_warned_of(tmp_path):
    full = {"detector": "NRCB1", "subarray": "SUB64P", "exposures": 200, "nints": 2, "ngroups": 5}
    full["noise_sampling"] = "row"
    paths = []
    for exposure in nircam.plan(full):
        paths.append(tmp_path / exposure.file)
        nircam.deliver(full | {"truth": False}, exposure.name, paths[-1])
    refused, warned = judged(paths)
    assert not refused
    assert len(warned) <= 2


def test_a_subtracted_exposure_among_few_raw_ones_is_found_without_its_card(tmp_path):
    paths, darks = exposures(tmp_path, 4)
    write_ramp(paths[2], (darks.data[2:3] - darks.bias).astype(np.float32), SMALL)
    for product in ("superbias", "read noise", "noise spectrum"):
        with pytest.raises(InputError, match=r"dark002_uncal\.fits: .*level is"):
            RampSet(paths, product)
    assert set(judged(paths)[0]) == {"dark002_uncal.fits"}


def test_a_segment_may_lack_the_number_of_its_last_integration(tmp_path):
    paths, _ = exposures(tmp_path, 3, nints=2)
    for path in paths:
        rewrite(path, NINTS=6, INTSTART=3)
    assert list(RampSet(paths, "superbias").integrations) == [2, 3] * 3


def test_another_spelling_is_no_other_set_up(tmp_path):
    paths, _ = exposures(tmp_path, 5)
    rewrite(paths[2], DETECTOR="nrcb1", READPATT="rapid ", EXP_TYPE="nrc_dark", INSTRUME="NIRCam")
    assert judged(paths) == ({}, {})
    assert len(RampSet(paths, "superbias").mjd) == 5


def test_a_blank_type_is_a_missing_one(tmp_path):
    paths, _ = exposures(tmp_path, 5)
    rewrite(paths[2], EXP_TYPE=" ")
    refused, warned = judged(paths)
    assert not refused
    assert "its header has no EXP_TYPE, NRC_DARK is needed" in warned[paths[2].name][0]


def test_exposures_that_start_together_are_warned_of(tmp_path):
    paths, _ = exposures(tmp_path, 5)
    start = fits.getval(paths[1], "EXPSTART")
    rewrite(paths[2], EXPSTART=start)
    refused, warned = judged(paths)
    assert not refused
    assert set(warned) == {paths[2].name}
    assert "its start of the first integration is the same as" in warned[paths[2].name][0]


def test_a_time_of_zero_is_said(tmp_path):
    paths, _ = exposures(tmp_path, 4)
    for path in paths:
        rewrite(path, TGROUP=0.0)
    refused, warned = judged(paths)
    assert not refused
    assert "TGROUP is 0 s, it should be at least 1 × 10⁻⁶ s" in warned[paths[0].name][0]


@pytest.mark.parametrize(
    ("count", "bad"), [(3, [0]), (4, [2]), (5, [4]), (2, [0, 1]), (4, [0, 1, 2, 3])]
)
def test_light_in_one_of_few_is_named_and_in_half_of_them_nobody_is_believed(tmp_path, count, bad):
    paths, _ = exposures(tmp_path, count)
    for number in bad[: 1 if count != 4 or len(bad) == 1 else 2]:
        rewrite(paths[number], lambda h: h["SCI"].data.__iadd__(_ramp(h["SCI"].data, 100)))
    refused, _ = judged(paths)
    assert sorted(refused) == [paths[number].name for number in bad]
    assert all("slope is" in said[0] for said in refused.values())
    assert all(("cannot be told" in said[0]) == (len(bad) > 1) for said in refused.values())


def _ramp(data, step):
    return (step * np.arange(data.shape[1])).astype(data.dtype)[None, :, None, None]


@pytest.mark.parametrize("cards", [{"NFRAMES": 8}, {"DETECTOR": "NRCB2"}, {"TGROUP": 2.0}])
@pytest.mark.parametrize(("count", "changed"), [(2, 1), (4, 2)])
def test_without_a_majority_no_setup_is_taken_for_the_right_one(tmp_path, count, changed, cards):
    paths, _ = exposures(tmp_path, count)
    for path in paths[:changed]:
        rewrite(path, **cards)
    refused, _ = judged(paths)
    (card,) = cards
    assert sorted(refused) == [path.name for path in paths]
    assert all(f"{card} is " in said[0] for said in refused.values())
    assert all("which of them is right cannot be told" in said[0] for said in refused.values())
