"""States are small: their images have at most 28 bytes a pixel, however many units they hold."""

from functools import reduce

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import laws, variance
from darkroom.epochs import state as states
from darkroom.epochs.state_file import save
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.series import spectrum
from nircam_darks import write_ramp

SHAPE = (64, 64)


def size(path, pixels):
    """Return bytes a pixel of the images on disk, those of units and classes left out."""
    with fits.open(path) as hdus:
        images = [hdu for hdu in hdus if hdu.is_image and hdu.data is not None]
        return sum(hdu.data.nbytes for hdu in images) / pixels


def classes():
    return np.repeat(np.arange(4, dtype=np.uint8), 16)[None].repeat(64, 0)


def stack_unit(k):
    """Unit of a superbias, a dark, or a stack of bias frames, darks or flats: of one law all."""
    form = states.Template(
        np.full(SHAPE, 900, np.int32), np.full(4, 20.0), classes(), np.ones(SHAPE, bool),
        tuple("abcd"), noise=np.full(SHAPE, 4, np.uint8),
    )  # fmt: skip
    frame = 900 + 20 * np.random.default_rng(k).standard_normal(SHAPE)
    return states.of_unit(form, f"unit {k:03d}", frame, np.zeros(SHAPE, bool), 6e4 + k)


def noise_unit(k):
    form = variance.VarianceTemplate(
        np.full(4, 5.0), classes(), np.zeros(SHAPE, bool), tuple("abcd"), 0.75
    )
    squares = 25 * np.random.default_rng(k).chisquare(10, SHAPE)
    return variance.of_unit(form, f"unit {k:03d}", squares, np.full(SHAPE, 10), 6e4 + k)


@pytest.mark.parametrize(("unit", "expected"), [(stack_unit, 25.0), (noise_unit, 14.0)])
def test_states_of_images(tmp_path, unit, expected):
    for count in (1, 40):
        save(
            tmp_path / "state.fits", reduce(laws.merge, map(unit, range(count))), {},
            made_by="test", inputs=[],
        )  # fmt: skip
        assert size(tmp_path / "state.fits", 64 * 64) == expected <= 28


def test_the_state_of_a_noise_spectrum(tmp_path):
    """Sums at each frequency, for the frame times that a readout of four amplifiers takes."""
    layout = readout("NRCALONG", "SUBGRISM64")
    data = np.random.default_rng(1).normal(9000, 6, (1, 3, layout.ny, layout.nx))
    path = write_ramp(tmp_path / "dark.fits", np.rint(data).astype(np.uint16), layout)
    ramps = RampSet([path], "noise_spectrum", whole=True)
    state = spectrum.state_of(ramps, spectrum.template_of(ramps))
    save(tmp_path / "state.fits", state, {}, made_by="test", inputs=[])
    assert size(tmp_path / "state.fits", layout.ny * layout.nx) < 28
