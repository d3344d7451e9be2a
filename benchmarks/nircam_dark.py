"""CPU time and memory of the dark current of a full frame: ten exposures of 50 groups.

Alone the estimator, on ramps that are made in memory band by band (what they cost is not counted);
with --engine the programs as a campaign runs them, from raw files: check, dark (built-in steps
included), and the superbias from pedestals.

    PYTHONPATH=scripts:tests python benchmarks/nircam_dark.py [--engine]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from process import measure as measure_process

from nircam_chain import DETECTOR, KINDS, ROOT, STEPS

_BYTES = 40 << 20  # of a block, as `darkroom.nircam.ramps.blocks` has it


class Synthetic:
    """Blocks of simulated ramps; the time to make them is not counted."""

    def __init__(self, nramps: int, ngroups: int) -> None:
        header = {"NFRAMES": 1, "GROUPGAP": 0, "TFRAME": 10.73677}
        file = SimpleNamespace(header=header, groupdq=None, path=Path("x"))
        ramps = [(0, k) for k in range(nramps)]
        self.ramps = SimpleNamespace(shape=(2048, 2048), files=[file], ramps=ramps, product="dark")
        self.starts = np.arange(nramps + 1, dtype=np.int64) * ngroups
        self.rows = max(1, _BYTES // (4 * 2048 * nramps * ngroups))
        self.seconds = 0.0

    def over(self, work, _threads=1, layout=None):
        """Call a function for every block."""
        every = range(0, 2048, self.rows)
        layout = layout or [(slice(y, min(y + self.rows, 2048)), slice(0, 2048)) for y in every]
        rng, done = np.random.default_rng(1), []
        groups = int(self.starts[1])
        for rows, columns in layout:
            before = time.process_time()
            shape = (len(self.starts) - 1, groups, (rows.stop - rows.start) * 2048)
            steps = rng.standard_normal(shape, np.float32) * 5
            hit = rng.random(shape, np.float32) < 1e-3
            steps += np.cumsum(np.where(hit, np.float32(400), np.float32(0)), axis=1)
            values = steps.reshape(-1, shape[2])
            self.seconds += time.process_time() - before
            done.append(work(values, rows, columns))
        return done


def estimator(nramps: int, ngroups: int) -> None:
    """Measure the estimator alone."""
    from darkroom.nircam.dark.measure import measure
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.ramps.classes import Classes

    blocks = Synthetic(nramps, ngroups)
    start = time.process_time()
    measure(blocks, Classes.of_layout(Readout.full("NRCA1")), np.full(4, 2.0))
    used = time.process_time() - start - blocks.seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"estimator: {used / nramps:.2f} CPU s an exposure, {memory:.2f} GB", flush=True)


def write_files(folder: Path, nramps: int, ngroups: int) -> None:
    """Write raw files of white noise and cosmic rays, and the references of their steps."""
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import write_references
    from darkroom.nircam.simulate import exposures as nircam
    from darkroom.nircam.simulate.references import PARKEYS
    from darkroom.nircam.simulate.references import write_references as write_cache
    from darkroom.nircam.simulate.uncal import write_uncal
    from darkroom.nircam.simulate.values import complete

    settings = {"detector": "NRCA1", "exposures": nramps, "ngroups": ngroups, "truth": False}
    cache, full = Cache(folder / "crds", "jwst"), complete(settings)
    write_cache(cache, "jwst_0001.pmap", [settings], PARKEYS)
    (folder / "references").mkdir()
    rng = np.random.default_rng(1)

    def make(take):
        level = 6000 + 20 * rng.standard_normal((2048, 2048), np.float32)
        for _ in range(ngroups):
            hit = rng.integers(2048, size=(2, 2000))
            level[hit[0], hit[1]] += 400
            take(np.rint(level + 5 * rng.standard_normal(level.shape, np.float32)))

    for exposure in nircam.plan(settings):
        write_uncal(folder / exposure.file, full, exposure, make)
        name = exposure.file.partition(".")[0]
        chosen = {kind: cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS}
        write_references(folder / "references" / f"{name}.json", chosen)


def engine(folder: Path, nramps: int) -> None:
    """Measure the programs, each in a process of its own."""
    raw = sorted(folder.glob("*_uncal.fits"))
    program = ROOT / "scripts" / "nircam"

    def run(words, *command):
        environment = {"NUMBA_CACHE_DIR": str(ROOT / ".cache" / "numba")}
        cpu, peak = measure_process([DETECTOR, *command], ROOT, **environment)
        print(f"{words:32} {cpu / nramps:6.2f} CPU s an exposure, {peak:.2f} GB", flush=True)

    def checked(purpose, steps):
        run(
            f"check for {purpose}", program / "check_ramps.py", "--references",
            folder / "references", "--cache", folder / "crds", "--output", folder / purpose,
            "--steps", *steps, "--", *raw,
        )  # fmt: skip
        return sorted((folder / purpose).glob("*.chain.json"))

    ramps = checked("dark", STEPS)
    run("dark, steps included", program / "dark.py", "--keep", "--gain", "2", "--output",
        folder / "dark.fits", *ramps)  # fmt: skip
    run("mask", program / "mask.py", "--output", folder / "mask.fits", folder / "dark_details.fits")
    ramps = checked("pedestal", ("dq_init", "saturation", "refpix"))
    run("superbias from pedestals", program / "superbias.py", "--keep", "--sample", "pedestal",
        "--output", folder / "superbias.fits", *ramps)  # fmt: skip


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exposures", type=int, default=10, help="darks (default: 10)")
    parser.add_argument("--groups", type=int, default=50, help="groups of each (default: 50)")
    parser.add_argument("--engine", action="store_true", help="programs from raw files")
    parser.add_argument("--folder", type=Path, help="scratch folder (a temporary one)")
    arguments = parser.parse_args()
    numbers = arguments.exposures, arguments.groups
    if not arguments.engine:
        estimator(*numbers)
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="dark-"))
    if not any(folder.glob("*_uncal.fits")):
        # In a process of its own: a child's peak memory begins with what its parent once held.
        with ProcessPoolExecutor(1) as pool:
            pool.submit(write_files, folder, *numbers).result()
    engine(folder, arguments.exposures)


if __name__ == "__main__":
    main()
