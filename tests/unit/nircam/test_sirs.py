"""SIRS: kernels from reference pixels, the pipeline's file of them, and its own step with them."""

import json
import shlex
import shutil

import numpy as np
import pytest
from astropy.io import fits

from darkroom.crds.cache import Cache, sha1
from darkroom.errors import InputError
from darkroom.nircam import products
from darkroom.nircam.planning import correction_options
from darkroom.nircam.refpix import levels as refpix
from darkroom.nircam.refpix import sirs_file as sirs
from darkroom.nircam.refpix import tables as refpix_tables
from darkroom.nircam.refpix.sirs import GAUSSIAN, HALF_WIDTH, SirsSums
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.references import write_references
from darkroom.simulate.crds_cache import Kind, write_cache
from nircam_jwst import CONTEXT, jwst, need_jwst, own_program, program
from nircam_spectra import simulated

ROWS, TAPS = 1000, 2 * HALF_WIDTH + 1


def smoothed(weights):
    """Return kernels as the pipeline smooths them."""
    window = np.exp(-(np.arange(-HALF_WIDTH, HALF_WIDTH + 1) ** 2) / (2 * GAUSSIAN**2))
    window /= window.sum()
    return np.stack([np.convolve(one, window, mode="same") for one in weights])


def rows_of(kernels, seed, nframes=40, white=0.0):
    """Return frames (left, right, active) whose active rows follow the sides by true kernels."""
    rng = np.random.default_rng(seed)
    for _ in range(nframes):
        left, right = rng.standard_normal((2, ROWS))
        active = white * rng.standard_normal((ROWS, len(kernels)))
        for a, (one, other) in enumerate(kernels):
            active[:, a] += np.convolve(left, one, "same") + np.convolve(right, other, "same")
        yield left, right, active


def solved(frames, noutputs):
    sums = SirsSums(ROWS, noutputs)
    for left, right, active in frames:
        sums.add(left, right, active)
        sums.dof += 1
    return sums.solve()


def test_the_kernels_that_made_the_rows_are_found_sides_and_direction_told_apart():
    """Amplifier 0 follows left pixels three rows before, amplifier 1 right ones after."""
    kernels = np.zeros((2, 2, TAPS))
    kernels[0, 0, HALF_WIDTH + 3] = 0.7
    kernels[1, 1, HALF_WIDTH - 5 : HALF_WIDTH + 1] = 0.1
    kernels = np.array([smoothed(one) for one in kernels])
    found = solved(rows_of(kernels, 1, white=0.1), 2)
    for one, true in zip(found.weights, kernels, strict=True):
        assert smoothed(one) == pytest.approx(true, abs=0.005)
    assert found.gains() == pytest.approx(np.array([[0.7, 0], [0, 0.6]]), abs=0.02)
    assert found.residual == pytest.approx(0.1, rel=0.05)


def test_unrelated_rows_get_almost_no_kernel_and_no_weight_below_zero():
    found = solved(rows_of(np.zeros((1, 2, TAPS)), 2, white=1.0), 1)
    assert (found.weights > 0).all()
    assert found.residual == pytest.approx(found.before, rel=0.002)
    # What would be subtracted of white noise: the pipeline's kernel has so little power.
    assert (smoothed(found.weights[0]) ** 2).sum() < 0.002


def test_sirs_leaves_less_in_rows_than_any_running_mean():
    source, *_ = simulated(5, rows=512, nints=1)
    levels = refpix.measure(source)
    found = levels.sirs.solve()
    best = np.nanmin(levels.rows.residual, axis=0)
    assert (found.residual < best).all()
    # Each outer amplifier shares noise of its own with the side that it reads.
    gains = found.gains()
    assert gains[0, 0] > 2 * gains[0, 1]
    assert gains[3, 1] > 2 * gains[3, 0]


def test_only_whole_frames_get_kernels():
    source, *_ = simulated(1, subarray="SUBGRISM256", rows=2048, nints=1, ngroups=3)
    assert refpix.measure(source).sirs is None


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """Write a reference-pixel product that holds kernels of known weights."""
    path = tmp_path_factory.mktemp("sirs") / "reference_pixels.fits"
    rng = np.random.default_rng(4)
    weights = rng.uniform(0, 0.02, (4, 2, TAPS))
    rows = refpix_tables.kernel_rows(weights)
    primary = products.primary((("DETECTOR", "NRCA2", ""), ("CREATOR", "darkroom", "")))
    products.save(path, [primary, products.table("SIRS_KERNEL", rows)])
    return path, weights


def test_the_pipeline_makes_these_kernels_of_the_file(product, tmp_path):
    """The file opens as the pipeline's model, and its own code gives back weights and rows."""
    path, weights = product
    made = tmp_path / "sirs_kernel.asdf"
    done = program("nircam/sirs_kernel", path, "--output", made)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "again.asdf"
    program("nircam/sirs_kernel", path, "--output", again)
    assert made.read_bytes() == again.read_bytes()
    (error, answer), (_, nothing) = jwst(
        tmp_path,
        [
            ["sirs_kernels", {"path": str(made), "detector": "NRCA2"}],
            ["sirs_kernels", {"path": str(made), "detector": "NRCA1"}],
        ],
    )
    assert error is None, answer
    left, right = map(np.array, answer)
    for a in range(4):
        assert left[a] == pytest.approx(smoothed(weights[a, :1])[0], abs=1e-12)
        assert right[a] == pytest.approx(smoothed(weights[a, 1:])[0], abs=1e-12)
    assert nothing is None


