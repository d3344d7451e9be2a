"""Frames that stand out are named, good ones are left alone."""

import numpy as np
import pytest
from astropy.io import fits

import ccd_judged
from ccd_judged import refused, subject, warned
from darkroom.campaign.frames import require_some
from darkroom.ccd.frame_types import type_of
from darkroom.ccd.judging import checks
from darkroom.errors import DarkroomError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, WARNED

SHAPE = (64, 64)
PATTERN = 30 * np.random.default_rng(99).standard_normal(SHAPE)
Y, X = np.indices(SHAPE) / 64


def image(rng, level=1000.0, noise=8.0, drift=1.0):
    offset = drift * rng.standard_normal()
    return np.rint(level + offset + PATTERN / 10 + noise * rng.standard_normal(SHAPE))


def good(rng, count=8, drift=1.0):
    biases = [subject(f"b{k}", image(rng, drift=drift)) for k in range(count)]
    darks = [
        subject(f"d{k}", image(rng, 1030.0, drift=drift) + PATTERN, "dark", 60.0)
        for k in range(count)
    ]
    return [*biases, *darks]


def verdicts(subjects, settings=None):
    found = {}
    for judgement in judge(subjects, checks(settings or {})):
        if judgement.verdict in (REFUSED, WARNED):
            found.setdefault(judgement.exposure, []).append((judgement.verdict, judgement.sentence))
    return found


