"""What does a photon-counted dark cost, here and in corgidrp? CPU seconds and peak memory.

Both count the same frames of the image area (1024 x 1024), each its own, made from a seed in a
temporary folder. corgidrp reads them one by one (its way for more frames than memory holds). Every
process starts from nothing: its imports are in the figures; corgidrp's settings folder and numba's
cache are filled before.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from astropy.io import fits
from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]
GAIN, EXPTIME, CHARGE, SHAPE = 5000.0, 4.0, 0.0128, (1024, 1024)

PEER = """
import sys, warnings
warnings.simplefilter("ignore")
from corgidrp.data import Dataset
from corgidrp.photon_counting import get_pc_mean
output, *files = sys.argv[1:]
if files:
    dataset = Dataset(files, no_data=True, no_err=True, no_dq=True)
    get_pc_mean(dataset, inputmode="darks").save(filedir=".", filename=output)
"""


def make_frames(folder, number):
    """Write frames; return nothing, so that this process's memory is its own."""
    from darkroom.cgi.simulate import exposures as cgi

    stack = {"gain": GAIN, "exptime": EXPTIME, "frames": number, "photon_counting": True}
    settings = {"stacks": [stack]}
    rng = np.random.default_rng(84)
    stream = 100 * rng.standard_normal(2 * 1024 * 1024, dtype=np.float32)
    for exposure in cgi.plan(settings):
        primary, header = cgi.cards(settings, exposure)
        start = rng.integers(0, 1024 * 1024)
        image = stream[start : start + 1024 * 1024].reshape(SHAPE).copy()
        places = rng.integers(0, image.size, rng.poisson(CHARGE * image.size))
        np.add.at(image.reshape(-1), places, rng.exponential(GAIN, places.size).astype("f4"))
        dq = np.zeros(SHAPE, np.uint16)
        dq.ravel()[rng.integers(0, dq.size, 8000)] = 128
        hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(image, header),
                fits.ImageHDU(np.full((1, *SHAPE), 8.9, np.float32), name="ERR"),
                fits.ImageHDU(dq, name="DQ")]  # fmt: skip
        fits.HDUList(hdus).writeto(folder / exposure.file)


def main():
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100, help="frames (11 MB each)")
    parser.add_argument("--no-peer", action="store_true", help="darkroom alone")
    named = os.environ.get("DARKROOM_PEERS_PYTHON")
    parser.add_argument(
        "--python", default=named or ROOT / ".venvs" / "peers-cgi" / "bin" / "python"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=arguments.scratch) as name:
        folder = Path(name)
        frames = folder / "frames"
        frames.mkdir()
        # In a process of its own: a child's peak memory begins with what its parent once held.
        with ProcessPoolExecutor(1) as pool:
            pool.submit(make_frames, frames, arguments.frames).result()
        files = sorted(frames.glob("*.fits"))
        names = folder / "files.list"
        names.write_text("\n".join(map(str, files)) + "\n", encoding="utf-8")
        home = folder / "home"
        home.mkdir()
        program = ROOT / "scripts" / "cgi" / "photon_counted_dark.py"
        ways = {
            f"darkroom, {method}": [sys.executable, program, "--method", method, "--output",
                                    f"{method}.fits", f"@{names}"]
            for method in ("best", "peer")
        }  # fmt: skip
        if not arguments.no_peer:
            ways["corgidrp 5.1.1"] = [arguments.python, "-c", PEER, "theirs.fits", *files]
            measure([arguments.python, "-c", PEER, ""], folder, HOME=str(home))
        for label, command in ways.items():
            cpu, memory = measure(command, folder, HOME=str(home))
            print(f"{label:20}{arguments.frames:6} frames{cpu:9.1f} s{memory:7.2f} GB", flush=True)
        if not arguments.no_peer:
            with fits.open(folder / "peer.fits") as a, fits.open(folder / "theirs.fits") as b:
                worst = float(np.abs(a[1].data - b[1].data).max())
            print(f"peer against corgidrp: differs by {worst:.1e} e- at most")


if __name__ == "__main__":
    main()
