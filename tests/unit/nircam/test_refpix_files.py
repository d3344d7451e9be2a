"""Reference-pixel products of odd files: an answer that holds, or one sentence why none."""

import json
import warnings

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.readout import ORIENTATION, Readout
from darkroom.nircam.figures import noise_item
from darkroom.nircam.figures.inputs import Product
from darkroom.nircam.refpix import corrections as refpix_corrections
from darkroom.nircam.refpix import run as refpix_run
from darkroom.nircam.refpix import stored
from darkroom.nircam.refpix.pixels import Bad
from darkroom.nircam.spectrum import run as spectrum_run
from nircam_darks import stripe, write_ramp
from nircam_jwst import own_program
from nircam_spectra import simulated

STRIPE = {"subarray": "SUBGRISM64", "rows": 2048, "nints": 2, "ngroups": 6}
CORNER = {"detector": "NRCALONG", "subarray": "SUB160P", "rows": 2048, "nints": 2, "ngroups": 6}


class World:
    """Simulated ramps, their noise spectrum, and how to write others like them."""

    def __init__(self, folder):
        self.folder, self.readout = folder, stripe()
        self.data = simulated(3, **STRIPE)[0].data
        self.ramp = write_ramp(folder / "dark_uncal.fits", self.data, self.readout)
        self.spectrum = folder / "noise_spectrum.fits"
        made = spectrum_run.run([self.ramp])
        spectrum_run.write(made, self.spectrum, folder / "s.csv", folder / "f.csv")

    def changed(self, name, change):
        """Write the ramps with a change to their frames in the detector frame."""
        frames = self.readout.flip(self.data.astype(np.float32).copy())
        change(frames)
        data = np.ascontiguousarray(self.readout.flip(frames))
        return write_ramp(self.folder / name, data, self.readout)

    def product(self, *ramps, **options):
        """Measure ramps; not even a warning of numpy is let pass."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return refpix_run.run(ramps or [self.ramp], self.spectrum, **options)

    def written(self, made, name="r.fits"):
        """Write a product; return its tables by name."""
        refpix_run.write(made, self.folder / name, self.folder / "r.csv")
        refpix_run.report(made, self.folder / "r.json")
        with fits.open(self.folder / name) as hdus:
            return {hdu.name: hdu.data for hdu in hdus[1:]}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give the ramps."""
    return World(tmp_path_factory.mktemp("odd"))


def test_levels_say_when_each_frame_was(world):
    levels = world.written(world.product())["LEVELS"]
    last = levels["GROUP"] == 5
    assert levels["TIME"][last] == pytest.approx(5 * world.readout.frame_time)
    first, second = (np.unique(levels["MJD"][levels["RAMP"] == ramp]) for ramp in (0, 1))
    assert first.size == second.size == 1
    assert second[0] >= first[0]
    assert set(levels["REGION"]) == {"active", "bottom", "left", "right"}


def _with_sums(world, *ramps):
    """Write the noise spectrum of ramps as the program does; return its path."""
    made = spectrum_run.run(ramps, further=stored.level_sums)
    path = world.folder / "with_sums.fits"
    files = world.folder / "s.csv", world.folder / "f.csv"
    spectrum_run.write(made, path, *files, stored.table(made.further))
    return path


@pytest.mark.parametrize("name", ["stripe", "corner"])
def test_sums_of_the_noise_spectrum_give_the_same_product(world, monkeypatch, name):
    ramp = world.ramp
    if name == "corner":
        source, *_ = simulated(3, **CORNER)
        ramp = write_ramp(world.folder / "corner_of.fits", source.data, source.readout)
    spectrum = _with_sums(world, ramp)
    taken = world.written(refpix_run.run([ramp], spectrum))
    with monkeypatch.context() as patch:
        patch.setattr(stored, "NAME", "NONE")
        read = world.written(refpix_run.run([ramp], spectrum))
    assert taken.keys() == read.keys()
    for table, values in read.items():
        assert taken[table].tobytes() == values.tobytes(), table
    monkeypatch.setattr(refpix_run.refpix, "measure", None)
    refpix_run.run([ramp], spectrum)  # no frame is read


