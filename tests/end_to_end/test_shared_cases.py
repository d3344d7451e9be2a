"""Every case of the shared exposures with faults of real ones ends as its README asks.

The table `ENDS` has a test for each case. A case without one, or a file that no case reads, is a
failure: nothing that is added to the folder goes untried.
"""

import gzip
import json
import logging
import pickle
import re
import sys

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import REGIONS
from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import Imsets
from nircam_jwst import CONTEXT, need_jwst, program, small_cache
from programs import load

pytestmark = pytest.mark.end_to_end


class Ran:
    """A program of the workflow, run in this process with a case's files."""

    def __init__(self, folder, caplog, capsys, monkeypatch):
        self.folder, self._caplog, self._capsys = folder, caplog, capsys
        self._monkeypatch = monkeypatch

    def __call__(self, name, *words, refused=False):
        """Run it; return what it warned of, or the sentence with which it refused."""
        self._caplog.clear()
        self._monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        if refused:
            with pytest.raises(DarkroomError) as fault:
                load(name).main()
            return str(fault.value)
        load(name).main()
        found = [r.getMessage() for r in self._caplog.records if r.levelno >= logging.WARNING]
        printed = self._capsys.readouterr()
        return "\n".join([*found, printed.out, printed.err])


@pytest.fixture
def run(tmp_path, caplog, capsys, monkeypatch):
    return Ran(tmp_path, caplog, capsys, monkeypatch)


def made_of(run, name, files, *words, output="product.fits"):
    """Run a program on the files of a folder; return its warnings, HDUs and numbers."""
    product = run.folder / output
    said = run(name, *words, "--output", product, "--quantities", run.folder / "q.json", *files)
    numbers = {each["name"]: each for each in json.loads((run.folder / "q.json").read_text())}
    return said, fits.open(product), numbers


def averaged_frames(case, run):
    _, hdus, _ = made_of(run, "nircam/readnoise", sorted(case.iterdir()))
    assert np.median(hdus["SCI"].data) == pytest.approx(np.sqrt(2) * 6, rel=0.02)
    assert hdus[0].header["READPATT"] == "ANY"


def mixed_nframes(case, run):
    said = run("nircam/readnoise", "--output", run.folder / "x.fits", *sorted(case.iterdir()),
               refused=True)  # fmt: skip
    assert "g_3.fits: NFRAMES is 8, but 1 in 3 exposures" in said


def same_exposure_two_names(case, run):
    files = sorted(case.iterdir())
    said = run("nircam/superbias", "--output", run.folder / "x.fits", *files, refused=True)
    for number in range(4):
        pair = f"copy_of_{number}_uncal.fits: its integration is the same as a_{number}_uncal.fits"
        assert pair in said
    _, hdus, _ = made_of(run, "nircam/superbias", files[:4])
    assert np.median(hdus["ERR"].data) == pytest.approx(9.3, rel=0.05)


def raw_and_subtracted(case, run):
    for files in (sorted(case.iterdir()), sorted(case.glob("sub*"))):
        said = run("nircam/superbias", "--output", run.folder / "x.fits", *files, refused=True)
        assert "sub_4_ramp.fits: it was changed by superbias already" in said
        assert "raw_" not in said


def not_darks(case, run):
    said = run("nircam/superbias", "--output", run.folder / "x.fits", *sorted(case.iterdir()),
               refused=True)  # fmt: skip
    assert said.count("EXP_TYPE is NRC_IMAGE, NRC_DARK is needed") == 4


def gzipped(case, run):
    packed = sorted(case.iterdir())
    _, hdus, _ = made_of(run, "nircam/superbias", packed)
    plain = [run.folder / path.stem for path in packed]
    for path, source in zip(plain, packed, strict=True):
        path.write_bytes(gzip.decompress(source.read_bytes()))
    _, same, _ = made_of(run, "nircam/superbias", plain, output="plain.fits")
    np.testing.assert_array_equal(hdus["SCI"].data, same["SCI"].data)


def segments_whole_table(case, run):
    _, _, numbers = made_of(run, "nircam/superbias", sorted(case.iterdir()))
    trend = numbers["trend, amplifier 0 even"]
    assert trend["value"] == pytest.approx(8.0, abs=0.3)
    assert trend["uncertainty"] == pytest.approx(0.1, abs=0.05)


def zeroframe_promised(case, run):
    need_jwst()
    files = sorted(case.iterdir())
    header = fits.getheader(files[0])
    simulated = {"detector": header["DETECTOR"], "subarray": header["SUBARRAY"], "exposures": 1}
    cache = small_cache(run.folder / "crds", simulated)
    place = ["--cache", cache.path, "--context", CONTEXT]
    best = run.folder / "best.json"
    kinds = ["--kinds", "mask", "saturation", "superbias", "--output", best]
    chosen = program("references/bestrefs", files[0], *place, *kinds)
    done = program(
        "nircam/calibrate", files[0], "--steps", "dq_init", "saturation", "superbias",
        "--references", best, *place, "--output", run.folder / "ramp.fits",
    )  # fmt: skip
    assert (chosen.returncode, done.returncode) == (0, 1), chosen.stderr
    assert f"{files[0].name}: ZEROFRAM is T, but the file has no extension ZEROFRAME" in done.stderr
    assert "0d arrays" not in done.stderr


