"""Against jwst_reffiles 1.0.1 itself: the same bits, and right where the original is not."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.readnoise import run as readnoise_run
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.superbias import run as superbias_run
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_darks import make_darks, stripe, write_darks, write_ramp

pytestmark = pytest.mark.parity

# All jobs in one process: to import the pipeline takes longer than most of them.
PEER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from jwst_reffiles.readnoise.readnoise import make_readnoise
from jwst_reffiles.superbias.superbias import make_superbias
made = {"superbias": make_superbias, "readnoise": make_readnoise}
faults = {}
for name, (product, settings, files) in json.load(open("jobs.json")).items():
    try:
        made[product](files, outfile=f"{name}.fits", **settings)
    except Exception as error:
        faults[name] = repr(error)
json.dump(faults, open("faults.json", "w"))
"""
FACTS = ReferenceMetadata("nobody", "for a test", "DUMMY", "2022-01-01T00:00:00")


class Peer:
    """Run jwst_reffiles on a list of jobs, {name: (product, settings, files)}."""

    def __init__(self, python):
        self._python = python

    def __call__(self, folder, jobs):
        """Return {name: fault} of the jobs that failed; products are <name>.fits in `folder`."""
        plain = {
            name: (product, settings, list(map(str, files)))
            for name, (product, settings, files) in jobs.items()
        }
        (folder / "jobs.json").write_text(json.dumps(plain), encoding="utf-8")
        subprocess.run([self._python, "-c", PEER], cwd=folder, check=True, capture_output=True)
        return json.loads((folder / "faults.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def peer(repository):
    default = repository / ".venvs" / "peers-jwst" / "bin" / "python"
    python = Path(os.environ.get("DARKROOM_PEERS_JWST_PYTHON", default))
    if not python.is_file():
        pytest.skip("no jwst_reffiles (make setup-tests, or DARKROOM_PEERS_JWST_PYTHON)")
    return Peer(python)


def our_superbias(paths, **choices):
    """Return what the program writes: SCI, ERR, DQ, and the filled image."""
    choices = SuperbiasSettings(method="reffiles", save_filled=True, **choices)
    made = superbias_run.run(paths, FACTS, choices, threads=2)
    hdus = {hdu.name: hdu.data for hdu in made.reference()}
    return hdus["SCI"], hdus["ERR"], hdus["DQ"], made.filled


def our_noise(paths, **choices):
    return readnoise_run.run(paths, FACTS, ReadnoiseSettings(**choices), threads=2).cds


def images(path, *names):
    with fits.open(path) as hdus:
        return [hdus[name].data.copy() for name in names]


def same(theirs, mine):
    """Compare bit for bit, but for NaN, which are alike."""
    return theirs.dtype == mine.dtype.newbyteorder(">") and np.array_equal(
        theirs, mine, equal_nan=True
    )


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Give 9 exposures of 2 integrations as delivered, and 6 as the pipeline leaves them."""
    folder = tmp_path_factory.mktemp("exposures")
    darks = make_darks(stripe("NRCB4"), 18, 6, seed=31, cosmic_rays=0.02)
    counts = write_darks(folder, darks, nints=2)
    layout = stripe("NRCA2")
    darks = make_darks(layout, 6, 8, seed=32, cosmic_rays=0.02)
    darks.data[1:3, :5, 21, 31] = np.nan
    pixeldq = np.where(layout.flip(layout.reference_pixels()), np.uint32(1 << 31), 0)
    ramps = [
        write_ramp(folder / f"d{k}_linearity.fits", data[None], layout, pixeldq=pixeldq)
        for k, data in enumerate(darks.data)
    ]
    return {"counts": counts, "ramps": ramps}


SUPERBIAS = {
    "default": {},
    "clip": {"clipping_sigma": 2.0, "max_clipping_iters": 5, "bad_sigma_threshold": 3.5},
    "flags": {"bad_clipping_sigma": 2.5, "bad_max_clipping_iters": 1, "box_width": 5},
}
NOISE = {
    f"{method} {pairs}": {"method": method, "group_diff_type": pairs}
    for method in ("stack", "ramp")
    for pairs in ("independent", "consecutive")
} | {f"{method} single": {"method": method, "single_value": True} for method in ("stack", "ramp")}


@pytest.fixture(scope="module")
def theirs(peer, exposures, tmp_path_factory):
    """Give the folder of what the peer makes of every case."""
    folder, jobs = tmp_path_factory.mktemp("theirs"), {}
    for kind, paths in exposures.items():
        for name, settings in SUPERBIAS.items():
            jobs[f"{kind} superbias {name}"] = (
                "superbias",
                settings | {"save_filled": True},
                paths,
            )
        for name, settings in NOISE.items():
            jobs[f"{kind} noise {name}"] = ("readnoise", settings, paths)
    for number in (2, 3, 7, 8):
        jobs[f"counts superbias {number}"] = ("superbias", {}, exposures["counts"][:number])
    assert peer(folder, jobs) == {}
    return folder


@pytest.mark.parametrize("kind", ["counts", "ramps"])
@pytest.mark.parametrize("name", SUPERBIAS)
def test_superbias_has_the_same_bits(theirs, exposures, kind, name):
    """SCI, ERR, the flagged set and the filled image."""
    sci, err, dq, filled = our_superbias(exposures[kind], **SUPERBIAS[name])
    path = theirs / f"{kind} superbias {name}.fits"
    found = images(path, "SCI", "ERR", "DQ")
    assert same(found[0], sci)
    assert same(found[1], err)
    np.testing.assert_array_equal(found[2] != 0, dq != 0)
    assert (dq != 0).sum() > 0
    assert same(images(path.with_name(f"{path.stem}_filled.fits"), 0)[0], filled)


@pytest.mark.parametrize("number", [2, 3, 7, 8])
def test_superbias_of_few_exposures_has_the_same_bits(theirs, exposures, number):
    """From 8 exposures on can a lone outlier be clipped at 3 sigma."""
    sci, err, _, _ = our_superbias(exposures["counts"][:number])
    found = images(theirs / f"counts superbias {number}.fits", "SCI", "ERR")
    assert same(found[0], sci)
    assert same(found[1], err)


def test_unreliable_bias_is_lost_there_and_kept_here(theirs, exposures):
    _, _, dq, _ = our_superbias(exposures["counts"])
    (lost,) = images(theirs / "counts superbias default.fits", "DQ")
    assert (lost & 2).sum() == 0
    np.testing.assert_array_equal(dq[dq != 0], 3)


@pytest.mark.parametrize("kind", ["counts", "ramps"])
@pytest.mark.parametrize("name", NOISE)
def test_read_noise_has_the_same_bits(theirs, exposures, kind, name):
    settings = dict(NOISE[name])
    pairs = settings.pop("group_diff_type", "independent")
    mine = our_noise(exposures[kind], group_diff_type=pairs, **settings)
    assert same(images(theirs / f"{kind} noise {name}.fits", "SCI")[0], mine)


def test_single_value_of_a_generic_file_has_the_same_bits(peer, exposures, tmp_path):
    """Of FULL and GENERIC only the output that reads the subarrays counts."""
    settings = {"single_value": True, "subarray": "GENERIC"}
    jobs = {kind: ("readnoise", settings, paths) for kind, paths in exposures.items()}
    assert peer(tmp_path, jobs) == {}
    facts = ReferenceMetadata("nobody", "test", "DUMMY", "2022-01-01T00:00:00", subarray="GENERIC")
    choices = ReadnoiseSettings(method="stack", single_value=True)
    for kind, paths in exposures.items():
        mine = readnoise_run.run(paths, facts, choices).cds
        assert same(images(tmp_path / f"{kind}.fits", "SCI")[0], mine)


def test_where_the_original_is_wrong_this_is_right(peer, tmp_path):
    """Pixels without values, odd numbers of groups, three groups."""
    missing = make_darks(stripe(), 4, 6, seed=33)
    missing.data[:, :, 20, 30] = np.nan
    missing.data[1, :, 21, 31] = np.nan
    missing = write_darks(tmp_path / "missing", missing, counts=False)
    odd = write_darks(tmp_path / "odd", make_darks(stripe(), 4, 5, seed=34))
    sloped = make_darks(stripe(), 8, 3, seed=35, cosmic_rays=0.0)
    sloped.data += 100 * np.arange(3)[:, None, None]
    three = write_darks(tmp_path / "three", sloped)
    faults = peer(
        tmp_path,
        {
            "stack": ("readnoise", {"method": "stack"}, missing),
            "ramp": ("readnoise", {"method": "ramp"}, missing),
            "odd": ("readnoise", {}, odd),
            "three": ("readnoise", {}, three),
        },
    )
    # A pixel without values has no noise there and none that is known here.
    for method in ("stack", "ramp"):
        (found,), mine = (
            images(tmp_path / f"{method}.fits", "SCI"),
            our_noise(missing, method=method),
        )
        assert found[20, 30] == 0.0
        assert np.isnan(mine[20, 30])
        differs = np.argwhere(found != mine).tolist()
        # Nor does an exposure without values count as one without noise.
        assert differs == [[20, 30]] + ([[21, 31]] if method == "ramp" else [])
    assert mine[21, 31] > 1.2 * found[21, 31]
    # It cannot pair five groups, and subtracts groups 0 and 2 of three from group 1.
    assert "could not be broadcast" in faults["odd"]
    assert np.isfinite(our_noise(odd, method="stack")).all()
    assert np.median(images(tmp_path / "three.fits", "SCI")[0]) > 90
    assert np.median(our_noise(three, method="stack")) == pytest.approx(7, rel=0.1)


@pytest.fixture(scope="module")
def full_frames(tmp_path_factory):
    """Give 10 full-frame exposures of 4 groups, as counts and as float ramps."""
    folder, layout = tmp_path_factory.mktemp("full"), Readout.full("NRCALONG")
    generator = np.random.default_rng(36)
    bias = 6000 + 600 * generator.standard_normal((2048, 2048), dtype=np.float32)
    found = {"uncal": [], "ramp": []}
    for k in range(10):
        start = bias + np.float32(30 * generator.standard_normal())
        start += 20 * generator.standard_normal(start.shape, dtype=np.float32)
        noise = 5 * generator.standard_normal((1, 4, *start.shape), dtype=np.float32)
        noise[0, 2:, generator.random(start.shape) < 0.003] += 300
        data = start + noise
        found["ramp"].append(write_ramp(folder / f"d{k}_ramp.fits", data, layout))
        counts = np.clip(np.rint(data), 0, 65535).astype(np.uint16)
        found["uncal"].append(write_ramp(folder / f"d{k}_uncal.fits", counts, layout))
    yield found
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.heavy
def test_full_frames_have_the_same_bits(peer, full_frames, tmp_path):
    jobs = {"superbias": ("superbias", {"save_filled": True}, full_frames["uncal"])}
    for kind, paths in full_frames.items():
        for method in ("stack", "ramp"):
            jobs[f"{kind} {method}"] = ("readnoise", {"method": method}, paths)
    assert peer(tmp_path, jobs) == {}
    sci, err, dq, filled = our_superbias(full_frames["uncal"])
    found = images(tmp_path / "superbias.fits", "SCI", "ERR", "DQ")
    assert same(found[0], sci)
    assert same(found[1], err)
    np.testing.assert_array_equal(found[2] != 0, dq != 0)
    assert same(images(tmp_path / "superbias_filled.fits", 0)[0], filled)
    for kind, paths in full_frames.items():
        for method in ("stack", "ramp"):
            mine = our_noise(paths, method=method)
            assert same(images(tmp_path / f"{kind} {method}.fits", "SCI")[0], mine), (kind, method)
