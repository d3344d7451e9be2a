"""What do a noise spectrum and its reference pixels cost for full frames? CPU seconds and memory.

Goal for the spectrum: 30 frames in 15 CPU seconds and 1 GB, imports included.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))


def make_files(folder, number, ngroups):
    """Simulate full-frame darks of one detector, as it was measured on the ground."""
    from darkroom.nircam.simulate import exposures as nircam

    settings = {"exposures": number, "ngroups": ngroups, "truth": False}
    for exposure in nircam.plan(settings):
        nircam.deliver(settings, exposure.name, folder / exposure.file)


def main():
    """Measure both programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=3, help="exposures (default: 3)")
    parser.add_argument("--groups", type=int, default=10, help="groups of each (default: 10)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory begins with what its parent once held.
        with ProcessPoolExecutor(1) as pool:
            pool.submit(make_files, folder, arguments.files, arguments.groups).result()
        files = sorted(folder.glob("*_uncal.fits"))
        spectrum = folder / "noise_spectrum.fits"
        calls = {
            "noise_spectrum": ["--output", spectrum],
            "reference_pixels": ["--spectrum", spectrum, "--output", folder / "reference.fits"],
        }
        print("| program | CPU s | peak GB |\n|---|---|---|")
        for program, options in calls.items():
            script = ROOT / "scripts" / "nircam" / f"{program}.py"
            cpu, memory = measure([sys.executable, script, *files, *options])
            print(f"| `{program}` | {cpu:.1f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