@pytest.mark.parametrize("drift", [0.0, 1.0, 50.0])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 10, 30])
def test_good_frames_are_left_alone(count, drift):
    """1,100 frames with any drift between them: none is refused, at most 2 are warned of."""
    rng = np.random.default_rng(count)
    sets = max(1, 60 // count)
    found = [verdicts(good(rng, count, drift)) for _ in range(sets)]
    if count > 5 or drift < 50:
        assert not any(v == REFUSED for each in found for row in each.values() for v, _ in row)
    total = 2 * count * sets
    few_and_far = 1 if count > 5 or drift < 50 else total
    assert sum(len(each) for each in found) <= few_and_far


BAD = {
    "level": lambda rng: image(rng) + 60,
    "gradient": lambda rng: image(rng) + 60 * (X - 0.5),
    "corner": lambda rng: image(rng) + 300 * np.exp(-(X**2 + Y**2) / 0.05),
    "half": lambda rng: np.where(Y < 0.5, image(rng), 0),
    "noise": lambda rng: image(rng, noise=16.0),
    "smooth": lambda rng: image(rng, noise=3.0),
    "flat": lambda rng: image(rng) + 20000 + 140 * rng.standard_normal(SHAPE),
    "zeros": lambda _: np.zeros(SHAPE),
    "saturated": lambda _: np.full(SHAPE, 65535.0),
}
WORDS = {
    "level": "its level is", "gradient": "parts of its image deviate", "corner": "deviate",
    "half": "its level is", "noise": "its noise from pixel to pixel is", "smooth": "its noise",
    "flat": "its level is", "zeros": "all pixels that were read are 0",
    "saturated": "all pixels that were read are 65535",
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("count", [6, 10, 30])
def test_a_bad_frame_is_refused_by_name(kind, count):
    rng = np.random.default_rng(count)
    subjects = [*good(rng, count - 1), subject("bad", BAD[kind](rng))]
    found = verdicts(subjects)
    assert list(found) == ["bad"]
    ((verdict, sentence),) = [row for row in found["bad"] if row[0] == REFUSED][:1]
    assert verdict == REFUSED
    assert WORDS[kind] in sentence


@pytest.mark.parametrize("kind", ["flat", "zeros", "half"])
@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_very_bad_frame_among_few_is_refused(kind, count):
    rng = np.random.default_rng(7)
    subjects = [*good(rng, count - 1), subject("bad", BAD[kind](rng))]
    found = verdicts(subjects)
    assert list(found) == ["bad"]
    assert found["bad"][0][0] == REFUSED


def test_one_of_each_kind_in_one_stack_is_found():
    rng = np.random.default_rng(3)
    bad = [subject(f"bad_{kind}", make(rng)) for kind, make in BAD.items()]
    found = verdicts([*good(rng, 25), *bad])
    refused_ones = {name for name, rows in found.items() if any(v == REFUSED for v, _ in rows)}
    assert refused_ones == {each.name for each in bad}


def test_two_groups_of_frames_are_said_not_thinned_out():
    """The darks of a real camera come at two levels, 48 ADU apart: none of them is the odd one."""
    rng = np.random.default_rng(5)
    levels = (3024, 3024, 3072, 3072, 3024, 3072, 3072)
    subjects = [
        subject(f"d{k}", image(rng, level, noise=8.0, drift=0.3), "dark", 5.0)
        for k, level in enumerate(levels)
    ]
    found = verdicts(subjects)
    assert {v for rows in found.values() for v, _ in rows} <= {WARNED}


def test_a_converted_copy_is_found_by_its_noise():
    rng = np.random.default_rng(6)
    subjects = good(rng, 5)
    once = image(rng)
    subjects += [subject("one", once), subject("copy", once + 0.25), subject("rounded", once - 3)]
    found = verdicts(subjects)
    assert set(found) == {"copy", "rounded"}
    assert "its noise is that of one.fits" in found["copy"][0][1]


def test_drifting_patterns_are_no_copies():
    rng = np.random.default_rng(8)
    subjects = [
        subject(f"d{k}", image(rng, 1030.0) + (1 + k / 5) * PATTERN, "dark", 60.0) for k in range(6)
    ]
    assert not any(v == REFUSED for rows in verdicts(subjects).values() for v, _ in rows)


def test_subtracted_darks_are_found_without_a_card():
    rng = np.random.default_rng(9)
    subjects = good(rng, 4)[:4]
    subjects += [subject(f"d{k}", image(rng, 30.0), "dark", 60.0) for k in range(4)]
    found = verdicts(subjects)
    assert sorted(found) == ["d0", "d1", "d2", "d3"]
    assert "the bias was subtracted already" in found["d0"][0][1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Bias Frame", "bias"), ("zero", "bias"), ("BIAS", "bias"), ("Dark Frame", "dark"),
        ("DARK", "dark"), ("flatfield", "flat"), ("Flat Field", "flat"), ("FLAT,SKY", "flat"),
        ("Light Frame", "science"), ("LIGHT", "science"), ("object", "science"),
        ("Dark Flat", "dark"), ("FlatDark", "dark"), ("comp", "lamp"), ("Tricolor", ""),
    ],
)  # fmt: skip
def test_types_are_known_in_many_words(text, kind):
    assert type_of(text) == kind


def write(path, image, **cards):
    hdu = fits.PrimaryHDU(np.asarray(image).astype("uint16"))
    known = {"INSTRUME": "cam", "EXPTIME": 0.0, "IMAGETYP": "Bias Frame"} | cards
    for name, value in known.items():
        if value is not None:
            hdu.header[name] = value
    hdu.writeto(path)


def folder_of(tmp_path, *odd, count=6):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(count):
        start = f"2024-01-01T00:00:{k:02d}.0"
        cards = {"DATE-OBS": start} | dict(odd if k == 3 else ())
        write(folder / f"b{k}.fits", image(rng), **cards)
    return ccd_judged.table(folder, tmp_path / "raw", {"bias": ["b*.fits"]})


@pytest.mark.parametrize(
    ("card", "value", "words"),
    [
        ("IMAGETYP", "Master Bias", "IMAGETYP is 'Master Bias': a raw frame is needed"),
        ("NCOMBINE", 10, "NCOMBINE is 10: it was combined from several"),
        ("ZEROCOR", "Nov 3 Zero level correction", "it was calibrated already"),
        ("STACKCNT", 4, "STACKCNT is 4: it was combined from several"),
        ("SNAPSHOT", 3, "SNAPSHOT is 3: it was combined from several"),
        ("OBSTYPE", "FLAT", "IMAGETYP is 'Bias Frame', but OBSTYPE is 'FLAT'"),
        ("PICTTYPE", 1, "IMAGETYP is 'Bias Frame', but PICTTYPE is '1'"),
        ("IMAGETYP", "Tricolor", "IMAGETYP is 'Tricolor', which is no type that is known here"),
        ("DATE-OBS", "2024-01-01T00:00:01.0", "it began at the same time as b1.fits"),
        ("HISTORY", "bias subtracted by hand", "its HISTORY says 'bias subtract'"),
        ("EXPTIME", 5.0, "exposure time of a bias frame is 5 s, but 0 s in 5 exposures"),
    ],
)
def test_a_card_that_says_so_is_told(tmp_path, card, value, words):
    rows = folder_of(tmp_path, (card, value))
    found = refused(rows) | warned(rows)
    assert list(found) == ["b3"]
    assert words in found["b3"]


def test_a_dark_without_the_temperature_that_others_state_is_refused(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        cards = {"EXPTIME": 60.0, "IMAGETYP": "Dark", "CCD-TEMP": None if k == 1 else -10.0}
        write(folder / f"d{k}.fits", image(rng), **cards)
    reasons = refused(ccd_judged.table(folder, tmp_path / "raw", {"dark": ["d*.fits"]}))
    assert list(reasons) == ["d1"]
    assert "detector temperature is not stated, but stated in 3 exposures" in reasons["d1"]


def test_frames_with_missing_parts_are_compared_in_the_others(tmp_path):
    rng = np.random.default_rng(4)
    subjects = []
    for k in range(8):
        pixels = image(rng)
        pixels[:8, :8] = np.nan
        subjects.append(subject(f"b{k}", pixels + (k == 5) * 60 * X))
    assert list(verdicts(subjects)) == ["b5"]


def test_a_second_card_of_a_type_does_not_need_the_first(tmp_path):
    rows = folder_of(tmp_path, ("IMAGETYP", None))
    assert refused(rows) == warned(rows) == {}


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("GAIN", 200), ("OFFSET", 3), ("READOUTM", "Fast"), ("XORGSUBF", 8), ("YORGSUBF", 8),
        ("ROWORDER", "TOP-DOWN"), ("PEDESTAL", 100), ("EGAIN", 1.5), ("BAYERPAT", "RGGB"),
    ],
)  # fmt: skip
def test_a_set_up_card_that_differs_is_refused_with_both_values(tmp_path, card, value):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    usual = {"GAIN": 100, "EGAIN": 0.5, "READOUTM": "Slow", "ROWORDER": "BOTTOM-UP"}.get(card, 1)
    usual = "GRBG" if card == "BAYERPAT" else usual
    for k in range(5):
        write(folder / f"b{k}.fits", image(rng), **{card: value if k == 2 else usual})
    reasons = refused(ccd_judged.table(folder, tmp_path / "raw", {"bias": ["b*.fits"]}))
    assert list(reasons) == ["b2"]
    assert f"({card}) is {value}, but {usual} in 4 exposures" in reasons["b2"]


