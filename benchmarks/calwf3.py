"""What does calibrating a full WFC3/IR frame cost, here and in calwf3? CPU seconds, peak memory.

A RAW of 16 reads of 1024 x 1024 pixels with read noise, Poisson noise and cosmic rays becomes an
IMA and an FLT; a second one has scattered light in its first reads, calibrated as it is and with
these reads left out. Whole processes are measured, imports and checksums included; a row of its own
says what the imports cost. calwf3 is measured when calwf3.e is on PATH, and its pixels compared.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

NSAMP, EARLY = 16, "11-15"
REPEAT = 5  # the least of so many runs: other people's work only ever adds
IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
from darkroom.compiled import load_kernel
from darkroom.wfc3.engine import calibrate
for name in ("kernel", "ramp_kernel", "output_kernel"):
    load_kernel(f"darkroom.wfc3.engine.{name}")
"""
FURTHER_MASK = """
import sys, time
sys.path.insert(0, sys.argv[1])
from darkroom.wfc3 import engine
ramp = engine.load(sys.argv[2], sys.argv[3])
for masked in ((11, 12, 13, 14, 15), (12, 13, 14, 15), (14, 15)):
    start = time.process_time()
    engine.reduce(ramp, masked)
    print(f"{time.process_time() - start:.3f}", end=" ")
"""


def make_exposure(folder, scattered):
    """Write a full-frame RAW and its references: 3 of 100 pixels are hit by a cosmic ray."""
    import wfc3_case

    generator = np.random.default_rng([31, scattered])
    shape, seconds = (1024, 1024), wfc3_case.times(NSAMP)
    level, counts = np.zeros(shape), np.empty((NSAMP, *shape), np.float32)
    for k in range(NSAMP):
        step = seconds[k] - seconds[max(k - 1, 0)]
        rate = 4.0 + (6.0 * np.exp(-k / 2) if scattered and k < 6 else 0.0)  # e-/s
        level += generator.poisson(rate * step, shape) / wfc3_case.GAINS[0]
        level += wfc3_case.DARK_RATE * step
        hits = generator.integers(0, level.size, int(0.03 * level.size * step / seconds[-1]))
        level.reshape(-1)[hits] += 10 ** generator.uniform(2, 4, hits.size)
        counts[k] = level + generator.normal(0, 6, shape)
    flags = np.where(generator.random(shape) < 0.01, 32, 0)
    wfc3_case.write_case(folder, counts, dq=flags)


def least(program, raw, output, reads):
    """Run a program a few times; return its least CPU seconds and memory."""
    figures = []
    for _ in range(REPEAT):
        shutil.rmtree(output, ignore_errors=True)
        figures.append(program(raw, output, reads))
    return tuple(min(figure) for figure in zip(*figures, strict=True))


def imports(*_):
    """Measure what every run of the builtin engine begins with."""
    return measure([sys.executable, "-c", IMPORTS, ROOT / "scripts"])


def ours(raw, output, reads):
    """Measure the builtin engine."""
    program = ROOT / "scripts/wfc3/calibrate.py"
    references = ("--references", raw.parent / "iref", "--output-dir", output)
    mask = ("--mask-reads", reads, "--mask-scope", "calwf3")
    return measure([sys.executable, program, *references, *mask, raw])


def theirs(raw, output, reads):
    """Measure calwf3 on a (masked) copy."""
    from darkroom.wfc3.files.mask import mask_copy, parse_reads

    output.mkdir()
    mask_copy(raw, output / raw.name, parse_reads(reads))
    return measure(["calwf3.e", raw.name], output, iref=f"{raw.parent / 'iref'}/")


def compare(first, second):
    """Return the number of pixels that differ between two folders' products."""
    from darkroom.wfc3.engine.compare import differing_pixels

    pairs = ((path, second / path.name) for path in first.glob("*.fits"))
    return sum(sum(differing_pixels(*pair).values()) for pair in pairs)


def run(folder):
    """Measure every program on the same exposures and print the table."""
    # In a process of its own: a child's peak memory begins with what its parent once held.
    with ProcessPoolExecutor(1) as pool:
        for name, scattered in (("nominal", False), ("scattered", True)):
            pool.submit(make_exposure, folder / name, scattered).result()
    peer = shutil.which("calwf3.e")
    imports()  # compiles, once
    start = least(imports, None, folder / "none", "")
    print(f"{'exposure':34}{'CPU s':>8}{'- imports':>10}{'GB':>7}{'calwf3 s':>10}{'GB':>7}"
          f"{'ratio':>7}{'- imports':>10}{'differing':>11}")  # fmt: skip
    print(f"{'imports alone':34}{start[0]:8.2f}{'':10}{start[1]:7.2f}")
    for name, reads in (("nominal", ""), ("scattered", ""), ("scattered", EARLY)):
        raw = folder / name / "ixxx01aaq_raw.fits"
        mine, other = folder / f"ours{name}{reads}", folder / f"theirs{name}{reads}"
        cpu, memory = least(ours, raw, mine, reads)
        text = f"{name}{', reads ' + reads + ' left out' if reads else ''}"
        text = f"{text:34}{cpu:8.2f}{cpu - start[0]:10.2f}{memory:7.2f}"
        if peer:
            peer_cpu, peer_memory = least(theirs, raw, other, reads)
            text += f"{peer_cpu:10.2f}{peer_memory:7.2f}{peer_cpu / cpu:7.1f}"
            with ProcessPoolExecutor(1) as pool:
                differing = pool.submit(compare, mine, other).result()
            text += f"{peer_cpu / (cpu - start[0]):10.1f}{differing:11d}"
        print(text, flush=True)
    raw = folder / "scattered/ixxx01aaq_raw.fits"
    command = [sys.executable, "-c", FURTHER_MASK, ROOT / "scripts", raw, raw.parent / "iref"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(f"further masks on a loaded ramp, CPU s: {done.stdout}")
    if not peer:
        print("calwf3.e is not on PATH: not measured")


def main():
    """Read the options and run in a scratch folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", help="folder for the exposures (default the system's)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=options.scratch) as folder:
        run(Path(folder))


if __name__ == "__main__":
    main()