def cycling_bias(case, run):
    said, _, _ = made_of(run, "nircam/superbias", sorted(case.iterdir()))
    assert "the bias repeats every 4 integrations (pixels)" in said


def clock_against_noutputs(case, run):
    said = run("nircam/noise_spectrum", "--output", run.folder / "x.fits", *case.iterdir(),
               refused=True)  # fmt: skip
    assert "TFRAME is 0.06813 s" in said
    assert "take 0.2884 s" in said


def unpacked(packed, folder):
    """Unpack a product of calwf3; return its path."""
    path = folder / f"theirs_{packed.stem}"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def calibrated(case, run, root="ihxx01aaq", *options):
    """Calibrate a RAW; return the warnings, and its IMA and FLT."""
    raw = run.folder / f"{root}_raw.fits"
    raw.write_bytes(gzip.decompress((case / f"{root}_raw.fits.gz").read_bytes()))
    iref = run.folder / "iref"
    iref.mkdir(exist_ok=True)
    for packed in (case / "iref").iterdir():
        (iref / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    out = run.folder / "-".join(["out", root, *options])
    said = run("wfc3/calibrate", raw, "--references", iref, "--output-dir", out, *options)
    return said, raw, out / f"{root}_ima.fits", out / f"{root}_flt.fits"


def same_pixels(one, two):
    """Assert that each plane of two products is equal to the bit, NaN to NaN."""
    with Imsets(one) as mine, Imsets(two) as theirs:
        assert mine.names == theirs.names
        for name, extver in mine.names:
            if name in ("SCI", "ERR", "DQ", "SAMP", "TIME"):
                planes = [each.plane(name, extver, np.float32) for each in (mine, theirs)]
                np.testing.assert_array_equal(*planes)


def delta_flat(case, run):
    masked = ("--mask-reads", "7-9", "--mask-scope", "calwf3")
    for kept, options in (("plain", ()), ("mask7_8_9", masked)):
        _, _, _, flt = calibrated(case, run, "ihxx01aaq", *options)
        same_pixels(flt, unpacked(case / kept / "ihxx01aaq_flt.fits.gz", run.folder))
        assert fits.getval(flt, "DFLTFILE") == "iref$syn_dfl.fits"


def reference_with_nan(case, run):
    said, _, *products = calibrated(case, run)
    assert "NaN or infinite" in said
    for product, kind in zip(products, ("ima", "flt"), strict=True):
        same_pixels(product, unpacked(case / "plain" / f"ihxx01aaq_{kind}.fits.gz", run.folder))
        with fits.open(product) as hdus:
            hdus.verify("exception")


def saturated_and_aborted(case, run):
    chosen = run.folder / "chosen.json"

    def choose(root, *options):
        _, raw, ima, flt = calibrated(case, run, root)
        reads = run.folder / "reads.json"
        run("wfc3/read_differences", ima, "--raw", raw, "--output", reads)
        run("wfc3/choose_reads", reads, *options, "--output", chosen)
        return json.loads(chosen.read_text()), sky(flt)

    def sky(flt):
        with fits.open(flt) as hdus:
            return float(np.median(hdus["SCI"].data[hdus["DQ"].data == 0]))

    found, _ = choose("ihxx01aaq", "--treatment", "flatten")
    assert (found["verdict"], found["reads"]) == ("quiet", [])
    found, untreated = choose("ihxx01abq")
    assert found["verdict"] == "chosen"
    assert sorted(found["reads"]) == [1, 2, 3, 4]
    # 27 % too low with the reads that repeat an earlier one.
    assert untreated == pytest.approx(
        0.73 * sky(calibrated(case, run, "ihxx01abq", "--mask-reads", "1-4")[3]), rel=0.03
    )


def geometry(folder):
    path = folder / "tiny.json"
    path.write_text(json.dumps({"name": "tiny", "SCI": REGIONS}))
    return path


def frames_of(archive, folder):
    """Write the frames of an archive of arrays as L2a files; return paths, and the arrays."""
    content = dict(np.load(archive))
    data = content["data"].astype(np.float32)
    masked = np.unpackbits(content["masked"], count=data.size).reshape(data.shape)
    paths = []
    for number, stack in enumerate(content["stack"]):
        science = fits.ImageHDU(data[number])
        moment = f"2026-11-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        science.header.update(
            EXPTIME=content["exptime"][stack], EMGAIN_C=content["gain"][stack], EMGAIN_A=-1.0,
            KGAINPAR=8.7, SAT_DN=1e6, BUNIT="detected EM electron", DATALVL="L2a", SCTSRT=moment,
            MJDSRT=61345.0 + number / 86400, ISPC=0,
        )  # fmt: skip
        dq = fits.ImageHDU((128 * masked[number]).astype(np.uint16), name="DQ")
        err = fits.ImageHDU(np.zeros((1, *data[number].shape), np.float32), name="ERR")
        paths.append(folder / f"cgi_{number:03d}_l2a.fits")
        primary = fits.PrimaryHDU(header=fits.Header([("INSTRUME", "CGI")]))
        fits.HDUList([primary, science, err, dq]).writeto(paths[-1])
    return paths, content


