"""Exposures and metadata of a NIRCam reference file: what is accepted and what is refused."""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.figures.item import add_rules
from darkroom.nircam.products import ReferenceMetadata, check_subarray, full_pedigree, primary
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import RampSet, open_ramp
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_darks import make_darks, stripe, write_darks, write_ramp

GOOD = {
    "author": "A. Person",
    "description": "Superbias for a test",
    "pedigree": "DUMMY",
    "useafter": "2022-01-01T00:00:00",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"author": " "}, "author is empty"),
        ({"description": "x" * 66}, "description has 66 characters"),
        ({"description": ""}, "description has 0 characters"),
        ({"pedigree": "GROND"}, "pedigree 'GROND' is not one of GROUND, DUMMY, INFLIGHT"),
        ({"pedigree": "INFLIGHT 2022-01-01"}, "is not one of"),
        ({"pedigree": "INFLIGHT 2022-02-30 2022-03-01"}, "pedigree '2022-02-30' is not a date"),
        ({"pedigree": "INFLIGHT 2022-03-01 2022-02-01"}, "the first date is after the second"),
        ({"useafter": "yesterday"}, "useafter 'yesterday' is not a date of the form YYYY-MM-DDThh"),
        ({"useafter": "2022-1-1T0:0:0"}, "is not a date"),
    ],
)
def test_metadata_that_crds_would_refuse_are_refused_first(change, words):
    with pytest.raises(DarkroomError, match=words):
        ReferenceMetadata(**GOOD | change)


@pytest.mark.parametrize(("method", "sigma"), [("aligned", 4.0), ("reffiles", 3.0)])
def test_the_default_clip_of_a_method_is_in_the_provenance(method, sigma):
    assert SuperbiasSettings(method=method).effective_settings["clipping_sigma"] == sigma
    chosen = SuperbiasSettings(method=method, clipping_sigma=2.5)
    assert chosen.effective_settings["clipping_sigma"] == 2.5


def test_the_clip_is_in_the_provenance_of_a_read_noise_that_depends_on_it():
    clip = {"clipping_sigma": 3.0, "max_clipping_iters": 3}
    assert not clip.keys() & ReadnoiseSettings(method="line").effective_settings.keys()
    for choices in (
        ReadnoiseSettings(method="line", single_value=True),
        ReadnoiseSettings(method="stack"),
    ):
        assert clip.items() <= choices.effective_settings.items()


def test_dates_of_flight_exposures_are_filled_in():
    metadata = ReferenceMetadata(**GOOD | {"pedigree": "INFLIGHT"})
    text, warning = full_pedigree(metadata, np.array([59600.9, 59612.1]))
    assert text == "INFLIGHT 2022-01-21 2022-02-02"
    assert not warning


def test_flight_exposures_without_dates_need_them_given():
    metadata = ReferenceMetadata(**GOOD | {"pedigree": "INFLIGHT"})
    with pytest.raises(DarkroomError, match="pedigree INFLIGHT: not every exposure has a date"):
        full_pedigree(metadata, np.array([59600.0, np.nan]))


def test_ground_pedigree_of_flight_exposures_gives_a_warning():
    _, warning = full_pedigree(
        ReferenceMetadata(**GOOD | {"pedigree": "GROUND"}), np.array([59600.0])
    )
    assert "after launch" in warning


def test_subarray_must_fit_the_exposures(tmp_path):
    ramps = RampSet(write_darks(tmp_path, make_darks(stripe(), 1)), "superbias")
    assert check_subarray(ReferenceMetadata(**GOOD), ramps) == "SUBGRISM64"
    assert check_subarray(ReferenceMetadata(**GOOD, subarray="GENERIC"), ramps) == "GENERIC"
    with pytest.raises(DarkroomError, match="FULL has 2048 × 2048 pixels, the exposures have 2048"):
        check_subarray(ReferenceMetadata(**GOOD, subarray="FULL"), ramps)
    with pytest.raises(DarkroomError, match="'sub 64' is not the name"):
        check_subarray(ReferenceMetadata(**GOOD, subarray="sub 64"), ramps)


@pytest.fixture
def files(tmp_path):
    """Give four good exposures."""
    return write_darks(tmp_path, make_darks(stripe(), 4, 3))


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"DETECTOR": "NRCA2"}, "DETECTOR is NRCA2, but NRCA1 in 4 exposures .first: dark000"),
        ({"READPATT": "DEEP8"}, "READPATT is DEEP8, but RAPID in 4"),
        ({"READPATT": None}, "READPATT is missing, but RAPID in 4"),
        ({"SUBARRAY": "SUBGRISM128"}, "SUBARRAY is SUBGRISM128, but SUBGRISM64 in 4"),
        ({"INSTRUME": "NIRISS"}, "INSTRUME is NIRISS, NIRCAM is needed"),
    ],
)
def test_exposure_of_another_kind_is_named(files, cards, words):
    odd = write_ramp(files[0].with_name("odd.fits"), np.zeros((1, 3, 64, 2048)), stripe(), **cards)
    with pytest.raises(InputError, match=rf"odd\.fits: {words}"):
        RampSet([*files, odd], "superbias")


def test_exposure_of_another_size_is_named(files):
    odd = write_ramp(
        files[0].with_name("odd.fits"), np.zeros((1, 3, 32, 2048)), stripe(), SUBSIZE2=32
    )
    with pytest.raises(InputError, match=r"odd\.fits: image size is 2048 × 32, but 2048 × 64 in 4"):
        RampSet([*files, odd], "superbias")


