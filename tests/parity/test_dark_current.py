"""DARK and MASK reference files in the JWST pipeline: certified, chosen, subtracted."""

import json
import subprocess
import tarfile

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.detector.subarrays import readout
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from nircam_jwst import (
    CONTEXT,
    PYTHON,
    ROOT,
    WITH_BORDER,
    need_jwst,
    own_program,
    program,
    small_cache,
)

pytestmark = [pytest.mark.parity, pytest.mark.heavy]
LAYOUT = readout("NRCALONG", "SUB64P")
CARDS = dict.fromkeys(("S_SUPERB", "S_REFPIX", "S_LINEAR"), "COMPLETE")
CARDS |= {"TFRAME": DT, "TGROUP": DT}
RATE = 0.01
# Subtracts the dark from a science ramp; says whether it did, and the AVDRKCUR it used.
STEP = """
import json, sys, warnings
warnings.simplefilter("ignore")
dark, science, out, cache, context, scripts = sys.argv[1:]
sys.path.insert(0, scripts)
from darkroom.crds.environment import go_offline
go_offline(cache, "jwst", context)
import numpy as np
from stdatamodels.jwst import datamodels
from jwst.dark_current import DarkCurrentStep
model = datamodels.RampModel(science)
done = DarkCurrentStep.call(model, override_dark=dark)
np.save(out, done.data)
print("ANSWER", json.dumps([done.meta.cal_step.dark_sub, float(np.max(done.average_dark_current))]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give a folder with a dark of 20 exposures of 50 groups, written to 60."""
    need_jwst()
    folder = tmp_path_factory.mktemp("dark")
    data = make_ramps(20, 50, (64, 64), seed=21, rate=RATE)
    paths = [
        write_ramp(folder / f"d{k}.fits", ramp[None], LAYOUT, mjd=59600 + k, **CARDS)
        for k, ramp in enumerate(data)
    ]
    done = own_program(
        "nircam/dark", "--output", folder / "dark.fits", "--gain", 2, "--groups", 60, "--pedigree",
        "INFLIGHT", *paths,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def subtracted(dark, folder, ngroups):
    """Return a science ramp and what dark_current leaves of it, and the AVDRKCUR it used."""
    data = make_ramps(1, ngroups, (64, 64), seed=ngroups, rate=RATE, hits=0.0)
    # The superbias holds the dark of group 0 of the darks, and of the science.
    cards = {"EXP_TYPE": "NRC_IMAGE", "FILTER": "F444W", "PUPIL": "CLEAR"}
    science = write_ramp(
        folder / "science.fits", data, LAYOUT, groupdq=np.zeros(data.shape),
        pixeldq=np.zeros((64, 64)), **CARDS | cards,
    )  # fmt: skip
    cache = small_cache(folder / "crds", WITH_BORDER)
    where = (cache.path, CONTEXT, ROOT / "scripts")
    done = subprocess.run(
        [PYTHON, "-c", STEP, dark, science, folder / "out.npy", *where],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWER ")), None)
    assert line, done.stderr[-3000:]
    status, average = json.loads(line.removeprefix("ANSWER "))
    assert status == "COMPLETE"
    return data[0].astype(float), np.load(folder / "out.npy")[0].astype(float), average


ACTIVE = (slice(8, None), slice(8, None))


@pytest.mark.parametrize("ngroups", [10, 100])
def test_science_ramps_are_left_with_no_dark(made, tmp_path, ngroups):
    """100 groups are longer than the file's 60: the pipeline extrapolates."""
    given, left, average = subtracted(made / "dark.fits", tmp_path, ngroups)
    assert average == pytest.approx(RATE, rel=0.05)
    dark = (given - left)[-1][ACTIVE] * 2 / ((ngroups - 1) * DT)
    details = fits.open(made / "dark_details.fits")
    error = details["ERR"].data[ACTIVE]
    pull = (dark - RATE) / error
    assert abs(pull.std() - 1) < 0.06
    assert abs(pull.mean()) < 0.1
    # What subtracting the dark adds to the noise of slopes is its error, and nothing else.
    before, after = (slopes(ramp)[ACTIVE] for ramp in (given, left))
    stated = np.hypot(before.std(), np.median(error))
    assert after.std() == pytest.approx(stated, rel=0.03)
    assert abs(after.mean()) < 4 * after.std() / np.sqrt(after.size)
    if ngroups == 10:
        assert after.std() < 1.005 * before.std()


def test_a_measured_cube_is_subtracted_group_by_group_with_the_error_it_states(made, tmp_path):
    """Of 50 groups, for a science ramp of as many: it must not be extrapolated, and says so."""
    dark = tmp_path / "measured.fits"
    done = own_program(
        "nircam/dark", "--output", dark, "--gain", 2, "--cube", "measured", "--pedigree",
        "INFLIGHT", *sorted(made.glob("d*[0-9].fits")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    given, left, average = subtracted(dark, tmp_path, 50)
    assert average == pytest.approx(RATE, rel=0.05)
    with fits.open(dark) as hdus:
        header, sci, error = hdus[0].header, hdus["SCI"].data, hdus["ERR"].data
        assert [hdu.name for hdu in hdus[1:]] == ["SCI", "ERR", "DQ", "DQ_DEF"]
    # AVDRKCUR is the scalar: a plane of that name is refused by the pipeline.
    assert header["AVDRKCUR"] == pytest.approx(RATE, rel=0.05)
    assert (header["EXP_TYPE"], header["NOUTPUTS"], header["NGROUPS"]) == ("N/A", 1, 50)
    assert "do not extrapolate" in str(header["HISTORY"])
    assert np.allclose((given - left)[:, *ACTIVE], sci[:, *ACTIVE], atol=2e-3)
    for group in (1, 10, 49):
        pull = (sci[group] * 2 - RATE * group * DT)[ACTIVE] / (2 * error[group][ACTIVE])
        assert abs(pull.std() - 1) < 0.06, group
        assert abs(pull.mean()) < 0.1


def slopes(ramp):
    """Return least-squares slopes of groups (ngroups, ny, nx) in DN, e-/s."""
    time = np.arange(len(ramp)) * DT
    time -= time.mean()
    return 2 * np.tensordot(time, ramp, 1) / (time**2).sum()


def test_crds_certifies_it_by_its_real_rules(made, reference_data, tmp_path):
    (packed,) = (reference_data / "crds").glob("real_mappings_*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    (cache,) = tmp_path.iterdir()
    where = ("--cache", cache, "--context", "jwst_0541.pmap", "--output", tmp_path / "said")
    done = program("references/certify", *where, made / "dark.fits")
    assert done.returncode == 0, done.stdout + done.stderr
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert " 0 errors" in said
    assert " 0 warnings" in said


def test_crds_certifies_a_mask(made, reference_data, tmp_path):
    done = own_program(
        "nircam/mask", "--output", tmp_path / "mask.fits", "--injected", 0, "--pedigree",
        "INFLIGHT", made / "dark_details.fits",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (packed,) = (reference_data / "crds").glob("real_mappings_*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    (cache,) = (path for path in tmp_path.iterdir() if path.is_dir())
    where = ("--cache", cache, "--context", "jwst_0541.pmap", "--output", tmp_path / "said")
    done = program("references/certify", *where, tmp_path / "mask.fits")
    assert done.returncode == 0, done.stdout + done.stderr
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert " 0 errors" in said
    assert " 0 warnings" in said
