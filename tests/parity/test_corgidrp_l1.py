"""Raw frames prepared in mode peer against what corgidrp 5.1.1 made of the same ones."""

import json
import re

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import Calibration, Nonlinearity
from darkroom.cgi.raw.peer import Rules
from darkroom.cgi.raw.prepare import Settings, prepare
from darkroom.cgi.raw.product import write_prepared
from darkroom.errors import InputError

pytestmark = pytest.mark.parity

CASES = (
    "bias_offset", "flat_frame", "gain_cards", "gain_m_999", "iwa_imaging", "kgain_err",
    "last_gain_1", "mix_down", "mode0_image", "mode1_full", "no_cr", "oversat_discard",
    "oversat_first", "plateau_edges", "plateau_edges_tail0", "prescan_rows",
)  # fmt: skip
NONLINEARITY = "cgi_0000000000000000000_20260101t0000000_nln_cal.fits"
CLOSE = 1e-13


@pytest.fixture(scope="module")
def folder(reference_data):
    return reference_data / "peers" / "corgidrp_l1"


@pytest.fixture(scope="module")
def geometry(folder):
    return read_geometry(folder / "detector_regions_test.json")


def calibration_of(folder, meta):
    known = np.load(folder / "calib.npz")
    table = known["nonlin"]
    axes = map(np.ascontiguousarray, (table[1:, 0], table[0, 1:], table[1:, 1:]))
    return Calibration(
        kgain=float(known["kgain"]),
        kgain_error=meta["cards"][0]["KGAIN_ER"],
        read_noise=float(known["RN"]),
        read_noise_error=float(known["RN_ERR"]),
        nonlinearity=Nonlinearity(NONLINEARITY, *axes),
        bias_offset=meta["B_O"],
        bias_offset_error=meta["B_O_ERR"],
    )


def write_raw(folder, reference, meta, raw):
    """Write the raw frames of a case with the header of an L1 file; return their paths."""
    cards = (reference / "l1_header.txt").read_text(encoding="utf-8").split("HDU 1")
    primary, image = (
        fits.Header.fromstring("\n".join(part.splitlines()[1:]), sep="\n") for part in cards
    )
    extra = meta["extra_cards"] * (len(raw) // len(meta["extra_cards"]))
    paths = []
    for number, (counts, gain, exptime, more) in enumerate(
        zip(raw, meta["gains"], meta["exptimes"], extra, strict=True)
    ):
        name = f"cgi_0000000000000000001_20260101t000{number}000_l1_.fits"
        primary["FILENAME"], paths = name, [*paths, folder / name]
        header = image.copy()
        header.update({"EMGAIN_C": gain, "EXPTIME": exptime} | more)
        fits.HDUList([fits.PrimaryHDU(header=primary), fits.ImageHDU(counts, header)]).writeto(
            paths[-1], output_verify="fix"
        )
    return paths


def settings_of(folder, meta, divide=True):
    call = meta["call"]
    names = ("mode", "median_filter_mode", "cosm_thresh", "plat_thresh", "cosm_filter",
             "cosm_box", "cosm_tail", "median_filter_histogram_nbins")  # fmt: skip
    rules = Rules.from_words([f"{name}={call[name]}" for name in names])
    discard = call.get("discard_oversat", False)
    return Settings("peer", calibration_of(folder, meta), divide, rules, discard)


@pytest.fixture(scope="module", params=CASES)
def case(request, folder, geometry, tmp_path_factory):
    """Prepare a case; give the peer's arrays and cards, our frames, and where they came from."""
    meta = json.loads((folder / f"{request.param}.json").read_text())
    arrays = dict(np.load(folder / f"{request.param}.npz"))
    paths = write_raw(tmp_path_factory.mktemp(request.param), folder, meta, arrays["raw"])
    frames = list(prepare(paths, geometry, settings_of(folder, meta)))
    assert len(frames) == len(arrays["dq"])
    return meta, arrays, frames, paths


def closest(ours, theirs):
    """Return the largest relative difference; zeros and NaN must be the same."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.array_equal(ours == 0, theirs == 0)
    some = np.isfinite(theirs) & (theirs != 0)
    return np.abs(ours[some] / theirs[some] - 1).max(initial=0.0)


def test_flags_are_the_peers_in_every_pixel(case):
    _, arrays, frames, _ = case
    for frame, dq in zip(frames, arrays["dq"], strict=True):
        assert np.array_equal(frame.dq, dq)


def test_data_errors_and_bias_are_the_peers(case):
    _, arrays, frames, _ = case
    for number, frame in enumerate(frames):
        data, err, _ = frame.planes(np.float64)
        assert closest(data, arrays["g_data"][number]) < CLOSE
        assert closest(err, arrays["g_err"][number]) < CLOSE
        assert np.array_equal(frame.bias.level.astype(np.float32), arrays["bias"][number])
        assert closest(frame.bias.error, arrays["pre_err_row"][number]) < CLOSE


def words(lines):
    """Join HISTORY as stored; take out the parameter file's name and its hash."""
    text = "".join(str(line).ljust(72) if len(str(line)) > 71 else str(line) for line in lines)
    return re.sub(r"parameters from .*?with hash -?\d+", "parameters", text).replace(" ", "")


def test_cards_and_history_are_the_peers(case):
    meta, _, frames, _ = case
    for number, frame in enumerate(frames):
        for card, value in meta["cards"][number].items():
            assert frame.headers.image.get(card) == value, card
            if isinstance(value, bool):
                assert frame.headers.image[card] is value
        assert words(frame.headers.image["HISTORY"]) == words(meta["history"][number])
        assert words(frame.headers.err["HISTORY"]) == words(meta["err_history"][number])
        assert frame.headers.primary["FILENAME"] == meta["filenames"][number]


def test_undivided_electrons_and_their_errors_are_the_peers(folder, geometry, tmp_path):
    meta = json.loads((folder / "kgain_err.json").read_text())
    arrays = np.load(folder / "kgain_err.npz")
    paths = write_raw(tmp_path, folder, meta, arrays["raw"])
    (frame,) = prepare(paths, geometry, settings_of(folder, meta, divide=False))
    data, err, _ = frame.planes(np.float64)
    assert closest(data, arrays["e_data"][0]) < CLOSE
    assert closest(err, arrays["e_err"][0]) < CLOSE
    assert frame.headers.image["BUNIT"] == "detected EM electron"


def test_a_frame_that_ends_the_peer_is_refused_in_words(folder, geometry, tmp_path):
    meta = json.loads((folder / "mode1_full.json").read_text())
    paths = write_raw(tmp_path, folder, meta, np.load(folder / "index_error.npz")["raw"])
    with pytest.raises(InputError, match=r"corgidrp ends with an IndexError.*mode best"):
        list(prepare(paths, geometry, settings_of(folder, meta)))


def test_files_hold_what_was_computed_in_the_peers_layout(case, tmp_path):
    frame = case[2][0]
    with fits.open(write_prepared(tmp_path, frame)) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "", "ERR", "DQ", "BIAS"]
        data, err, dq = frame.planes()
        assert np.array_equal(hdus[1].data, data, equal_nan=True)
        assert np.array_equal(hdus["ERR"].data[0], err, equal_nan=True)
        assert np.array_equal(hdus["DQ"].data, dq)
        assert hdus["BIAS"].data.dtype == ">f4"
