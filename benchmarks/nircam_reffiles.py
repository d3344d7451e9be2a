"""What do a superbias and a read noise cost, here and in jwst_reffiles? CPU seconds and memory.

Both make the same reference files from the same full-frame darks: superbias from raw counts, read
noise from float ramps, as the notebooks do. Every process starts from nothing: its imports are in
the figures. Compiled kernels are in numba's cache, as they are for every job but the first on a
machine; the first one's cost is a row of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from astropy.io import fits
from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

PEER = """
import json, sys
module, function, output, settings, *files = sys.argv[1:]
package = __import__(f"jwst_reffiles.{module}.{module}", fromlist=[function])
getattr(package, function)(files, outfile=output, **json.loads(settings))
"""
STACK = ("readnoise", "make_readnoise", {})
STACK_TWICE = ("readnoise", "make_readnoise", {"nproc": 2})
RAMP = ("readnoise", "make_readnoise", {"method": "ramp"})
# What is made, by which program (or the peer's module, function and settings), with which options,
# of which files.
ROWS = (
    ("superbias reffiles", "superbias", ("--method", "reffiles"), "uncal"),
    ("superbias aligned", "superbias", ("--method", "aligned"), "uncal"),
    ("superbias jwst_reffiles", ("superbias", "make_superbias", {}), (), "uncal"),
    ("read noise stack", "readnoise", ("--method", "stack"), "ramp"),
    ("read noise ramp", "readnoise", ("--method", "ramp"), "ramp"),
    ("read noise line", "readnoise", ("--method", "line"), "ramp"),
    ("read noise jwst_reffiles stack", STACK, (), "ramp"),
    ("read noise jwst_reffiles stack, nproc 2", STACK_TWICE, (), "ramp"),
    ("read noise jwst_reffiles ramp", RAMP, (), "ramp"),
)


def make_files(folder, number, ngroups):
    """Write darks of one detector: bias, offsets, kTC and read noise, cosmic rays."""
    from darkroom.nircam.detector.readout import Readout
    from nircam_darks import write_ramp

    layout, size = Readout.full("NRCA1"), 2048
    generator = np.random.default_rng(20)
    # Noise is cut out of one long stream: drawing it anew would take longer than the work.
    stream = generator.standard_normal(2 * size * size, dtype=np.float32)

    def noise():
        start = generator.integers(0, size * size)
        return stream[start : start + size * size].reshape(size, size)

    reference = layout.flip(layout.reference_pixels())
    classes = layout.flip(2 * layout.amplifiers().astype(int) + layout.parity())
    bias = (6000 + 600 * generator.standard_normal((size, size)) + 150 * classes).astype("f4")
    for k in range(number):
        offset = 30 * generator.standard_normal() + 8 * generator.standard_normal(8)
        start = (
            bias + offset.astype("f4")[classes] + np.where(reference, 2, 20).astype("f4") * noise()
        )
        data = np.stack([start + 5 * noise() for _ in range(ngroups)])[None]
        for _ in range(2000 * ngroups):
            y, x = generator.integers(4, size - 4, 2)
            data[0, generator.integers(0, ngroups) :, y, x] += generator.exponential(400)
        write_ramp(folder / f"dark{k:03d}_ramp.fits", data, layout, mjd=59600 + 0.1 * k)
        counts = np.clip(np.rint(data), 0, 65535).astype(np.uint16)
        write_ramp(folder / f"dark{k:03d}_uncal.fits", counts, layout, mjd=59600 + 0.1 * k)


def command_of(row, folder, number, python, threads):
    """Return the command of a row, and the reference file it makes."""
    name, program, options, kind = row
    files = sorted(folder.glob(f"*_{kind}.fits"))[:number]
    output = folder / f"{name.replace(' ', '_').replace(',', '')}.fits"
    if isinstance(program, tuple):
        module, function, settings = program
        return [python, "-c", PEER, module, function, output, json.dumps(settings), *files], output
    names = folder / f"{kind}.list"
    names.write_text("\n".join(map(str, files)) + "\n", encoding="utf-8")
    script = ROOT / "scripts" / "nircam" / f"{program}.py"
    listed = ("--threads", threads, "--output", output, f"@{names}")
    return [sys.executable, script, *options, *listed], output


def same(ours, theirs):
    """Tell whether two reference files hold the same bits, NaN where ours is NaN and theirs 0."""
    with fits.open(ours) as first, fits.open(theirs) as second:
        for name in ("SCI", "ERR"):
            if name in first:
                a, b = first[name].data, second[name].data
                if not ((a == b) | (np.isnan(a) & (np.isnan(b) | (b == 0)))).all():
                    return False
        return "DQ" not in first or bool(
            ((first["DQ"].data != 0) == (second["DQ"].data != 0)).all()
        )


def run(folder, numbers, ngroups, python):
    """Measure every program on the same files and print the table."""
    # In a process of its own: a child's peak memory begins with what its parent once held.
    with ProcessPoolExecutor(1) as pool:
        pool.submit(make_files, folder, max(numbers), ngroups).result()
    cache = {"NUMBA_CACHE_DIR": str(folder / "numba")}
    print(f"full frames of {ngroups} groups; CPU s, peak GB")
    for row in ROWS:
        if not isinstance(row[1], str):
            continue
        command, _ = command_of(row, folder, min(numbers), python, 2)
        words = f"{row[0]}, {min(numbers)} files, first on this machine"
        print(f"{words:56}", end="", flush=True)
        print("{:8.1f}{:8.2f}".format(*measure(command, folder, **cache)), flush=True)
    for number in numbers:
        made = {}
        for row in ROWS:
            command, made[row[0]] = command_of(row, folder, number, python, 2)
            print(f"{row[0]}, {number} files".ljust(56), end="", flush=True)
            print("{:8.1f}{:8.2f}".format(*measure(command, folder, **cache)), flush=True)
        pairs = (
            ("superbias reffiles", "superbias jwst_reffiles"),
            ("read noise stack", "read noise jwst_reffiles stack"),
            ("read noise ramp", "read noise jwst_reffiles ramp"),
        )
        for ours, theirs in pairs:
            word = "the same bits" if same(made[ours], made[theirs]) else "DIFFERENT"
            print(f"{ours}, {number} files: {word}")


def main():
    """Read the options and run in a scratch folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10, 40], help="default 10 40")
    parser.add_argument("--groups", type=int, default=10, help="groups of a ramp (default 10)")
    parser.add_argument("--scratch", help="folder for the files (default the system's)")
    parser.add_argument(
        "--python",
        default=os.environ.get(
            "DARKROOM_PEERS_JWST_PYTHON", ROOT / ".venvs" / "peers-jwst" / "bin" / "python"
        ),
        help="Python with jwst_reffiles",
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        run(Path(folder), arguments.files, arguments.groups, str(arguments.python))


if __name__ == "__main__":
    main()
