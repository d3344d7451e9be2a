"""Twelve simulated epochs, added one by one, equal the rebuild from all frames in every bit.

The exposures are those of the campaign `series`; with more groups, so that a dark can be fitted.
Bias frames and darks of a CCD are of twelve epochs, too. One exposure was added before it was known
to be bad, and is withdrawn.
"""

import numpy as np
import pytest
import yaml
from astropy.io import fits

from darkroom.ccd.simulate import exposures as ccd
from darkroom.epochs import laws
from darkroom.epochs.merging import merge_files, remove_file
from darkroom.epochs.state_file import load
from darkroom.nircam.simulate import exposures as nircam
from nircam_jwst import ROOT, own_program

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]

EPOCHS, BAD = 12, 4
DETAILS = {
    "superbias": ("nircam/superbias", "--pedigree", "DUMMY"),
    "readnoise": ("nircam/readnoise", "--pedigree", "DUMMY"),
    "dark": ("nircam/dark", "--gain", 2, "--pedigree", "DUMMY"),
}


def done(*arguments):
    made = own_program(*arguments)
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="module")
def ramps(tmp_path_factory):
    """Files of each epoch; the second one of the fifth epoch was not dark."""
    folder = tmp_path_factory.mktemp("ramps")
    text = (ROOT / "config" / "campaigns" / "series.yaml").read_text(encoding="utf-8")
    campaign = yaml.safe_load(text)
    settings = campaign["items"]["nrcblong"]["simulate"] | {
        "seed": campaign["archive"]["seed"],
        "ngroups": 8,
    }
    files = []
    for one in nircam.plan(settings):
        path = folder / one.file
        nircam.deliver(settings, one.name, path)
        files.append(path)
    assert len(files) == 2 * EPOCHS
    return [files[k : k + 2] for k in range(0, len(files), 2)]


def calibrated(path, folder):
    """Return a copy that says it is calibrated: a dark's sums do not ask how it was made."""
    copied = folder / path.name
    with fits.open(path) as hdus:
        for card in ("S_SUPERB", "S_REFPIX", "S_LINEAR"):
            hdus[0].header[card] = "COMPLETE"
        hdus.writeto(copied)
    return copied


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Files of each epoch of a camera, by role: days and levels of their own."""
    found = {"bias": [], "dark": []}
    for number in range(EPOCHS):
        folder = tmp_path_factory.mktemp(f"frames{number}")
        settings = {
            "shape": [48, 64],
            "seed": 40 + number,
            "targets": [],
            "bias": {"count": 8, "temperatures": [-4.975]},
            "darks": [{"count": 8, "exptime": 30.0, "temperatures": [-4.975]}],
        }
        files = {"bias": [], "dark": []}
        for one in ccd.plan(settings):
            path = folder / one.file.replace(".", f"_{number:02d}.")
            ccd.deliver(settings, one.name, path)
            with fits.open(path, mode="update") as hdus:
                date = hdus[0].header["DATE-OBS"]
                hdus[0].header["DATE-OBS"] = f"{2030 + number}{date[4:]}"
            files[one.role].append(path)
        for role, every in files.items():
            found[role].append(every)
    return found


def planes(path):
    """Return every image and column of a file by its name."""
    found = {}
    with fits.open(path) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU):
                for name in hdu.columns.names:
                    found[hdu.name, name] = np.array(hdu.data[name])
            elif hdu.data is not None:
                found[hdu.name, ""] = np.array(hdu.data)
    return found


def check(folder, state, product, start, epochs, bad):
    """Add epoch by epoch, withdraw, and compare with the rebuild; return the whole's units."""
    parts = [folder / f"epoch{k:02d}.fits" for k in range(EPOCHS)]
    done(*state, *start, "--output", parts[0], *epochs[0])
    series = ("--series", parts[0])
    for path, files in zip(parts[1:], epochs[1:], strict=True):
        done(*state, *series, "--output", path, *files)
    whole = parts[0]
    for number, part in enumerate(parts[1:], 1):
        added = folder / f"added{number:02d}.fits"
        merge_files([whole, part], added)
        whole = added
    gone, left, rebuilt = (folder / f"{name}.fits" for name in ("gone", "left", "rebuilt"))
    done(*state, *series, "--output", gone, bad)
    remove_file(whole, gone, left)
    rest = [path for files in epochs for path in files if path != bad]
    done(*state, *series, "--output", rebuilt, *rest[::-1])
    assert laws.equal(load(left)[0], load(rebuilt)[0])
    assert not laws.equal(load(whole)[0], load(rebuilt)[0])

    # As a campaign makes it, of the states of all epochs; and of the rebuild.
    output, anew = folder / "product.fits", folder / "anew.fits"
    done("report/epochs", "product", *parts, "--withdrawn", gone, "--output", output)
    done("report/epochs", "product", rebuilt, "--output", anew)
    for one, other in ((left, rebuilt), (output, anew)):
        here, there = planes(one), planes(other)
        assert here.keys() == there.keys()
        for name, values in here.items():
            np.testing.assert_array_equal(values, there[name], err_msg=f"{product}: {name}")
            assert values.dtype == there[name].dtype
    return load(left)[0].units


@pytest.mark.parametrize("product", DETAILS)
def test_nircam_series_added_one_by_one_are_the_rebuild(product, ramps, tmp_path):
    program, *options = DETAILS[product]
    if product == "dark":
        ramps = [[calibrated(path, tmp_path) for path in files] for files in ramps]
    first = [path for files in ramps[:2] for path in files]
    done(program, "--output", tmp_path / "start.fits", *options, *first)
    start = ("--start", tmp_path / "start_details.fits")
    start += ("--gain", 2) if product == "dark" else ()
    # As in a campaign, where exposures were judged before.
    state = ("nircam/state", product, "--keep")
    units = check(tmp_path, state, product, start, ramps, ramps[BAD][1])
    assert len(units) == 4 * (2 * EPOCHS - 1)


@pytest.mark.parametrize("role", ["bias", "dark"])
def test_ccd_series_added_one_by_one_are_the_rebuild(role, frames, tmp_path):
    epochs = frames[role]
    done(f"ccd/master_{role}", "--output", tmp_path / "start.fits", *epochs[0])
    start = ("--start", tmp_path / "start.fits")
    units = check(tmp_path, ("ccd/state", role), role, start, epochs, epochs[BAD][1])
    assert len(units) == 8 * EPOCHS - 1
