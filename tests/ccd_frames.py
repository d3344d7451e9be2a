"""Simulated CCD frames in memory, sorted into cells, for the tests of `darkroom.ccd`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from darkroom.ccd.cells import cells, group_temperature
from darkroom.ccd.products.dark_rate import Rate
from darkroom.ccd.rate.cell_stacks import CellStacks
from darkroom.ccd.rate.dark_rate import dark_rate
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as simulator
from darkroom.ccd.simulate import frames as simulated_frames
from darkroom.ccd.stack.frames import Cube, Stack
from darkroom.combine import Clip
from darkroom.fits.describe import Frame
from programs import SCRIPTS

CLIP = Clip("mad", 5.0, 5)


def facts(name, exptime, temperature, shape=(8, 8), **others):
    """Return the facts of a frame that no file holds."""
    known = {
        "path": Path(f"{name}.fits"),
        "name": name,
        "shape": shape,
        "bitpix": 16,
        "instrument": "SBIG ST-402",
        "binning": "1x1",
        "exptime": exptime,
        "temperature": temperature,
        "date_obs": None,
        "mjd": None,
        "imagetyp": None,
        "notes": (),
    }
    return Frame(**(known | others))


class Simulated:
    """All frames of a simulated camera, with their truth."""

    def __init__(self, settings):
        self.settings = settings
        self.truth = camera.truth(settings)
        self.plan = simulator.plan(settings)
        self.images = {
            item.name: simulated_frames.frame(settings, item, self.truth)[0] for item in self.plan
        }

    def frames(self, role):
        """Facts of the frames of a role."""
        return [
            facts(item.name, item.exptime, item.temperature, self.images[item.name].shape)
            for item in self.plan
            if item.role == role
        ]

    def stack(self, frames):
        """Stack the images of some frames."""
        return Stack(Cube([self.images[frame.name] for frame in frames]))

    def stacks(self, *, tolerance=0.2, biases=True, **keywords):
        """Open all darks (and biases) as `CellStacks`."""
        found = cells(
            self.frames("dark"), self.frames("bias") if biases else (), tolerance=tolerance
        )
        keywords = {"saturation": 65535, "clip": CLIP} | keywords
        return CellStacks(found, [self.stack(cell.frames) for cell in found], **keywords)

    def mean_offset(self, frames):
        """Mean of the true offsets of some frames: the error common to all pixels."""
        wanted = {frame.name for frame in frames}
        return np.mean(
            [
                simulated_frames.frame_offset(self.settings, item)
                for item in self.plan
                if item.name in wanted
            ]
        )

    def rate(self, temperature):
        """Return the true dark rate at a temperature."""
        return self.truth["dark_rate"] * camera.dark_factor(self.settings, temperature)


def rate_of(stacks):
    """Fit the dark rate and return that of the warmest group, as its product is read back."""
    found, k = dark_rate(stacks), len(stacks.groups) - 1
    lines, group = found.lines, stacks.groups[-1]
    return Rate(
        lines.rate[k], lines.rate_error[k], lines.covariance[k], found.dq[k], lines.bias,
        lines.bias_error, group, group_temperature(stacks.cells, group), 0.0,
    )  # fmt: skip


def run_ccd(program, *arguments):
    """Run a program of ``scripts/ccd`` as a process of its own."""
    subprocess.run(
        [sys.executable, SCRIPTS / f"ccd/{program}.py", *map(str, arguments)],
        check=True,
        capture_output=True,
    )


def make_products(paths, folder, science):
    """Make the products of frames, ``{role: paths}``; return their paths, ``{product: path}``."""
    names = ("master_bias", "read_noise", "master_dark", "dark_rate", "hot_pixels")
    made = {name: folder / f"{name}.fits" for name in names}
    frames = ["--bias", *paths["bias"], "--dark", *paths["dark"]]
    run_ccd("master_bias", "--output", made["master_bias"], *paths["bias"])
    run_ccd("read_noise", "--output", made["read_noise"], *paths["bias"])
    run_ccd("master_dark", "--output", made["master_dark"], *paths["dark"])
    run_ccd("dark_rate", "--output", made["dark_rate"], *frames)
    run_ccd("hot_pixels", "--output", made["hot_pixels"], "--rate", made["dark_rate"], *frames)
    run_ccd(
        "subtract_dark", "--output-dir", science, "--master-dark", made["master_dark"],
        "--dark-rate", made["dark_rate"], "--read-noise", made["read_noise"],
        "--hot-pixels", made["hot_pixels"], *paths["science"],
    )  # fmt: skip
    return made