def test_sums_of_other_ramps_are_not_taken(world):
    spectrum = _with_sums(world, world.ramp)

    def more(frames):
        frames[:, 1:, :, 512:1024] += 30

    other = world.changed("other.fits", more)
    taken, read = (
        world.written(refpix_run.run([other], path))["LEVELS"].tobytes()
        for path in (spectrum, world.spectrum)
    )
    assert taken == read


def test_nothing_is_summed_without_an_amplifier(world):
    def kill(frames):
        frames[..., 512:1024] = 5000

    made = spectrum_run.run([world.changed("killed.fits", kill)], further=stored.level_sums)
    assert stored.table(made.further) == []


def test_three_groups_and_one_integration_are_enough(world):
    path = write_ramp(world.folder / "short.fits", world.data[:1, :3], world.readout)
    tables = world.written(world.product(path))
    assert np.isfinite(tables["INSTABILITY"]["VALUE"]).all()
    # The one step left over from the slope: the error is as large as the value.
    assert (tables["INSTABILITY"]["ERROR"] > 0.5 * tables["INSTABILITY"]["VALUE"]).all()
    assert "TRENDS" not in tables


@pytest.mark.parametrize("ngroups", [1, 2])
def test_fewer_groups_are_refused(world, ngroups):
    path = write_ramp(world.folder / f"{ngroups}.fits", world.data[:, :ngroups], world.readout)
    with pytest.raises(DarkroomError, match=rf"{ngroups} group\(s\), at least 3 are needed"):
        world.product(path)


def test_one_output_has_classes_but_no_rows(world):
    """Through one output nothing tells rows from columns of the sides."""
    source, *_ = simulated(3, **CORNER)
    path = write_ramp(world.folder / "corner.fits", source.data, source.readout)
    spectrum = world.folder / "corner_s.fits"
    made = spectrum_run.run([path])
    spectrum_run.write(made, spectrum, world.folder / "cs.csv", world.folder / "cf.csv")
    tables = world.written(refpix_run.run([path], spectrum), "corner_r.fits")
    assert len(tables["INSTABILITY"]) == 1
    assert "ROWS" not in tables
    assert "SIRS_KERNEL" not in tables
    best = world.folder / "best.json"
    refpix_corrections.write_best_side(best, None)
    assert json.loads(best.read_text()) == {}
    _, rows = refpix_corrections.compare([path], [("top_bottom", [path])], spectrum)
    assert [row["correction"] for row in rows] == ["none", "top_bottom"]


def test_a_dead_amplifier_is_refused_by_both(world):
    """0 from frame to frame would pass for perfect reference pixels."""

    def kill(frames):
        frames[..., 512:1024] = 5000

    path = world.changed("dead.fits", kill)
    words = r"integration 1: amplifier 1 is dead or mostly bad .* noise 0 DN"
    with pytest.raises(DarkroomError, match=words):
        world.product(path)
    with pytest.raises(DarkroomError, match=words):
        refpix_corrections.compare([world.ramp], [("side", [path])], world.spectrum)


def test_reference_pixels_without_values_are_named_and_count_for_nothing(world):
    def spoil(frames):
        frames[:, 2, 10:14, 1] = np.nan
        frames[:, :, 30, :4] = np.nan
        frames[0, 1, 20, 600:700] = np.nan

    before, made = world.product(), world.product(world.changed("nan.fits", spoil))
    where = made.levels.regions
    lost = made.pixels.bad & Bad.NO_VALUE > 0
    places = set(zip(where.y[lost].tolist(), where.x[lost].tolist(), strict=True))
    expected = {(row, 1) for row in range(10, 14)} | {(30, column) for column in range(4)}
    assert places == expected
    # Other rows are as they were, and row 30 has the right side alone.
    assert made.levels.rows.correlation[1] == pytest.approx(
        before.levels.rows.correlation[1], abs=0.1
    )