#: The conditions that the made frames do not state.
WAIVED = ("--waive", "bias", "--waive", "linearity", "--waive", "cosmic-rays")


def maps_of(archive, run):
    paths, content = frames_of(archive, run.folder)
    output = run.folder / "maps.fits"
    said = run("cgi/noise_maps", "--geometry", geometry(run.folder), *WAIVED, "--keep-masks",
               "--output", output, *paths)  # fmt: skip
    return said, fits.open(output), content


def cic_hot(archive, run):
    _, hdus, content = maps_of(archive, run)
    area = (slice(3, 33), slice(24, 54))
    pull = (hdus[1].data[1] - content["C"])[area] / hdus["ERR"].data[0, 1][area]
    hot = content["cic_hot"][area]
    strong = hot & (content["C"][area] > 0.6)
    assert (hdus["HOT"].data[area] & 1 > 0)[strong].mean() > 0.95
    assert pull[strong].std() == pytest.approx(1, abs=0.15 + 2 / np.sqrt(2 * strong.sum()))
    assert pull[~hot].std() == pytest.approx(1, abs=0.05)


def light_leak(archive, run):
    said, _, _ = maps_of(archive, run)
    named = [line for line in said.splitlines() if "stack of EM gain" in line]
    assert len(named) == 1
    assert "stack of EM gain 30 and 30 s" in named[0]


def nan_dark(case, run):
    output = run.folder / "dark.fits"
    run("cgi/master_dark", "--geometry", geometry(run.folder), *WAIVED, "--undivided", "--output",
        output, *sorted(case.iterdir()))  # fmt: skip
    with fits.open(output, memmap=False) as hdus:
        dark, dq = hdus[1].data, hdus["DQ"].data
        for hdu in hdus:
            pickle.loads(pickle.dumps(hdu.copy()))
    assert np.isfinite(dark).all()
    # corgidrp: hot is what lies more than 5 plain standard deviations above the plain mean; the
    # image area begins at row 3 and column 24.
    hot = np.argwhere(dark > dark.mean() + 5 * dark.std())
    assert hot.tolist() == [[17, 21]]
    assert dq[7, 16] & 1


#: Every case, and what must become of it.
ENDS = {
    "nircam/01_averaged_frames": averaged_frames,
    "nircam/02_mixed_nframes": mixed_nframes,
    "nircam/03_same_exposure_two_names": same_exposure_two_names,
    "nircam/04_raw_and_subtracted": raw_and_subtracted,
    "nircam/05_not_darks": not_darks,
    "nircam/06_gzipped": gzipped,
    "nircam/07_segments_whole_table": segments_whole_table,
    "nircam/08_zeroframe_promised": zeroframe_promised,
    "nircam/09_cycling_bias": cycling_bias,
    "nircam/10_clock_against_noutputs": clock_against_noutputs,
    "wfc3/dflat64": delta_flat,
    "wfc3/nanref64": reference_with_nan,
    "wfc3/diag64": saturated_and_aborted,
    "cgi/cic_hot.npz": cic_hot,
    "cgi/light_leak.npz": light_leak,
    "cgi/nan_dark": nan_dark,
}

#: Those that take more than two seconds.
SLOW = {"nircam/08_zeroframe_promised", "cgi/cic_hot.npz", "cgi/light_leak.npz"}


def test_every_case_has_its_test(reference_data):
    folder = reference_data / "cases"
    found = {
        f"{instrument}/{path.name}"
        for instrument in ("nircam", "wfc3", "cgi")
        for path in (folder / instrument).iterdir()
        if path.name != "README"
    }
    assert found == set(ENDS)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.heavy) if n in SLOW else n for n in ENDS]
)
def test_a_case_ends_as_its_readme_asks(name, reference_data, run):
    ENDS[name](reference_data / "cases" / name, run)


def test_the_page_of_traits_names_tests_that_exist(repository):
    page = (repository / "docs" / "real-exposures.md").read_text()
    named = re.findall(r"`((?:unit|parity|end_to_end)/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 40
    for path, function in named:
        text = (repository / "tests" / path).read_text()
        assert not function or f"def {function}(" in text, (path, function)
