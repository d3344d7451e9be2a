"""What does one more exposure cost in a series of 200, and how large are states? At full frame.

Of every kind of state: the bytes a pixel of its images on disk; CPU seconds to read the exposure
(its samples, as the sums are made of them), to make its state, to merge it into one of 200 units,
and to read and to write that state. Goals: 28 bytes a pixel, and 3 CPU seconds beside reading the
exposure.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

GROUPS = 10


def cpu(work, *arguments):
    """Return what a function returns, and the CPU seconds of it."""
    start = time.process_time()
    found = work(*arguments)
    return found, time.process_time() - start


def many(unit, count):
    """Return a state of so many units that are all like one, of other names."""
    from darkroom.epochs.state import State
    from darkroom.epochs.table import TableState
    from darkroom.epochs.variance import VarianceState

    names = tuple(f"another {k:03d}" for k in range(count))
    rows = {
        name: np.repeat(getattr(unit, name), count, axis=0)
        for name in ("mjd", "facts", "offsets", "spread", "values")
        if hasattr(unit, name)
    }
    if isinstance(unit, VarianceState):
        return replace(unit, units=names, dof=unit.dof * count, total=unit.total * count, **rows)
    if isinstance(unit, TableState):
        return replace(
            unit, units=names, **rows,
            rows={name: np.repeat(one, count, axis=0) for name, one in unit.rows.items()},
            sums={name: one * count for name, one in unit.sums.items()},
        )  # fmt: skip
    assert isinstance(unit, State)
    far = np.repeat(unit.far, count)
    far["unit"] = np.tile(np.arange(count), len(unit.far))
    return replace(
        unit, units=names, far=far, count=unit.count * np.uint16(count), total=unit.total * count,
        squares=unit.squares * count, **rows,
    )  # fmt: skip


def bytes_a_pixel(path, pixels):
    """Return the bytes of the images of a state over the pixels of a frame."""
    with fits.open(path) as hdus:
        images = [
            hdu for hdu in hdus if not isinstance(hdu, fits.BinTableHDU) and hdu.data is not None
        ]
        return sum(hdu.data.nbytes for hdu in images if not hdu.name.startswith("C_")) / pixels


def full_frame(folder):
    """Write a dark of one ramp with white noise, and hits in some pixels."""
    from darkroom.nircam.detector.subarrays import readout
    from nircam_darks import write_ramp

    random = np.random.default_rng(1)
    layout = readout("NRCALONG", "FULL")
    data = 10_000 + 6 * random.standard_normal((1, GROUPS, 2048, 2048), np.float32)
    for group in range(1, GROUPS):
        hit = random.random((2048, 2048), np.float32) < 3e-4
        data[0, group:, hit] += 300
    return write_ramp(folder / "dark_uncal.fits", np.rint(data).astype(np.uint16), layout)


def mean_template(shape, noise, halves):
    """Return a template of one level and noise, with four amplifiers."""
    from darkroom.epochs.template import Template

    classes = np.repeat(np.arange(4, dtype=np.uint8), shape[1] // 4)[None].repeat(shape[0], 0)
    level = np.full(shape, 10_000, np.int32)
    return Template(
        level, np.full(4, noise), np.ascontiguousarray(classes), np.ones(shape, bool),
        tuple(f"amplifier {k}" for k in range(4)),
        noise=np.where(np.random.default_rng(2).random(shape) < halves, 4, 0).astype(np.uint8),
    )  # fmt: skip


def nircam(folder):
    """Yield name, reader, maker of the state of one ramp and pixels, of each NIRCam product."""
    from darkroom.epochs.variance import VarianceTemplate
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.series import dark, readnoise, spectrum, superbias

    path = full_frame(folder)
    shape = (2048, 2048)

    def read(name, whole=False):
        def work():
            ramps = RampSet([path], name, keep=True, whole=whole)
            with fits.open(path) as hdus:
                np.array(hdus["SCI"].data)
            return ramps

        return work

    stack = mean_template(shape, 6.0, 0.01)
    yield "superbias", read("superbias"), lambda ramps: superbias.state_of(ramps, stack)
    noise = VarianceTemplate(
        np.full(4, 6.0), stack.classes, np.zeros(shape, bool), stack.names, float(np.sqrt(2))
    )
    yield "read noise", read("readnoise"), lambda ramps: readnoise.state_of(ramps, noise)
    yield "dark", read("dark"), lambda ramps: dark.state_of(ramps, dark_template(ramps, stack))
    ramps = RampSet([path], "noise_spectrum", keep=True, whole=True)
    form = spectrum.template_of(ramps)
    yield "noise spectrum", read("noise_spectrum", True), lambda one: spectrum.state_of(one, form)


def dark_template(ramps, stack):
    """Return the template of a dark of that noise, in its own steps."""
    from darkroom.nircam.dark.fit import timing_of

    timing = timing_of(ramps)
    scale = 2.0**14
    # Of each amplifier gain, rate, variance of a read, and its factor.
    kinds = np.tile([2.0, 0.01, 144.0, 1.0], (4, 1))
    return replace(
        stack,
        level=np.zeros_like(stack.level),
        sigma=np.full(4, 0.15 * scale),
        constants={
            "SCALE": np.array([scale]),
            "KINDS": kinds,
            "TIMES": np.array([timing.tgroup, *timing.covariance]),
            "SCALES": np.ones((4, GROUPS - 1)),
            "STEP": np.array([5.0]),
        },
    )


def camera(folder):
    """Yield the same of stacks of a CCD of 2048 x 2048 pixels: bias frames, darks and flats."""
    for name, noise in (("CCD bias", 8.0), ("CCD dark", 12.0), ("CCD flat", 100.0)):
        yield stack_of(folder / f"{name}.fits", name, noise)


def stack_of(path, name, noise):
    """Return name, reader and maker of the state of one frame."""
    from darkroom.epochs.state import of_unit

    form = mean_template((2048, 2048), noise, 0.01)
    samples = 10_000 + noise * np.random.default_rng(3).standard_normal((2048, 2048))
    fits.PrimaryHDU(np.rint(samples).astype(np.uint16)).writeto(path)
    bad = np.zeros(samples.shape, bool)
    return (
        name,
        lambda: fits.getdata(path).astype(np.float64),
        lambda frame: of_unit(form, "frame", frame, bad, 60000.0),
    )


def main():
    """Measure every kind of state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=200, help="of the series (default: 200)")
    cameras = {"nircam": nircam, "ccd": camera}
    parser.add_argument("--only", nargs="+", choices=cameras, default=list(cameras))
    arguments = parser.parse_args()
    from darkroom.epochs import laws
    from darkroom.epochs.state_file import load, save

    columns = ("bytes a pixel", "read exposure", "its state", "merge", "read series", "write")
    print("| state | " + " | ".join(columns) + " |\n" + "|---" * 7 + "|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for kinds in [cameras[name](folder) for name in arguments.only]:
            for what, read, make in kinds:
                make(read())  # loops are compiled and loaded
                data, reading = cpu(read)
                unit, making = cpu(make, data)
                path = folder / "state.fits"
                save(path, many(unit, arguments.units), {}, made_by="benchmark", inputs=[])
                (series, _), loading = cpu(load, path)
                whole, merging = cpu(laws.merge, series, unit)
                _, saving = cpu(partial(save, path, whole, {}, made_by="benchmark", inputs=[]))
                numbers = (reading, making, merging, loading, saving)
                size = bytes_a_pixel(path, 2048 * 2048)
                print(f"| {what} | {size:.1f} | " + " | ".join(f"{x:.2f}" for x in numbers) + " |",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
