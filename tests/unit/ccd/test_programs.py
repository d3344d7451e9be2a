"""The CCD programs as a person runs them, on a small simulated camera."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.dq import MEANING
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as ccd
from darkroom.ccd.simulate.settings import COLD, WARM
from darkroom.errors import DarkroomError, InputError
from programs import load

SETTINGS = {
    "shape": [48, 64],
    "hot_fraction": 0.003,
    "unstable_fraction": 0.002,
    "bias": {"count": 6},
    "darks": [
        {"count": 6, "exptime": 10.0, "temperatures": [COLD, WARM]},
        {"count": 3, "exptime": 60.0, "temperatures": [WARM]},
    ],
    "targets": [{"exptime": 10.0}, {"exptime": 30.0}],
}
PRODUCTS = ("master_bias", "read_noise", "master_dark", "dark_rate", "hot_pixels")


def call(monkeypatch, program, *arguments):
    """Run the `main` of a program in this process."""
    monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
    load(f"ccd/{program}").main()


def inputs(raw):
    return sorted(raw.glob("bias*")), sorted(raw.glob("dark*"))


def make(monkeypatch, raw, out, *options):
    """Run every program; return the folder of the products."""
    biases, darks = inputs(raw)
    both = ["--bias", *biases, "--dark", *darks]
    rate = out / "dark_rate.fits"
    call(monkeypatch, "master_bias", "--output", out / "master_bias.fits", *options, *biases)
    call(monkeypatch, "read_noise", "--output", out / "read_noise.fits", *options, *biases)
    call(monkeypatch, "master_dark", "--output", out / "master_dark.fits", *options, *darks)
    call(monkeypatch, "dark_rate", "--output", rate, *options, *both)
    call(
        monkeypatch, "hot_pixels", "--output", out / "hot_pixels.fits", "--rate", rate, *options,
        *both,
    )  # fmt: skip
    gain = options[-2:] if "--gain-e-per-adu" in options else ()
    science = sorted(raw.glob("target*"))
    call(
        monkeypatch, "subtract_dark", "--output-dir", out, *products(out, dark=True), *gain,
        *science,
    )  # fmt: skip
    made = [out / f"{frame.stem}_dsub.fits" for frame in science]
    call(
        monkeypatch, "quantities", "--output", out / "quantities.tsv", *products(out), *options,
        *both, "--science", *science, "--subtracted", *made,
    )  # fmt: skip
    return out


def products(out, dark=False):
    names = ("master_dark" if dark else "master_bias", "read_noise", "dark_rate", "hot_pixels")
    return [
        item
        for name in names
        for item in (f"--{name.replace('_', '-')}", out / f"{name}.fits")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The frames as the camera delivers them."""
    folder = tmp_path_factory.mktemp("raw")
    for item in ccd.plan(SETTINGS):
        ccd.deliver(SETTINGS, item.name, folder / item.file)
    return folder


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    """Every product of the frames, in ADU."""
    with pytest.MonkeyPatch.context() as patch:
        return make(patch, raw, tmp_path_factory.mktemp("adu"))


