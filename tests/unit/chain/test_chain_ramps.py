"""Recipes of ramps, the program that checks exposures, and the comparison with written ramps."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.status import read_status
from darkroom.crds.cache import Cache
from darkroom.crds.references import write_references
from darkroom.errors import InputError
from darkroom.nircam.chain.agree import check_agreement
from darkroom.nircam.chain.check import check_ramp
from darkroom.nircam.chain.ramp import Job, open_calibrated
from darkroom.nircam.chain.recipe import read_recipe
from darkroom.nircam.ramps.files import open_ramp
from darkroom.nircam.ramps.ramps import RampSet, _opened, first_rows_digest, read_pixeldq
from darkroom.nircam.ramps.sample import sample
from darkroom.provenance import sha256
from nircam_chain import Case
from nircam_jwst import deliver, own_program, small_cache

DARKS = {"detector": "NRCALONG", "subarray": "SUB64P", "exposures": 2, "nints": 2, "ngroups": 4}
STEPS = ("dq_init", "saturation", "superbias", "refpix", "linearity")
KINDS = ("mask", "saturation", "superbias", "linearity")


class World:
    """Two exposures, their references, and the program on them."""

    def __init__(self, folder):
        self.folder = folder
        small_cache(folder / "crds", DARKS)
        self.cache = Cache(folder / "crds", "jwst")
        self.raw = [deliver(DARKS, folder / "raw", number) for number in (0, 1)]
        chosen = {kind: self.cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS}
        (folder / "references").mkdir()
        for path in self.raw:
            write_references(self.list_of(path), chosen)

    def list_of(self, path):
        return self.folder / "references" / f"{path.name.partition('.')[0]}.json"

    def check(self, *more, raw=None, steps=STEPS, output="ramps"):
        words = ["--references", self.folder / "references", "--cache", self.folder / "crds"]
        words += ["--output", self.folder / output, *more, "--steps", *steps, "--"]
        return own_program("nircam/check_ramps", *words, *(raw or self.raw))

    def recipe(self, number=0, output="ramps"):
        name = self.raw[number].name.partition(".")[0]
        return self.folder / output / f"{name}.chain.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("recipes"))
    done = made.check("--keep-ramps")
    assert done.returncode == 0, done.stderr
    return made


def written(world, folder):
    """Copy a recipe and its ramps."""
    shutil.copytree(world.folder / "ramps", folder)
    name = world.recipe().name
    return folder / name, folder / name.replace(".chain.json", ".fits")


def test_a_recipe_offers_what_its_ramps_on_disk_do(world):
    one = open_calibrated(world.recipe())
    two = open_ramp(world.recipe().with_name(one.path.name))
    assert one.path == two.path
    assert one.sci.shape == two.sci.shape
    assert one.header == two.header
    assert one.faults == two.faults == ()
    np.testing.assert_array_equal(one.mjd, two.mjd)
    np.testing.assert_array_equal(read_pixeldq(one), read_pixeldq(two))
    assert first_rows_digest(one) == first_rows_digest(two)
    assert sample(one) == sample(two)
    ours, theirs = np.empty((2, 20, 64), np.float32)
    for i, g in np.ndindex(2, 4):
        one.read(i, g, 7, ours, 1)
        two.read(i, g, 7, theirs, 1)
        np.testing.assert_array_equal(ours, theirs)
    sets = [RampSet([path], "read noise") for path in (world.recipe(), two.path)]
    assert sets[0].ramps == sets[1].ramps


def test_written_ramps_have_the_cards_of_the_steps(world):
    path = world.recipe().with_name(world.recipe().name.replace(".chain.json", ".fits"))
    with fits.open(path) as hdus:
        header = hdus[0].header
        assert [hdu.name for hdu in hdus[:4]] == ["PRIMARY", "SCI", "PIXELDQ", "GROUPDQ"]
        assert hdus["PIXELDQ"].data.dtype == np.uint32
        assert {"GROUP", "INT_TIMES"} <= {hdu.name for hdu in hdus}
    assert header["FILETYPE"] == "RAMP"
    assert header["R_MASK"] == "crds://jwst_nircam_mask_0001.fits"
    assert [header[card] for card in ("S_DQINIT", "S_LINEAR")] == ["COMPLETE"] * 2
    assert header["STEPSBY"] == "darkroom, as jwst 3.0.0, stcal 1.20.0"


def test_ramps_that_agree_are_counted(world):
    ramp = open_calibrated(world.recipe())
    assert check_agreement(ramp, ramp.path) == 2 * 4 * 64 * 64


@pytest.mark.parametrize(
    ("plane", "words"),
    [
        ("SCI", r"2 of SCI differ, in 1 groups, first integration 2 group 3 \(SCI of row 9, col"),
        ("GROUPDQ", r"2 of GROUPDQ differ, in 1 groups, first integration 2 group 3"),
        ("PIXELDQ", r"2 of PIXELDQ differ \(row 9, column 11: \d+ of the pipeline, \d+ built in"),
    ],
)
def test_the_first_bits_that_differ_are_counted_and_named(world, tmp_path, plane, words):
    recipe, ramps = written(world, tmp_path / "changed")
    with fits.open(ramps, mode="update") as hdus:
        data = hdus[plane].data
        part = data if plane == "PIXELDQ" else data[1, 2]
        if plane == "SCI":
            part[9, 11:13] = np.nextafter(part[9, 11:13], np.float32(1e9))
        else:
            part[9, 11:13] ^= part.dtype.type(8)
    with pytest.raises(InputError, match=words):
        check_agreement(open_calibrated(recipe), ramps)


def test_another_step_or_reference_is_named(world, tmp_path):
    recipe, ramps = written(world, tmp_path / "changed")
    fits.setval(ramps, "S_LINEAR", value="SKIPPED")
    with pytest.raises(InputError, match=r"S_LINEAR \(linearity\) is SKIPPED"):
        check_agreement(open_calibrated(recipe), ramps)
    fits.setval(ramps, "S_LINEAR", value="COMPLETE")
    fits.setval(ramps, "R_MASK", value="crds://other.fits")
    with pytest.raises(InputError, match=r"R_MASK is crds://other\.fits"):
        check_agreement(open_calibrated(recipe), ramps)


def test_other_bytes_of_a_reference_of_the_same_name_are_named(world, tmp_path):
    recipe, ramps = written(world, tmp_path / "changed")
    used = read_recipe(recipe).references["mask"].sha256
    with fits.open(ramps, mode="update") as hdus:
        lines = [str(line).replace(used[:8], "0" * 8) for line in hdus[0].header["HISTORY"]]
        del hdus[0].header["HISTORY"]
        for line in lines:
            hdus[0].header.add_history(line)
    with pytest.raises(InputError, match="other bytes of crds://jwst_nircam_mask_0001"):
        check_agreement(open_calibrated(recipe), ramps)


def test_the_status_states_the_bytes_of_the_recipe(world):
    """A program that reads the recipe compares them, as those of any file."""
    status = read_status(world.recipe().with_name(world.recipe().name.replace(".chain", "")))
    assert status["sha256"] == sha256(world.recipe())


def test_a_changed_reference_or_exposure_is_refused_when_it_is_read(world, tmp_path):
    content = json.loads(world.recipe().read_text())
    content["references"]["linearity"]["sha256"] = "0" * 64
    path = tmp_path / "x.chain.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="has changed since the ramps were checked"):
        open_calibrated(path)
    content["raw"]["size"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is gone or has changed since"):
        open_calibrated(path)


def changed(world, name, change):
    path = world.folder / "raw" / name
    with fits.open(world.raw[0], memmap=False) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True)
    shutil.copy(world.list_of(world.raw[0]), world.list_of(path))
    return path


def saturated(hdus):
    hdus["SCI"].data[1] = 65000


def lost(hdus):
    hdus["SCI"].data[:, 0] = 0


def lost_rows(hdus):
    hdus["SCI"].data[1, 2, 20:30] = 0


def test_only_exposures_that_lost_packets_are_looked_through_again(world, monkeypatch):
    path = changed(world, "lost_rows.fits", lost_rows)
    done = world.check(raw=[path], output="lost_rows")
    assert done.returncode == 0, done.stderr
    recipe = world.folder / "lost_rows" / "lost_rows.chain.json"
    assert not read_recipe(recipe).complete
    assert list(open_calibrated(recipe).chain.lost) == [(1, 2)]
    assert read_recipe(world.recipe()).complete
    monkeypatch.setattr("darkroom.nircam.chain.ramp.lost_parts", None)
    assert not open_calibrated(world.recipe()).chain.lost


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (saturated, "integration 2: .*no usable value in the first group"),
        (lost, "the first group of every integration has no data"),
    ],
)
def test_an_exposure_that_the_steps_cannot_use_is_refused_or_recorded(world, change, words):
    path = changed(world, f"{change.__name__}.fits", change)
    done = world.check(raw=[path], output="refused")
    assert done.returncode != 0
    assert "leave this exposure out" in done.stderr
    done = world.check("--exclude", raw=[path, world.raw[1]], output="refused")
    assert done.returncode == 0, done.stderr
    status = json.loads((world.folder / "refused" / f"{change.__name__}.json").read_text())
    assert not status["accepted"]
    assert world.recipe(1, "refused").is_file()
    assert re.search(words, status["reason"])


def test_a_correction_that_changes_nothing_is_refused(tmp_path):
    """T18: the pipeline reports COMPLETE when there are no reference pixels."""
    inside = {"detector": "NRCALONG", "subarray": "SUB160", "ngroups": 2}
    engine = Case(tmp_path, inside, dirty=False).engine(("dq_init", "superbias", "refpix"))
    ramp = SimpleNamespace(sci=engine, chain=engine)
    with pytest.raises(InputError, match="refpix changed nothing: no usable reference pixels"):
        check_ramp(ramp, "x.fits")


def test_a_damaged_reference_is_no_fault_of_an_exposure(world, tmp_path):
    """It must be fetched again: no exposure is to be left out for it."""
    content = json.loads(world.recipe().read_text())
    content["references"]["linearity"]["sha256"] = "0" * 64
    path = tmp_path / "x.chain.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="this reference has changed") as refused:
        _opened([world.recipe(), path], Job())
    assert refused.value.path == content["references"]["linearity"]["path"]
    assert "leave" not in str(refused.value)
