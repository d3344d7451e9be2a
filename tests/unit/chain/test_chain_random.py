"""Random exposures, references and parameters: no bit differs from the pipeline's."""

import numpy as np
import pytest

from nircam_chain import Case, differing
from nircam_jwst import jwst, small_cache
from unit.chain.test_chain_parity import (
    constant_reference_pixels,
    infinite,
    inverse,
    zeroframe,
)

PLACES = (
    ("NRCALONG", "SUBGRISM64"), ("NRCBLONG", "SUBGRISM64"), ("NRCBLONG", "SUB64P"),
    ("NRCALONG", "SUB160P"), ("NRCB1", "SUB64P"), ("NRCA3", "SUB160P"), ("NRCA3", "SUB160"),
)  # fmt: skip
PATTERNS = ("RAPID", "BRIGHT1", "BRIGHT2", "SHALLOW2", "SHALLOW4", "MEDIUM2", "MEDIUM8", "DEEP8")


def _chosen(rng):
    """Return settings of an exposure, steps, parameters and changes."""
    detector, subarray = PLACES[rng.integers(len(PLACES))]
    settings = {"detector": detector, "subarray": subarray, "readpatt": str(rng.choice(PATTERNS))}
    settings |= {"nints": int(rng.integers(1, 4)), "ngroups": int(rng.integers(2, 6))}
    names = ("group_scale", "dq_init", "saturation", "superbias", "refpix", "linearity")
    steps = [name for name in names if name == "dq_init" or rng.random() < 0.8]
    refpix = {
        "odd_even_columns": bool(rng.random() < 0.7),
        "odd_even_rows": bool(rng.random() < 0.7),
        "use_side_ref_pixels": bool(rng.random() < 0.7),
        "side_smoothing_length": int(rng.integers(2, 28)),
        "side_gain": float(rng.choice([0.3, 0.7, 1.0, 1.3])),
        "siglimit": float(rng.choice([1.2, 2.5, 3.0, 5.0])),
    }
    saturation = {
        "n_pix_grow_sat": int(rng.integers(0, 4)),
        "use_readpatt": bool(rng.random() < 0.7),
    }
    given = {"refpix": refpix, "saturation": saturation}
    parameters = {step: values for step, values in given.items() if step in steps}
    changes = {
        "raw": rng.choice([zeroframe, constant_reference_pixels]),
        "superbias": infinite,
        "linearity": inverse,
    }
    changes = {kind: change for kind, change in changes.items() if rng.random() < 0.3}
    return settings, steps, parameters, changes


@pytest.mark.heavy
def test_random_configurations_have_the_bits_of_the_pipeline(tmp_path):
    rng = np.random.default_rng(18)
    small_cache(tmp_path / "crds", {"detector": "NRCALONG", "subarray": "SUB64P"})
    cases = []
    for number in range(24):
        settings, steps, parameters, changes = _chosen(rng)
        case = Case(tmp_path / str(number), settings, seed=number, change=changes)
        cases.append((case, steps, parameters))
    jwst(tmp_path / "crds", [case.call(*chosen) for case, *chosen in cases])
    for case, steps, parameters in cases:
        found = differing(case.engine(steps, parameters), case.saved(), int(rng.integers(5, 70)))
        assert found == (0, 0, 0), (case.settings, steps, parameters, sorted(case.change))
