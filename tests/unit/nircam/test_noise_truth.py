"""What the simulator defines of the noise products' truth."""

from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.nircam.noise_truth import compare_reference_pixels
from darkroom.nircam.simulate.values import complete


def product(common, own):
    """A reference-pixel product with the scatter of pedestals alone."""
    tables = {
        "SCATTER": {
            "NAME": np.array(["common pedestal", "pedestal of an amplifier"]),
            "VALUE": np.array([common, own]),
            "ERROR": np.array([0.01, 0.01]),
        },
        "INSTABILITY": {},
    }
    return SimpleNamespace(table=tables.__getitem__)


@pytest.mark.parametrize(("pattern", "frames"), [("RAPID", 1), ("BRIGHT2", 2), ("DEEP8", 8)])
def test_pedestals_of_averaged_groups_are_means_of_those_of_their_frames(pattern, frames):
    """Means of simulated frames have the scatter that the truth states."""
    full = complete({"readpatt": pattern, "pedestal_rms": 4.0, "amplifier_pedestal_rms": 2.0})
    rng = np.random.default_rng(50)
    common = 4.0 * rng.standard_normal((20_000, frames))
    own = 2.0 * rng.standard_normal((20_000, frames, 4))
    scatter = [(common + own.mean(axis=2)).mean(axis=1).std(), own[:, :, 0].mean(axis=1).std()]
    rows = compare_reference_pixels(product(*scatter), full, 4)
    assert [row["quantity"] for row in rows] == [
        "group to group, common pedestal", "group to group, pedestal of an amplifier",
    ]  # fmt: skip
    for row in rows:
        assert row["truth"] == pytest.approx(row["found"], rel=0.02)
