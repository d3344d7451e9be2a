"""Files are believed only when read to the last byte; cards are repaired only with leave."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.fits.describe import Recover, describe, stem
from darkroom.fits.verify import verify


def card(keyword, text):
    return f"{keyword:<8}= {text:>20}".ljust(80).encode()


def frame(path, *extra, checksum=True):
    """Write a small frame; `extra` are raw cards put before END."""
    hdu = fits.PrimaryHDU(np.arange(1200, dtype=np.uint16).reshape(30, 40))
    hdu.header["INSTRUME"] = "Trial camera"
    hdu.header["CCD-TEMP"] = -5.0
    hdu.header["DATE-OBS"] = "2020-01-16T02:15:19.000"
    hdu.writeto(path, checksum=checksum)
    if extra:
        content = path.read_bytes()
        end = content.index(b"END".ljust(80))
        header = (content[:end] + b"".join(extra) + b"END").ljust(2880)
        path.write_bytes(header + content[2880:])
    return path


@pytest.fixture
def good(tmp_path):
    return frame(tmp_path / "frame_001.fits")


def test_a_whole_file_passes_plain_and_packed(good):
    assert verify(good, good.stat().st_size)["INSTRUME"] == "Trial camera"
    packed = good.with_name("frame_001.fits.gz")
    packed.write_bytes(gzip.compress(good.read_bytes()))
    verify(packed)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b[:-2880], "truncated: HDU 0 should end at byte 5760, the file ends at 2880"),
        (lambda b: b[:-1], "truncated: HDU 0"),
        (lambda b: b[:1000], "header of HDU 0 cannot be read"),
        (lambda _: b"", "not a FITS file: it is empty"),
        (lambda _: b"<html>error</html>", "not a FITS file: it begins with '<html>error"),
        (lambda b: b + b"\0" * 2880, "bytes follow the last HDU"),
        (lambda b: b[:3000] + b"\xff\xff" + b[3002:], "(Checksum|Datasum) verification failed"),
        (lambda b: b.replace(b"NAXIS1 ", b"NAXIS9 "), r"contradicts itself \(NAXIS1 is missing\)"),
    ],
)
def test_each_damage_is_named(good, spoil, message):
    good.write_bytes(spoil(good.read_bytes()))
    with pytest.raises(DarkroomError, match=message) as caught:
        verify(good)
    assert str(caught.value).startswith(str(good))


def test_size_and_absence_are_told_apart(good):
    with pytest.raises(DarkroomError, match="has 5760 bytes, 5761 are expected"):
        verify(good, 5761)
    with pytest.raises(DarkroomError, match="no such file"):
        verify(good.with_name("none.fits"))


def test_cut_gzip_data_are_named(good):
    packed = good.with_name("cut.fits.gz")
    packed.write_bytes(gzip.compress(good.read_bytes())[:-20])
    with pytest.raises(DarkroomError, match="gzip data are damaged or end early"):
        verify(packed)


def test_a_frame_is_described_in_our_units(tmp_path):
    found = describe(frame(tmp_path / "a b.FIT", card("EXPTIME", "0.04"), card("XBINNING", "2")))
    assert (found.name, found.shape, found.binning) == ("a b", (30, 40), "2x1")
    assert (found.exptime, found.temperature, found.imagetyp) == (0.04, -5.0, None)
    assert found.mjd == pytest.approx(58864.0939699, abs=1e-6)
    assert found.notes == ()


LEAVE = (Recover.parse("EXPTIME=EXPOINUS*1e-6"),)
COMMA = card("EXPTIME", "3,2E-05")


def test_a_decimal_comma_is_read_only_with_leave_and_agreement(tmp_path):
    path = frame(tmp_path / "a.fits", COMMA, card("EXPOINUS", "32"))
    with pytest.raises(DarkroomError, match=r"EXPTIME = 3,2E-05 is not a number; if another card"):
        describe(path)
    found = describe(path, LEAVE)
    assert found.exptime == pytest.approx(3.2e-5)
    assert found.notes == (
        "EXPTIME = 3,2E-05 (malformed) read as 3.2e-05, confirmed by EXPOINUS = 32",
    )


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ((COMMA, card("EXPOINUS", "33")), "EXPOINUS = 33 does not agree with it"),
        ((COMMA,), "EXPTIME = 3,2E-05 is not a number and EXPOINUS is missing"),
        ((card("EXPTIME", "abc"), card("EXPOINUS", "32")), "EXPTIME = abc is not a number and EXP"),
        ((), "has no EXPTIME or EXPOSURE card"),
    ],
)
def test_a_card_that_cannot_be_confirmed_is_refused(tmp_path, cards, message):
    with pytest.raises(DarkroomError, match=message):
        describe(frame(tmp_path / "a.fits", *cards), LEAVE)


def test_a_good_card_is_never_replaced(tmp_path):
    path = frame(tmp_path / "a.fits", card("EXPTIME", "10.0"), card("EXPOINUS", "99"))
    assert describe(path, LEAVE).exptime == 10.0


def test_a_file_without_an_image_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(DarkroomError, match="holds no two-dimensional image"):
        describe(path)


@pytest.mark.parametrize("text", ["EXPTIME", "EXPTIME=EXPOINUS*many", "=A"])
def test_a_malformed_leave_is_refused(text):
    with pytest.raises(DarkroomError, match=r"not of the form CARD=OTHER\*SCALE"):
        Recover.parse(text)


def test_names_lose_fits_and_packing_suffixes_only():
    assert stem("x/Dark_0.1sec_1.fit.gz") == "Dark_0.1sec_1"
    assert stem("bias_001.FIT") == "bias_001"
    assert stem("a.fits.fz") == "a"
