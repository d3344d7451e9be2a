"""Times of the integrations of segments of one exposure."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet, open_ramp
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.superbias.cycle import find_cycles
from nircam_darks import make_darks, write_ramp

SMALL = readout("NRCB1", "SUB64P")
MIDDLES = 60310.0 + 0.5 * np.arange(12)


def segments(folder, rows=None, numbered=True, **cards):
    """Write one exposure of 12 integrations as two segments; `rows` of INT_TIMES are in each."""
    darks = make_darks(SMALL, 12, 3)
    paths = []
    for k in range(2):
        path = folder / f"jw01062001001_02101_00001-seg00{k + 1}_nrcb1_uncal.fits"
        data = darks.data[6 * k : 6 * k + 6].astype(np.uint16)
        write_ramp(
            path, data, SMALL, mjd=60310.0, NINTS=12, INTSTART=6 * k + 1, INTEND=6 * k + 6,
            DATE_OBS="2024-01-01", **cards,
        )  # fmt: skip
        if rows is not None:
            chosen = np.arange(12) if rows == "all" else np.arange(6 * k, 6 * k + 6)
            chosen = chosen[:0] if rows == "none" else chosen
            columns = [fits.Column("int_mid_MJD_UTC", "D", array=MIDDLES[chosen])]
            if numbered:
                columns.insert(0, fits.Column("integration_number", "J", array=chosen + 1))
            with fits.open(path, memmap=False) as hdus:
                hdus.append(fits.BinTableHDU.from_columns(columns, name="INT_TIMES"))
                hdus.writeto(path, overwrite=True)
        paths.append(path)
    return paths


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("rows", ["all", "own"])
def test_each_segment_has_its_own_rows_of_the_table(tmp_path, rows, numbered):
    ramps = RampSet(segments(tmp_path, rows, numbered), "superbias")
    np.testing.assert_array_equal(ramps.mjd, MIDDLES)
    np.testing.assert_array_equal(ramps.integrations, np.arange(12))


@pytest.mark.parametrize("rows", [None, "none"])
def test_without_a_table_segments_are_counted_from_the_start_of_the_exposure(tmp_path, rows):
    ramps = RampSet(segments(tmp_path, rows), "superbias")
    step = 4 * SMALL.frame_time / 86400
    np.testing.assert_allclose(np.diff(ramps.mjd), step, rtol=1e-5)
    assert ramps.mjd[0] == pytest.approx(60310.0 + 1.5 / 4 * step, abs=1e-10)


def test_a_start_that_is_the_segments_own_is_not_counted_on(tmp_path):
    """EXPEND - EXPSTART is the duration of the segment, not of the exposure."""
    step = 4 * SMALL.frame_time / 86400
    paths = segments(tmp_path)
    for k, path in enumerate(paths):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["EXPSTART"] = 60310.0 + 6 * k * step
            hdus[0].header["EXPEND"] = 60310.0 + 6 * (k + 1) * step
    ramps = RampSet(paths, "superbias")
    np.testing.assert_allclose(np.diff(ramps.mjd), step, rtol=1e-5)


def test_a_table_of_other_integrations_is_said_and_not_used(tmp_path):
    path = segments(tmp_path, "own")[1]
    with fits.open(path, mode="update") as hdus:
        hdus["INT_TIMES"].data["integration_number"] = np.arange(6) + 101
        hdus["INT_TIMES"].data = hdus["INT_TIMES"].data[:5]
    file = open_ramp(path)
    assert "INT_TIMES has 5 rows, not those of the integrations 7 to 12" in file.remarks[0]
    assert np.ptp(file.mjd) < 1e-4


def _simulated(folder, **more):
    full = {"detector": "NRCB1", "subarray": "SUB64P", "exposures": 2, "nints": 5, "ngroups": 3}
    full |= {"noise_sampling": "off", **more}
    paths = []
    for exposure in nircam.plan(full):
        paths.append(folder / exposure.file)
        nircam.deliver(full, exposure.name, paths[-1])
    return paths


@pytest.mark.parametrize("int_times", ["own", "whole", "none"])
def test_simulated_segments_have_the_times_of_the_whole_exposure(tmp_path, int_times):
    whole = RampSet(_simulated(tmp_path / "whole"), "superbias")
    paths = _simulated(tmp_path / "parts", segments=2, int_times=int_times)
    assert [path.name[26:32] for path in paths] == ["seg001", "seg002"] * 2
    parts = RampSet(paths, "superbias")
    assert [file.sci.shape[0] for file in parts.files] == [2, 3, 2, 3]
    np.testing.assert_allclose(parts.mjd, whole.mjd, atol=1e-7, rtol=0)
    np.testing.assert_array_equal(parts.integrations, whole.integrations)
    assert not parts.warnings


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("not_dark", "EXP_TYPE is NRC_IMAGE"),
        ("lost", "has no data (one value in all pixels): lost packets"),
        ("no_zeroframe", "ZEROFRAM is T"),
        ("clock", "NOUTPUTS is 4, but 1 in"),
        ("other_corner", "SUBSTRT1 is 1, but 1851 in"),
        ("averaged", "NFRAMES is 8, but 1 in"),
        ("subtracted", "S_SUPERB is COMPLETE"),
        ("multistripe", "MSTR_RD1 is 40"),
    ],
)
def test_each_simulated_fault_is_found(tmp_path, kind, words):
    paths = _simulated(tmp_path, exposures=4, faults=[{"exposure": 3, "kind": kind}])
    with pytest.raises(InputError) as refused:
        RampSet(paths, "superbias")
    assert f"{paths[2].name}: " in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("aborted", "1 group has no data and is left out (integration 5: group 3)"),
        ("lost_group", "1 group has no data and is left out (integration 1: group 1)"),
    ],
)
def test_simulated_lost_groups_are_said(tmp_path, kind, words):
    paths = _simulated(tmp_path, exposures=3, faults=[{"exposure": 2, "kind": kind}])
    (warning,) = RampSet(paths, "superbias").warnings
    assert warning.startswith(paths[1].name)
    assert words in warning


def test_segments_of_an_exposure_are_one_exposure(tmp_path):
    whole = RampSet(_simulated(tmp_path / "whole"), "superbias")
    parts = RampSet(_simulated(tmp_path / "parts", segments=3), "superbias")
    np.testing.assert_array_equal(whole.exposures, [0] * 5 + [1] * 5)
    np.testing.assert_array_equal(parts.exposures, whole.exposures)


def test_a_bias_that_cycles_is_found_through_segments(tmp_path):
    """A period of 3 integrations, in segments of 2."""
    darks = make_darks(SMALL, 24, 2, ktc=3.0, cosmic_rays=0.0)
    pattern = 15 * np.random.default_rng(5).standard_normal((3, 64, 64))
    paths = []
    for k in range(12):
        exposure, part = divmod(k, 3)
        number = 2 * part + np.arange(2)
        data = darks.data[2 * k : 2 * k + 2] + pattern[number % 3][:, None]
        paths.append(tmp_path / f"x{exposure}-seg00{part + 1}.fits")
        write_ramp(
            paths[-1], np.rint(data).astype(np.uint16), SMALL, mjd=59600.0 + exposure, NINTS=6,
            INTSTART=2 * part + 1, INTEND=2 * part + 2,
        )  # fmt: skip
    ramps = RampSet(paths, "superbias")
    rows = find_cycles(GroupStack(ramps), ramps, Classes.from_ramps(ramps), 1.0)
    assert any("repeats every 3" in row.warning or row.period == 3 for row in rows if row.warning)
