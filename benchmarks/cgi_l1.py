"""What does preparing raw frames cost, here and in corgidrp? CPU seconds a frame.

Both take the same raw full frames (1200 x 2200) of four EM gains to electrons: prescan bias, cosmic
rays, non-linearity, conversion; darkroom adds them to the statistics of their stack as well.
Reading the files is in the figures; imports and compiled code are loaded before, for both, and told
apart. corgidrp runs its steps as its recipe for noise maps has them, one data set a gain. The flags
of mode peer are compared with its own, pixel by pixel. Frames are made from a seed in a temporary
folder and removed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]
GAINS = (1.5, 30.0, 500.0, 5000.0)

PEER = """
import json, sys, time, warnings
start = time.process_time()
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np
import corgidrp
from corgidrp import caldb, l1_to_l2a, l2a_to_l2b
from corgidrp.data import Dataset, DetectorParams, KGain, NonLinearityCalibration
jobs = json.loads(sys.argv[1])
caldb.initialize()
found = {"imports": time.process_time() - start}
folder = Path(corgidrp.default_cal_dir)
params = DetectorParams({})
kgain = KGain(str(next(folder.glob("*krn_cal.fits"))))
linearity = NonLinearityCalibration(str(next(folder.glob("*nln_cal.fits"))))
found["nonlinearity"], found["kgain"] = linearity.filepath, kgain.filepath
for name, files in jobs.items():
    start = time.process_time()
    frames = l1_to_l2a.prescan_biassub(Dataset(files), return_full_frame=True)
    frames = l1_to_l2a.detect_cosmic_rays(
        frames, params, kgain, mode="full", dataset_copy=False, median_filter_mode=2,
        cosm_thresh=0.017, plat_thresh=0.017, cosm_filter=3, cosm_box=4, cosm_tail="auto",
        median_filter_histogram_nbins=256)
    frames = l1_to_l2a.correct_nonlinearity(frames, linearity)
    frames = l1_to_l2a.update_to_l2a(frames)
    frames = l2a_to_l2b.convert_to_electrons(frames, kgain)
    found[name] = time.process_time() - start
    np.savez(f"peer_{name}.npz", dq=frames.all_dq, data=frames.all_data)
print(json.dumps(found))
"""

OURS = """
import json, sys, time
start = time.process_time()
import numpy as np
from darkroom.compiled import load_kernel
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import read_calibration
from darkroom.cgi.raw.gather import raw_moments
from darkroom.cgi.raw.prepare import Settings, prepare
for name in ("kernel", "peer_kernel", "best_kernel", "rank_kernel"):
    load_kernel(f"darkroom.cgi.raw.{name}")
load_kernel("darkroom.cgi.stacks.moments_kernel")
jobs, nonlinearity, kgain = json.loads(sys.argv[1]), *sys.argv[2:]
found, geometry = {"imports": time.process_time() - start}, read_geometry()
calibration = read_calibration(nonlinearity=nonlinearity, kgain=kgain)
for mode in ("peer", "best"):
    settings = Settings(mode, calibration)
    for name, files in jobs.items():
        start = time.process_time()
        raw_moments(files, geometry, settings)
        found[f"{mode} {name}"] = time.process_time() - start
print(json.dumps(found))
"""

COMPARE = """
import json, sys
import numpy as np
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import read_calibration
from darkroom.cgi.raw.prepare import Settings, prepare
jobs, nonlinearity, kgain = json.loads(sys.argv[1]), *sys.argv[2:]
settings = Settings("peer", read_calibration(nonlinearity=nonlinearity, kgain=kgain))
pixels, worst = 0, 0.0
for name, files in jobs.items():
    theirs = np.load(f"peer_{name}.npz")
    for k, frame in enumerate(prepare(files, read_geometry(), settings)):
        data, _, dq = frame.planes(np.float64)
        pixels += int((dq != theirs["dq"][k]).sum())
        some = theirs["data"][k] != 0
        worst = max(worst, np.abs(data[some] / theirs["data"][k][some] - 1).max())
print(json.dumps([pixels, worst]))
"""


def make_frames(folder, number, rays):
    """Write raw frames; return ``{gain: [path, ...]}``."""
    from darkroom.cgi.simulate import exposures as cgi

    area = 1037 * 1056 * 1.69e-6
    settings = {
        "seed": 84, "level": "L1", "cosmic_rays": rays / area / 30, "nonlinearity": "none",
        "stacks": [{"gain": gain, "exptime": 30, "frames": number} for gain in GAINS],
    }  # fmt: skip
    jobs = {}
    for exposure in cgi.plan(settings):
        cgi.deliver(settings, exposure.name, folder / exposure.file)
        jobs.setdefault(f"{exposure.gain:g}", []).append(str(folder / exposure.file))
    return jobs


def call(python, code, folder, *arguments, **environment):
    """Run code in a process of its own; return what its last line says."""
    done = subprocess.run(
        [python, "-c", code, *arguments],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2, help="frames a gain (default: 2)")
    parser.add_argument("--rays", type=float, default=25, help="cosmic rays a frame (default: 25)")
    named = os.environ.get("DARKROOM_PEERS_PYTHON")
    parser.add_argument(
        "--python", default=named or ROOT / ".venvs" / "peers-cgi" / "bin" / "python"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=arguments.scratch) as name:
        folder = Path(name)
        jobs = make_frames(folder, arguments.frames, arguments.rays)
        home = folder / "home"
        home.mkdir()
        peer = arguments.python
        call(peer, PEER, folder, "{}", HOME=str(home))
        theirs = call(peer, PEER, folder, json.dumps(jobs), HOME=str(home))
        calibrations = theirs["nonlinearity"], theirs["kgain"]
        library = {"PYTHONPATH": str(ROOT / "scripts")}
        call(sys.executable, OURS, folder, "{}", *calibrations, **library)
        ours = call(sys.executable, OURS, folder, json.dumps(jobs), *calibrations, **library)
        pixels, worst = call(
            sys.executable, COMPARE, folder, json.dumps(jobs), *calibrations, **library
        )
    print(f"{'EM gain':>8}{'corgidrp s':>12}{'peer ms':>10}{'best ms':>10}{'ratios':>14}")
    rows = np.array([[theirs[g], ours[f"peer {g}"], ours[f"best {g}"]] for g in jobs])
    rows /= arguments.frames
    for gain, (a, b, c) in zip([*jobs, "mean"], [*rows, rows.mean(axis=0)], strict=True):
        print(f"{gain:>8}{a:12.2f}{1e3 * b:10.1f}{1e3 * c:10.1f}{a / b:8.0f}{a / c:6.0f}")
    print(f"imports: corgidrp {theirs['imports']:.1f} s, darkroom {ours['imports']:.1f} s")
    print(f"flags that differ: {pixels} pixels; data differ by {worst:.1e} at most")


if __name__ == "__main__":
    main()
