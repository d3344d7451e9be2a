"""Against jwst_reffiles 1.0.1: dark current and bad pixels of darks, the same bits."""

import ast
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.dark import reffiles as dark
from darkroom.nircam.mask.reffiles import ReffilesLimits, ReffilesMask
from nircam_jwst import own_program

pytestmark = pytest.mark.parity

# One process and one folder for a job: the original writes into the working folder, and its second
# call for bad pixels gives other flags.
PEER = """
import warnings
warnings.simplefilter("ignore")
from glob import glob
import numpy as np
from jwst_reffiles.dark_current.badpix_from_darks import find_bad_pix
from jwst_reffiles.dark_current.dark_reffile import Dark
jumps = sorted(glob("*_jump.fits"))
Dark(file_list=jumps, max_equivalent_groups=10**6, pedigree="GROUND", descrip="test",
     author="nobody", use_after="2022-01-01T00:00:00", history="none", output_file="dark.fits",
     contribution_file="good.pdf")
np.save("mask.npy", find_bad_pix(sorted(glob("*_rateints.fits")), outfile="mask.fits"))
"""


def ours(ramps, groupdq, rates, pedestals, border):
    """Return the dark and the mask (with zeros in the border) of darkroom."""
    levels = dark.levels(list(zip(ramps, groupdq, strict=True)), 3)
    mask = ReffilesMask(ReffilesLimits())
    active = (..., *border)
    for exposure in zip(rates, groupdq, pedestals, strict=True):
        mask.add(*(part[active] for part in exposure))
    flags = np.zeros(ramps.shape[-2:], np.uint32)
    flags[border] = mask.flags()
    return levels, flags


CORNER = (slice(4, None), slice(4, None))


@pytest.fixture(scope="module")
def case(reference_data):
    folder = reference_data / "peers" / "jwst_reffiles"
    if not folder.is_dir():
        pytest.skip(f"{folder}: no data of jwst_reffiles")
    return np.load(folder / "darks_in.npz"), np.load(folder / "darks_peer_1.0.1.npz"), folder


def test_stored_results_of_the_original_are_met_to_the_bit(case):
    given, peer, _ = case
    levels, flags = ours(
        *(given[name] for name in ("ramp", "groupdq", "rateints", "pedestal")), CORNER
    )
    for name, values in (
        ("dark_sci", levels.sci),
        ("dark_err", levels.err),
        ("dark_good_signals", levels.good),
        ("badpix_call1", flags),
    ):
        assert np.count_nonzero(values != peer[name]) == 0, name


def fresh(given, seed):
    """Return a set that differs from the stored one in every number and in its flags."""
    rng = np.random.default_rng(seed)
    ramp = given["ramp"] + rng.normal(0, 8, given["ramp"].shape).astype(np.float32)
    groupdq = given["groupdq"].copy()
    hits = rng.random(groupdq.shape) < 0.03
    hits[:, :, :, 10:13] |= rng.random(hits[:, :, :, 10:13].shape) < 0.9
    hits[:, :, 4:, 14] = False
    groupdq[hits] |= 4
    groupdq[:, :, :, 20, 5:15] |= 2
    rates = given["rateints"] + rng.normal(0, 0.05, given["rateints"].shape).astype(np.float32)
    rates[:, :, 30, 5:15] *= 40
    pedestal = given["pedestal"] + rng.normal(0, 3, given["pedestal"].shape).astype(np.float32)
    pedestal[:, :, 20, 5:15] = 0
    pedestal[:, :, 22, 5:15] -= 900
    return ramp, groupdq, rates, pedestal


def cards(text):
    """Return the header that lines of the form KEYWORD = value stand for."""
    header = fits.Header()
    for line in text.splitlines():
        keyword, _, value = (part.strip() for part in line.partition("="))
        if keyword not in ("SIMPLE", "BITPIX", "NAXIS", "EXTEND"):
            plain = {"True": True, "False": False}.get(value)
            header[keyword] = ast.literal_eval(value) if plain is None else plain
    return header


def padded(parts, size):
    """Return planes enlarged to a size by repeating them."""
    return [
        np.pad(part, [(0, 0)] * (part.ndim - 2) + [(0, size - part.shape[-1])] * 2, "wrap")
        for part in parts
    ]


