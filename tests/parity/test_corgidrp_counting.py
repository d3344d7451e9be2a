"""Photon-counted darks and bad-pixel maps against those corgidrp 5.1.1 makes of the same frames."""

import json
import subprocess
import textwrap

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.counting.counters import Counters
from darkroom.cgi.counting.peer import peer_dark
from darkroom.cgi.pixels.peer import peer_map
from darkroom.cgi.simulate import exposures as cgi
from programs import load

pytestmark = pytest.mark.parity

GAIN, READ_NOISE, EXPTIME = 5000.0, 100.0, 4.0
IMAGE = (slice(2, 106), slice(108, 213))

PEER = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import numpy as np
from astropy.io import fits
from corgidrp import data
from corgidrp.photon_counting import get_pc_mean
from corgidrp.bad_pixel_calibration import create_bad_pixel_map
folder, paths = Path(sys.argv[1]), sorted(Path(sys.argv[1]).glob("frame_*.fits"))
dark = get_pc_mean(data.Dataset([str(p) for p in paths]), inputmode="darks")
np.savez(folder / "peer.npz", data=dark.data, err=dark.err[0], dq=dark.dq)
dark.save(filedir=str(folder), filename="peer_drk_cal.fits")
flat = np.load(folder / "flat.npy")
image = data.FlatField(flat, pri_hdr=dark.pri_hdr, ext_hdr=dark.ext_hdr,
                       input_dataset=data.Dataset([dark]))
maps = {}
for number, (planes, keys) in enumerate(json.loads((folder / "maps.json").read_text())):
    dark.data = np.load(folder / f"{planes}_dark.npy")
    image.data = np.load(folder / f"{planes}_flat.npy")
    maps[str(number)] = create_bad_pixel_map(None, dark, image, **keys).data
