"""Dark frames of the coronagraph are judged by header, pixels, and against each other."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import frame_table
from darkroom.campaign.lock_rows import Exposure
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.judging import checks
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.received import read_header
from darkroom.cgi.request import opened
from darkroom.cgi.simulate import exposures as cgi
from darkroom.cgi.stacks.gather import sort_out
from darkroom.cgi.units import COSMIC, EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

STACKS = [(1.5, 2), (30, 100), (500, 2), (5000, 100)]
FRAMES = 7


def settings(frames=FRAMES, **more):
    stacks = [{"gain": gain, "exptime": exptime, "frames": frames} for gain, exptime in STACKS]
    return {"seed": 11, "geometry": "small", "stacks": stacks, "fpn_spread": 5.0} | more


def deliver(folder, chosen):
    paths = []
    for exposure in cgi.plan(chosen):
        cgi.deliver(chosen, exposure.name, folder / exposure.file)
        paths.append(folder / exposure.file)
    return paths


def status(path):
    facts = {"em_gain": "500", "exptime_s": "2"}
    exposure = Exposure("cgi", "dark", path.stem, path.name, "", path.stat().st_size, facts)
    found, notes = read_header(path, exposure, {"cgi": {"geometry": "small"}})
    return {
        "item": "cgi", "role": "dark", "exposure": path.stem, "file": path.name, "uri": "",
        "accepted": True, "reason": "", "size": 1, "sha256": path.stem, "facts": found,
        "notes": notes, "path": str(path),
    }  # fmt: skip


def verdicts(paths, **asked):
    """Return what is refused and what is warned of, by file: ``{name: sentences}``."""
    rows, _ = frame_table([status(path) for path in paths], checks(asked))
    refused = {row["exposure"]: row["reason"] for row in rows if row["accepted"] == "no"}
    warned = {row["exposure"]: row["warnings"] for row in rows if row["warnings"]}
    return refused, warned


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Write good frames of four stacks; return their paths."""
    return deliver(tmp_path_factory.mktemp("frames"), settings())


@pytest.fixture
def spoilt(frames, tmp_path):
    """Give a function that writes a copy of a frame of gain 500, changed."""

    def write(change, number=2 * FRAMES + 3):
        path = tmp_path / frames[number].name
        path.write_bytes(frames[number].read_bytes())
        with fits.open(path, mode="update") as hdus:
            change(hdus)
        return [path if each.name == path.name else each for each in frames]

    return write


def card(name, value, hdu=1):
    def change(hdus):
        if value is None:
            del hdus[hdu].header[name]
        else:
            hdus[hdu].header[name] = value

    return change


def history(sentence):
    return lambda hdus: hdus[1].header.add_history(sentence)


def pixels(change):
    def spoil(hdus):
        hdus[1].data = change(hdus[1].data).astype(np.float32)

    return spoil