def content(path):
    """All of a FITS file but the dates and sums."""
    with fits.open(path) as hdus:
        for hdu in hdus:
            for keyword in ("DATE", "CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword, ignore_missing=True)
        return [(hdu.header.tostring(), hdu.data is None or hdu.data.tobytes()) for hdu in hdus]


def test_products_have_the_documented_extensions(made):
    """Names and numbers of docs/products-ccd.md."""
    layers = ["SCI", "ERR", "COUNT", "DQ"]
    expected = {
        "master_bias": [*layers, "DQ_DEF", "OFFSETS", "UNITS"],
        "read_noise": ["SCI", "CORR", "ERR", "COUNT", "DQ", "DQ_DEF", "OFFSETS", "UNITS"],
        "master_dark": [*3 * layers, "DQ_DEF", "OFFSETS", "UNITS"],
        "dark_rate": [
            *2 * [*layers, "DOF", "COVAR"], "BIAS", "BIASERR", "CHI2", "DQ_DEF", "OFFSETS", "UNITS",
            "CELLS", "LEVELFIT",
        ],
        "hot_pixels": ["DQ", "EXCESS", "NOISE", "DQ_DEF", "HOTTEST"],
        "target_image_001_dsub": ["SCI", "ERR", "DQ", "DQ_DEF"],
    }  # fmt: skip
    for name, layout in expected.items():
        # What astropy's CCDData reads: UNCERT and MASK of every SCI, MASK of flags alone.
        images = layout.count("SCI")
        layout += images * ["UNCERT", "MASK"] or ["MASK"]
        with fits.open(made / f"{name}.fits", checksum=True) as hdus:
            assert [hdu.name for hdu in hdus[1:]] == layout
            assert hdus[0].header["NINPUTS"] >= 5


def test_masters_tell_exposure_time_and_temperature_group(made):
    with fits.open(made / "master_dark.fits") as hdus:
        headers = [hdus["SCI", k].header for k in (1, 2, 3)]
    assert [(h["EXPTIME"], h["TGROUP"], h["NFRAMES"]) for h in headers] == [
        (10.0, 1, 3), (10.0, 2, 3), (60.0, 2, 3),
    ]  # fmt: skip
    assert headers[0]["CCD-TEMP"] == pytest.approx(COLD)
    assert headers[0]["BUNIT"] == "adu"


def test_rate_and_bias_are_the_true_ones(made):
    """Within five times the errors that the headers quote."""
    hidden = camera.truth(SETTINGS)
    with fits.open(made / "dark_rate.fits") as hdus:
        for k, temperature in ((1, COLD), (2, WARM)):
            header = hdus["SCI", k].header
            truth = np.median(hidden["dark_rate"]) * camera.dark_factor(SETTINGS, temperature)
            error = np.hypot(header["RATESYS"], header["RATEERR"] / 30)
            assert header["RATEMED"] == pytest.approx(truth, abs=5 * error)
    header = fits.getheader(made / "master_bias.fits", "SCI")
    assert header["MEAN"] == pytest.approx(hidden["bias"].mean(), abs=5 * header["CMERR"])


def test_the_pixel_that_saturates_at_60_s_keeps_its_rate_and_is_told(made):
    y, x = int(0.6049 * 48), int(0.8216 * 64)
    with fits.open(made / "hot_pixels.fits") as hdus:
        first = hdus["HOTTEST"].data[0]
        assert (first["Y"], first["X"]) == (y, x)
        assert {"HOT", "SATURATED"} <= set(first["FLAGS"].split("+"))
        assert first["RATE"] == pytest.approx(1500, rel=0.05)
        header = hdus[0].header
        assert (header["BRIGHTY"], header["BRIGHTX"]) == (y, x)
        assert header["BRIGHTI"] == y * 64 + x


def test_science_frames_take_the_matched_or_the_scaled_dark(made):
    headers = [
        fits.getheader(made / f"target_image_00{k}_dsub.fits", "SCI") for k in (1, 2)
    ]  # fmt: skip
    assert [header["DARKHOW"] for header in headers] == ["matched", "scaled"]
    for header in headers:
        assert header["BKGAFT"] == pytest.approx(12 * header["EXPTIME"], rel=0.03)
        assert header["SPRAFT"] < header["SPRBEF"]
        assert abs(header["GRXAFT"]) < 5 * header["GRXAFTE"]


def test_quantities_come_as_text_and_json_with_the_answers(made):
    lines = (made / "quantities.tsv").read_text().splitlines()
    content = json.loads((made / "quantities.json").read_text())
    assert [line.split("\t")[0] for line in lines[1:]] == [q["name"] for q in content["quantities"]]
    assert [answer["question"].split()[0] for answer in content["answers"]] == [
        "How", "How", "Is", "Did", "Did",
    ]  # fmt: skip


def test_the_mean_of_all_darks_is_compared_with_the_mean_rate_of_the_same_darks(made):
    rows = {
        row["name"]: row for row in json.loads((made / "quantities.json").read_text())["quantities"]
    }
    cells = fits.getdata(made / "dark_rate.fits", "CELLS")
    mine = (cells["ROLE"] == "dark") & (cells["EXPTIME"] == 10.0)
    groups = [rows[f"dark_rate_group_{k}"]["value"] for k in cells["TGROUP"][mine]]
    mixed = np.average(groups, weights=cells["NFRAMES"][mine])
    assert groups[1] > 1.01 * groups[0]
    assert rows["dark_rate"]["value"] == pytest.approx(mixed, rel=1e-9)
    assert 0 < rows["dark_rate"]["uncertainty"] < 2 * rows["dark_rate_group_1"]["uncertainty"]
    off = rows["dark_rate"]["notebook"] - rows["dark_rate"]["value"]
    assert abs(off) < 4 * rows["dark_rate"]["uncertainty"]
    assert rows["dark_rate_first"]["value"] in groups


def test_products_are_the_same_again_whatever_the_threads(raw, made, tmp_path, monkeypatch):
    again = make(monkeypatch, raw, tmp_path, "--threads", "2")
    for name in (*PRODUCTS, "target_image_002_dsub"):
        assert content(again / f"{name}.fits") == content(made / f"{name}.fits"), name
    for name in ("quantities.tsv", "quantities.json"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_with_a_gain_everything_is_in_electrons(raw, made, tmp_path, monkeypatch):
    electrons = make(monkeypatch, raw, tmp_path, "--gain-e-per-adu", "5.8")
    for name, layer, unit in (
        ("master_bias", "SCI", "electron"),
        ("read_noise", "CORR", "electron"),
        ("master_dark", "ERR", "electron"),
        ("dark_rate", "SCI", "electron/s"),
        ("hot_pixels", "EXCESS", "electron/s"),
        ("target_image_001_dsub", "SCI", "electron"),
    ):
        adu, scaled = (fits.open(folder / f"{name}.fits")[layer] for folder in (made, electrons))
        assert scaled.header["BUNIT"] == unit
        assert scaled.data == pytest.approx(5.8 * adu.data, rel=1e-3, abs=2e-2, nan_ok=True)
    header = fits.getheader(electrons / "target_image_001_dsub.fits", "SCI")
    assert header["ERRPHOT"] is True


def test_damaged_rows_are_told_with_the_frames(raw, tmp_path, monkeypatch, caplog):
    frames = inputs(raw)[0]
    broken = tmp_path / "bias_broken.FIT"
    image, header = fits.getdata(frames[0], header=True)
    image[20:30] = 500
    fits.writeto(broken, image, header)
    with caplog.at_level(logging.WARNING):
        call(monkeypatch, "master_bias", "--output", tmp_path / "mb.fits", *frames[1:], broken)
    assert "in rows 20-29 the frames disagree" in caplog.text
    assert "bias_broken 500" in caplog.text
    with fits.open(tmp_path / "mb.fits") as hdus:
        assert np.unique(np.argwhere(hdus["DQ"].data & 64)[:, 0]).tolist() == list(range(20, 30))


def test_darks_alone_make_a_rate(raw, tmp_path, monkeypatch):
    """Without bias frames the zero comes from the darks of two exposure times."""
    warm = [f for f in inputs(raw)[1] if fits.getheader(f)["CCD-TEMP"] == WARM]
    call(monkeypatch, "dark_rate", "--output", tmp_path / "r.fits", "--dark", *warm)
    header = fits.getheader(tmp_path / "r.fits", "SCI")
    assert header["RATEMED"] == pytest.approx(1.4, abs=5 * header["RATECM"])


def test_one_exposure_time_and_no_bias_is_refused(raw, tmp_path, monkeypatch):
    darks = [f for f in inputs(raw)[1] if "_10s_" in f.name]
    with pytest.raises(DarkroomError, match="exposure times of 10 s do not determine"):
        call(monkeypatch, "dark_rate", "--output", tmp_path / "r.fits", "--dark", *darks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [40, 64]}, r"images of 48 x 64 pixels \(rows x columns\), .*has 40 x 64"),
        ({"targets": [{"exptime": 10.0, "temperature": 5.0}]}, r"taken at 5.00 C, the darks at"),
    ],
)
def test_a_science_frame_that_does_not_fit_is_refused(made, tmp_path, monkeypatch, change, message):
    settings = SETTINGS | {"targets": SETTINGS["targets"][:1]} | change
    ccd.deliver(settings, "target_image", tmp_path / "t.FIT")
    with pytest.raises(InputError, match=message):
        call(
            monkeypatch, "subtract_dark", "--output-dir", tmp_path,
            *products(made, dark=True), tmp_path / "t.FIT",
        )  # fmt: skip


