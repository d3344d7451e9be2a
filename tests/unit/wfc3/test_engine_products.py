"""IMA and FLT as files: headers, statistics, HISTORY, exposure times, checksums, repeatability."""

import numpy as np
import pytest
from astropy.io import fits

import wfc3_case as case
from darkroom.errors import DarkroomError
from darkroom.fits import stream
from darkroom.wfc3.engine import exptime
from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.engine.compare import differing_pixels, require_equal
from darkroom.wfc3.files import mask
from darkroom.wfc3.files.imsets import Imsets

NSAMP = 6
LAST = float(case.times(NSAMP)[-1])


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A RAW with a little noise and a bad pixel."""
    rng = np.random.default_rng(7)
    counts = case.counts(40.0, NSAMP) + rng.normal(0, 6, (NSAMP, *case.SHAPE))
    flags = np.zeros(case.SHAPE, int)
    flags[10, 12] = 16
    return case.write_case(tmp_path_factory.mktemp("case"), counts, dq=flags)


def products(raw, folder, masked=(), **keywords):
    """Calibrate; return the open IMA and FLT."""
    paths = calibrate(raw, raw.parent / "iref", folder, masked=masked, **keywords)
    return tuple(fits.open(path, memmap=False) for path in paths)


@pytest.fixture(scope="module")
def plain(raw, tmp_path_factory):
    return products(raw, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def early(raw, tmp_path_factory):
    """Reads 1 and 2 (EXTVER 5 and 4) left out."""
    return products(raw, tmp_path_factory.mktemp("early"), (4, 5), reason="scattered light")


def test_the_ima_has_every_read_whole_and_the_flt_one_image_without_border(plain):
    ima, flt = plain
    assert len(ima) == 1 + 5 * NSAMP
    assert ima["SCI", 1].shape == case.SHAPE
    assert flt["SCI"].shape == (case.SIZE, case.SIZE)
    assert [hdu.name for hdu in flt[1:]] == ["SCI", "ERR", "DQ", "SAMP", "TIME"]


def test_constant_planes_hold_no_data(plain):
    ima, _ = plain
    time = ima["TIME", 1].header
    assert time["NAXIS"] == 0
    assert (time["NPIX1"], time["NPIX2"]) == case.SHAPE
    assert time["PIXVALUE"] == LAST


def test_the_flt_keeps_its_place_on_the_sky_and_detector(plain):
    header = plain[1]["SCI"].header
    assert header["CRPIX1"] == 21.0 - case.BORDER
    assert header["LTV1"] == case.LTV - case.BORDER


def test_switches_units_and_version_say_what_was_done(plain):
    primary = plain[1][0].header
    assert primary["CRCORR"] == primary["FLATCORR"] == "COMPLETE"
    assert primary["CAL_VER"].startswith("3.7.3")
    assert primary["ENGINE"] == "builtin"
    assert plain[1]["SCI"].header["BUNIT"] == "ELECTRONS/S"


def test_history_names_every_reference_and_every_input_checksum(plain):
    lines = list(plain[1][0].header["HISTORY"])
    for name in ("ccdtab", "bpixtab", "oscntab", "nlinfile", "darkfile", "imphttab", "pfltfile"):
        assert any(line.endswith(f" iref${name}.fits") for line in lines), name
        assert any(line.startswith(f"input {name}.fits sha256") for line in lines), name
    assert "CRCORR complete." in lines


def test_statistics_are_those_of_good_pixels(plain):
    flt = plain[1]
    good = (flt["DQ"].data & 31743) == 0
    header = flt["SCI"].header
    assert header["NGOODPIX"] == good.sum() == case.SIZE**2 - 1
    assert header["GOODMEAN"] == pytest.approx(flt["SCI"].data[good].mean(), rel=1e-6)
    assert header["GOODMAX"] == pytest.approx(flt["SCI"].data[good].max(), rel=1e-6)


def test_snr_cards_hold_errors_as_calwf3_writes_them_and_say_so(plain):
    flt = plain[1]
    good = (flt["DQ"].data & 31743) == 0
    header = flt["SCI"].header
    assert header["SNRMEAN"] == pytest.approx(flt["ERR"].data[good].mean(), rel=1e-6)
    assert "of ERR" in header.comments["SNRMEAN"]


def test_masked_reads_shorten_exptime_and_move_the_start(early):
    start = float(case.times(NSAMP)[2])
    primary, science = early[1][0].header, early[1]["SCI"].header
    assert primary["EXPTIME"] == science["SAMPTIME"] == pytest.approx(LAST - start)
    assert primary["EXPSTART"] == pytest.approx(57327.0 + start / 86400, abs=1e-9)
    assert primary["EXPEND"] == pytest.approx(57327.0 + LAST / 86400, abs=1e-9)
    assert (primary["DATE-OBS"], primary["TIME-OBS"]) == ("2015-11-02", "00:00:18")
    assert early[1]["TIME"].data.max() == pytest.approx(LAST - start)


def test_masked_reads_and_the_reason_are_in_the_header(early):
    primary = early[1][0].header
    assert (primary["MASKREAD"], primary["NMASKED"], primary["MASKSCOP"]) == ("4-5", 2, "all")
    assert any("scattered light" in line for line in primary["HISTORY"])
    assert any(line.startswith("  EXPTIME =") and "was" in line for line in primary["HISTORY"])


def test_the_ima_marks_masked_reads_with_1024_and_only_them(early):
    ima = early[0]
    marked = [bool((ima["DQ", e].data & 1024).all()) for e in range(1, NSAMP + 1)]
    assert marked == [e in (4, 5) for e in range(1, NSAMP + 1)]
    assert not (early[1]["DQ"].data & 1024).any()


def test_reads_masked_at_the_end_move_the_end(raw, tmp_path):
    flt = products(raw, tmp_path, (1,))[1]
    end = float(case.times(NSAMP)[-2])
    assert flt[0].header["EXPTIME"] == pytest.approx(end)
    assert flt[0].header["EXPEND"] == pytest.approx(57327.0 + end / 86400, abs=1e-9)
    assert flt[0].header["EXPSTART"] == 57327.0
    assert flt["SCI"].header["SAMPNUM"] == NSAMP - 2


@pytest.mark.parametrize(
    ("masked", "expected"),
    [((), (0, LAST)), ((5, 4), (52.932 - 25.0, 75.0)), ((1, 2), (0, 52.932)), ((3,), (0, LAST))],
)
def test_exposure_time_spans_the_reads_used_gaps_included(masked, expected):
    part = exptime.span(case.times(NSAMP), masked)
    assert (part.late, part.exptime) == pytest.approx(expected)


def test_files_are_valid_fits_with_checksums(raw, tmp_path):
    for path in calibrate(raw, raw.parent / "iref", tmp_path):
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            assert all("CHECKSUM" in hdu.header for hdu in hdus)


def test_two_runs_give_the_same_bytes_but_date_and_checksum(raw, tmp_path):
    first = products(raw, tmp_path / "a", (5,))
    second = products(raw, tmp_path / "b", (5,), threads=2)
    for one, other in zip(first, second, strict=True):
        difference = fits.FITSDiff(one, other, ignore_keywords=["DATE", "CHECKSUM"])
        assert difference.identical, difference.report()


def test_gzipped_raw_and_references_are_read(raw, tmp_path):
    import gzip

    folder = tmp_path / "packed"
    (folder / "iref").mkdir(parents=True)
    for path in (raw, *(raw.parent / "iref").iterdir()):
        target = folder / ("iref" if path != raw else "") / f"{path.name}.gz"
        target.write_bytes(gzip.compress(path.read_bytes(), 1))
    here = calibrate(raw, raw.parent / "iref", tmp_path / "a")
    packed = calibrate(folder / f"{raw.name}.gz", folder / "iref", tmp_path / "b")
    assert not differing_pixels(here[1], packed[1])


def test_a_single_differing_pixel_is_found_and_named(raw, tmp_path):
    ima, flt = calibrate(raw, raw.parent / "iref", tmp_path)
    other = tmp_path / "other.fits"
    with fits.open(flt) as hdus:
        hdus["ERR"].data[3, 4] *= np.float32(1 + 1e-7)
        hdus.writeto(other)
    assert differing_pixels(flt, other) == {("ERR", 1): 1}
    with pytest.raises(DarkroomError, match=r"differ in 1 pixels of 1 planes: \[ERR,1\] 1"):
        require_equal(flt, other)
    with pytest.raises(DarkroomError, match="do not have the same extensions"):
        require_equal(ima, flt)


def test_a_masked_copy_changes_pixvalue_and_nothing_else(raw, tmp_path):
    copy = tmp_path / "copy.fits"
    mask.mask_copy(raw, copy, (2, 3))
    with Imsets(raw) as before, Imsets(copy) as after:
        values = {e: after.constant("DQ", e) for e in range(1, NSAMP + 1)}
        assert values == {1: 0, 2: 1024, 3: 1024, 4: 0, 5: 0, 6: 0}
        assert np.array_equal(before.plane("SCI", 2), after.plane("SCI", 2))


def test_a_read_with_a_dq_image_is_masked_in_the_image(raw, tmp_path):
    imaged, copy = tmp_path / "imaged.fits", tmp_path / "copy.fits"
    with fits.open(raw) as hdus:
        flags = np.zeros(case.SHAPE, np.int16)
        flags[0, 0] = 2
        hdus["DQ", 2] = fits.ImageHDU(flags, name="DQ", ver=2)
        hdus.writeto(imaged)
    mask.mask_copy(imaged, copy, (2,))
    with Imsets(copy) as after:
        assert (after.plane("DQ", 2, np.int16) & 1024).all()
        assert after.plane("DQ", 2, np.int16)[0, 0] == 1026


@pytest.mark.parametrize(
    ("text", "reads"), [("11-15", (11, 12, 13, 14, 15)), ("3, 1,2", (1, 2, 3)), ("", ())]
)
def test_reads_are_named_by_extver_singly_or_in_ranges(text, reads):
    assert mask.parse_reads(text) == reads


def test_odd_sized_planes_are_written_with_right_checksums(tmp_path):
    planes = [np.arange(15, dtype=np.int16).reshape(3, 5), np.ones((3, 5), np.float32)]
    hdus = [(fits.PrimaryHDU().header, None)]
    hdus += [(fits.ImageHDU(plane).header, plane) for plane in planes]
    stream.write_planes(tmp_path / "odd.fits", hdus)
    with fits.open(tmp_path / "odd.fits", checksum=True) as written:
        assert np.array_equal(written[1].data, planes[0])
        assert np.array_equal(written[2].data, planes[1])
