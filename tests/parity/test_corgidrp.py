"""Our noise maps and darks against those corgidrp itself made of the same frames."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import source_of
from darkroom.cgi.darks.darks import synthesized_dark, traditional_dark
from darkroom.cgi.darks.mean import mean_combine
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps.maps import NoiseMaps
from darkroom.cgi.maps.peer import fit_peer
from darkroom.cgi.stacks.frame import open_frame

pytestmark = pytest.mark.parity

CASES = ("clean", "equal")
VERSIONS = {"frames": "5.1.1", "peer-3.2": "3.2.1"}
DARK_STACK = 5


@pytest.fixture(scope="module")
def folder(reference_data):
    return reference_data / "peers" / "corgidrp"


@pytest.fixture(scope="module")
def geometry(folder):
    return read_geometry(folder / "detector_regions.json")


@pytest.fixture(scope="module", params=CASES)
def case(request, folder):
    return request.param, dict(np.load(folder / request.param / "inputs.npz"))


def peers(folder, name, version):
    return np.load(folder / name / f"peer_{version}.npz")


def sources(inputs, geometry):
    found = []
    for number, (gain, exptime) in enumerate(zip(inputs["emgain"], inputs["exptime"], strict=True)):
        here = inputs["stack"] == number
        frames, dq, err = (inputs[name][here] for name in ("data", "dq", "err"))
        found.append(
            source_of(
                geometry, float(gain), float(exptime), frames, dq, err,
                kgain=float(inputs["kgain"]), threshold_dn=float(inputs["sat_dn"]),
            )
        )  # fmt: skip
    return found


def disagreement(ours, theirs, unit):
    """Return the largest difference over the peer's value, or over `unit` where that is small."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        return np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), unit))


# Relative to a hundredth of the typical value of F [e-], C [e-] and D [e-/s].
UNITS = (0.05, 1e-4, 1e-5)
# Where a stack has no sample the peer's normal matrix has a condition of 1e9; and 3.2.1's weights
# span five powers of ten: there it is the peer whose digits are lost.
TOLERANCES = {
    ("clean", "frames"): 5e-12,
    ("equal", "frames"): 3e-6,
    ("clean", "peer-3.2"): 7e-5,
    ("equal", "peer-3.2"): 7e-5,
}