def test_where_one_side_is_lost_the_other_counts_alone(world):
    """As in the pipeline: half of its level would call for twice the gain."""

    def spoil(frames):
        frames[..., :4] = np.nan

    made = world.product(world.changed("side.fits", spoil))
    right = made.levels.regions.edge == 3
    values = [
        ramp[:, right].reshape(len(ramp), -1, 4).mean(axis=2) for ramp in made.levels.reference
    ]
    place = np.arange(6) - 2.5
    squares = 0.0
    for ramp in values:
        left = ramp - ramp.mean(axis=0)
        left -= place[:, None] * (place @ left) / (place @ place)
        squares += np.sum((left - left.mean(axis=1, keepdims=True)) ** 2) / left.shape[1]
    assert made.levels.rows.side[0] == pytest.approx(squares / 8, rel=1e-4)
    tables = world.written(made)
    lost = made.levels.regions.edge == 2
    assert (made.pixels.bad[lost] == Bad.NO_VALUE).all()
    assert "left side - bottom and top" not in set(tables["SCATTER"]["NAME"])


def test_without_rows_of_reference_pixels_there_is_no_instability(world):
    def spoil(frames):
        frames[..., :4, :] = np.nan

    tables = world.written(world.product(world.changed("rows.fits", spoil)))
    assert "INSTABILITY" not in tables
    assert "ROWS" in tables
    assert set(tables["COHERENCE"]["PAIR"]) == {"left and right"}


def test_files_that_are_cut_short_or_of_another_shape_are_refused(world):
    cut = world.folder / "cut.fits"
    cut.write_bytes(world.ramp.read_bytes()[:500_000])
    with pytest.raises(InputError, match=r"cut.fits: truncated: SCI ends at"):
        world.product(cut)
    with pytest.raises(InputError, match=r"cut.fits: truncated: SCI ends at"):
        refpix_corrections.compare([world.ramp], [("side", [cut])], world.spectrum)
    shape = write_ramp(world.folder / "shape.fits", world.data[..., :60, :], world.readout)
    with pytest.raises(InputError, match="2048 × 64, but SCI has 2048 × 60 pixels"):
        world.product(shape)
    short = write_ramp(world.folder / "fewer.fits", world.data[:, :3], world.readout)
    words = r"correction side has 2 integration\(s\) of 3 groups, dark_uncal.fits has 2 .* of 6"
    with pytest.raises(InputError, match=words):
        refpix_corrections.compare([world.ramp], [("side", [short])], world.spectrum)


def test_what_is_of_another_detector_is_refused(world):
    readout = Readout("NRCA3", "SUBGRISM64", *ORIENTATION["NRCA3"], 1, 1, 2048, 64, 4)
    other = write_ramp(world.folder / "other.fits", world.data, readout)
    with pytest.raises(InputError, match=r"noise_spectrum.fits: DETECTOR is NRCA1, the exposures"):
        world.product(other)
    with pytest.raises(InputError, match="correction side is of another detector or subarray"):
        refpix_corrections.compare([world.ramp], [("side", [other])], world.spectrum)
    half = world.folder / "half_spectrum.fits"
    half.write_bytes(world.spectrum.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"half_spectrum.fits: truncated"):
        refpix_run.run([world.ramp], half)
    for name in ("missing.fits", "dark_uncal.fits"):
        with pytest.raises(InputError, match=f"{name}: is no noise spectrum"):
            refpix_run.run([world.ramp], world.folder / name)


def test_temperatures_are_read_or_the_file_is_named(world):
    warm = write_ramp(world.folder / "warm.fits", world.data, world.readout, FPATEMP=38.2)
    made = world.product(warm, temperature_cards=["FPATEMP"])
    assert {row["fpatemp"] for row in made.tables["RAMPS"]} == {38.2}
    with pytest.raises(InputError, match=r"dark_uncal.fits: there is no card FPATEMP; name others"):
        world.product(temperature_cards=["FPATEMP"])
    word = write_ramp(world.folder / "word.fits", world.data, world.readout, FPATEMP="cold")
    with pytest.raises(InputError, match="'cold' is no temperature: card FPATEMP"):
        world.product(word, temperature_cards=["FPATEMP"])


