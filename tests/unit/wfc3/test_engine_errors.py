"""What can be wrong with an exposure, reported in one sentence."""

import importlib.util
import os
import stat
import subprocess

import numpy as np
import pytest
from astropy.io import fits

import wfc3_case as case
from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.files import mask

NSAMP = 4


@pytest.fixture
def raw(tmp_path):
    return case.write_case(tmp_path / "in", case.counts(20.0, NSAMP))


@pytest.fixture
def run(raw, tmp_path):
    """Calibrate the RAW into a fresh folder."""

    def run(path=raw, folder=None, **keywords):
        return calibrate(path, raw.parent / "iref", folder or tmp_path / "out", **keywords)

    return run


def refuses(match):
    return pytest.raises(DarkroomError, match=match)


def test_a_missing_raw(run, tmp_path):
    with refuses(r"nothing_raw.fits: no such file"):
        run(tmp_path / "nothing_raw.fits")


@pytest.mark.parametrize("left", [0.3, 0.97])
def test_a_truncated_raw(run, raw, left):
    os.truncate(raw, int(raw.stat().st_size * left))
    with refuses(r"ixxx01aaq_raw.fits: truncated"):
        run()


def test_a_raw_without_some_of_its_reads(run, raw):
    fits.setval(raw, "NSAMP", value=NSAMP + 2)
    with refuses(rf"truncated: NSAMP is {NSAMP + 2}, but only {NSAMP} reads are there"):
        run()


def test_a_file_that_is_not_fits(run, raw):
    raw.write_bytes(b"no FITS at all" * 1000)
    with refuses("ixxx01aaq_raw.fits: not a FITS file"):
        run()


def test_the_zeroth_read_alone_is_no_exposure(tmp_path):
    raw = case.write_case(tmp_path / "few", case.counts(20.0, 1))
    with refuses(r"ixxx01aaq_raw.fits: has 1 read \(NSAMP = 1\); a signal is the difference of 2"):
        calibrate(raw, raw.parent / "iref", tmp_path / "out")


@pytest.mark.parametrize("name", ["darkfile", "nlinfile", "pfltfile", "ccdtab", "imphttab"])
def test_a_missing_reference(run, raw, name):
    (raw.parent / f"iref/{name}.fits").unlink()
    with refuses(rf"{name}.fits: no such file; it is the {name.upper()} of this exposure"):
        run()


def shrink(path, size, ltv=case.LTV):
    """Cut every plane of a reference to `size` pixels, its first at another place."""
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            if hdu.data is None:
                hdu.header["NPIX1"] = hdu.header["NPIX2"] = size
            else:
                hdu.data = np.ascontiguousarray(hdu.data[:size, :size])
                hdu.header["LTV1"] = hdu.header["LTV2"] = float(ltv)


def test_a_dark_of_the_wrong_size(run, raw):
    shrink(raw.parent / "iref/darkfile.fits", 40)
    with refuses(r"darkfile.fits: \[SCI,1\] has 40 x 40 pixels, the exposure has 42 x 42"):
        run()


@pytest.mark.parametrize("name", ["nlinfile", "pfltfile"])
def test_a_reference_that_does_not_cover_the_exposure(run, raw, name):
    shrink(raw.parent / f"iref/{name}.fits", 30)
    with refuses(rf"{name}.fits: has 30 x 30 pixels; the exposure's 42 x 42 begin at pixel \(1, 1"):
        run()


def test_an_oscntab_without_the_size_of_the_exposure(run, raw):
    with fits.open(raw.parent / "iref/oscntab.fits", mode="update") as hdus:
        hdus[1].data["NX"] = 1024
    with refuses("oscntab.fits: has no row for arrays of 42 x 42 pixels"):
        run()


def test_a_dark_of_another_sequence(run, raw):
    fits.setval(raw.parent / "iref/darkfile.fits", "SAMP_SEQ", value="STEP50")
    with refuses("is a dark of SAMP_SEQ STEP50, the exposure's is SPARS25"):
        run()


def test_a_dark_without_the_time_of_a_read(run, raw):
    fits.setval(raw.parent / "iref/darkfile.fits", "EXPOS_2", value=26.0)
    with refuses(r"has no dark of 27.932 s \(it has 0, 2.932, 26, 52.932 s\)"):
        run()


def test_a_flat_of_another_filter(run, raw):
    fits.setval(raw.parent / "iref/pfltfile.fits", "FILTER", value="F160W")
    with refuses("is a flat of filter F160W, the exposure's is F140W"):
        run()


def test_a_reference_of_another_kind(run, raw):
    fits.setval(raw, "DARKFILE", value="iref$pfltfile.fits")
    with refuses("has FILETYPE = 'PIXEL-TO-PIXEL FLAT', DARKFILE needs 'DARK'"):
        run()


