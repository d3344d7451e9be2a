"""From simulated darks to a superbias that the pipeline's own step subtracts from other darks."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.simulate import exposures as nircam
from nircam_jwst import jwst, need_jwst, own_program, small_cache

DARKS = {"detector": "NRCALONG", "subarray": "SUB160P", "exposures": 30, "ngroups": 2}
MADE_FROM = 20


@pytest.fixture(scope="module")
def closure(tmp_path_factory):
    """Make a superbias from 20 darks and subtract it from 10 others with jwst's step."""
    need_jwst()
    folder = tmp_path_factory.mktemp("closure")
    paths = []
    for exposure in nircam.plan(DARKS):
        paths.append(folder / exposure.file)
        nircam.deliver(DARKS, exposure.name, paths[-1])
    superbias = folder / "superbias.fits"
    done = own_program(
        "nircam/superbias", *paths[:MADE_FROM], "--output", superbias, "--pedigree", "DUMMY"
    )
    assert done.returncode == 0, done.stderr
    cache = small_cache(folder / "crds", DARKS)
    kinds = ("mask", "saturation", "superbias")
    names = {kind: str(cache.reference(f"jwst_nircam_{kind}_0001.fits")) for kind in kinds}
    calls = [
        [
            "run_steps",
            {
                "path": str(path),
                "steps": ["dq_init", "saturation", "superbias"],
                "references": names,
                "parameters": {},
                "superbias": str(superbias),
                "save": str(path.with_suffix(".npy")),
            },
        ]
        for path in paths[MADE_FROM:]
    ]
    answers = jwst(cache.path, calls)
    assert not [error for error, _ in answers if error], answers
    left = np.array([np.load(path.with_suffix(".npy"))[0, 0] for path in paths[MADE_FROM:]])
    with np.load(folder / "truth" / f"{nircam.plan(DARKS)[0].name}.npz") as stored:
        truth = {name: stored[name] for name in ("bias", "reference", "hot")}
    return superbias, left, truth


def _by_parity(image):
    """Take out the median of even and of odd columns: offsets of ramps are no part of the bias."""
    image = image.copy()
    for parity in range(2):
        image[:, parity::2] -= np.nanmedian(image[:, parity::2])
    return image


def test_what_is_left_in_other_darks_is_what_the_stated_error_says(closure):
    superbias, left, truth = closure
    with fits.open(superbias) as hdus:
        error, flags = hdus["ERR"].data, hdus["DQ"].data
    used = (flags == 0) & ~truth["reference"] & ~truth["hot"]
    mean = _by_parity(np.mean([_by_parity(image) for image in left], axis=0))
    scatter = np.std([_by_parity(image) for image in left], axis=0, ddof=1)
    # Noise of the other darks themselves, and the error of the superbias that all of them share.
    own = np.median(scatter[used]) / np.sqrt(len(left))
    pulls = mean[used] / np.sqrt(error[used] ** 2 + own**2)
    core = pulls[np.abs(pulls) < 5]
    assert core.size > 0.995 * pulls.size
    assert 0.95 < core.std() < 1.15
    assert abs(core.mean()) < 0.1


def test_the_superbias_itself_lies_within_its_error_of_the_truth(closure):
    superbias, _, truth = closure
    with fits.open(superbias) as hdus:
        bias, error, flags = (hdus[name].data for name in ("SCI", "ERR", "DQ"))
    used = (flags == 0) & ~truth["reference"]
    pulls = (_by_parity(bias - truth["bias"]) / error)[used]
    # Student's t with 19 degrees of freedom is 1.057 times as wide as a normal distribution.
    assert 0.95 < pulls[np.abs(pulls) < 6].std() / np.sqrt(19 / 17) < 1.1