def test_another_epoch_is_compared_number_by_number(world):
    """The same ramps: no change; with two bad pixels more: these two, and none gone."""
    world.written(world.product(), "before.fits")
    before = world.folder / "before.fits"
    same = world.product(previous=before)
    assert {row["quantity"] for row in same.tables["CHANGES"]} >= {
        "instability, amplifier 3",
        "scatter of frames, common pedestal",
        "pixels newly bad",
    }
    assert all(row["change"] == 0 for row in same.tables["CHANGES"])

    def spoil(frames):
        frames[:, :, 1, 100] += 3000
        frames[:, :, 2, 1700] += 3000

    later = world.written(world.product(world.changed("later.fits", spoil), previous=before))
    changes = later["CHANGES"]
    found = dict(zip(changes["QUANTITY"], changes["CHANGE"], strict=True))
    assert found["pixels newly bad"] == 2
    assert found["pixels no longer bad"] == 0
    assert fits.getval(world.folder / "r.fits", "PREVIOUS") == "before.fits"
    (world.folder / "half.fits").write_bytes(before.read_bytes()[:300_000])
    for name, words in (
        ("noise_spectrum.fits", "is no reference-pixel product"),
        ("half.fits", "half.fits: truncated"),
    ):
        with pytest.raises(InputError, match=words):
            world.product(previous=world.folder / name)


def test_the_present_mask_is_compared_pixel_by_pixel(world):
    """A pixel bad in both, one in the mask alone; the others are counted once."""
    mask = np.zeros((64, 2048), np.uint32)
    inside = world.readout.flip(mask)
    inside[1, 100] = inside[2, 900] = 1
    frames = world.readout.flip(world.data.astype(np.float32).copy())
    frames[:, :, 1, 100] += 3000
    data = np.ascontiguousarray(world.readout.flip(frames))
    path = write_ramp(world.folder / "masked.fits", data, world.readout, pixeldq=mask)
    table = world.product(path).tables["MASK"][0]
    assert (table["both"], table["only_here"], table["only_mask"]) == (1, 0, 1)
    assert table["pixels"] == 4 * 2048 + 60 * 8


def test_the_kernels_that_were_used_are_named(world):
    cards = {"R_SIRSKL": "crds://jwst_nircam_sirskernel_0001.asdf"}
    path = write_ramp(world.folder / "sirs.fits", world.data, world.readout, **cards)
    _, rows = refpix_corrections.compare([world.ramp], [("sirs", [path])], world.spectrum)
    assert [row["kernel"] for row in rows[::4]] == ["", cards["R_SIRSKL"]]
    output = world.folder / "kernels.fits"
    ramps = refpix_run.RampSet([world.ramp], "x")
    refpix_corrections.write(ramps, rows, output, world.folder / "kernels.csv")
    empty = {"summary": ""} | {key: [] for key in ("tables", "key_numbers", "limits", "products")}
    made = noise_item.add(empty, world.folder, corrections=Product(output))
    note = made["tables"][0]["note"]
    assert note.endswith("from CRDS (jwst_nircam_sirskernel_0001.asdf).")


def test_a_correction_that_is_not_possible_is_named_with_its_reason(world):
    output = world.folder / "c.fits"
    words = ["--corrected", "side", world.ramp, "--not-possible", "sirs", "for full frames only"]
    done = own_program(
        "nircam/compare_corrections", *words, "--spectrum", world.spectrum, "--output", output,
        "--", world.ramp,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with fits.open(output) as hdus:
        assert hdus["NOT_POSSIBLE"].data["WHY"].tolist() == ["for full frames only"]
        table = hdus["CORRECTIONS"].data
        none, side = (table["ROW_NOISE"][table["CORRECTION"] == k] for k in ("none", "side"))
        assert (none == side).all()
        assert table["OVER_WHITE"] == pytest.approx(table["TOTAL"] / table["WHITE"])
