"""Made cases of real traits: a crowded field that saturates, and an exposure that was aborted."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts" / "wfc3"


def run(program, *words):
    done = subprocess.run(
        [sys.executable, SCRIPTS / f"{program}.py", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def case(tmp_path_factory, reference_data):
    """Return a folder with the RAWs and references of the case, unpacked."""
    source = reference_data / "cases" / "wfc3" / "diag64"
    folder = tmp_path_factory.mktemp("diag64")
    (folder / "iref").mkdir()
    for path in [*source.glob("*.gz"), *source.glob("iref/*.gz")]:
        with (
            gzip.open(path) as packed,
            (folder / path.relative_to(source).with_suffix("")).open("wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    return folder


def chosen(folder, root, *options):
    """Return what is chosen of an exposure, and its mean FLT sky before anything is treated."""
    raw = folder / f"{root}_raw.fits"
    out = folder / f"{root}_out"
    run("calibrate", raw, "--references", folder / "iref", "--output-dir", out)
    (ima,), (flt,) = out.glob("*_ima.fits"), out.glob("*_flt.fits")
    run("read_differences", ima, "--raw", raw, "--output", out / "reads.json")
    run("choose_reads", out / "reads.json", *options, "--output", out / "chosen.json")
    with fits.open(flt) as hdus:
        sky = np.median(hdus["SCI"].data[hdus["DQ"].data == 0])
    return json.loads((out / "chosen.json").read_text()), float(sky)


def test_a_crowded_field_that_saturates_is_quiet(case):
    record, _ = chosen(case, "ihxx01aaq", "--treatment", "flatten")
    assert record["verdict"] == "quiet"
    assert record["reads"] == []


def test_the_reads_of_an_aborted_exposure_are_named_and_left_out(case):
    record, sky = chosen(case, "ihxx01abq")
    assert record["verdict"] == "chosen"
    assert sorted(record["reads"]) == [1, 2, 3, 4]
    out = case / "again"
    run("calibrate", case / "ihxx01abq_raw.fits", "--references", case / "iref",
        "--mask-reads", "1-4", "--output-dir", out)  # fmt: skip
    (flt,) = out.glob("*_flt.fits")
    with fits.open(flt) as hdus:
        again = float(np.median(hdus["SCI"].data[hdus["DQ"].data == 0]))
    # 27 % too low with the reads that repeat an earlier one.
    assert sky == pytest.approx(0.73 * again, rel=0.03)
