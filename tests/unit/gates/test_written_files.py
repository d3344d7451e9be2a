"""Files with a fault of their own: the program that judges reads them beside their exposures."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.simulate import exposures as ccd
from darkroom.gates import planes
from darkroom.gates.decide import FAIL, PASS, decide, worst
from darkroom.gates.gate import read_gates
from darkroom.gates.settings import JudgeSettings
from darkroom.nircam.simulate import exposures as nircam
from raw_injections import Programs, exposures

CCD = {
    "seed": 37, "shape": [96, 128], "bias": {"count": 24}, "targets": [],
    "darks": [{"count": 8, "exptime": 20.0}],
}  # fmt: skip
NIRCAM = {
    "detector": "NRCA1", "subarray": "SUBGRISM64", "exposures": 10, "nints": 1, "ngroups": 4,
    "truth": False, "noise_sampling": "row", "seed": 37,
}  # fmt: skip
DUMMY = ("--pedigree", "DUMMY", "--description", "of a simulated detector")
RNG = np.random.default_rng(37)


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        yield Programs(patch)


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """Products, and what the program is given beside each: ``{product: (file, words)}``."""
    folder = tmp_path_factory.mktemp("made")
    frames = exposures(ccd, CCD, folder)
    biases, darks = frames[:24], frames[24:]
    found = {}
    for name in ("master_bias", "read_noise"):
        path = folder / f"{name}.fits"
        run(f"ccd/{name}", "--output", path, *biases)
        found[name] = path, ("ccd", "--file", ("--bias", *biases))
    path, both = folder / "dark_rate.fits", ("--bias", *biases, "--dark", *darks)
    run("ccd/dark_rate", "--output", path, *both)
    found["dark_rate"] = path, ("ccd", "--file", both)
    (folder / "ramps").mkdir()
    ramps = exposures(nircam, NIRCAM, folder / "ramps")
    path = folder / "superbias.fits"
    run("nircam/superbias", "--output", path, *DUMMY, *ramps)
    details = ("--details", path.with_name("superbias_details.fits"), *ramps)
    found["superbias"] = path, ("nircam", "--reference", details)
    return found


def changed(image, fault):
    """Return an image with a fault."""
    ny, nx = image.shape
    image = np.array(image, float)
    # Reference pixels, which the consumer takes from the others, are the first rows.
    if fault == "noise":
        return image + RNG.normal(0, 20, image.shape)
    if fault.startswith("+"):
        part = {"half": np.s_[ny // 2 :], "amplifier": np.s_[4:, : nx // 4]}.get(
            fault.partition(" ")[2], np.s_[:]
        )
        image[part] += float(fault.split()[0])
    if fault == "gradient":
        image += 30 * np.linspace(-1, 1, ny)[:, None]
    if fault == "row":
        return np.roll(image, 1, axis=0)
    if fault == "column":
        return np.roll(image, 1, axis=1)
    if fault == "rows of zeros":
        image[20:24] = 0
    if fault == "half of zeros":
        image[ny // 2 :] = 0
    if fault == "reference pixels":  # those of one side
        image[:4] += 60
    if fault == "nothing in a tenth":
        image[:, : nx // 10] = np.nan
    return image


PLANES = {
    "errors of one frame": ("ERR", lambda x: x * np.sqrt(10)),
    "variances": ("ERR", lambda x: x**2),
    "no errors": ("ERR", lambda x: x * np.nan),
    "errors of 0": ("ERR", lambda x: x * 0),
    "all flagged": ("DQ", lambda x: x | 1),
}
#: Faults of each product, and the image that has them.
FAULTS = {
    "master_bias": ("SCI", ["+20", "+1000", "+50 half", "gradient", "noise", "row", "column",
                            "rows of zeros", "half of zeros", "nothing in a tenth", *PLANES]),
    "read_noise": ("CORR", ["rows of zeros", "half of zeros", "nothing in a tenth", "noise",
                            "no errors", "all flagged"]),
    "dark_rate": ("SCI", ["nothing in a tenth", "no errors", "all flagged"]),
    "superbias": ("SCI", ["+20 amplifier", "+50 half", "gradient", "noise", "row", "column",
                          "rows of zeros", "half of zeros", "reference pixels",
                          "nothing in a tenth", *PLANES]),
}  # fmt: skip


def judged(run, folder, product, made, fault=""):
    """Return the verdicts on the gates of a file with a fault, by name."""
    source, (kind, option, beside) = made[product]
    file, gates = folder / source.name, folder / "gates.json"
    with fits.open(source) as hdus:
        if fault:
            name, change = PLANES.get(fault, (FAULTS[product][0], None))
            kept = hdus[name].data
            new = change(kept) if change else changed(kept, fault)
            hdus[name].data = np.asarray(new, kept.dtype.newbyteorder("="))
        for hdu in hdus:
            hdu.header.remove("CHECKSUM", ignore_missing=True)
            hdu.header.remove("DATASUM", ignore_missing=True)
        hdus.writeto(file, overwrite=True)
    run(f"{kind}/gates", "--item", "a", "--product", product, option, file, "--output", gates,
        *beside)  # fmt: skip
    rows = decide(read_gates(gates)[1], JudgeSettings())
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("product", FAULTS)
def test_what_is_wrong_with_a_file_itself_fails(product, made, run, tmp_path):
    clean = judged(run, tmp_path, product, made)
    written = [row for name, row in clean.items() if name.startswith("file as written")]
    assert written
    if product != "dark_rate":  # whose slope has no power in such short darks
        assert {row["verdict"] for row in written} == {PASS}, written
    missed = []
    for fault in FAULTS[product][1]:
        rows = judged(run, tmp_path, product, made, fault)
        if not any(row["verdict"] == FAIL for row in rows.values()):
            missed.append(fault)
    assert not missed


def test_a_level_of_a_file_is_known_though_levels_wander_from_ramp_to_ramp(made, run, tmp_path):
    """Active minus reference scatters by DN between ramps; of the file it is known to a few tenths.

    A tenth of the harm, 1 DN, is tolerated.
    """
    rows = judged(run, tmp_path, "superbias", made)
    for amplifier in range(4):
        one = rows[f"file as written: level of amplifier {amplifier}"]
        assert abs(one["d"]) < 0.2
        assert one["seen95"] < one["harm"] / 5
        assert one["tolerance"] == one["harm"] / 10


def test_a_fault_in_fewer_pixels_than_one_in_a_hundred_is_not_seen(made, run, tmp_path):
    source, _ = made["superbias"]
    image = fits.getdata(source, "SCI")
    residuals = RNG.normal(0, 20, (10, image.size))
    residuals[:, : image.size // 120] += 1000
    assert planes.pixels(planes.share_unlike(residuals)).why == ""
    residuals[:, : image.size // 80] += 1000
    assert "are not those of the exposures" in planes.pixels(planes.share_unlike(residuals)).why


@pytest.mark.parametrize("count", [4, 6, 10, 40])
def test_clean_pixels_are_within_the_errors_of_their_median(count):
    """Pixels that differ in noise, cosmic rays, and pixels that switch between two values."""
    scale = np.exp(0.3 * RNG.standard_normal(20_000))
    frames = scale * RNG.standard_normal((count, scale.size))
    frames[RNG.random(frames.shape) < 0.003] += 300
    frames[:, :200] += 20 * (RNG.random((count, 200)) < 0.3)
    clipped = np.where(np.abs(frames - np.median(frames, axis=0)) < 30, frames, np.nan)
    assert planes.share_unlike(frames - np.nanmean(clipped, axis=0)) < 0.002


def test_a_file_of_another_shape_is_refused_in_one_sentence(made, run, tmp_path):
    for product, (kind, option, beside) in ((p, made[p][1]) for p in ("superbias", "master_bias")):
        with fits.open(made[product][0]) as hdus:
            hdus["SCI"].data = hdus["SCI"].data[:-1]
            hdus.writeto(tmp_path / "file.fits", overwrite=True)
        with pytest.raises(Exception, match="rows x columns"):
            run(f"{kind}/gates", "--item", "a", "--product", product, option,
                tmp_path / "file.fits", "--output", tmp_path / "gates.json", *beside)  # fmt: skip


def test_a_product_without_units_has_no_gates(made, run, tmp_path):
    """Those of the file alone would pass, and see no bad exposure."""
    source, (kind, option, beside) = made["master_bias"]
    with fits.open(source) as hdus:
        del hdus["UNITS"]
        hdus.writeto(tmp_path / "file.fits")
    run(f"{kind}/gates", "--item", "a", "--product", "master_bias", option,
        tmp_path / "file.fits", "--output", tmp_path / "gates.json", *beside)  # fmt: skip
    assert read_gates(tmp_path / "gates.json")[1] == []


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_too_few_frames_are_insufficient_whatever_the_product(count, made, run, tmp_path):
    """Of one frame nothing has an error, and no frame is a copy of the only one of another kind."""
    frames = made["dark_rate"][1][2]
    biases, darks = frames[1 : 1 + count], frames[26 : 26 + count]
    for product, given in (
        ("master_bias", ("--bias", *biases)),
        ("read_noise", ("--bias", *biases)),
        ("dark_rate", ("--bias", *biases, "--dark", *darks)),
    ):
        if product == "read_noise" and count == 1:
            continue
        words = given if product == "dark_rate" else biases
        run(f"ccd/{product}", "--output", tmp_path / "file.fits", *words)
        run("ccd/gates", "--item", "a", "--product", product, "--file", tmp_path / "file.fits",
            "--output", tmp_path / "gates.json", *given)  # fmt: skip
        rows = decide(read_gates(tmp_path / "gates.json")[1], JudgeSettings())
        assert worst(rows) == "insufficient", [r for r in rows if r["verdict"] == FAIL]


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, PASS), (0.03, PASS), (0.06, FAIL), (1.0, FAIL)]
)
def test_a_detector_may_have_some_flagged_pixels(share, verdict):
    value, flagged = np.ones((100, 100)), np.zeros((100, 100), bool)
    flagged.flat[: round(share * flagged.size)] = True
    value[flagged] = np.nan
    (judged,) = decide([planes.flags(value, value, flagged)], JudgeSettings())
    assert judged["verdict"] == verdict
