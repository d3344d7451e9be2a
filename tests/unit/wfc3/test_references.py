"""References with values that no detector has: an error that names them, or a warning."""

import numpy as np
import pytest
from astropy.io import fits

import wfc3_case as case
from darkroom.errors import InputError
from darkroom.wfc3.engine import engine
from darkroom.wfc3.engine.calibrate import calibrate

NSAMP = 4


@pytest.fixture
def raw(tmp_path):
    return case.write_case(tmp_path / "in", case.counts(20.0, NSAMP))


def load(raw):
    return engine.load(raw, raw.parent / "iref")


def change(raw, name, column, value, ext=1):
    with fits.open(raw.parent / f"iref/{name}.fits", mode="update") as hdus:
        hdus[ext].data[column] = value


@pytest.mark.parametrize(
    ("name", "column", "value", "words"),
    [
        ("ccdtab", "ATODGNB", np.nan, r"has ATODGNB = nan for CCDGAIN 2.5; it must be above 0"),
        ("ccdtab", "ATODGND", 0.0, r"has ATODGND = 0 for CCDGAIN 2.5; it must be above 0"),
        ("ccdtab", "READNSEC", np.inf, r"has READNSEC = inf .* it must be 0 or more"),
        ("ccdtab", "READNSEA", -20.0, r"has READNSEA = -20 .* it must be 0 or more"),
        (
            "oscntab",
            "TRIMX1",
            -5,
            r"columns that do not fit into 42 x 42 pixels \(row 1\)",
        ),
        ("oscntab", "TRIMY2", 40, r"reference columns that do not fit into 42 x 42 pixels"),
        ("oscntab", "BIASSECTB2", 43, r"reference columns that do not fit into 42 x 42 pixels"),
        ("crrejtab", "CRSIGMAS", "nan", r"CRSIGMAS 'nan' is not a list of numbers above 0"),
        ("crrejtab", "CRSIGMAS", "-4.0", r"CRSIGMAS '-4.0' is not a list of numbers above 0"),
    ],
)
def test_a_table_that_would_spoil_every_pixel_is_refused(raw, name, column, value, words):
    change(raw, name, column, value)
    with pytest.raises(InputError, match=rf"{name}.fits: .*{words}.*; use another CRDS context"):
        load(raw)


def test_a_photometry_table_that_is_no_number_gives_a_legal_card_and_a_warning(raw, tmp_path):
    change(raw, "imphttab", "PHOTPLAM1", np.nan, "PHOTPLAM")
    warned = []
    _, flt = calibrate(raw, raw.parent / "iref", tmp_path / "out", warn=warned.append)
    header = fits.getheader(flt)
    assert (header["PHOTPLAM"], header["PHOTFNU"]) == (-9999.0, -9999.0)
    assert 1132.0 < header["PHOTBW"] < 1155.0
    assert warned == [
        "IMPHTTAB iref$imphttab.fits has values that are NaN or infinite: "
        "PHOTPLAM, PHOTFNU is -9999"
    ]
    assert f"warning: {warned[0]}"[:60] in "".join(header["HISTORY"])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "wfc3,ir,f140w",
            r"; it is of a time when .* \(wfc3,ir,f140w\) did not depend on",
        ),
        ("wfc3,ir,f105w,mjd#", ""),
    ],
)
def test_a_photometry_table_without_the_mode_asks_for_a_newer_context(raw, row, words):
    for name in ("PHOTFLAM", "PHOTPLAM", "PHOTBW"):
        change(raw, "imphttab", "OBSMODE", row, name)
    expected = (
        rf"imphttab.fits: \[PHOTFLAM\] has no row for wfc3,ir,f140w,mjd#{words}.*; use a newer"
    )
    with pytest.raises(InputError, match=expected):
        load(raw)


def test_a_photometry_table_without_the_quantity_asks_for_a_newer_context(raw):
    with fits.open(raw.parent / "iref/imphttab.fits", mode="update") as hdus:
        hdus["PHOTBW"].name = "OTHER"
    with pytest.raises(InputError, match=r"cannot be read as an IMPHTTAB .* use a newer CRDS"):
        load(raw)


@pytest.mark.parametrize(
    ("name", "plane", "words"),
    [
        ("pfltfile", ("ERR", 1), r"\[ERR,1\] has 41 x 42 pixels, \[SCI,1\] has 42 x 42"),
        ("pfltfile", ("DQ", 1), r"\[DQ,1\] has 41 x 42 pixels, \[SCI,1\] has 42 x 42"),
        ("darkfile", ("SCI", 2), r"\[SCI,2\] has 41 x 42 pixels, the exposure has 42 x 42"),
        ("darkfile", ("DQ", 3), r"\[DQ,3\] has 41 x 42 pixels, the exposure has 42 x 42"),
        ("nlinfile", ("NODE", 1), r"has 41 x 42 pixels; the exposure's 42 x 42 begin at"),
        ("nlinfile", ("COEF", 3), r"has 41 x 42 pixels; the exposure's 42 x 42 begin at"),
    ],
)
def test_a_plane_of_another_size_than_the_others_is_named(raw, name, plane, words):
    kind, extver = plane
    values = np.ones(
        (42, 34 if name == "nlinfile" else 41), np.int16 if kind == "DQ" else np.float32
    )
    words = words.replace("41", str(values.shape[1]))
    path = raw.parent / f"iref/{name}.fits"
    with fits.open(path, memmap=False) as hdus:
        cards = hdus[kind, extver].header.cards
        hdu = fits.ImageHDU(values, name=kind, ver=extver)
        for card in cards:
            if card.keyword.startswith("LT"):
                hdu.header.append(card)
        hdus[hdus.index_of((kind, extver))] = hdu
        hdus.writeto(path, overwrite=True)
    with pytest.raises(InputError, match=rf"{name}.fits: {words}"):
        load(raw)


def test_a_row_of_bad_pixels_may_be_longer_than_the_array(raw):
    with fits.open(raw.parent / "iref/bpixtab.fits", mode="update") as hdus:
        rows = hdus[1].data
        rows["PIX1"], rows["PIX2"], rows["LENGTH"], rows["VALUE"] = 500, 500, 2_000_000_000, 16
    dq = load(raw).dq[1]
    assert (dq == 16).sum() == (dq[(dq == 16).any(axis=1)] == 16).sum() > 10


def test_warnings_are_known_without_a_calibration(raw):
    with fits.open(raw.parent / "iref/darkfile.fits", mode="update") as hdus:
        hdus["SCI", 1].data[20, 20] = np.nan
        hdus["SCI", 2].data[0, 20] = np.nan  # in the border, which nothing uses
    assert (
        engine.reference_warnings(raw, raw.parent / "iref")
        == load(raw).warnings
        == [
            "DARKFILE iref$darkfile.fits has values that are NaN or infinite (1 in SCI): "
            "the pixels that they touch are kept as calwf3 makes them"
        ]
    )
