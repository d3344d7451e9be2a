"""Random exposures, references and parameters: no bit differs from the pipeline's."""

import numpy as np
import pytest

from darkroom.nircam.chain.parameters import ORDER
from darkroom.nircam.detector.subarrays import readout
from nircam_chain import Case, differing
from nircam_jwst import jwst, small_cache
from unit.chain.test_chain_parity import (
    cards,
    constant_reference_pixels,
    dark_of,
    infinite,
    inverse,
    zeroframe,
)

PLACES = (
    ("NRCALONG", "SUBGRISM64"), ("NRCBLONG", "SUBGRISM64"), ("NRCBLONG", "SUB64P"),
    ("NRCALONG", "SUB160P"), ("NRCB1", "SUB64P"), ("NRCA3", "SUB160P"), ("NRCA3", "SUB160"),
    ("NRCB4", "SUB640"), ("NRCALONG", "SUBGRISM128"),
)  # fmt: skip
#: Subarrays that four outputs or one can read.
STRIPES = ("SUBGRISM64", "SUBGRISM128")
PATTERNS = ("RAPID", "BRIGHT1", "BRIGHT2", "SHALLOW2", "SHALLOW4", "MEDIUM2", "MEDIUM8", "DEEP8")
#: How often a step is among those that are run.
OFTEN = {"ipc": 0.4, "dark_current": 0.4}


def _chosen(rng):
    """Return settings of an exposure, steps, parameters and changes."""
    detector, subarray = PLACES[rng.integers(len(PLACES))]
    settings = {"detector": detector, "subarray": subarray, "readpatt": str(rng.choice(PATTERNS))}
    settings |= {"nints": int(rng.integers(1, 4)), "ngroups": int(rng.integers(2, 6))}
    if subarray == "SUB640":
        settings |= {"nints": 1, "ngroups": int(rng.integers(2, 4))}
    steps = [name for name in ORDER if name == "dq_init" or rng.random() < OFTEN.get(name, 0.8)]
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
        "raw": [rng.choice([zeroframe, constant_reference_pixels])],
        "superbias": [infinite],
        "linearity": [inverse],
        "ipc": [_random_kernel(rng, readout(detector, subarray))],
    }
    changes = {kind: each for kind, each in changes.items() if rng.random() < 0.3}
    if subarray in STRIPES and rng.random() < 0.5:
        changes["raw"] = [*changes.get("raw", ()), cards(NOUTPUTS=1)]
    # The dark's groups: as the exposure's, fewer, or of fewer or more frames.
    frames, gap = int(rng.choice([1, 1, 2, 4])), int(rng.choice([0, 0, 1]))
    changes["dark"] = [dark_of(frames, gap, int(rng.integers(2, 40)))]
    return settings, steps, parameters, {kind: _all(each) for kind, each in changes.items()}


def _all(changes):
    def change(hdus):
        for one in changes:
            hdus = one(hdus) or hdus
        return hdus

    return change


def _random_kernel(rng, place):
    """Return a change of an IPC kernel: larger, and for every pixel where that takes little."""
    size, seed = int(rng.choice([3, 5])), int(rng.integers(1 << 30))
    shape = place.ystart - 1 + place.ny, place.xstart - 1 + place.nx
    every = int(np.prod(shape) < 500_000)

    def change(hdus):
        weights = np.random.default_rng(seed).normal(0, 0.01, (size, size, *(shape * every)))
        weights[size // 2, size // 2] += 1
        hdus["SCI"].data = weights.astype(np.float32)

    return change


def _case(folder, settings, steps, number, changes):
    case = Case(folder, settings, seed=number, change=changes)
    for kind, step in (("ipc", "ipc"), ("dark", "dark_current")):
        if step in steps:
            case.add(kind)
    return case


def _compare(cache, cases, rng):
    answers = jwst(cache, [case.call(*chosen) for case, *chosen in cases])
    for (case, steps, parameters), (problem, said) in zip(cases, answers, strict=True):
        words = case.settings, steps, parameters, sorted(case.change)
        assert problem is None, (said, words)
        engine = case.engine(steps, parameters)
        found = differing(engine, case.saved(), int(rng.integers(5, 70)))
        assert found == (0, 0, 0), words
        assert {step: engine.statuses[step] for step in said} == said, words


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [18, 181, 182])
def test_random_configurations_have_the_bits_of_the_pipeline(tmp_path, seed):
    rng = np.random.default_rng(seed)
    small_cache(tmp_path / "crds", {"detector": "NRCALONG", "subarray": "SUB64P"})
    cases = []
    for number in range(22):
        settings, steps, parameters, changes = _chosen(rng)
        case = _case(tmp_path / str(number), settings, steps, number, changes)
        cases.append((case, steps, parameters))
    _compare(tmp_path / "crds", cases, rng)


@pytest.mark.heavy
@pytest.mark.parametrize("detector", ["NRCA4", "NRCBLONG"])
def test_random_kernels_of_sirs_have_the_bits_of_the_pipeline(tmp_path, detector):
    """The pipeline takes them for full frames only."""
    rng = np.random.default_rng(int.from_bytes(detector.encode(), "little"))
    small_cache(tmp_path / "crds", {"detector": "NRCALONG", "subarray": "SUB64P"})
    settings = {"detector": detector, "readpatt": str(rng.choice(PATTERNS)), "ngroups": 2}
    settings["noise_sampling"] = "row"
    steps = ("dq_init", "saturation", "superbias", "refpix", "linearity")
    refpix = {"refpix_algorithm": "sirs", "sigreject": float(rng.choice([2.5, 4, 6]))}
    refpix |= {"gaussmooth": float(rng.uniform(0.5, 2)), "halfwidth": int(rng.integers(10, 40))}
    refpix["odd_even_columns"] = bool(rng.random() < 0.7)
    case = Case(tmp_path / "case", settings)
    kernel = case.references["sirskernel"] = str(tmp_path / "k.asdf")
    arguments = {"path": kernel, "detector": detector}
    assert jwst(tmp_path / "crds", [["write_sirs_kernel", arguments]]) == [[None, None]]
    _compare(tmp_path / "crds", [(case, steps, {"refpix": refpix})], rng)