def test_a_step_whose_reference_is_not_named(run, raw):
    fits.setval(raw, "PFLTFILE", value="N/A")
    with refuses("names no PFLTFILE, DFLTFILE and LFLTFILE, which FLATCORR needs"):
        run()


def test_another_instrument(run, raw):
    fits.setval(raw, "DETECTOR", value="UVIS")
    with refuses("is of WFC3/UVIS, not of WFC3/IR"):
        run()


def test_an_exposure_that_is_calibrated_already(run):
    ima, _ = run()
    with refuses(r"has been calibrated already \(DQICORR is COMPLETE\); give the RAW"):
        run(ima)


def test_nothing_to_do(run, raw):
    with fits.open(raw, mode="update") as hdus:
        for card in [card for card in hdus[0].header if card.endswith("CORR")]:
            hdus[0].header[card] = "OMIT"
    with refuses("no calibration switch is PERFORM"):
        run()


def test_times_that_do_not_increase(run, raw):
    fits.setval(raw, "PIXVALUE", value=2.0, extname="TIME", extver=1)
    with refuses(r"TIME does not increase from EXTVER 2 \(27.932 s\) to EXTVER 1 \(2 s\)"):
        run()


@pytest.mark.parametrize(
    ("masked", "match"),
    [
        ((1, 2, 3), "all 3 reads after the zeroth are masked, nothing is left to fit"),
        ((4,), "EXTVER 4 is the zeroth read, .* cannot be masked"),
        ((2, 9), "cannot mask EXTVER 9, its reads are EXTVER 1 to 4"),
        ((0,), "cannot mask EXTVER 0"),
    ],
)
@pytest.mark.parametrize("scope", ["all", "calwf3"])
def test_masks_that_calwf3_would_turn_into_something_else(run, masked, match, scope):
    with refuses(match):
        run(masked=masked, scope=scope)


def test_a_mask_without_crcorr(run, raw):
    fits.setval(raw, "CRCORR", value="OMIT")
    with refuses("reads are left out by CRCORR, which is OMIT"):
        run(masked=(1,))


@pytest.mark.parametrize(
    ("text", "match"), [("11-x", "neither an EXTVER nor a range"), ("5-3", "runs backwards")]
)
def test_reads_that_cannot_be_understood(text, match):
    with refuses(match):
        mask.parse_reads(text)


@pytest.mark.parametrize("kind", ["ima", "flt"])
def test_stale_products_in_the_way(run, tmp_path, kind):
    (tmp_path / "out").mkdir()
    stale = tmp_path / f"out/ixxx01aaq_{kind}.fits"
    stale.write_text("from before")
    with refuses(rf"ixxx01aaq_{kind}.fits: is there already; nothing is overwritten"):
        run()
    assert stale.read_text() == "from before"


def test_a_repeat_after_the_last_rename_accepts_what_is_there(run, tmp_path):
    paths = run()
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in paths]
    assert run() == paths
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in paths] == before


@pytest.mark.parametrize("kind", ["ima", "flt"])
def test_products_of_other_content_are_not_overwritten(run, tmp_path, kind):
    changed = next(path for path in run() if kind in path.name)
    with fits.open(changed, mode="update") as hdus:
        hdus["SCI"].data[3, 3] += 1
    before = changed.read_bytes()
    with refuses(rf"ixxx01aaq_{kind}.fits: is there already; nothing is overwritten"):
        run()
    assert changed.read_bytes() == before


def test_one_of_the_products_alone_is_in_the_way(run):
    ima, flt = run()
    ima.unlink()
    with refuses(r"ixxx01aaq_flt.fits: is there already; nothing is overwritten"):
        run()
    assert flt.is_file()


def test_products_of_other_reads_are_in_the_way(run):
    run()
    with refuses(r"is there already; nothing is overwritten"):
        run(masked=(2,))