REFUSED = {
    "photon counting": (card("ISPC", 1), "ISPC is 1, 0 or F is needed; it was taken for photon"),
    "twenty degrees": (card("EXCAMT", -65.0), "EXCAMT is −65 °C, but −85 °C in 27 exposures"),
    "array type": (card("ARRTYPE", "CAL"), "ARRTYPE is CAL, SCI or ENG"),
    "a flat": (card("VISTYPE", "CGIVST_CAL_FLAT", 0), "VISTYPE is CGIVST_CAL_FLAT"),
    "another instrument": (card("INSTRUME", "WFI", 0), "INSTRUME is WFI, CGI is needed"),
    "another level": (card("DATALVL", "L2b"), "DATALVL is L2B, but L2A in 27 exposures"),
    "another conversion gain": (card("KGAINPAR", 7.9), "KGAINPAR is 7.9 e-/DN, but 8.7 e-/DN"),
    "another measured gain": (card("EMGAIN_M", 540.0), "EM gain is 540, but 500 in 6 exposures"),
    "desmeared": (card("DESMEAR", True), "was desmeared, which darks must not be"),
    "dark subtracted": (history("Dark subtracted using dark x."), "has a dark subtracted already"),
    "divided": (card("BUNIT", "detected electron"), "BUNIT is 'detected electron'"),
    "no time": (card("EXPTIME", None), "has no card EXPTIME"),
    "time as text": (card("EXPTIME", "long"), "card EXPTIME is 'long'"),
    "gain below 1": (card("EMGAIN_C", 0.0), "card EMGAIN_C is 0, it must be 1 or more"),
    "rows of zeros": (
        pixels(lambda data: np.where(np.arange(len(data))[:, None] < len(data) // 3, 0, data)),
        "of its sampled rows have one value: data were lost",
    ),
    "zeros": (pixels(np.zeros_like), "all its sampled pixels are 0"),
    "saturated": (pixels(lambda data: data + 2e5), "100% of its sampled pixels are saturated"),
    "light": (pixels(lambda data: data + 12 * 500), "its mean signal before the EM register is 12"),
    "three times the noise": (pixels(lambda data: 3 * data), "its scatter of pixels is"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_exposure_is_refused_alone_and_in_words(spoilt, kind):
    change, text = REFUSED[kind]
    paths = spoilt(change)
    refused, _ = verdicts(paths)
    assert list(refused) == [paths[2 * FRAMES + 3].stem]
    assert text in refused[paths[2 * FRAMES + 3].stem]


WARNED = {
    "errors without a number": (
        lambda hdus: hdus["ERR"].data.__setitem__((..., slice(0, 150), slice(None)), np.nan),
        "of its unflagged sampled pixels is NaN or infinite: these samples are left out",
    ),
    "pixels without a number": (
        pixels(lambda data: np.where(np.arange(data.shape[1]) == 150, np.nan, data)),
        "of its unflagged sampled pixels is NaN or infinite",
    ),
    "gain as text": (card("EMGAIN_M", "500"), "card EMGAIN_M is '500', not a number"),
    "gain as a truth value": (card("EMGAIN_M", True), "card EMGAIN_M is True, not a number"),
    "instrument blank": (card("INSTRUME", " ", 0), "its header has no INSTRUME"),
    "photon counting unknown": (card("ISPC", ""), "its header has no ISPC"),
    "setup frame as text": (card("ISACQ", "1"), "is a setup frame (ISACQ is 1): left out"),
    "temperature as text": (card("EXCAMT", "cold"), "card EXCAMT is 'cold', not a number"),
    "one degree": (card("EXCAMT", -84.0), "EXCAMT is −84 °C, but −85 °C in 27 exposures"),
    "cards missing": (card("ARRTYPE", None), "its header has no ARRTYPE"),
    "an unknown visit": (card("VISTYPE", "CGIVST_X", 0), "VISTYPE is CGIVST_X"),
    "a filter": (card("CFAMNAME", "1F"), "CFAMNAME is 1F, DARK is needed; make sure that no light"),
    "a measured gain far off": (card("EMGAIN_A", 1.0), "ratio of its measured to its commanded EM"),
    "marked as bad": (card("IS_BAD", True), "its header marks it as bad (IS_BAD): left out"),
    "a little light": (pixels(lambda data: data + 0.3 * 500), "mean signal before the EM register"),
}


@pytest.mark.parametrize("kind", WARNED)
def test_what_is_odd_is_said(spoilt, kind):
    change, text = WARNED[kind]
    paths = spoilt(change)
    refused, warned = verdicts(paths)
    name = paths[2 * FRAMES + 3].stem
    if kind == "a measured gain far off":
        assert name in refused
        refused = {}
    assert not refused
    assert list(warned) == [name]
    assert text in warned[name]


def test_a_copy_with_another_header_is_a_copy(frames, tmp_path):
    copy = tmp_path / "copy.fits"
    copy.write_bytes(frames[3].read_bytes())
    fits.setval(copy, "SCTSRT", value="2026-02-02T00:00:00", ext=1)
    refused, _ = verdicts([*frames, copy])
    assert list(refused) == ["copy"]
    assert f"its content is the same as {frames[3].name}" in refused["copy"]


@pytest.mark.parametrize(
    "change",
    [lambda data: data + 64.0, lambda data: np.where(np.arange(data.shape[1]) == 150, 0.0, data)],
    ids=["a constant added", "a column set to 0"],
)
def test_a_copy_that_was_changed_is_a_copy(frames, tmp_path, change):
    copied = tmp_path / "changed_copy.fits"
    copied.write_bytes(frames[16].read_bytes())
    with fits.open(copied, mode="update") as hdus:
        hdus[1].data = change(hdus[1].data).astype(np.float32)
        hdus[1].header["SCTSRT"] = "2027-02-02T00:00:00"
    refused, _ = verdicts([*frames, copied])
    assert list(refused) == [copied.stem]
    assert f"its content is the same as {frames[16].name}" in refused[copied.stem]


def test_the_limits_of_temperature_and_waived_checks_are_settings(spoilt):
    warm = spoilt(card("EXCAMT", -80.0))
    assert len(verdicts(warm)[0]) == 1
    assert not verdicts(warm, temperature_tolerance=25.0)[0]
    counted = spoilt(card("ISPC", 1))
    assert not verdicts(counted, waive=["photon-counting"])[0]


@pytest.mark.parametrize("level", ["L2a", "L1"])
def test_good_exposures_stay(tmp_path, level):
    """With cosmic rays and hot pixels: 200 frames, none refused, at most 2 warned of."""
    paths = deliver(tmp_path, settings(50, level=level))
    refused, warned = verdicts(paths)
    assert not refused
    assert len(warned) <= 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda hdus: hdus.__delitem__(slice(1, None)), "has no image in its second HDU"),
        (pixels(lambda data: data[:, :200]), r"ERR has the shape \(1, 120, 220\), the image has"),
    ],
)
def test_a_broken_file_is_refused_as_it_arrives(spoilt, change, text):
    paths = spoilt(change)
    with pytest.raises(InputError, match=rf"^cgi_\w+\.fits: {text}"):
        status(paths[2 * FRAMES + 3])


def test_frames_given_by_hand_are_judged_alike_and_one_message_names_all(frames, spoilt):
    paths = spoilt(card("ISPC", 1))
    paths = [*paths[:5], *spoilt(pixels(np.zeros_like), 5)[5:7], *paths[7:]]
    with pytest.raises(DarkroomError) as error:
        sort_out(paths, read_geometry("small"))
    text = str(error.value)
    assert text.startswith("2 exposures cannot be used for the darks; leave them out:")
    assert "ISPC is 1" in text
    assert "all its sampled pixels are 0" in text
    assert not sort_out(frames, read_geometry("small")).warnings


def test_times_that_jitter_are_one_stack(spoilt):
    paths = spoilt(card("EXPTIME", 2.000001))
    stacks, _, warnings = sort_out(paths, read_geometry("small"))
    assert [found.stack.exptime for found in stacks] == [2.0, 2.0, 100.0, 100.0]
    assert [found.stack.nframes for found in stacks] == [FRAMES] * 4
    assert not warnings


def test_a_temperature_as_text_is_not_zero_degrees(spoilt):
    paths = spoilt(card("EXCAMT", "cold"))
    stack = sort_out(paths, read_geometry("small")).stacks[1].stack
    assert stack.temperature_sum / stack.temperatures == pytest.approx(-85)
    assert stack.temperatures == FRAMES - 1


def test_all_planes_of_flags_count(spoilt):
    def cube(hdus):
        flags = np.zeros((3, *hdus["DQ"].data.shape), np.uint16)
        flags[0], flags[2, 50, 150] = hdus["DQ"].data, 4
        hdus["DQ"].data = flags

    from darkroom.cgi.stacks.gather import read_moments

    stack = sort_out(spoilt(cube), read_geometry("small"), EM_ELECTRON).stacks[1]
    moments = read_moments(stack)
    assert moments.count[50, 150] == FRAMES - 1
    assert moments.seen[50, 150] & 4


def test_a_mask_that_cuts_into_the_noise_is_warned_of(spoilt):
    """All samples above the median are flagged as cosmic rays, as corgidrp does without any hit."""

    def cut(hdus):
        hdus["DQ"].data[hdus[1].data > np.median(hdus[1].data)] |= COSMIC

    paths = spoilt(cut, 1)
    refused, warned = verdicts(paths)
    assert not refused
    assert list(warned) == [paths[1].stem]
    assert "lower half is 0.6" in warned[paths[1].stem]
    assert "its mask of cosmic rays cuts into noise and charge" in warned[paths[1].stem]


SPELLINGS = {
    "array type": card("ARRTYPE", "sci"),
    "unit": card("BUNIT", "Detected EM electron"),
    "visit": card("VISTYPE", "cgivst_cal_drk", 0),
    "filter": card("CFAMNAME", "dark"),
    "level": card("DATALVL", "l2a"),
    "not bad": card("IS_BAD", "False"),
    "not desmeared": card("DESMEAR", "F"),
    "not a setup frame": card("ISACQ", "0"),
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_another_spelling_of_a_card_is_neither_refused_nor_warned_of(spoilt, kind):
    paths = spoilt(SPELLINGS[kind])
    assert verdicts(paths) == ({}, {})
    assert len(sort_out(paths, read_geometry("small")).stacks) == 4


def test_missing_extensions_are_said(frames, tmp_path):
    path = tmp_path / frames[3].name
    with fits.open(frames[3], memmap=False) as hdus:
        fits.HDUList([hdu.copy() for hdu in hdus[:2]]).writeto(path)
    _, warned = verdicts([*frames[:3], path, *frames[4:]])
    assert list(warned) == [path.stem]
    assert "it has no extension DQ: none of its samples is flagged" in warned[path.stem]
    assert "it has no extension ERR: its errors are taken as 0" in warned[path.stem]


def test_a_frame_whose_time_makes_it_a_stack_of_its_own_is_left_out_of_the_maps(spoilt):
    paths = spoilt(card("EXPTIME", 2.5))
    with opened(paths, geometry="small") as given:
        maps = fit_pooled(given.sources, given.geometry)
    (left_out,) = [report.reason for report in maps.reports if not report.used]
    assert left_out.startswith("stack of EM gain 500 and 2.5 s: it has a single frame")
    assert left_out in maps.warnings


def test_a_temperature_in_kelvin_is_said(frames, tmp_path):
    paths = []
    for path in frames[:7]:
        paths.append(tmp_path / path.name)
        paths[-1].write_bytes(path.read_bytes())
        fits.setval(paths[-1], "EXCAMT", value=188.0, ext=1)
    refused, warned = verdicts(paths)
    assert not refused
    assert len(warned) == 7
    assert "EXCAMT is 188 °C, it should be −150 to 40 °C; is it in °C?" in warned[paths[0].stem]


@pytest.mark.parametrize(("count", "lit"), [(3, [1]), (4, [0]), (2, [0]), (4, [1, 2])])
def test_light_in_one_of_few_frames_is_named(tmp_path, count, lit):
    paths = deliver(tmp_path, settings(count))
    stack = [path for path in paths if fits.getval(path, "EMGAIN_C", 1) == 500]
    for number in lit:
        with fits.open(stack[number], mode="update") as hdus:
            hdus[1].data += np.float32(5 * 500)
    refused, _ = verdicts(paths)
    undecided = 2 * len(lit) == count
    assert sorted(refused) == sorted(
        path.stem for number, path in enumerate(stack) if undecided or number in lit
    )
    assert all("mean signal before the EM register" in said for said in refused.values())
    assert all(("cannot be told" in said) == undecided for said in refused.values())