def test_file_without_sci_is_named(tmp_path):
    path = tmp_path / "nothing.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(3), name="ERR")]).writeto(path)
    with pytest.raises(InputError, match=r"nothing\.fits: has no extension SCI .it holds PRIMARY"):
        open_ramp(path)


def test_rate_is_no_ramp(tmp_path):
    path = tmp_path / "rate.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5)), name="SCI")]).writeto(path)
    with pytest.raises(InputError, match=r"SCI has 2 axes \(4, 5\), a ramp has 4 .*not rates"):
        open_ramp(path)


def test_truncated_file_is_named(files):
    with files[1].open("r+b") as stream:
        stream.truncate(files[1].stat().st_size - 200_000)
    with pytest.raises(InputError, match=r"dark001_uncal\.fits: truncated: SCI ends at byte"):
        open_ramp(files[1])


def test_file_that_is_no_fits_is_named(tmp_path):
    path = tmp_path / "text.fits"
    path.write_text("nothing of the kind")
    with pytest.raises(InputError, match=r"text\.fits: cannot be read as FITS"):
        open_ramp(path)


def test_missing_file_twice_given_file_and_empty_list_are_refused(files):
    with pytest.raises(InputError, match=r"none\.fits: no such file"):
        RampSet([*files, files[0].with_name("none.fits")], "superbias")
    with pytest.raises(InputError, match="is given twice"):
        RampSet([*files, files[2]], "superbias")
    with pytest.raises(DarkroomError, match="no exposures for a superbias"):
        RampSet([], "superbias")


def test_size_in_the_header_must_be_that_of_the_image(tmp_path):
    path = write_ramp(tmp_path / "x.fits", np.zeros((1, 2, 64, 2048)), stripe(), SUBSIZE2=128)
    with pytest.raises(InputError, match="SUBSIZE1 × SUBSIZE2 = 2048 × 128, but SCI has 2048 × 64"):
        RampSet([path], "superbias")


def test_times_come_from_the_best_source_there_is(tmp_path):
    data = np.zeros((2, 5, 64, 2048), np.uint16)
    layout = stripe()
    start = write_ramp(tmp_path / "start.fits", data, layout, mjd=59000.0)
    frame = layout.frame_time / 86400
    np.testing.assert_allclose(open_ramp(start).mjd, 59000 + frame * np.array([2.5, 8.5]))
    date = write_ramp(tmp_path / "date.fits", data, layout, mjd=None)
    assert open_ramp(date).mjd[0] == pytest.approx(59600.0, abs=0.01)
    none = write_ramp(tmp_path / "none.fits", data, layout, mjd=None, DATE_OBS=None)
    assert np.isnan(open_ramp(none).mjd).all()
    with fits.open(date) as hdus:
        column = fits.Column("int_mid_MJD_UTC", "D", array=[59000.25, 59000.75])
        hdus.append(fits.BinTableHDU.from_columns([column], name="INT_TIMES"))
        hdus.writeto(tmp_path / "times.fits")
    np.testing.assert_array_equal(open_ramp(tmp_path / "times.fits").mjd, [59000.25, 59000.75])


def test_classes_follow_the_orientation_of_the_detector():
    """Amplifier 0 is on the right where x is mirrored; the edge row of a stripe is reference."""
    for detector in ("NRCA1", "NRCA2"):
        layout = stripe(detector)
        classes = Classes.of_layout(layout)
        assert classes.amplifier[0] == (3 if layout.fastaxis < 0 else 0)
        assert classes.reference[0].all()
        assert not classes.reference[-1].all()
    full = Classes.of_layout(Readout.full("NRCB1"))
    assert full.reference.sum() == 2048**2 - 2040**2


def test_texts_of_a_person_become_such_as_a_header_holds():
    told = {"author": "Jörg Müller", "description": "Darks at 39 K ± 0.1", "history": "−20 °C"}
    made = ReferenceMetadata(**GOOD | told)
    assert (made.author, made.description) == ("Jorg Muller", "Darks at 39 K +- 0.1")
    assert made.history == "-20 deg C"


@pytest.mark.filterwarnings("error")
def test_long_texts_of_a_campaign_fit_their_cards():
    """A text of 65 characters leaves no room for a comment: it goes without one."""
    header = primary((("DESCRIP", "x" * 65, "description of the reference file"),)).header
    assert header["DESCRIP"] == "x" * 65
    assert header.comments["DESCRIP"] == ""
    header = primary((("AUTHOR", "A. Person", "author of the reference file"),)).header
    assert header.comments["AUTHOR"] == "author of the reference file"


def test_warnings_of_products_stay_beside_those_of_the_rules(tmp_path):
    """They were replaced: no report of a campaign said that its bias cycles."""
    for name, replaces in (("superbias", "old.fits"), ("mask", "")):
        said = {"file": f"{name}.fits", "replaces": replaces, "place": "p", "context": ""}
        (tmp_path / f"{name}_rules.json").write_text(json.dumps(said))
    paths = sorted(tmp_path.glob("*.json"))
    described = add_rules({"warnings": ["the bias repeats"]}, paths)
    assert described["warnings"] == ["the bias repeats", "mask.fits: p"]
    assert len(described["answers"]) == 2
    assert add_rules({"warnings": ["the bias repeats"]}, [])["warnings"] == ["the bias repeats"]