def test_a_role_of_which_nothing_is_left_ends_the_campaign_in_words(tmp_path):
    rows = folder_of(tmp_path, ("GAIN", 3), count=4)
    require_some("camera", rows)
    none_left = [row | {"accepted": "no", "reason": f"{row['exposure']}: odd"} for row in rows]
    with pytest.raises(
        DarkroomError, match="item camera: all 4 bias exposures are refused"
    ) as told:
        require_some("camera", none_left)
    assert "b3: odd" in str(told.value)


@pytest.mark.parametrize(
    ("bias", "dark", "named", "words"),
    [
        (32760, 32770, ("b0", "d0"), "integers that wrapped at 32768; they are unsigned"),
        (1000, 40000, ("d0",), "probably 39999 ADU, written as a 16-bit integer without BZERO"),
    ],
)
def test_integers_that_wrapped_are_refused_with_their_cause(tmp_path, bias, dark, named, words):
    rng = np.random.default_rng(5)
    for k in range(4):
        for letter, level, kind, time in (("b", bias, "bias", 0.0), ("d", dark, "dark", 60.0)):
            counts = image(rng, level).astype(np.uint16)
            hdu = fits.PrimaryHDU(counts.view(np.int16))
            hdu.header.update({"EXPTIME": time, "IMAGETYP": kind, "INSTRUME": "Cam"})
            hdu.writeto(tmp_path / f"{letter}{k}.fits")
    reasons = refused(ccd_judged.table(tmp_path, tmp_path / "raw"))
    assert sorted(reasons) == sorted(f"{name[0]}{k}" for name in named for k in range(4))
    assert all(words in reasons[name] for name in named)
    assert "subtracted" not in " ".join(reasons.values())
