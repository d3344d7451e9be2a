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


@pytest.mark.parametrize("ngroups", [10, 100])
def test_science_ramps_are_left_with_no_dark(made, tmp_path, ngroups):
    """100 groups are longer than the file's 60: the pipeline extrapolates."""
    data = make_ramps(1, ngroups, (64, 64), seed=ngroups, rate=RATE, hits=0.0)
    # The superbias holds the dark of group 0 of the darks, and of the science.
    cards = {"EXP_TYPE": "NRC_IMAGE", "FILTER": "F444W", "PUPIL": "CLEAR"}
    science = write_ramp(
        tmp_path / "science.fits", data, LAYOUT, groupdq=np.zeros(data.shape),
        pixeldq=np.zeros((64, 64)), **CARDS | cards,
    )  # fmt: skip
    cache = small_cache(tmp_path / "crds", WITH_BORDER)
    where = (cache.path, CONTEXT, ROOT / "scripts")
    done = subprocess.run(
        [PYTHON, "-c", STEP, made / "dark.fits", science, tmp_path / "out.npy", *where],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWER ")), None)
    assert line, done.stderr[-3000:]
    status, average = json.loads(line.removeprefix("ANSWER "))
    assert status == "COMPLETE"
    assert average == pytest.approx(RATE, rel=0.05)
    active = (slice(8, None), slice(8, None))
    left = np.load(tmp_path / "out.npy")[0].astype(float)
    subtracted = (data[0] - left)[-1][active] * 2 / ((ngroups - 1) * DT)
    details = fits.open(made / "dark_details.fits")
    error = details["ERR"].data[active]
    pull = (subtracted - RATE) / error
    assert abs(pull.std() - 1) < 0.06
    assert abs(pull.mean()) < 0.1
    # What subtracting the dark adds to the noise of slopes is its error, and nothing else.
    before, after = (slopes(ramp)[active] for ramp in (data[0].astype(float), left))
    stated = np.hypot(before.std(), np.median(error))
    assert after.std() == pytest.approx(stated, rel=0.03)
    assert abs(after.mean()) < 4 * after.std() / np.sqrt(after.size)
    if ngroups == 10:
        assert after.std() < 1.005 * before.std()


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
