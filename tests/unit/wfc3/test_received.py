"""RAWs as they arrive: what is refused, what is left out of the mosaic, what is only said."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, WARNED, Subject, require_good, sentences
from darkroom.wfc3.engine import engine, products
from darkroom.wfc3.judging import checks
from darkroom.wfc3.received import read_header
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.visit.judged import judge_flts
from wfc3_visits import SMALL, Visit

# Factors that set a read, and a column, to 0.
READ, COLUMN = (np.arange(6) != 1)[:, None, None], np.arange(74) != 40
SETTINGS = SMALL | {"nsamp": 6, "exposures": [{"dither": [0.3 * n, 0.1 * n]} for n in range(5)]}


@pytest.fixture(scope="module")
def raws(tmp_path_factory):
    """Give the paths of five good RAWs."""
    folder, paths = tmp_path_factory.mktemp("raws"), []
    for exposure in wfc3.plan(SETTINGS):
        paths.append(folder / exposure.file)
        wfc3.deliver(SETTINGS, exposure.name, paths[-1])
    return paths


def subject(path):
    row = Exposure("field", "science", path.name.partition(".")[0], path.name, "", None, {})
    facts, _ = read_header(path, row, {})
    return Subject(row.exposure, row.file, facts | facts.get("judged", {}))


@pytest.fixture
def judged(raws, tmp_path):
    """Judge the five exposures, one of them changed; return its refusals and its warnings."""

    def run(change):
        path = tmp_path / raws[2].name
        path.write_bytes(raws[2].read_bytes())
        change(path)
        made = judge([subject(p) for p in (*raws[:2], path, *raws[3:])], checks({}))
        refused, warned = sentences(made, REFUSED), sentences(made, WARNED)
        assert set(refused) | set(warned) <= {path.name.removesuffix(".fits")}
        return [" ".join(*found.values()) if found else "" for found in (refused, warned)]

    return run


def card(**cards):
    def change(path):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header.update({name.replace("_OBS", "-OBS"): v for name, v in cards.items()})

    return change


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"EXPFLAG": "INTERRUPTED"}, "EXPFLAG is INTERRUPTED, NORMAL is needed"),
        ({"EXPFLAG": "EXCESSIVE DOWNTIME"}, "EXPFLAG is EXCESSIVE DOWNTIME"),
        ({"EXPFLAG": "INDETERMINATE"}, "EXPFLAG is INDETERMINATE"),
        ({"QUALITY": "GSFAIL"}, "QUALITY is 'GSFAIL'"),
        ({"QUALITY": "UNKNOWN", "QUALCOM1": "Guide star acquisition failed"}, "QUALCOM1 is 'GUIDE"),
        ({"QUALITY": "LOCKLOST"}, "QUALITY is 'LOCKLOST'"),
        ({"FGSLOCK": "GYROS"}, "FGSLOCK is GYROS, FINE is needed"),
        ({"FGSLOCK": "COARSE"}, "FGSLOCK is COARSE"),
        ({"OBSTYPE": "SPECTROSCOPIC"}, "OBSTYPE is SPECTROSCOPIC, IMAGING is needed"),
        ({"FILTER": "G141"}, "FILTER is G141, but F140W in 4 exposures"),
        ({"SCAN_TYP": "C"}, "SCAN_TYP is C"),
        ({"SCAN_RAT": 0.05}, "(SCAN_RAT is 0.05), none is needed"),
        ({"EXPFLAG": "TDF-DOWN AT EXPSTART"}, "EXPFLAG is TDF-DOWN AT EXPSTART"),
        ({"FGSLOCK": "GYRO"}, "FGSLOCK is GYRO, FINE"),
        ({"MTFLAG": "T"}, "MTFLAG is T"),
        ({"MTFLAG": True}, "MTFLAG is T"),
        ({"SCLAMP": "TUNGSTEN"}, "SCLAMP is TUNGSTEN"),
        ({"IMAGETYP": "FLAT"}, "IMAGETYP is FLAT, EXT is needed"),
        ({"EXPTIME": 0.0}, "EXPTIME is 0"),
        ({"EXPSTART": 0.0}, "EXPSTART is MJD 0"),
        ({"EXPEND": 57000.0}, "which is no exposure"),
        ({"EXPTIME": 120.0}, "EXPTIME is 120 s, but from EXPSTART to EXPEND pass 400.1 s"),
        ({"POSTARG1": 0.0, "POSTARG2": 0.0}, "distance of the pointing (RA_APER)"),
        ({"ROOTNAME": "isim01aaq"}, "its ROOTNAME is the same as isim01aaq_raw.fits"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_combined_is_refused_with_its_cause(judged, cards, words):
    refused, warned = judged(card(**cards))
    assert words in refused
    assert warned == ""


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"EXPFLAG": "PREDICTED"}, "EXPFLAG is PREDICTED, NORMAL is needed"),
        ({"FGSLOCK": "FINE/GYRO"}, "FGSLOCK is FINE/GYRO, FINE is needed"),
        ({"QUALITY": "NO-EVAL"}, "QUALITY is NO-EVAL, none or OK is needed"),
        ({"TARGNAME": "ELSEWHERE"}, "TARGNAME is ELSEWHERE, but SIMULATED in 4 exposures"),
    ],
    ids=str,
)
def test_what_is_not_known_is_said_and_used(judged, cards, words):
    refused, warned = judged(card(**cards))
    assert refused == ""
    assert words in warned
    assert "left out" not in warned


def test_cards_that_are_missing_or_blank_refuse_nothing(judged):
    def without(path):
        with fits.open(path, mode="update") as hdus:
            for name in ("EXPFLAG", "OBSTYPE", "SCLAMP", "IMAGETYP", "EXPSTART", "TARGNAME",
                         "RA_TARG", "PRIMESI", "ROOTNAME", "OBSMODE"):  # fmt: skip
                del hdus[0].header[name]
            hdus[0].header.update(QUALITY="", MTFLAG="", SCAN_TYP="N")

    assert judged(without) == ["", ""]


def frozen(path):
    with fits.open(path, mode="update") as hdus:
        for extver in (1, 2):
            hdus["SCI", extver].data = hdus["SCI", 3].data.copy()


def lost_packets(path):
    fits.setval(path, "FILLCNT", value=3, extname="SCI", extver=4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (frozen, "EXTVER 1-2 repeat an earlier read"),
        (lost_packets, "data packets of EXTVER 4 were lost and filled (FILLCNT)"),
    ],
)
def test_reads_without_data_and_lost_packets_are_said(judged, change, words):
    refused, warned = judged(change)
    assert refused == ""
    assert words in warned


def same_reads_again(path):
    """Write the reads of another exposure, re-saved under this name."""
    with fits.open(path.with_name("isim01aaq_raw.fits")) as other:
        for hdu in other[1:]:
            hdu.header["EXPNAME"] = "isim01acq"
        other[0].header["ROOTNAME"] = "isim01acq"
        other.writeto(path, overwrite=True)


def test_one_exposure_under_two_names_is_refused(raws, judged, tmp_path):
    (tmp_path / raws[0].name).write_bytes(raws[0].read_bytes())
    refused, _ = judged(same_reads_again)
    assert "its set of reads is the same as isim01aaq_raw.fits" in refused


def changed(path, change):
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
        change(hdus)
        hdus.writeto(path, overwrite=True)


def without_data(hdus):
    for extver in range(1, 6):
        hdus["SCI", extver].data[:] = 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h[0].header.update(INSTRUME="ACS"), "INSTRUME is ACS, WFC3 is needed"),
        (lambda h: h[0].header.update(DETECTOR="UVIS"), "DETECTOR is UVIS, IR is needed"),
        (lambda h: h[0].header.update(FLATCORR="COMPLETE"), "is calibrated already"),
        (lambda h: h[0].header.update(NSAMP=7), "NSAMP is 7, but it holds 6 reads; EXTVER 7 miss"),
        (lambda h: h[0].header.update(NSAMP=5), "EXTVER 6 too many"),
        (lambda h: h.pop(("DQ", 3)), r"has no \[DQ,3\]"),
        (lambda h: h["TIME", 3].header.update(PIXVALUE=900.0), "TIME does not increase from read"),
        (lambda h: h["SCI", 6].data.fill(0), r"its zeroth read \(EXTVER 6\).* is empty"),
        (without_data, "0 of 5 reads after the zeroth have data of their own"),
    ],
)
def test_a_file_that_cannot_be_calibrated_is_refused_as_it_arrives(raws, tmp_path, change, words):
    path = tmp_path / raws[0].name
    path.write_bytes(raws[0].read_bytes())
    changed(path, change)
    with pytest.raises(InputError, match=words):
        subject(path)


def test_a_packed_raw_is_read_and_a_combined_image_is_let_through(raws, tmp_path):
    packed = tmp_path / f"{raws[0].name}.gz"
    packed.write_bytes(gzip.compress(raws[0].read_bytes()))
    assert subject(packed).values["pixels"] == subject(raws[0]).values["pixels"]
    row = Exposure("drz", "science", "isim01020", "isim01020_drz.fits", "", None, {"a": "b"})
    assert read_header(tmp_path / "nothing", row, {}) == ({"a": "b"}, [])


@pytest.mark.parametrize(
    "change",
    [lambda data: data + 3, lambda data: data * READ, lambda data: data * COLUMN],
    ids=["a constant added", "a read filled with zeros", "a column marked"],
)
def test_a_copy_that_was_changed_is_a_copy(raws, tmp_path, change):
    copied = tmp_path / "isim01zzq_raw.fits"
    with fits.open(raws[1]) as hdus:
        data = change(np.stack([hdus["SCI", k].data for k in range(1, 7)]).astype(int))
        for k in range(1, 7):
            hdus["SCI", k].data = data[k - 1].astype(np.uint16)
        hdus[0].header.update(ROOTNAME="isim01zzq")
        hdus.writeto(copied)
    made = judge([subject(p) for p in (*raws, copied)], checks({}))
    refused = sentences(made, REFUSED)
    assert list(refused) == ["isim01zzq_raw"]
    assert "its set of reads is the same as isim01abq_raw.fits" in " ".join(
        refused["isim01zzq_raw"]
    )


def test_flts_given_by_hand_are_judged_by_the_same_checks(tmp_path):
    visit = Visit(tmp_path, exposures=[{}, {}, {}], nsamp=5)
    flts = []
    for number, exposure in enumerate(visit.exposures):
        ramp = visit.ramp(number)
        image = engine.reduce(ramp)
        flts.append(tmp_path / f"{exposure.name}_flt.fits")
        signed = products.signature(image, made_by="test", inputs=[], settings={})
        products.write_flt(flts[-1], ramp, image, signed)
    fits.setval(flts[1], "EXPFLAG", value="INTERRUPTED")
    fits.setval(flts[2], "SCAN_TYP", value="C")
    given = [{"path": str(path), "exposure": path.name.partition(".")[0]} for path in flts]
    with pytest.raises(DarkroomError, match=r"2 exposures(.|\n)*SCAN_TYP(.|\n)*INTERRUPTED"):
        require_good(judge_flts(given), "combined image")
    kept = judge_flts(given, ["isim01abq", "isim01acq_flt"])
    assert len(require_good(kept, "combined image")) == 2


@pytest.mark.heavy
def test_two_hundred_good_exposures_stay(tmp_path):
    """Of every sequence and several subarrays: none refused, at most two warned."""
    refused, warned = {}, {}
    for number in range(20):
        settings = SMALL | {
            "seed": 100 + number, "visit": number + 1, "nsamp": 2 + number % 15,
            "sampseq": ("SPARS100", "STEP100", "RAPID", "SPARS25", "STEP50")[number % 5],
            "filter": ("F140W", "F105W", "F160W", "F110W")[number % 4], "stars": 300,
            "exposures": [{"dither": [0.5 * n, 0.3 * n], "light": ("nominal", "start", "airglow")
                           [n % 3]} for n in range(10)],
        }  # fmt: skip
        subjects = []
        for exposure in wfc3.plan(settings):
            path = tmp_path / exposure.file
            wfc3.deliver(settings | {"truth": False}, exposure.name, path)
            subjects.append(subject(path))
            path.unlink()
        made = judge(subjects, checks({}))
        refused |= sentences(made, REFUSED)
        warned |= sentences(made, WARNED)
    assert refused == {}
    assert len(warned) <= 2


@pytest.mark.heavy
def test_arrivals_of_full_frames_are_judged_in_milliseconds(tmp_path):
    from time import process_time

    settings = SMALL | {"subarray": "FULLIMAG", "stars": 300, "exposures": [{}], "truth": False}
    path = tmp_path / "isim01aaq_raw.fits"
    wfc3.deliver(settings, "isim01aaq", path)
    subject(path)
    start = process_time()
    subject(path)
    assert process_time() - start < 0.1


def test_the_offset_of_the_pointing_is_that_of_the_simulated_dither(raws):
    offsets = [subject(path).values["offset_arcsec"] for path in raws]
    assert np.abs(offsets).max() < 0.01


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (card(EXPTIME="400.061"), ""),
        (card(EXPTIME="ten minutes"), "its header has no EXPTIME that is a number"),
        (card(SCAN_RAT="0.0"), ""),
        (card(FGSLOCK="fine"), ""),
        (card(EXPFLAG=" "), ""),
        (card(FILTER="f140w"), ""),
    ],
)
def test_numbers_as_text_and_other_spellings_are_read(judged, change, words):
    refused, warned = judged(change)
    assert not refused
    assert words in warned
    assert bool(warned) == bool(words)


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [
        ("TDFTRANS", 1, "the take-data flag changed during EXTVER 3 (TDFTRANS)"),
        ("FILLCNT", "5", "data packets of EXTVER 3 were lost and filled"),
        ("FILLCNT", 5.0, "data packets of EXTVER 3 were lost and filled"),
    ],
)
def test_a_card_of_one_read_is_seen(judged, keyword, value, words):
    def change(path):
        with fits.open(path, mode="update") as hdus:
            hdus["SCI", 3].header[keyword] = value

    refused, warned = judged(change)
    assert not refused
    assert words in warned


def test_two_exposures_that_start_together_are_warned_of(raws, judged):
    start, end = (fits.getval(raws[0], name) for name in ("EXPSTART", "EXPEND"))
    refused, warned = judged(card(EXPSTART=start, EXPEND=end))
    assert not refused
    assert f"its start (EXPSTART) is the same as {raws[0].name}" in warned


def test_a_time_of_a_read_that_is_no_number_is_named(tmp_path):
    visit = Visit(tmp_path, nsamp=4, exposures=[{}])
    with fits.open(visit.raw(), mode="update") as hdus:
        hdus["SCI", 2].header["SAMPTIME"] = "soon"
    with pytest.raises(InputError, match=r"SAMPTIME of \[SCI,2\] is 'soon', a number is needed"):
        engine.load(visit.raw(), visit.references)


def test_references_are_compared_without_regard_to_case(tmp_path):
    visit = Visit(tmp_path, nsamp=4, exposures=[{}])
    with fits.open(visit.raw(), mode="update") as hdus:
        hdus[0].header["FILTER"], hdus[0].header["SAMP_SEQ"] = "f140w", "spars100"
    assert engine.load(visit.raw(), visit.references).nsamp == 4
