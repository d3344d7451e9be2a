"""What does combining cost, here and in ccdproc? CPU seconds and peak memory of whole processes.

Both average the same uint16 frames with a 5-sigma MAD clip about the median, one round (ccdproc
knows no more), and make a mean, a scatter and what is needed for an uncertainty. Every process
starts from nothing: its imports are in the figures. The compiled kernel is in numba's cache, as
it is for every job but the first on a machine; the first one's cost is a row of its own.
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
EVERY = 64  # of how many rows one is compared

OURS = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import numpy
from darkroom.combine import Clip, combine_stack
from darkroom.fits.tiles import FrameStack
out, outputs, threads, *paths = sys.argv[1:]
with FrameStack(paths) as stack:
    made = combine_stack(
        stack, Clip("mad", 5.0, 1), threads=int(threads), outputs=outputs.split(","))
numpy.save(out, made.mean[::{every}])
"""

CCDPROC = """
import sys
import ccdproc, numpy
out, *paths = sys.argv[1:]
made = ccdproc.combine(
    paths, unit="adu", method="average", mem_limit=4e9, sigma_clip=True,
    sigma_clip_low_thresh=5, sigma_clip_high_thresh=5,
    sigma_clip_func={median}, sigma_clip_dev_func={mad_std})
numpy.save(out, made.data[::{every}])
"""


def make_frames(folder, number, size):
    """Write bias-like frames: read noise 10 ADU, one cosmic ray in a thousand pixels."""
    paths = []
    for k in range(number):
        generator = np.random.default_rng([20, k])
        frame = generator.standard_normal((size, size), dtype=np.float32)
        frame *= 10
        frame += 1000.5
        hit = generator.integers(0, frame.size, frame.size // 1000)
        frame.reshape(-1)[hit] += 5000
        paths.append(folder / f"frame_{k:03d}.fits")
        fits.writeto(paths[-1], frame.astype(np.uint16))
    return paths


def run(folder, frames, size, python):
    """Measure every program on the same frames and print the table."""
    # In a process of its own: a child's peak memory begins with what its parent once held.
    with ProcessPoolExecutor(1) as pool:
        paths = pool.submit(make_frames, folder, frames, size).result()
    ours = OURS.format(every=EVERY)
    cache = {"NUMBA_CACHE_DIR": str(folder / "numba")}
    library = ROOT / "scripts"
    base = library, folder / "ours.npy"
    rows = [
        ("darkroom, first on this machine (compiles)", "mean,std", 1),
        ("darkroom", "mean,std", 1),
        ("darkroom, 2 threads", "mean,std", 2),
        ("darkroom, mean, median, std and error", "mean,median,std,error", 1),
    ]
    rows = [
        (name, *measure([sys.executable, "-c", ours, *base, outputs, threads, *paths], **cache))
        for name, outputs, threads in rows
    ]
    # The names select astropy's compiled clip; the functions are what its CCD guide writes.
    for name, median, mad_std in (
        ("ccdproc, clip by name", '"median"', '"mad_std"'),
        (
            "ccdproc, clip by function",
            "numpy.ma.median",
            "__import__('astropy.stats').stats.mad_std",
        ),
    ):
        code = CCDPROC.format(every=EVERY, median=median, mad_std=mad_std)
        rows.append((name, *measure([python, "-c", code, folder / "theirs.npy", *paths])))
    cpu, memory = rows[1][1:]
    print(f"{frames} frames of {size} x {size} uint16, 5 sigma MAD clip")
    print(f"{'program':44}{'CPU s':>8}{'ratio':>8}{'peak GB':>9}{'ratio':>8}")
    for name, seconds, peak in rows:
        print(f"{name:44}{seconds:8.2f}{seconds / cpu:8.1f}{peak:9.2f}{peak / memory:8.1f}")
    difference = np.abs(np.load(folder / "ours.npy") / np.load(folder / "theirs.npy") - 1)
    print(f"largest relative difference of the means: {difference.max():.1e}")


def main():
    """Read the options and run in a scratch folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=30, help="number of frames (default 30)")
    parser.add_argument("--size", type=int, default=4096, help="pixels a side (default 4096)")
    parser.add_argument("--scratch", help="folder for the frames (default the system's)")
    parser.add_argument(
        "--python",
        default=os.environ.get("DARKROOM_PEERS_PYTHON", ROOT / ".venvs/peers/bin/python"),
        help="Python that has ccdproc (default .venvs/peers, or DARKROOM_PEERS_PYTHON)",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=options.scratch) as folder:
        run(Path(folder), options.frames, options.size, options.python)


if __name__ == "__main__":
    main()
