"""Products of simulated darks compared with the truth of the simulation."""

import numpy as np
import pytest

from darkroom.errors import InputError
from darkroom.nircam.figures.inputs import Product
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.readnoise import run as readnoise_run
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.detector import layout
from darkroom.nircam.simulate.noise import ReadoutNoise, correlated_variance
from darkroom.nircam.simulate.refpix_residual import SMOOTHING
from darkroom.nircam.simulate.values import complete
from darkroom.nircam.superbias import run as superbias_run
from darkroom.nircam.superbias.settings import SuperbiasSettings
from darkroom.nircam.truth import compare_readnoise, compare_superbias, read_truth

FACTS = ReferenceMetadata("darkroom", "test", "DUMMY", "2000-01-01T00:00:00")
# Without what reference pixels would have to take out: no pipeline step runs here.
DARKS = {
    "detector": "NRCALONG",
    "subarray": "SUB160P",
    "exposures": 6,
    "ngroups": 6,
    "noise_sampling": "off",
    "pedestal_rms": 0.0,
    "amplifier_pedestal_rms": 0.0,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make both products of six darks; return their paths, the folder and the classes."""
    folder = tmp_path_factory.mktemp("truth")
    plan = nircam.plan(DARKS)
    for exposure in plan:
        nircam.deliver(DARKS, exposure.name, folder / exposure.file)
    paths = [folder / exposure.file for exposure in plan]
    one = superbias_run.run(paths, FACTS, SuperbiasSettings())
    superbias_run.write(one, folder / "superbias.fits", folder / "superbias_details.fits", None)
    other = readnoise_run.run(paths, FACTS, ReadnoiseSettings())
    readnoise_run.write(other, folder / "readnoise.fits", folder / "readnoise_details.fits")
    names = [exposure.name for exposure in plan]
    return folder, read_truth(folder / "truth", names), Classes.of_layout(layout(complete(DARKS)))


def compared(made, product):
    """Return the rows of a product's comparison by quantity."""
    folder, truth, classes = made
    products = (Product(folder / f"{product}{kind}.fits") for kind in ("", "_details"))
    if product == "superbias":
        elapsed = layout(complete(DARKS)).frame_time
        rows = compare_superbias(*products, truth, classes, elapsed)
    else:
        rows = compare_readnoise(*products, truth, classes, 0.0)
    return {row["quantity"]: row for row in rows}


def test_superbias_is_found_as_well_as_it_says(made):
    rows = compared(made, "superbias")
    assert abs(rows["superbias, level of amplifier 0"]["pull"]) < 3
    assert 0.95 < rows["superbias, pulls of active pixels"]["found"] < 1.05
    assert rows["superbias, offsets of ramps, rms, amplifier 0"]["found"] > 10
    assert abs(rows["superbias, offsets of ramps, rms, amplifier 0"]["pull"]) < 4
    # Of 12 deviations 10 are independent.
    assert abs(rows["superbias, pulls of offsets of ramps"]["pull"]) < 3
    assert abs(rows["superbias, kTC noise of amplifier 0"]["pull"]) < 4
    assert rows["superbias, normal pixels flagged"]["found"] < 1e-3


def test_read_noise_is_found_as_well_as_it_says(made):
    rows = compared(made, "readnoise")
    level = rows["read noise of one read, amplifier 0"]
    assert level["found"] == pytest.approx(level["truth"], rel=0.01)
    assert 0.97 < rows["read noise, pulls of pixels"]["found"] < 1.03
    assert rows["read noise, cosmic rays above 8 σ found"]["found"] > 0.95
    assert rows["read noise, normal pixels flagged"]["found"] < 1e-3


def test_a_wrong_superbias_is_told_from_a_right_one(made):
    folder, truth, classes = made
    wrong = truth | {"bias": truth["bias"] + np.where(classes.column % 2, 300, -300)}
    wrong["bias"] += 30 * np.random.default_rng(1).standard_normal(truth["bias"].shape)
    rows = compared((folder, wrong, classes), "superbias")
    assert rows["superbias, pulls of active pixels"]["found"] > 2


def test_exposures_without_truth_are_named(made):
    with pytest.raises(InputError, match=r"nowhere\.npz: is not a file of true values of this"):
        read_truth(made[0] / "truth", ["nowhere"])


def test_what_reference_pixels_leave_grows_with_the_distance_from_them():
    """SUB160P has its reference rows at one edge: rows far from them keep more 1/f noise."""
    full = complete(DARKS | {"noise_sampling": "row"})
    readout = layout(full)
    left = correlated_variance(full, readout)[:, 0]
    near = readout.reference_pixels().all(axis=1)
    assert near.sum() == 4
    assert left[near].mean() < 0.5 * left[~near].mean()
    assert not correlated_variance(complete(DARKS), readout).any()


def reference_corrected(image, readout):
    """Take off what the pipeline would, with means for its medians."""
    image = image.copy()
    ends = readout.reference_pixels().all(axis=1)
    for amplifier in range(4):
        for parity in (0, 1):
            columns = (readout.amplifiers()[0] == amplifier) & (readout.parity()[0] == parity)
            image[:, columns] -= image[np.ix_(ends, columns)].mean()
    sides = (image[:, :4].mean(axis=1) + image[:, -4:].mean(axis=1)) / 2
    near = np.pad(sides, SMOOTHING // 2, "reflect")
    return image - np.convolve(near, np.ones(SMOOTHING) / SMOOTHING, "valid")[:, None]


@pytest.mark.parametrize("law", ["common", "amplifier", "alternating"])
def test_what_reference_pixels_leave_of_four_outputs_is_predicted(law):
    """Each component alone: they are followed in different ways by the same reference pixels."""
    silent = {other: {"amplitude": 0.0} for other in ("common", "amplifier", "alternating")}
    settings = {"detector": "NRCBLONG", "subarray": "SUBGRISM64", "white": 0.0}
    full = complete(settings | silent | {law: {"amplitude": 1.0, "index": 1.0}})
    full["common"]["excess"] = 0.0
    readout, rng = layout(full), np.random.default_rng(8)
    predicted, active = correlated_variance(full, readout), ~readout.reference_pixels()
    frames = []
    for _ in range(3):
        noise = ReadoutNoise(full, readout, 16, np.ones(4), lambda _: rng)
        frames += [reference_corrected(noise.frame(k), readout) ** 2 for k in range(16)]
    for amplifiers in ((0, 3), (1, 2)):
        here = active & np.isin(readout.amplifiers(), amplifiers)
        found = np.array([frame[here].mean() for frame in frames])
        error = found.std() / np.sqrt(found.size)
        assert error < 0.1 * found.mean()
        assert abs(found.mean() - predicted[here].mean()) < 3 * error


def test_side_pixels_bring_their_white_noise_into_all_amplifiers():
    full = complete({"detector": "NRCBLONG", "subarray": "SUBGRISM64", "noise_sampling": "off"})
    brought = correlated_variance(full, layout(full))
    white = np.array(full["white"])[[0, 3]] * full["reference_white"]
    assert brought == pytest.approx(np.pi / 2 * (white**2).sum() / 4 / 44, rel=1e-6)