@pytest.mark.parametrize("weighting", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_maps_errors_flags_and_cards_are_the_peers(folder, geometry, case, version, weighting):
    name, inputs = case
    theirs = peers(folder, name, VERSIONS[version])
    key = f"lsq_ram_w{int(weighting)}_"
    ours = fit_peer(sources(inputs, geometry), geometry, version=version, weighting=weighting)
    tolerance = TOLERANCES[name, version] if weighting else 5e-12
    of_errors = 2e-13 if tolerance < 1e-11 else 0.1 * tolerance
    rows = slice(0, -1)
    for k, unit in enumerate(UNITS):
        data, err = theirs[key + "data"][k, rows], theirs[key + "err"][0, k, rows]
        assert disagreement(ours.data[k, rows], data, unit) < tolerance
        assert disagreement(ours.err[k, rows], err, unit) < of_errors
    assert np.array_equal(ours.dq, theirs[key + "dq"][0])
    assert ours.nfiles == theirs[key + "DRPNFILE"]
    small = 1e-12 if not weighting or version == "frames" else 1e-9
    assert ours.bias.value == pytest.approx(float(theirs[key + "B_O"]), abs=small)
    assert ours.bias.error == pytest.approx(float(theirs[key + "B_O_ERR"]), abs=small)


@pytest.mark.parametrize("version", VERSIONS)
def test_telemetry_rows_are_as_the_peer_leaves_them(folder, geometry, case, version):
    """5.1.1 fits a constant 1 there, 3.2.1 has NaN."""
    name, inputs = case
    theirs = peers(folder, name, VERSIONS[version])
    ours = fit_peer(sources(inputs, geometry), geometry, version=version)
    np.testing.assert_allclose(
        ours.data[:, -1], theirs["lsq_ram_w1_data"][:, -1], rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(
        ours.err[:, -1], theirs["lsq_ram_w1_err"][0, :, -1], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_means_of_the_imaging_area_are_the_peers(folder, geometry, case, version):
    """The peer's order: F, C (after clipping), D (before), median of F."""
    name, inputs = case
    theirs = peers(folder, name, VERSIONS[version])["lsq_ram_w0_IMM"]
    means = fit_peer(sources(inputs, geometry), geometry, version=version, weighting=False).means
    ours = [means[card] for card in ("FPN_IMM", "CIC_IMM", "DC_IMM", "FPN_IMME")]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("version", ["5.1.1", "3.2.1"])
def test_traditional_dark_of_divided_frames_is_the_peers(folder, geometry, case, version):
    name, inputs = case
    theirs = peers(folder, name, version)
    here, gain = inputs["stack"] == DARK_STACK, float(inputs["emgain"][DARK_STACK])
    source = source_of(
        geometry, gain, float(inputs["exptime"][DARK_STACK]),
        inputs["data"][here].astype(float) / gain, inputs["dq"][here],
        inputs["err"][here].astype(float) / gain,
    )  # fmt: skip
    dark = traditional_dark(source.stack, source._moments, geometry, way="peer")
    image = dark.cut(geometry.section("image"))
    for ours, key in ((dark, "trad_s5_f1_"), (image, "trad_s5_f0_")):
        np.testing.assert_allclose(ours.data, theirs[key + "data"], rtol=1e-13)
        np.testing.assert_allclose(ours.err, theirs[key + "err"][0], rtol=1e-13)
        assert np.array_equal(ours.dq, theirs[key + "dq"])
    assert dark.nfiles == theirs["trad_s5_DRPNFILE"]


@pytest.mark.parametrize("version", ["5.1.1", "3.2.1"])
@pytest.mark.parametrize(("gain", "exptime"), [(30, 30), (1000, 10)])
def test_synthesized_dark_is_the_peers(folder, geometry, case, version, gain, exptime):
    theirs = peers(folder, case[0], version)
    planes = theirs["lsq_ram_w1_data"], theirs["lsq_ram_w1_err"][0], theirs["lsq_ram_w1_dq"][0]
    maps = NoiseMaps("frames", *planes, *(3 * (None,)))
    dark = synthesized_dark(maps, exptime, gain)
    image = dark.cut(geometry.section("image"))
    for ours, form in ((dark, "f1"), (image, "f0")):
        key = f"synth_g{gain}_t{exptime}_{form}_"
        np.testing.assert_allclose(ours.data, theirs[key + "data"], rtol=1e-13)
        np.testing.assert_allclose(ours.err, theirs[key + "err"][0], rtol=1e-13)
        assert np.array_equal(ours.dq, theirs[key + "dq"])


def test_mean_combine_gives_all_that_the_peer_gives(folder, case):
    name, inputs = case
    theirs = peers(folder, name, "5.1.1")
    here = inputs["stack"] == 0
    bad = [flags.astype(int) for flags in inputs["dq"][here] > 0]
    mean = mean_combine([frame.astype(float) for frame in inputs["data"][here]], bad)
    error = mean_combine([frame.astype(float) for frame in inputs["err"][here]], bad, err=True)
    np.testing.assert_allclose(mean.image, theirs["mc_mean"], rtol=1e-13)
    np.testing.assert_allclose(error.image, theirs["mc_err"], rtol=1e-13)
    assert np.array_equal(mean.bad, theirs["mc_bp"])
    assert np.array_equal(mean.count, theirs["mc_n"])
    assert mean.enough == theirs["mc_enough"]


def test_frames_as_the_peer_writes_them_are_read_exactly(folder):
    inputs = np.load(folder / "equal" / "inputs.npz")
    for number in range(40, 48):
        path = folder / "equal" / "frames"
        path /= f"cgi_0000000000000000005_20260106t00000{number}_l2a.fits.gz"
        with open_frame(path) as frame:
            shape = frame.pixels.shape
            data, err = np.empty(shape, np.float32), np.empty(shape, np.float32)
            dq = np.empty(shape, np.uint16)
            frame.pixels.read_into(0, data, err, dq)
            assert frame.headers.em_gain == inputs["emgain"][DARK_STACK]
        for ours, name in ((data, "data"), (err, "err"), (dq, "dq")):
            assert np.array_equal(ours, inputs[name][number])


# What corgidrp's own classes and its dark subtraction find in our products.
READER = """
import json, pickle, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from corgidrp.bad_pixel_calibration import detect_hot_warm_pixels_from_dark
from corgidrp.caldb import CalDB
from corgidrp.data import DetectorNoiseMaps, Dark, Dataset, Image
from corgidrp.detector import slice_section
from corgidrp.l2a_to_l2b import dark_subtraction, em_gain_division

folder, regions, *frames = sys.argv[1:]
regions = {"SCI": json.load(open(regions))["SCI"]}
maps = DetectorNoiseMaps(folder + "/maps.fits")
found = {"maps": [list(maps.data.shape), list(maps.err.shape), list(maps.dq.shape)],
         "bias": maps.bias_offset, "hdus": maps.hdu_names}

def cut(array):
    return slice_section(array, "SCI", "image", regions)

divided = em_gain_division(Dataset(frames))
small = Dataset([Image(cut(f.data), f.pri_hdr, f.ext_hdr, cut(f.err[0]), cut(f.dq))
                 for f in divided.frames])
for number, frame in enumerate(small.frames):
    frame.filename = f"x{number}_l2a.fits"

def residual(dataset):
    return float(np.nanmean(np.where(dataset.all_dq == 0, dataset.all_data, np.nan)))

for name in ("traditional", "synthesized"):
    dark = Dark(f"{folder}/{name}.fits")
    result = dark_subtraction(small, dark=dark, detector_regions=regions)
    found[name] = [dark.ext_hdr["IS_SYNTH"], list(dark.data.shape), residual(result),
                   result[0].ext_hdr["BUNIT"]]
clipped = DetectorNoiseMaps(folder + "/clipped.fits")
found["clipped"] = residual(dark_subtraction(
    small, noisemaps=clipped, detector_regions=regions, outputdir=folder))
maps.save(folder, "saved_by_corgidrp.fits")

# What a calibration database of corgidrp, a pool of processes and the bad-pixel step do with them.
database = CalDB(folder + "/caldb.csv")
for kind, name in ((DetectorNoiseMaps, "maps"), (Dark, "traditional"), (Dark, "synthesized")):
    product = kind(f"{folder}/{name}.fits")
    database.create_entry(product)
    again = pickle.loads(pickle.dumps(Dataset([product])))[0]
    copied = product.copy()
    copied.save(folder, f"{name}_copied.fits")
    saved = kind(f"{folder}/{name}_copied.fits")
    assert all(np.array_equal(product.data, each.data) for each in (again, copied, saved))
    assert saved.hdu_names == product.hdu_names
    found[name + "_cards"] = [product.ext_hdr[card] for card in ("DRPCTIME", "RECIPE")]
    found[name + "_nan"] = int(np.isnan(product.data).sum() + np.isnan(product.err).sum())
row = database._db
found["created"] = [bool(np.isfinite(value)) for value in row["Date Created"]]
found["newest"] = database.get_calib(None, DetectorNoiseMaps).filename
found["of_the_frame"] = database.get_calib(Dataset(frames)[0], Dark).filename
found["history"] = "".join(str(maps.ext_hdr["HISTORY"]).splitlines())
hot = detect_hot_warm_pixels_from_dark(Dark(f"{folder}/nan_dark.fits").data, 5.0)
found["hot"] = np.argwhere(hot).tolist()
print(json.dumps(found))
"""


def with_a_dead_and_a_hot_pixel(folder, stack):
    """Copy a stack: pixel (20, 150) is flagged in all frames, (30, 160) has 40 electrons more."""
    copies = []
    for path in map(Path, stack):
        copies.append(folder / f"copy_{path.name}")
        with fits.open(path) as hdus:
            hdus["DQ"].data[20, 150] = 4
            hdus[1].data[30, 160] += 40 * hdus[1].header["EMGAIN_C"]
            hdus.writeto(copies[-1])
    return copies


@pytest.fixture(scope="module")
def products(repository, tmp_path_factory):
    """Make all products of simulated frames with our programs, and let corgidrp read them."""
    python = repository / ".venvs" / "peers-cgi" / "bin" / "python"
    if not python.exists():
        pytest.skip("peers-cgi is not built: make setup-tests")
    from darkroom.cgi.simulate import exposures as cgi

    folder = tmp_path_factory.mktemp("cgi")
    settings = {"seed": 1, "geometry": "small", "frames": 4, "fpn_spread": 5.0}
    paths = {}
    for exposure in cgi.plan(settings):
        path = folder / exposure.file
        cgi.deliver(settings, exposure.name, path)
        paths.setdefault((exposure.gain, exposure.exptime), []).append(str(path))
    everything = [path for stack in paths.values() for path in stack]

    def ours(program, *arguments):
        subprocess.run(
            [repository / ".venv" / "bin" / "python", repository / f"scripts/cgi/{program}.py",
             "--geometry", "small", *map(str, arguments)],
            check=True, capture_output=True,
        )  # fmt: skip

    ours("noise_maps", "--output", folder / "maps.fits", *everything)
    ours("noise_maps", "--clipped", "--output", folder / "clipped.fits", *everything)
    stack = paths[500.0, 100.0]
    ours("master_dark", "--undivided", "--output", folder / "traditional.fits", *stack)
    ours("synthesize_dark", "--like", stack[0], "--output", folder / "synthesized.fits",
         folder / "maps.fits")  # fmt: skip
    ours("master_dark", "--undivided", "--output", folder / "nan_dark.fits",
         *with_a_dead_and_a_hot_pixel(folder, stack))  # fmt: skip
    regions = repository / "scripts" / "darkroom" / "cgi" / "geometry_small.json"
    home = folder / "home"  # corgidrp writes its settings and database there
    home.mkdir()
    done = subprocess.run(
        [python, "-c", READER, folder, regions, *stack],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


def test_corgidrp_reads_our_noise_maps_and_carries_our_extensions(products):
    _, found = products
    assert found["maps"] == [[3, 120, 220], [1, 3, 120, 220], [3, 120, 220]]
    assert abs(found["bias"]) < 1
    assert {"COV", "CHI2", "R2ADJ", "STACKS", "FRAMES", "UNITS"} <= set(found["hdus"])


@pytest.mark.parametrize(("name", "synthesized"), [("traditional", 0), ("synthesized", 1)])
def test_corgidrp_subtracts_our_darks(products, name, synthesized):
    is_synthesized, shape, residual, unit = products[1][name]
    assert (is_synthesized, shape, unit) == (synthesized, [104, 105], "photoelectron")
    assert abs(residual) < 0.01


def test_corgidrp_makes_its_own_synthesized_dark_of_our_clipped_maps(products):
    assert products[1]["clipped"] < -0.001  # clipped maps are too large: that is their bias


def test_corgidrp_copies_pickles_and_saves_our_products_and_finds_no_nan(products):
    """The script asserts that the numbers stay."""
    found = products[1]
    for name in ("maps", "traditional", "synthesized"):
        assert found[f"{name}_nan"] == 0


def test_corgidrps_database_knows_when_and_how_our_products_were_made(products):
    _, found = products
    assert found["created"] == [True] * 3
    assert found["newest"] == "maps.fits"
    assert found["of_the_frame"] in ("traditional.fits", "synthesized.fits")
    for name in ("maps", "traditional", "synthesized"):
        created, recipe = found[f"{name}_cards"]
        assert created.startswith("2026-01-06T")
        assert json.loads(recipe)["steps"][0]["keywords"]
    assert "and number of frames):  [[2.0, 1.5, " in found["history"]


def test_corgidrps_bad_pixel_step_finds_the_hot_pixel_beside_a_dead_one(products):
    assert [28, 52] in products[1]["hot"]
    assert [18, 42] not in products[1]["hot"]


def test_what_corgidrp_saves_of_our_maps_is_what_we_wrote(products):
    folder, _ = products
    with (
        fits.open(folder / "maps.fits") as ours,
        fits.open(folder / "saved_by_corgidrp.fits") as theirs,
    ):
        for name in (1, "ERR", "DQ", "COV", "CHI2"):
            assert np.array_equal(ours[name].data, theirs[name].data, equal_nan=True)
