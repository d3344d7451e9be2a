"""The WFC3/IR simulator: layout, sequences, truth; and that a calibration gives the truth back."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.lock_rows import HEADER_VALUES
from darkroom.crds.cache import Cache
from darkroom.errors import DarkroomError
from darkroom.wfc3.engine import engine
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate.detector import detector_of, measured_from_true
from darkroom.wfc3.simulate.ramp import make_reads
from darkroom.wfc3.simulate.references import PARKEYS, write_references
from darkroom.wfc3.simulate.sky import pointing_of
from darkroom.wfc3.simulate.values import complete, sample_times
from wfc3_visits import SMALL, Visit


@pytest.mark.parametrize(
    ("sequence", "times"),
    [
        ("SPARS100", [0, 2.932, 102.932, 202.932]),
        ("SPARS25", [0, 2.932, 27.932, 52.932]),
        ("RAPID", [0, 2.932, 5.864, 8.796]),
        ("STEP25", [0, 2.932, 5.864, 8.796, 11.728, 24.23, 49.23, 74.23, 99.23]),
        ("STEP100", [0, 2.932, 5.864, 8.796, 11.728, 24.23, 49.23, 99.23, 199.23, 299.23]),
        ("STEP400", [0, 2.932, 5.864, 8.796, 11.728, 24.23, 49.23, 99.23, 199.23, 399.23, 799.23]),
    ],
)
def test_sample_sequences_are_those_of_the_handbook(sequence, times):
    assert sample_times(sequence, len(times), "FULLIMAG") == pytest.approx(times, abs=2e-3)


def test_a_plan_tells_what_a_lock_keeps_and_makes_no_pixel():
    planned = wfc3.plan(SMALL | {"exposures": [{}, {"light": "end"}]})
    assert [p.name for p in planned] == ["isim01aaq", "isim01abq"]
    assert set(planned[0].facts) <= set(HEADER_VALUES)
    assert planned[0].facts["shape"] == "74x74"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sampsec": "SPARS100"}, r"no setting named sampsec \(did you mean 'sampseq'\?\)"),
        ({"sampseq": "SPARS11"}, "sampseq is 'SPARS11'"),
        ({"nsamp": 17}, "nsamp is 17; there are 1 to 16 reads"),
        ({"exposures": [{"light": "limb"}]}, "exposures: light is 'limb'"),
    ],
)
def test_a_wrong_setting_is_named(settings, words):
    with pytest.raises(DarkroomError, match=words):
        wfc3.plan(settings)


def test_the_same_settings_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        wfc3.deliver(SMALL, "isim01aaq", tmp_path / folder / "x.fits")
    assert (tmp_path / "a/x.fits").read_bytes() == (tmp_path / "b/x.fits").read_bytes()


def test_a_component_switched_off_leaves_the_others_as_they_were():
    full = complete(SMALL)
    exposure = wfc3.plan(SMALL)[1]
    quiet, _ = make_reads(full | {"cosmic_rays": 0.0}, exposure)
    hit, truth = make_reads(full, exposure)
    inside = slice(5, -5)
    untouched = truth["hits"] == 0
    # Poisson draws share a stream, but a pixel without a ray gets the same ones.
    assert np.array_equal(quiet[-1][inside, inside][untouched], hit[-1][inside, inside][untouched])
    assert (quiet[-1] != hit[-1]).any()


def test_a_raw_has_the_archives_layout(tmp_path):
    path = tmp_path / "isim01aaq_raw.fits"
    wfc3.deliver(SMALL | {"nsamp": 5}, "isim01aaq", path)
    with fits.open(path) as hdus:
        assert [(h.name, h.ver) for h in hdus[1:6]] == [
            (name, 1) for name in ("SCI", "ERR", "DQ", "SAMP", "TIME")
        ]
        assert len(hdus) == 26
        assert hdus["SCI", 1].header["BITPIX"] == 16
        assert hdus["SCI", 1].data.dtype == np.uint16
        assert hdus["TIME", 5].header["PIXVALUE"] == 0.0
        assert hdus["TIME", 1].header["PIXVALUE"] == hdus[0].header["EXPTIME"]
        assert hdus["DQ", 1].header["NAXIS"] == 0


def test_non_linearity_is_inverted_to_the_last_digits():
    full = complete(SMALL | {"subarray": "SQ64SUB"})
    detector = detector_of(full)
    true = np.full(detector.node.shape, 25000, np.float32)
    v = measured_from_true(true, detector).astype(float)
    c2, c3, c4 = (c * detector.curvature.astype(float) for c in (2.6e-6, -1.5e-10, 4.0e-15))
    assert v * (1 + v * (c2 + v * (c3 + v * c4))) == pytest.approx(true, rel=2e-6)


def test_pixel_and_sky_are_each_others_inverse_under_the_distortion():
    full = complete(SMALL | {"subarray": "FULLIMAG"})
    pointing = pointing_of(full, wfc3.plan(full)[1])
    x, y = np.random.default_rng(1).random((2, 200)) * 1014
    assert np.array(pointing.pixel(*pointing.sky(x, y))) == pytest.approx(
        np.array([x, y]), abs=1e-7
    )


def test_a_dither_moves_the_stars_by_what_it_says():
    full = complete(SMALL | {"exposures": [{}, {"dither": [1.3543, 0.0]}]})
    first, second = (pointing_of(full, e) for e in wfc3.plan(full))
    there = second.pixel(*first.sky(30.0, 30.0))
    assert there[0] == pytest.approx(20.0, abs=0.05)
    assert there[1] == pytest.approx(30.0, abs=0.05)


@pytest.mark.parametrize(("light", "reads"), [("start", range(11, 16)), ("end", range(1, 5))])
def test_the_truth_names_the_reads_with_scattered_light(light, reads):
    full = complete(SMALL | {"exposures": [{"light": light}]})
    _, truth = make_reads(full, wfc3.plan(full)[0])
    assert truth["bad_reads"].tolist() == list(reads)


def test_calibration_gives_the_sky_back_without_bias_and_with_its_error(tmp_path):
    visit = Visit(tmp_path, exposures=[{}], subarray="SQ128SUB")
    image, truth = engine.reduce(visit.ramp()), visit.truth()
    good = (image.dq == 0) & (truth["incident"] < 1.0)
    off = (image.sci - truth["incident"])[good]
    sigma = 1.4826 * np.median(np.abs(off - np.median(off)))
    # All pixels share the error of BLEVCORR's level: 20 e- / sqrt(1024) over 1400 s.
    assert abs(np.median(off)) < 1.2533 * sigma / np.sqrt(good.sum()) + 3 * 0.0007
    # LINFIT states about the scatter of a fit, for the noise of differences it assumes.
    assert sigma == pytest.approx(np.median(image.err[good]), rel=0.1)


def test_references_of_two_detectors_in_one_cache_are_refused(tmp_path):
    sets = [SMALL, SMALL | {"dark": 0.1}]
    with pytest.raises(DarkroomError, match="different detectors"):
        write_references(Cache(tmp_path, "hst"), "hst_0001.pmap", sets, PARKEYS)


def test_references_cover_the_largest_subarray_but_darks_each_their_own(tmp_path):
    sets = [SMALL, SMALL | {"subarray": "SQ128SUB"}]
    cache = Cache(tmp_path, "hst")
    write_references(cache, "hst_0001.pmap", sets, PARKEYS)
    shapes = {
        path.name: fits.getdata(path, 1).shape
        for path in (tmp_path / "references/hst").glob("*_[dlp][rif]*.fits")
        if not path.name.endswith("_imp.fits")
    }
    assert shapes["sim0001ii_lin.fits"] == shapes["sim0001ii_pfl.fits"] == (138, 138)
    assert (shapes["sim0001ii_drk.fits"], shapes["sim0002ii_drk.fits"]) == ((74, 74), (138, 138))


@pytest.mark.parametrize("kind", ["bpx", "ccd", "crr", "idc", "imp", "osc"])
def test_tables_have_the_cards_and_columns_of_those_that_calwf3_took(
    tmp_path, reference_data, kind
):
    write_references(Cache(tmp_path, "hst"), "hst_0001.pmap", [SMALL], PARKEYS)
    (made,) = (tmp_path / "references/hst").glob(f"*_{kind}.fits")
    (taken,) = (reference_data / "peers/calwf3/n64_cr12/iref").glob(f"*_{kind}.fits*")
    with fits.open(made) as ours, fits.open(taken) as theirs:
        assert [hdu.name for hdu in ours] == [hdu.name for hdu in theirs]
        for own, other in zip(ours, theirs, strict=True):
            assert set(other.header) <= set(own.header)
            assert (other.data is None) or set(other.columns.names) <= set(own.columns.names)
