"""Overscan, mask and products against ccdproc, in its own environment."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from darkroom.ccd.overscan.amplifiers import Readout
from darkroom.ccd.simulate import exposures as simulator
from darkroom.ccd.stack.frames import opened

PYTHON = Path(__file__).parents[2] / ".venvs" / "peers" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no environment of the peers")
SETTINGS = {
    "shape": [48, 64],
    "overscan": {"columns": 16, "drift": 12.0},
    "bias": {"count": 2},
    "darks": [],
    "targets": [],
}
PEER = """
import json, sys, warnings
warnings.simplefilter("ignore")
import ccdproc, numpy as np
from astropy.nddata import CCDData
path, mask, out = sys.argv[1:]
ccd = CCDData.read(path, unit="adu")
done = ccdproc.subtract_overscan(ccd, fits_section=ccd.header["BIASSEC"], median=False)
done = ccdproc.trim_image(done, fits_section=ccd.header["TRIMSEC"])
np.save(out, np.asarray(done.data))
masked = ccdproc.ccd_process(
    CCDData.read(path, unit="adu"), oscan=ccd.header["BIASSEC"], oscan_median=False,
    trim=ccd.header["TRIMSEC"], bad_pixel_mask=np.load(mask).astype(bool),
)
print(json.dumps({"masked": int(masked.mask.sum())}))
"""


def test_the_overscan_of_each_row_is_that_of_ccdproc(tmp_path):
    name = simulator.plan(SETTINGS)[0].name
    path, out, mask = tmp_path / "a.fits", tmp_path / "peer.npy", tmp_path / "mask.npy"
    simulator.deliver(SETTINGS, name, path)
    bad = np.zeros((48, 64), np.uint8)
    bad[3:20, 7] = 1
    np.save(mask, bad)
    done = subprocess.run(
        [PYTHON, "-c", PEER, path, mask, out], check=True, capture_output=True, text=True
    )
    with opened([path], None, Readout()) as stack:
        ours = stack.read(slice(None))[0]
    # Both are means of 16 samples; ours leaves out samples beyond 5 deviations, none here.
    np.testing.assert_allclose(ours, np.load(out), atol=1e-3)
    assert json.loads(done.stdout.splitlines()[-1])["masked"] == bad.sum()
