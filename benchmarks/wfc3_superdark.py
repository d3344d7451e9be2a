"""CPU time and memory of a WFC3/IR superdark of full frames: ten darks of 16 reads.

The darks are simulated, with cosmic rays and levels that differ; the program is measured as a
campaign runs it, calibration of the darks included, imports too.

    PYTHONPATH=scripts:tests python benchmarks/wfc3_superdark.py
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from process import measure

ROOT = Path(__file__).resolve().parent.parent
DETECTOR = ROOT / ".venvs" / "detector" / "bin" / "python"
REPEAT = 2  # the second run finds the kernels compiled


def write_files(folder: Path, number: int) -> None:
    """Write raw darks of full frames, and their references."""
    from wfc3_visits import Visit

    darks = [{"light": "none"}] * number
    visit = Visit(folder, subarray="FULLIMAG", dark_level=0.007, blobs=0, exposures=darks)
    for exposure in range(number):
        visit.raw(exposure)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--darks", type=int, default=10, help="exposures (default: 10)")
    parser.add_argument("--folder", type=Path, help="scratch folder (a temporary one)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="superdark-"))
    if not any(folder.glob("*_raw.fits")):
        # In a process of its own: a child's peak memory begins with what its parent once held.
        with ProcessPoolExecutor(1) as pool:
            pool.submit(write_files, folder, arguments.darks).result()
    raw = sorted(folder.glob("*_raw.fits"))
    command = [DETECTOR, ROOT / "scripts/wfc3/superdark.py", "--references", folder / "iref"]
    for _ in range(REPEAT):
        cpu, peak = measure([*command, "--output", folder / "superdark.fits", *raw], ROOT)
        print(f"superdark of {len(raw)}: {cpu / len(raw):.2f} CPU s a dark, {peak:.2f} GB")


if __name__ == "__main__":
    main()