def asked(folder, subarray="FULL", detector="NRCA2"):
    """Write the header of an exposure; return its path."""
    header = fits.Header({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": detector})
    header.update({"SUBARRAY": subarray, "DATE-OBS": "2022-05-01", "TIME-OBS": "00:00:00.0"})
    fits.PrimaryHDU(header=header).writeto(folder / "x_uncal.fits", overwrite=True)
    return str(folder / "x_uncal.fits")


@pytest.mark.heavy
def test_kernels_of_crds_come_first_where_they_hold_the_detector(product, tmp_path):
    """CRDS's file knew the short-wave detectors alone when it was new."""
    path, _ = product
    made, other = tmp_path / "sirs_kernel.asdf", tmp_path / "jwst_nircam_sirskernel_0001.asdf"
    with fits.open(path) as hdus:
        hdus[0].header["DETECTOR"] = "NRCA1"
        hdus.writeto(tmp_path / "other.fits")
    assert program("nircam/sirs_kernel", path, "--output", made).returncode == 0
    assert program("nircam/sirs_kernel", tmp_path / "other.fits", "--output", other).returncode == 0

    def choose(exposure, *candidates):
        return ["choose_kernel", {"path": exposure, "candidates": list(map(str, candidates))}]

    short = tmp_path / "short"
    short.mkdir()
    broken = tmp_path / "broken.asdf"
    broken.write_bytes(made.read_bytes()[:600])
    here = asked(tmp_path)
    answers = jwst(
        tmp_path,
        [
            choose(here, other, made),
            choose(here, made, other),
            choose(here, other),
            choose(here),
            choose(here, broken),
            choose(asked(short, "SUBGRISM256"), made),
        ],
    )
    (_, first), (_, second), *refused = answers
    assert first == second == str(made)
    (kind, lacking), (_, none), (broken_kind, damaged), (_, stripe) = refused
    assert kind == "DarkroomError"
    assert "no SIRS kernels for NRCA2 (jwst_nircam_sirskernel_0001.asdf has none)" in lacking
    assert "CRDS has no such file" in none
    assert broken_kind == "InputError"
    assert "broken.asdf: cannot be read as SIRS kernels" in damaged
    assert "SUBGRISM256; the pipeline's step refpix applies SIRS kernels to full frames" in stripe


def test_rules_that_have_kernels_choose_them_for_every_detector(product, tmp_path):
    """As the real rules do: one file for all detectors."""
    need_jwst()
    cache = Cache(tmp_path / "crds", "jwst")
    kernel = cache.path / "references" / "jwst" / "jwst_nircam_sirskernel_0001.asdf"
    kernel.parent.mkdir(parents=True)
    assert program("nircam/sirs_kernel", product[0], "--output", kernel).returncode == 0
    kind = Kind("sirskernel", (), {(): {"2022-01-01 00:00:00": kernel.name}})
    times = ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")
    write_cache(cache, CONTEXT, "nircam", [kind], (), times)
    chosen, place = tmp_path / "chosen.json", ["--cache", cache.path, "--context", CONTEXT]
    more = ["--kinds", "sirskernel", "--output", chosen]
    done = program("references/bestrefs", asked(tmp_path), *place, *more)
    assert done.returncode == 0, done.stderr
    assert json.loads(chosen.read_text())["sirskernel"]["name"] == kernel.name


def test_a_product_without_kernels_is_refused(tmp_path):
    primary = fits.PrimaryHDU(header=fits.Header({"DETECTOR": "NRCA1"}))
    fits.HDUList([primary]).writeto(tmp_path / "stripe.fits")
    with pytest.raises(InputError, match="holds no SIRS kernels; they are made from full frames"):
        sirs.read_weights(tmp_path / "stripe.fits")
    (tmp_path / "none.fits").write_text("no FITS")
    with pytest.raises(InputError, match="is no reference-pixel product"):
        sirs.read_weights(tmp_path / "none.fits")


def corrected_frames(folder, settings):
    """Correct a full frame by the pipeline's step in every way; return rows of the comparison.

    Superbias, spectrum, kernels and the best smoothing come from the other exposures.
    """
    folder.mkdir()
    settings = {"detector": "NRCA1", "exposures": 3, "ngroups": 6, **settings}
    cache = Cache(folder / "crds", "jwst")
    write_references(cache, CONTEXT, [settings], ["mask", "saturation", "superbias"])
    for exposure in nircam.plan(settings):
        nircam.deliver(settings, exposure.name, folder / "raw" / exposure.file)
    *others, here = sorted((folder / "raw").glob("*_uncal.fits"))
    spectrum, found = folder / "noise_spectrum.fits", folder / "reference_pixels.fits"
    best, kernel, chosen = (folder / name for name in ("best.json", "k.asdf", "references.json"))
    place = ["--cache", cache.path, "--context", CONTEXT]
    kinds = ["--kinds", "mask", "saturation", "superbias", "sirskernel"]

    def done(answer):
        assert answer.returncode == 0, answer.stderr[-2000:]

    done(own_program("nircam/noise_spectrum", "--output", spectrum, *others))
    more = ["--spectrum", spectrum, "--best-side", best, "--output", found]
    done(own_program("nircam/reference_pixels", *more, *others))
    done(program("nircam/sirs_kernel", found, "--output", kernel))
    done(program("references/bestrefs", here, *place, *kinds, "--output", chosen))
    assert json.loads(chosen.read_text())["sirskernel"] is None
    names = ("top_bottom", "side", "sirs", "optimal")
    words = []
    for name in names:
        steps = shlex.split(correction_options(name))
        if name == "optimal":
            steps += ["--parameters", best.read_text()]
        more = [
            "--references",
            chosen,
            "--sirs-kernel",
            kernel,
            "--output",
            folder / f"{name}.fits",
        ]
        done(program("nircam/calibrate", here, *place, *more, *steps))
        words += ["--corrected", name, folder / f"{name}.fits"]
    assert fits.getval(folder / "sirs.fits", "R_SIRSKL") == "k.asdf"
    # The same kernels from CRDS, which come first.
    theirs = cache.path / "references" / "jwst" / "jwst_nircam_sirskernel_0001.asdf"
    shutil.copy(kernel, theirs)
    facts = {"name": theirs.name, "size": theirs.stat().st_size, "sha1": sha1(theirs)}
    chosen.write_text(json.dumps(json.loads(chosen.read_text()) | {"sirskernel": facts}))
    more = ["--references", chosen, "--output", folder / "theirs.fits"]
    done(program("nircam/calibrate", here, *place, *more, *shlex.split(correction_options("sirs"))))
    assert fits.getval(folder / "theirs.fits", "R_SIRSKL") == f"crds://{theirs.name}"
    made, same = (fits.getdata(folder / f"{name}.fits", "SCI") for name in ("sirs", "theirs"))
    assert (made == same).all()
    assert "R_SIRSKL" not in fits.getheader(folder / "side.fits")
    output = folder / "corrections.fits"
    more = ["--spectrum", spectrum, "--output", output]
    done(own_program("nircam/compare_corrections", *words, *more, "--", here))
    shutil.rmtree(folder / "raw")
    with fits.open(output) as hdus, fits.open(found) as product:
        table, predicted = hdus["CORRECTIONS"].data, product["SIRS"].data
        rows = {
            name: {
                column: np.array(table[column][table["CORRECTION"] == name])
                for column in ("ROW_NOISE", "TOTAL", "OVER_FLOOR", "OVER_WHITE", "ROW_FLOOR")
            }
            for name in ("none", *names)
        }
        kernels = set(table["KERNEL"][table["CORRECTION"] == "sirs"])
        rows["predicted"] = {name: np.array(predicted[name]) for name in ("BEFORE", "LEFT")}
    assert kernels == {"k.asdf"}
    return rows


@pytest.mark.heavy
def test_the_pipelines_sirs_leaves_least_of_common_noise(tmp_path):
    """Full frames with the noise measured of the real detector, kernels from other exposures."""
    need_jwst()
    rows = corrected_frames(tmp_path / "common", {})
    left = {name: found.get("ROW_NOISE") for name, found in rows.items()}
    for name in ("side", "sirs", "optimal"):
        assert (left[name] < 0.7 * left["none"]).all(), name
    assert left["top_bottom"] == pytest.approx(left["none"], rel=0.02)
    assert (left["sirs"] < 1.02 * left["optimal"]).all()
    assert (left["sirs"] < 0.97 * left["side"]).all()
    # Noise of a difference of two reads is that of two reads.
    predicted = np.sqrt(2) * rows["predicted"]["LEFT"]
    assert left["sirs"] == pytest.approx(predicted, rel=0.05)
    assert (rows["sirs"]["TOTAL"] < rows["none"]["TOTAL"]).all()
    assert (rows["sirs"]["OVER_WHITE"] > 1).all()


@pytest.mark.heavy
def test_the_pipelines_sirs_does_no_harm_where_noise_is_white(tmp_path):
    """Running means of the pipeline add the noise of their few pixels; kernels are near zero."""
    need_jwst()
    rows = corrected_frames(tmp_path / "white", {"noise_sampling": "off"})
    left = {name: found.get("ROW_NOISE") for name, found in rows.items()}
    assert left["none"] == pytest.approx(rows["none"]["ROW_FLOOR"], rel=0.05)
    assert left["sirs"] == pytest.approx(np.sqrt(2) * rows["predicted"]["LEFT"], rel=0.03)
    assert (left["sirs"] < 1.02 * left["none"]).all()
    assert (left["side"] > 1.5 * left["none"]).all()
