"""What do noise maps cost, here and in corgidrp? CPU seconds and peak memory.

Both fit the three maps to the same full frames (1200 x 2200) of twelve stacks and write them:
darkroom from the frames in one program, and as the workflow does, by a program for every stack and
one for the maps.
corgidrp reads its frames one by one (its way for more frames than memory holds). Every process
starts from nothing: its imports are in the figures, corgidrp's settings folder and numba's cache
are filled before. Frames are made from a seed in a temporary folder and removed.
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
STACKS = 12
# Frames made of noise; further ones are other names of the same bytes.
OWN_FRAMES = 7

PEER = """
import sys, warnings
warnings.simplefilter("ignore")
from corgidrp.darks import calibrate_darks_lsq
from corgidrp.data import Dataset, DetectorParams
output, *files = sys.argv[1:]
if files:
    dataset = Dataset(files, no_data=True, no_err=True, no_dq=True)
    maps = calibrate_darks_lsq(dataset, DetectorParams({}))
    maps.save(filedir=".", filename=output)
"""


def make_frames(folder, number):
    """Write frames of all stacks; return nothing, so that this process's memory is its own."""
    from darkroom.cgi.simulate import exposures as cgi

    settings = {"seed": 84, "frames": number}
    rng = np.random.default_rng(84)
    # Noise is cut out of one long stream: drawing it anew would take longer than the work.
    stream = 100 * rng.standard_normal(2 * 1200 * 2200, dtype=np.float32) + 4.9
    hidden = None
    for count, exposure in enumerate(cgi.plan(settings)):
        primary, header = cgi.cards(settings, exposure)
        own = count % number < OWN_FRAMES
        if own:
            start = rng.integers(0, 1200 * 2200)
            image = stream[start : start + 1200 * 2200].reshape(1200, 2200).copy()
            electrons = rng.random(image.shape, np.float32) < 0.0088 + 0.001 * exposure.exptime
            image[electrons] += rng.exponential(exposure.gain, electrons.sum()).astype("f4")
            dq = np.zeros(image.shape, np.uint16)
            dq.ravel()[rng.integers(0, dq.size, 20000)] = 128
            errors = fits.ImageHDU(np.full((1, *image.shape), 8.9, np.float32), name="ERR")
            hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(image, header), errors]
            hdus.append(fits.ImageHDU(dq, name="DQ"))
            fits.HDUList(hdus).writeto(folder / exposure.file)
            hidden = hidden if count % number else []
            hidden.append(folder / exposure.file)
        else:
            os.link(hidden[count % OWN_FRAMES], folder / exposure.file)


def agreement(ours, theirs):
    """Return the largest difference of the fixed pattern of two files, in electrons."""
    with fits.open(ours) as first, fits.open(theirs) as second:
        return float(np.nanmax(np.abs(first[1].data[0] - second[1].data[0])))


def run(folder, number, python, peer, turns):
    """Measure everything on frames of one number a stack and print the rows."""
    frames = folder / f"{number}"
    frames.mkdir()
    # In a process of its own: a child's peak memory begins with what its parent once held.
    with ProcessPoolExecutor(1) as pool:
        pool.submit(make_frames, frames, number).result()
    files = sorted(frames.glob("*.fits"))
    names = folder / "files.list"
    names.write_text("\n".join(map(str, files)) + "\n", encoding="utf-8")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    maps, statistics = (
        ROOT / "scripts" / "cgi" / f"{n}.py" for n in ("noise_maps", "stack_statistics")
    )
    parts = [f"{k}.statistics" for k in range(STACKS)]
    ways = {
        "darkroom": [[sys.executable, maps, "--output", "pooled.fits", f"@{names}"]],
        "darkroom, by statistics": [
            *(
                [
                    sys.executable,
                    statistics,
                    "--output",
                    part,
                    *files[k * number : (k + 1) * number],
                ]
                for k, part in enumerate(parts)
            ),
            [sys.executable, maps, "--output", "pooled.fits", *parts],
        ],
        "darkroom, as corgidrp": [
            [sys.executable, maps, "--weights", "frames", "--output", "frames.fits", f"@{names}"]
        ],
    }
    if peer:
        ways["corgidrp 5.1.1"] = [[python, "-c", PEER, "peer.fits", *files]]
        measure([python, "-c", PEER, ""], folder, HOME=str(home))
    for name, commands in ways.items():
        cpu, memory = least(commands, folder, home, turns)
        print(f"{name:25}{STACKS * number:6} frames{cpu:9.1f} s{memory:7.2f} GB", flush=True)
    if peer:
        worst = agreement(folder / "frames.fits", folder / "peer.fits")
        print(f"fixed pattern, frames against corgidrp: differs by {worst:.1e} e- at most")


def least(commands, folder, home, turns):
    """Run programs one after the other, all of it a few times; return least CPU, most memory."""
    seconds, memories = [], []
    for _ in range(turns):
        figures = [measure(command, folder, HOME=str(home)) for command in commands]
        seconds.append(sum(cpu for cpu, _ in figures))
        memories += [memory for _, memory in figures]
    return min(seconds), max(memories)


def main():
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[7], help="frames a stack")
    parser.add_argument("--no-peer", action="store_true", help="darkroom alone")
    parser.add_argument("--turns", type=int, default=1, help="runs of each; the least CPU counts")
    named = os.environ.get("DARKROOM_PEERS_PYTHON")
    parser.add_argument(
        "--python", default=named or ROOT / ".venvs" / "peers-cgi" / "bin" / "python"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the temporary one (3.5 GB)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=arguments.scratch) as folder:
        for number in arguments.frames:
            run(Path(folder), number, arguments.python, not arguments.no_peer, arguments.turns)


if __name__ == "__main__":
    main()