def drawn(seed):
    """Return a set of random shape, with lost samples, saturation, odd flags and odd pixels."""
    rng = np.random.default_rng(seed)
    exposures, nints, groups = rng.integers(5, 8), rng.integers(1, 4), rng.integers(5, 14)
    ny, nx = rng.integers(24, 56, 2)
    shape = (exposures, nints, groups, ny, nx)
    steps = rng.normal(0.5, 6, shape) + 400 * (rng.random(shape) < 0.02)
    ramp = 3000 + rng.normal(0, 20, (exposures, nints, 1, ny, nx)) + np.cumsum(steps, axis=2)
    ramp = ramp.astype(np.float32)
    ramp[rng.random(shape) < 0.002] = np.nan
    groupdq = np.where(rng.random(shape) < 0.04, 4, 0).astype(np.uint8)
    groupdq[..., 9] |= np.where(rng.random(shape[:-1]) < 0.9, 4, 0).astype(np.uint8)
    groupdq[:, :, : groups // 4 or 1, :, 11] |= 4
    groupdq[rng.random(shape) < 0.002] |= 1
    groupdq[..., 12, 5:15] |= 2
    rates = rng.normal(0.05, 0.1, (exposures, nints, ny, nx)).astype(np.float32)
    rates[..., 14, 5:15] *= 40
    rates[rng.random(rates.shape) < 0.01] = np.nan
    pedestal = rng.normal(3000, 20, rates.shape).astype(np.float32)
    pedestal[..., 12, 5:15] = 0
    pedestal[..., 16, 5:15] += 900
    pedestal[..., 18, 5:15] -= 900
    return ramp, groupdq, rates, pedestal


def write_set(folder, header, parts):
    """Write a set as the pipeline would."""
    ramp, groupdq, rates, pedestal = parts
    dq = np.zeros(rates.shape, np.uint32)
    dq[..., :4, :] = dq[..., :4] = 1 << 31
    header["SUBSIZE2"], header["SUBSIZE1"] = rates.shape[-2:]
    header["NINTS"], header["NGROUPS"] = map(int, ramp.shape[1:3])
    header["INTSTART"], header["INTEND"] = 1, ramp.shape[1]
    header["S_JUMP"] = "COMPLETE"
    for k in range(len(ramp)):
        for suffix, planes in (
            ("jump", {"SCI": ramp[k], "GROUPDQ": groupdq[k]}),
            ("rateints", {"SCI": rates[k], "DQ": dq[k]}),
            ("fitopt", {"PEDESTAL": pedestal[k]}),
        ):
            hdus = [fits.PrimaryHDU(header=header)]
            hdus += [fits.ImageHDU(data, name=name) for name, data in planes.items()]
            fits.HDUList(hdus).writeto(folder / f"jw{k:02}_{suffix}.fits")


@pytest.mark.heavy
# Above 8192 pixels numpy sums the big-endian pedestals of the file in portions, as the original.
@pytest.mark.parametrize(
    ("seed", "size"), [(1, 40), (2, 104), *((seed, None) for seed in range(11, 17))]
)
def test_fresh_sets_beside_the_original_give_the_same_bits(case, seed, size, tmp_path, repository):
    """Without a size all is drawn, also how many exposures, integrations, groups and pixels."""
    default = repository / ".venvs" / "peers-jwst" / "bin" / "python"
    python = Path(os.environ.get("DARKROOM_PEERS_JWST_PYTHON", default))
    if not python.exists():
        pytest.skip(f"{python}: no environment with jwst_reffiles")
    given, _, folder = case
    header = cards((folder / "header_jump.txt").read_text(encoding="utf-8"))
    write_set(tmp_path, header, padded(fresh(given, seed), size) if size else drawn(seed))
    done = subprocess.run([python, "-c", PEER], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for program, suffix in (("dark", "jump"), ("mask", "rateints")):
        output = tmp_path / f"our_{program}.fits"
        done = own_program(
            f"nircam/{program}", "--method", "reffiles", "--output", output,
            *sorted(tmp_path.glob(f"*_{suffix}.fits")),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
    with fits.open(tmp_path / "dark.fits") as peer, fits.open(tmp_path / "our_dark.fits") as own:
        for name in ("SCI", "ERR", "DQ"):
            assert np.array_equal(own[name].data, peer[name].data, equal_nan=name != "DQ"), name
    good = fits.getdata(next(tmp_path.glob("*good*.fits")))
    assert np.count_nonzero(fits.getdata(tmp_path / "our_dark_details.fits", "COUNT") != good) == 0
    peer = np.load(tmp_path / "mask.npy").astype(np.int64)
    flags = fits.getdata(tmp_path / "our_mask_details.fits", "DQ")
    assert np.count_nonzero(flags != peer) == 0
    assert {int(np.bitwise_and(flags, bit).any()) for bit in (1 << 11, 1 << 14, 1 << 15)} == {1}
    with fits.open(tmp_path / "our_mask.fits") as own:
        values = {row["NAME"]: int(row["VALUE"]) for row in own["DQ_DEF"].data}
        border = np.zeros(peer.shape, bool)
        border[:4] = border[:, :4] = True
        assert values["REFERENCE_PIXEL"] == 1 << 31
        assert np.array_equal(own["DQ"].data, flags | np.where(border, np.uint32(1 << 31), 0))
