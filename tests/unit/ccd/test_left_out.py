"""An item goes on without what it can do without: flats that are refused, malformed cards."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import COLUMNS, require_some, write_frames
from darkroom.ccd.overscan.amplifiers import amplifiers
from darkroom.ccd.products import gain as gainfile
from darkroom.errors import DarkroomError

SCRIPTS = Path(__file__).parents[3] / "scripts"


def run(program, *arguments):
    """Run a program; return its exit status and all that it says."""
    done = subprocess.run(
        [sys.executable, SCRIPTS / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def row(name, role, accepted):
    empty = dict.fromkeys(COLUMNS, "")
    return empty | {
        "exposure": name, "role": role, "accepted": accepted, "file": f"{name}.fits",
        "reason": "" if accepted == "yes" else f"{name}: odd",
    }  # fmt: skip


def test_refused_flats_stop_no_item(tmp_path):
    rows = [row("b", "bias", "yes"), row("f", "flat", "no"), row("d", "dark", "no")]
    require_some("camera", rows[:2])
    with pytest.raises(DarkroomError, match="all 1 dark exposures are refused"):
        require_some("camera", rows)
    write_frames(tmp_path / "frames.tsv", rows)
    for role, status in (("flat", 0), ("science", 0), ("bias", 0), ("dark", 1)):
        output = tmp_path / f"{role}.list"
        found, said = run(
            "archive/role_list.py", "--role", role, "--output", output, tmp_path / "frames.tsv"
        )
        assert found == status, said
        assert output.exists() == (status == 0)
    assert (tmp_path / "flat.list").read_text() == ""


def image(path, level, **cards):
    rng = np.random.default_rng(int(level) + len(path.name))
    hdu = fits.PrimaryHDU((level + rng.normal(0, 5, (32, 32))).astype(np.float32))
    hdu.header.update({"INSTRUME": "cam", "EXPTIME": 0.0} | cards)
    hdu.writeto(path)
    return path


@pytest.mark.parametrize(
    ("times", "words"),
    [((), "every one was refused"), ((1.0, 3.0), "2 left, and photon transfer needs two of one")],
)
def test_flats_of_which_no_pair_is_left_make_a_product_without_gain(tmp_path, times, words):
    biases = [image(tmp_path / f"b{'x' * k}.fits", 1000) for k in range(3)]
    flats = [image(tmp_path / f"f{t:g}.fits", 9000 * t, EXPTIME=t) for t in times]
    bias, noise, gain = (tmp_path / f"{name}.fits" for name in ("bias", "noise", "gain"))
    for program, output in (("master_bias", bias), ("read_noise", noise)):
        assert run(f"ccd/{program}.py", "--judged", "--output", output, *biases)[0] == 0
    status, said = run(
        "ccd/gain.py", "--judged", "--output", gain, "--master-bias", bias, "--read-noise", noise,
        *flats,
    )  # fmt: skip
    assert status == 0, said
    assert gainfile.read(gain) is None
    header = fits.getheader(gain, "PTC")
    assert words in header["LEFT1"]
    assert fits.getheader(gain)["INSTRUME"] == "cam"


def test_a_malformed_card_that_nobody_asks_for_is_no_fault(tmp_path):
    path = image(tmp_path / "one.fits", 1000)
    raw = path.read_bytes().replace(
        b"EXPTIME =                  0.0", b"EXPTIME =              3,2E-05"
    )
    path.write_bytes(raw)
    assert [one.shape for one in amplifiers(path)] == [(32, 32)]
    header = fits.Header([("GAIN", 2.0)])
    header.append(fits.Card.fromstring("EXPOSURE= 3,2E-05".ljust(80)))
    parts = [fits.ImageHDU(np.zeros((4, 4)), header, name=f"A{k}") for k in range(2)]
    hdus = fits.HDUList([fits.PrimaryHDU(), *parts])
    hdus.writeto(tmp_path / "two.fits", output_verify="silentfix")
    assert [one.header["GAIN"] for one in amplifiers(tmp_path / "two.fits")] == [2.0, 2.0]