np.savez(folder / "maps.npz", **maps)
"""
MAPS = [
    ("plain", {}),
    ("plain", {"dthresh": 3.0, "ffrac": 0.95, "fwidth": 7}),
    ("holes", {}),
]


def frames(folder, rate, count, seed=3, lost=0.0):
    """Write frames of the image area as corgidrp cuts them out, with masks and errors.

    `lost` is the share of samples that are no number, and of pixels without any good sample.
    """
    rng = np.random.default_rng(seed)
    settings = {"geometry": "small", "stacks": [{"gain": GAIN, "exptime": EXPTIME, "frames": count,
                                                 "photon_counting": True}],
                "cosmic_rays": 20.0, "row_noise": 30.0}  # fmt: skip
    hidden = cgi.truth(settings)
    hidden["cic"] = np.full_like(hidden["cic"], rate)
    hidden["cic"][50, 150:170] = 3.0
    loaded = []
    for number, exposure in enumerate(cgi.plan(settings)):
        image, err, dq = (plane[IMAGE] for plane in cgi.frame(settings, exposure, hidden))
        dq = dq.copy()
        dq[40, 40] |= 4
        dq[41, 41 if number % 2 else 42] |= 128
        # Some samples are on the threshold itself, and at its two bounds.
        image = image.copy()
        image[60, 60], image[60, 61], image[60, 62] = 500.0, 480.0, 520.0
        err = err * rng.uniform(0.5, 2.0, err.shape).astype(np.float32)
        for value in (np.nan, np.inf, -np.inf):
            image[rng.random(image.shape) < lost] = value
        err[rng.random(err.shape) < lost] = np.nan
        dq[np.random.default_rng(seed).random(dq.shape) < lost] |= 8
        dq[rng.random(dq.shape) < 10 * lost] |= 128
        primary, header = cgi.cards(settings, exposure)
        hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(image, header),
                fits.ImageHDU(err[None], name="ERR"), fits.ImageHDU(dq, name="DQ")]  # fmt: skip
        fits.HDUList(hdus).writeto(folder / f"frame_{exposure.name}.fits")
        loaded.append((image, err, dq))
    return loaded


def map_inputs(folder, rng):
    dark = rng.normal(0.01, 0.002, (104, 105))
    dark[rng.random(dark.shape) < 0.01] += 0.1
    flat = rng.normal(1.0, 0.05, dark.shape)
    flat[rng.random(dark.shape) < 0.01] = 0.3
    for name in ("plain", "holes"):
        if name == "holes":
            dark[30, 30] = flat[50, 50] = np.nan
        np.save(folder / f"{name}_dark.npy", dark)
        np.save(folder / f"{name}_flat.npy", flat)
    np.save(folder / "flat.npy", flat)
    (folder / "maps.json").write_text(json.dumps(MAPS))


@pytest.fixture(scope="module", params=[(0.01, 20), (0.2, 6)], ids=["faint", "bright"])
def made(request, tmp_path_factory, repository):
    folder = tmp_path_factory.mktemp("counting")
    return folder, by_the_peer(folder, repository, *request.param)


def by_the_peer(folder, repository, *simulated):
    """Write frames and let corgidrp make dark and maps of them; return the frames."""
    loaded = frames(folder, *simulated)
    map_inputs(folder, np.random.default_rng(8))
    python = repository / ".venvs" / "peers-cgi" / "bin" / "python"
    if not python.exists():
        pytest.skip("the environment peers-cgi is not installed")
    home = folder / "home"
    home.mkdir()
    done = subprocess.run(
        [python, "-c", textwrap.dedent(PEER), folder], env={"HOME": str(home),
        "PATH": "/usr/bin:/bin"}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return loaded


def test_counted_dark_error_and_flags_are_the_peers(made):
    same_as_the_peers(*made)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(21, 26))
def test_fresh_frames_with_lost_samples_give_the_peers_dark(seed, tmp_path, repository):
    """Number of frames and charge are drawn; of 0.2 % each a sample, or its error, is no number."""
    rng = np.random.default_rng(seed)
    rate, count = 10 ** rng.uniform(-2.3, -0.7), int(rng.integers(3, 40))
    same_as_the_peers(tmp_path, by_the_peer(tmp_path, repository, rate, count, seed, 0.002))


def same_as_the_peers(folder, loaded):
    theirs = np.load(folder / "peer.npz")
    counters = Counters.zeros(loaded[0][0].shape)
    for image, err, dq in loaded:
        counters.add(0, image, err, dq, 5 * READ_NOISE)
    ours = peer_dark(counters, 5 * READ_NOISE, GAIN)
    np.testing.assert_allclose(ours.data, theirs["data"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ours.err, theirs["err"], rtol=1e-12, atol=1e-15, equal_nan=True)
    assert np.array_equal(ours.dq, theirs["dq"])
    assert (ours.data > 0).sum() > 100
    assert (counters.up != counters.low).any()


@pytest.mark.parametrize("number", range(len(MAPS)))
def test_bad_pixel_map_is_the_peers(made, number):
    folder, _ = made
    theirs = np.load(folder / "maps.npz")[str(number)]
    planes, keys = MAPS[number]
    ours = peer_map(
        np.load(folder / f"{planes}_dark.npy"), np.load(folder / f"{planes}_flat.npy"),
        deviations=keys.get("dthresh", 5.0), fraction=keys.get("ffrac", 0.8),
        width=keys.get("fwidth", 32),
    )  # fmt: skip
    assert np.array_equal(ours, theirs)
    assert (theirs & 4).any()
    assert (theirs & 8).any() == (planes == "plain")


USER = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import numpy as np
from astropy.io import fits
from corgidrp import data
from corgidrp.photon_counting import get_pc_mean
from corgidrp.l2a_to_l2b import correct_bad_pixels
folder = Path(sys.argv[1])
paths = sorted(folder.glob("frame_*.fits"))
out = {}
for name in ("best", "peer"):
    dark = data.Dark(str(folder / f"{name}_drk_cal.fits"))
    frames = data.Dataset([str(p) for p in paths])
    for frame in frames.frames:
        frame.pri_hdr["VISTYPE"] = "CGIVST_TDD_OBS"
    image = get_pc_mean(frames, pc_master_dark=dark, inputmode="illuminated")
    assert image[0].ext_hdr["BUNIT"] == "photoelectron"
    out[name] = image[0].data
    map_ = data.BadPixelMap(str(folder / f"{name}_bpm_cal.fits"))
    done = correct_bad_pixels(image, map_)
    out[f"{name}_lost"] = np.isnan(done[0].data)
    out[f"{name}_map"] = map_.data
    dark.copy().save(filedir=str(folder), filename=f"{name}_saved_drk_cal.fits")
np.savez(folder / "used.npz", **out)
"""


def test_corgidrp_subtracts_our_darks_and_uses_our_maps(made, repository, monkeypatch):
    folder, _ = made
    frames = sorted(folder.glob("frame_*.fits"))
    for method in ("best", "peer"):
        dark, pixels = (folder / f"{method}_{kind}_cal.fits" for kind in ("drk", "bpm"))
        for words in (
            ["photon_counted_dark", "--geometry", "small", "--method", method,
             "--most-electrons", "1", "--gain-tolerance", "0.9", "--output", dark, *frames],
            ["pixel_map", "--map-method", "robust" if method == "best" else "peer",
             "--output", pixels, dark],
        ):  # fmt: skip
            monkeypatch.setattr("sys.argv", list(map(str, words)))
            load(f"cgi/{words[0]}").main()
    theirs = np.load(folder / "peer.npz")
    with fits.open(folder / "peer_drk_cal.fits") as hdus:
        np.testing.assert_allclose(hdus[1].data, theirs["data"], rtol=1e-6)  # float32
        assert np.array_equal(hdus["DQ"].data, theirs["dq"])
    home = folder / "home"
    python = repository / ".venvs" / "peers-cgi" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", USER, folder], env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    used = np.load(folder / "used.npz")
    for method in ("best", "peer"):
        # The same frames minus their own dark: what is left is the difference of the two ways.
        # Of pixels that count in most frames two Newton steps are far from the solution.
        some = theirs["data"] < 0.5
        left = np.abs(used[method][some]).mean() / theirs["data"][some].mean()
        assert left < (0.02 if method == "best" else 1e-6)
        assert used[f"{method}_map"].any()
        assert used[f"{method}_lost"][used[f"{method}_map"] > 0].all()
