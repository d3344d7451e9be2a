"""CPU time and memory of the dark current of a full frame: ten exposures of 50 groups.

Ramps are made in memory band by band, so that what is measured is the estimator alone; reading them
costs as much as for the read noise (``benchmarks/nircam_chain.py``).

    PYTHONPATH=scripts:tests python benchmarks/nircam_dark.py [exposures] [groups]
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from darkroom.nircam.dark.measure import measure
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.ramps.classes import Classes

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


def main() -> None:
    """Measure, and print the figures."""
    given = [int(word) for word in sys.argv[1:]]
    nramps, ngroups = given or (10, 50)
    blocks = Synthetic(nramps, ngroups)
    start = time.process_time()
    measure(blocks, Classes.of_layout(Readout.full("NRCA1")), np.full(4, 2.0))
    used = time.process_time() - start - blocks.seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{nramps} exposures of {ngroups} groups: {used / nramps:.2f} CPU s each, {memory:.2f} GB"
    )


if __name__ == "__main__":
    main()