def test_a_folder_that_cannot_be_written_to(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with refuses(r"file/out: cannot be written to \(Not a directory\)"):
        run(folder=tmp_path / "file/out")

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with refuses(r"cannot be written to \(Permission denied\)"):
        run()


def test_a_failed_run_leaves_nothing_behind(run, raw, tmp_path):
    (raw.parent / "iref/pfltfile.fits").unlink()
    with pytest.raises(InputError):
        run()
    assert not list((tmp_path / "out").iterdir())


def test_a_disk_that_fills_up_leaves_no_product(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("darkroom.wfc3.engine.products.write_ima", full)
    with pytest.raises(OSError, match="No space left"):
        run()
    assert not list((tmp_path / "out").iterdir())


def test_an_unknown_engine_or_scope(run):
    with refuses("engine 'idl' is not one of builtin, calwf3, both"):
        run(engine="idl")
    with refuses("mask scope 'some' is not one of all, calwf3"):
        run(scope="some")


@pytest.mark.parametrize("engine", ["calwf3", "both"])
def test_scope_all_is_not_for_calwf3(run, engine):
    for keywords in ({"scope": "all"}, {"masked": (1,)}):
        with refuses(rf"engine {engine} cannot leave masked reads out for every pixel"):
            run(engine=engine, **keywords)


def test_calwf3_that_is_not_there(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with refuses("calwf3.e is not on PATH: install hstcal from conda-forge"):
        run(engine="calwf3")


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Put a shell script in the place of calwf3.e."""

    def put(text):
        path = tmp_path / "bin/calwf3.e"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return put


@pytest.fixture
def stand_in(program, monkeypatch, tmp_path):
    """Put a shell script in the place of calwf3.e, and what wfc3tools does in its place."""
    package = tmp_path / "packages/wfc3tools.py"
    package.parent.mkdir()
    package.write_text(
        "import subprocess\ndef calwf3(name):\n    subprocess.run(['calwf3.e', name])\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return program


def test_wfc3tools_that_is_not_there(run, program):
    if importlib.util.find_spec("wfc3tools"):
        pytest.skip("wfc3tools is installed here, so its absence cannot be tried")
    program("exit 0")
    with refuses("wfc3tools, which starts calwf3, is not installed for this Python: use that of"):
        run(engine="calwf3")


def test_calwf3_is_started_by_the_real_wfc3tools(raw, program, repository, tmp_path):
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")
    program(f"echo $0 $1 $iref > {tmp_path}/started.txt; echo 'ERROR:    stop here'; exit 1")
    done = subprocess.run(
        [
            python, repository / "scripts/wfc3/calibrate.py", "--engine", "calwf3", "--references",
            raw.parent / "iref", "--output-dir", tmp_path / "out", raw,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"calwf3 failed on {raw.name}: ERROR:    stop here")
    words = (tmp_path / "started.txt").read_text().split()
    assert words[:2] == [str(tmp_path / "bin/calwf3.e"), raw.name]
    assert words[2].endswith("/calwf3/iref/")


def test_calwf3_that_dies_while_it_writes(run, stand_in, tmp_path):
    ima, flt = run(folder=tmp_path / "other")
    stand_in(f"cp {ima} . && head -c 20000 {flt} > {flt.name}; kill -9 $$")
    with refuses(r"calwf3 failed on ixxx01aaq_raw\.fits: its ixxx01aaq_flt\.fits: truncated"):
        run(engine="calwf3")
    assert not list((tmp_path / "out").iterdir())


def test_calwf3_that_fails_is_quoted(run, stand_in, tmp_path):
    stand_in("echo 'ERROR:    OSCNTAB is a dummy.'; exit 1")
    with refuses("calwf3 failed on ixxx01aaq_raw.fits: ERROR:    OSCNTAB is a dummy."):
        run(engine="calwf3")
    assert not list((tmp_path / "out").iterdir())


def test_calwf3_works_on_a_masked_copy_with_its_own_references(run, raw, stand_in, tmp_path):
    before = raw.read_bytes()
    good = run(folder=tmp_path / "good", masked=(3,), scope="calwf3")
    stand_in(
        f"cp {good[0]} {good[1]} . && cp *_raw.fits {tmp_path}/seen.fits"
        f" && ls -d $iref/darkfile.fits > {tmp_path}/iref.txt"
    )
    _, flt = run(engine="calwf3", masked=(3,), scope="calwf3")
    assert raw.read_bytes() == before
    assert fits.getval(tmp_path / "seen.fits", "PIXVALUE", extname="DQ", extver=3) == 1024
    assert (tmp_path / "iref.txt").read_text().strip().endswith("/iref//darkfile.fits")
    header = fits.getheader(flt)
    assert (header["ENGINE"], header["MASKREAD"]) == ("calwf3", "3")
    assert header["EXPTIME"] == pytest.approx(50.0)


def test_both_engines_stop_on_a_differing_pixel(run, stand_in, tmp_path):
    ima, flt = run(folder=tmp_path / "other")
    with fits.open(flt, mode="update") as hdus:
        hdus["SCI"].data[0, 0] += 1
    stand_in(f"cp {ima} {flt} .")
    with refuses(r"differ in 1 pixels of 1 planes: \[SCI,1\] 1"):
        run(engine="both")
    assert not list((tmp_path / "out").iterdir())


def test_both_engines_keep_the_builtins_files_when_they_agree(run, stand_in, tmp_path):
    ima, flt = run(folder=tmp_path / "other")
    stand_in(f"cp {ima} {flt} .")
    assert fits.getval(run(engine="both")[1], "ENGINE") == "builtin"