def test_products_in_adu_and_a_gain_are_refused(raw, made, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"master_dark.fits: is in adu, electron is needed"):
        call(
            monkeypatch, "subtract_dark", "--output-dir", tmp_path,
            *products(made, dark=True), "--gain-e-per-adu", "2", raw / "target_image_001.FIT",
        )  # fmt: skip


def test_a_fault_ends_in_one_sentence_and_status_1(repository, tmp_path):
    done = subprocess.run(
        [sys.executable, repository / "scripts/ccd/master_bias.py", "--output", tmp_path / "o.fits",
         "--gain-e-per-adu", "-1", "nowhere.fits"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "ERROR --gain-e-per-adu -1: a number above 0 is needed\n"
    assert not (tmp_path / "o.fits").exists()


@pytest.mark.parametrize("options", [(), ("--gain-e-per-adu", "5.8")])
def test_headers_lose_no_comment(raw, tmp_path, monkeypatch, recwarn, options):
    """A card too long for its line would be cut, with a warning."""
    make(monkeypatch, raw, tmp_path, *options)
    assert [str(w.message) for w in recwarn if "truncated" in str(w.message)] == []


def test_documentation_names_every_flag_and_extension(made, repository):
    text = (repository / "docs/products-ccd.md").read_text()
    for bit, meaning in MEANING.items():
        assert f"| {int(bit)} | `{bit.name}` |" in text
        assert meaning
    for path in made.glob("*.fits"):
        with fits.open(path) as hdus:
            for hdu in hdus[1:]:
                assert f"`{hdu.name}`" in text, (path.name, hdu.name)


def alter(folder, raw, change):
    """Copy the frames as 32-bit floats with something changed."""
    for path in raw.iterdir():
        image, header = fits.getdata(path, header=True)
        image = image.astype(np.float32)
        change(path.name, image, header)
        fits.writeto(folder / path.name, image, header)
    return folder


def test_frames_with_missing_samples_are_used_without_them(raw, tmp_path, monkeypatch):
    """NaN and infinite samples are left out, counted and flagged; no number is NaN elsewhere."""

    def spoil(name, image, header):
        image[3, 4] = np.nan
        if name.endswith("2.FIT"):
            image[5, 6] = np.inf

    (tmp_path / "raw").mkdir()
    out = make(monkeypatch, alter(tmp_path / "raw", raw, spoil), tmp_path)
    for name in PRODUCTS[:4]:
        with fits.open(out / f"{name}.fits") as hdus:
            missing = ~np.isfinite(hdus["ERR"].data)
            assert np.argwhere(missing).tolist() == [[3, 4]], name
            assert hdus["DQ"].data[3, 4] & 1
    with fits.open(out / "master_bias.fits") as hdus:
        assert (hdus["COUNT"].data[3, 4], hdus["COUNT"].data[5, 6]) == (0, 5)


def test_frames_without_a_temperature_are_one_group(raw, tmp_path, monkeypatch):
    def forget(name, image, header):
        del header["CCD-TEMP"]

    (tmp_path / "raw").mkdir()
    out = make(monkeypatch, alter(tmp_path / "raw", raw, forget), tmp_path)
    header = fits.getheader(out / "dark_rate.fits", "SCI")
    assert (header["TGROUP"], header["NDARKS"], header["CCD-TEMP"]) == (1, 9, None)
