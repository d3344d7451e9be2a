"""What a first exposure does not pay for: imports that the steps do not need."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from darkroom.compiled import load_kernel

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def test_the_engine_is_loaded_without_scipy():
    # Importing scipy.linalg takes longer than loading the kernel does.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from darkroom.compiled import load_kernel\n"
        "from darkroom.nircam.chain import bands, exposure, ramp\n"
        "load_kernel('darkroom.nircam.chain.kernel')\n"
        "assert not [name for name in sys.modules if name.startswith('scipy.linalg')]\n"
    )
    subprocess.run([sys.executable, "-c", code, SCRIPTS], check=True)


def test_the_running_median_is_that_of_every_window():
    kernel, random = load_kernel("darkroom.nircam.chain.kernel"), np.random.default_rng(1)
    for trial in range(60):
        ny, length = int(random.integers(12, 200)), int(random.integers(2, 12))
        # Rounded: equal values occur, and of those that leave a window one is to go.
        values = random.normal(0, 3, (ny, 4)).round(trial % 4)
        good = random.random((ny, 4)) < (0.05, 0.5, 1.0)[trial % 3]
        if trial % 10 == 9:
            values[ny // 2, 1] = np.inf
        found = np.empty(ny)
        kernel.running_median(values, good.astype(np.uint8), length // 2, length, False, found)
        rows = np.arange(ny)[:, None] - length // 2 + np.arange(length)
        rows = np.abs(rows)
        rows = np.where(rows >= ny, 2 * (ny - 1) - rows, rows)
        wanted = [np.median(values[row][good[row]]) if good[row].any() else np.nan for row in rows]
        np.testing.assert_array_equal(found, wanted)
