"""A visit combined by AstroDrizzle in its own environment: weights, guards, originals untouched."""

import hashlib
import json
import os
import shlex
import subprocess

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.wfc3.engine import engine, products
from darkroom.wfc3.visit import drizzle, weights
from wfc3_visits import Visit

DITHERS = [[0.0, 0.0], [1.1, 0.3], [0.2, 1.2]]


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Three dithered exposures, calibrated; the first with its first five reads masked."""
    made = Visit(
        tmp_path_factory.mktemp("visit"),
        exposures=[{"light": "start", "dither": DITHERS[0]}, *({"dither": d} for d in DITHERS[1:])],
    )
    made.flts = []
    for number, exposure in enumerate(made.exposures):
        ramp = made.ramp(number)
        masked = (11, 12, 13, 14, 15) if number == 0 else ()
        image = engine.reduce(ramp, masked)
        path = made.folder / f"{exposure.name}_flt.fits"
        signed = products.signature(image, made_by="test", inputs=[], settings={})
        products.write_flt(path, ramp, image, signed)
        made.flts.append(path)
    return made


@pytest.fixture
def combine(repository, visit, tmp_path):
    """Run combine_visit.py by the Python of its environment."""
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")

    def run(flts, *arguments, status=0):
        output = tmp_path / "out" / "visit_drz_sci.fits"
        command = [python, repository / "scripts/wfc3/combine_visit.py", "--output", output]
        command += ["--references", visit.references, *arguments, *flts]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return output, done.stdout + done.stderr

    return run


def digests(paths):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_a_visit_is_combined_with_the_weight_of_its_exposure_time(combine, visit, tmp_path):
    before = digests(visit.flts)
    output, _ = combine(visit.flts)
    report = json.loads((output.parent / "visit_drz.json").read_text())
    assert report["exptimes"] == pytest.approx([1000.0, 1400.061, 1400.061])
    assert report["weight_ratio"] == pytest.approx(1, abs=0.002)
    assert report["weight_median"] == pytest.approx(report["exptime"], rel=0.005)
    assert report["header_exptime"] == pytest.approx(report["exptime"])
    # The skies were matched: only their small differences are taken off, not all of 0.9.
    assert min(report["skies"]) == 0
    assert max(report["skies"]) < 0.05
    image, weight = fits.getdata(output), fits.getdata(output.parent / "visit_drz_wht.fits")
    assert np.median(image[weight > 0]) == pytest.approx(0.9, abs=0.03)
    assert digests(visit.flts) == before
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "visit_drz.json", "visit_drz_sci.fits", "visit_drz_wht.fits",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    header = fits.getheader(output)
    assert header["MADEBY"] == "combine_visit"
    assert "RULEFILE" not in header
    assert "MASKREAD" not in header
    # AstroDrizzle leaves the values of flagged pixels where no other pixel falls.
    assert header["FILLVAL"] == "none"
    assert np.isfinite(image[weight == 0]).any()


@pytest.mark.heavy
def test_two_versions_made_by_one_program_are_those_of_two(combine, visit, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    flts = [other / path.name for path in visit.flts]
    for source, target in zip(visit.flts, flts, strict=True):
        target.write_bytes(source.read_bytes())
    with fits.open(flts[0], mode="update") as hdus:
        hdus["SCI"].data += np.float32(0.01)

    def pixels(stem):
        planes = [fits.getdata(f"{stem}_{part}.fits").tobytes() for part in ("sci", "wht")]
        return *planes, json.loads(stem.with_name(f"{stem.name}.json").read_text())

    alone = []
    for some in (flts, visit.flts):
        output, _ = combine(some)
        alone.append(pixels(output.with_name("visit_drz")))
    assert alone[0] != alone[1]
    folder = output.parent
    words = ["--references", visit.references, *map("--batch-file={}".format, flts)]
    for option, name in (("output", "_sci.fits"), ("weight", "_wht.fits"), ("report", ".json")):
        words += [f"--{option}", folder / f"other_drz{name}"]
    along = shlex.join(map(str, [*words, "--", *flts]))
    combine(visit.flts, "--batch", 2, f"--along={along}")
    assert pixels(folder / "visit_drz") == alone[1]
    assert pixels(folder / ".made" / "other_drz") == alone[0]
    assert fits.getheader(folder / ".made/other_drz_wht.fits")["FILENAME"] == "other_drz_wht.fits"


def test_an_exposure_left_at_1024_is_freed_of_it_and_one_with_other_flags_is_missed(
    combine, visit, tmp_path
):
    flts = [tmp_path / path.name for path in visit.flts]
    for source, target, flag in zip(visit.flts, flts, (1024, 0, 4), strict=True):
        target.write_bytes(source.read_bytes())
        with fits.open(target, mode="update") as hdus:
            hdus["DQ"].data |= np.int16(flag)
    _, text = combine(flts, status=1)
    last = text.strip().splitlines()[-1]
    # 2400 of 3800 s: the first exposure is in it.
    assert last.startswith("ERROR the median weight is 0.63")
    assert last.endswith(f"an exposure was dropped; check the flags of {flts[2].name[:9]}")


def test_an_exposure_missing_from_a_mosaic_is_missed_though_few_pixels_overlap():
    """Two fields of 100 s overlap in a tenth of their points; the second has no weight."""
    share = np.zeros((2, 19), bool)
    share[0, :10], share[1, 9:] = True, True
    expected, found = 100.0 * share.sum(axis=0), 100.0 * share[0]
    each = weights._weight_ratios(found, expected, share)
    report = {"exposures": ["one", "two"], "exptime": 200.0, "weight_of_each": each}
    report["weight_ratio"] = float(np.median((found / expected)[found > 0]))
    assert report["weight_ratio"] == 1
    with pytest.raises(DarkroomError, match=r"in the field of two is 0\.5000 .* the flags of two"):
        weights._check_weights(report)


@pytest.mark.heavy
def test_an_exposure_four_pixels_off_is_refused_or_left_out(combine, visit, tmp_path):
    flts = [tmp_path / path.name for path in visit.flts]
    for source, target in zip(visit.flts, flts, strict=True):
        target.write_bytes(source.read_bytes())
    with fits.open(flts[2], mode="update") as hdus:
        for name in ("SCI", "DQ"):
            hdus[name].data = np.roll(hdus[name].data, 4, axis=1)
    _, text = combine(flts, status=1)
    assert "isim01acq: its stars lie 4.0 pixels beside those of 1 other exposure, at" in text
    output, text = combine(flts, "--exclude", "--final-fillval", "nan")
    report = json.loads((output.parent / "visit_drz.json").read_text())
    assert report["exposures"] == ["isim01aaq", "isim01abq"]
    assert list(report["left_out"]) == ["isim01acq"]
    image, header = fits.getdata(output, header=True)
    weight = fits.getdata(output.parent / "visit_drz_wht.fits")
    assert np.array_equal(np.isnan(image), weight == 0)
    assert header["FILLVAL"] == "nan"
    assert header["NINPUTS"] == 2
    combine(flts, "--keep", "isim01acq", "--final-fillval", "nan")


def test_flts_without_guide_stars_are_refused_in_one_message(combine, visit, tmp_path):
    flts = [tmp_path / path.name for path in visit.flts]
    for source, target in zip(visit.flts, flts, strict=True):
        target.write_bytes(source.read_bytes())
    fits.setval(flts[0], "EXPFLAG", value="INTERRUPTED")
    fits.setval(flts[1], "QUALITY", value="GSFAIL")
    fits.setval(flts[2], "MTFLAG", value="T")
    _, text = combine(flts, status=1)
    assert "3 exposures cannot be used for the combined image" in text
    _, text = combine(flts, "--exclude", status=1)
    assert "there is no exposure to combine: all 3 are left out" in text
    assert "QUALITY is 'GSFAIL'" in text


def test_exposures_of_several_filters_are_refused(visit, tmp_path):
    other = tmp_path / "isim01xxq_flt.fits"
    other.write_bytes(visit.flts[0].read_bytes())
    fits.setval(other, "FILTER", value="F160W")
    with pytest.raises(DarkroomError, match=r"several filters .* \(F140W, F160W\); make an item"):
        drizzle._check_together([visit.flts[0], other])


def test_nothing_to_combine_is_said():
    with pytest.raises(DarkroomError, match="there is no exposure to combine"):
        drizzle._check_together([])


def test_two_exposures_of_one_name_are_refused(visit, tmp_path):
    drizzle._copy(visit.flts[0], tmp_path)
    with pytest.raises(DarkroomError, match=r"two exposures have the name isim01aaq_flt\.fits"):
        drizzle._copy(visit.flts[0], tmp_path)


def test_blobs_that_no_exposure_steps_over_are_warned_about(combine, visit):
    output, text = combine(visit.flts[1:2], "--final-fillval", "nan")
    image, weight = fits.getdata(output), fits.getdata(output.parent / "visit_drz_wht.fits")
    assert (weight == 0).any()
    np.testing.assert_array_equal(np.isnan(image), weight == 0)
    assert fits.getheader(output)["FILLVAL"] == "nan"
    assert "pixels under blobs have no data: the dithers do not step across them" in text
    assert json.loads((output.parent / "visit_drz.json").read_text())["blob_holes"] > 0


def test_the_environment_still_needs_its_pin(repository):
    """The day AstroDrizzle no longer asks for what spherical-geometry 1.4 dropped, unpin it."""
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")
    code = (
        "import pathlib, stsci.skypac as s;"
        "print(any('iter_polygons_flat' in p.read_text() for p in"
        " pathlib.Path(s.__file__).parent.glob('*.py')))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
