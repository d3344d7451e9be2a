"""The programs of the pipeline one after the other, on a good and on a refused exposure."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import COLUMNS, write_frames
from darkroom.crds.cache import Cache, sha1
from darkroom.crds.description import FileRecord
from darkroom.crds.references import write_references
from darkroom.errors import DarkroomError, InputError
from darkroom.report.item import read_item
from darkroom.wfc3.engine.working import verify_distortion, working_copy
from darkroom.wfc3.figures.item import _key_numbers
from darkroom.wfc3.reference_kinds import KINDS
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate import references as simulated
from darkroom.wfc3.visit import drizzle
from darkroom.workflow import summary
from wfc3_visits import SMALL

SETTINGS = SMALL | {"exposures": [{"light": "start"}]}
NAME = "isim01aaq"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a RAW, a cache and the list of the exposure's references."""
    folder = tmp_path_factory.mktemp("pipeline")
    wfc3.deliver(SETTINGS, NAME, folder / "raw" / f"{NAME}_raw.fits")
    cache = Cache(folder / "crds", "hst")
    simulated.write_references(cache, "hst_0001.pmap", [SETTINGS], KINDS)
    found = {}
    for kind in KINDS:
        if kind in simulated.NOT_APPLICABLE:
            found[kind] = None
            continue
        path = next((folder / "crds/references/hst").glob(f"*_{simulated._SUFFIXES[kind]}.fits"))
        found[kind] = FileRecord(path.name, path.stat().st_size, sha1(path))
    write_references(folder / "references.json", found)
    return folder


@pytest.fixture(scope="module")
def run(repository, folder):
    """Run a program in the folder."""

    def call(script, *arguments, status=0):
        command = [sys.executable, repository / f"scripts/wfc3/{script}.py", *arguments]
        done = subprocess.run(
            list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


CACHED = ("--references", "references.json", "--cache", "crds")
CRDS = (*CACHED, "--context", "hst_0001.pmap")


@pytest.fixture(scope="module")
def made(run):
    """Run the pipeline up to the treated exposure."""
    run("calibrate_original", *CRDS, "--status", f"original/{NAME}.json", f"raw/{NAME}_raw.fits")
    run("read_differences", "--output", f"reads/{NAME}.json", f"original/{NAME}.json")
    run("choose_reads", "--output", f"chosen/{NAME}.json", f"reads/{NAME}.json")
    run(
        "treat_reads", "--differences", f"reads/{NAME}.json", "--choice", f"chosen/{NAME}.json",
        *CACHED, "--record", f"measures/{NAME}.json", "--status",
        f"reprocessed/{NAME}.json", f"original/{NAME}.json",
    )  # fmt: skip


def test_the_working_copy_names_references_and_context_and_the_raw_is_as_it_was(folder, made):
    header = fits.getheader(folder / f"original/{NAME}_raw.fits")
    assert header["DARKFILE"] == "iref$sim0001ii_drk.fits"
    assert header["CRDS_CTX"] == "hst_0001.pmap"
    assert fits.getheader(folder / f"raw/{NAME}_raw.fits")["DARKFILE"] == "N/A"
    with fits.open(folder / f"original/{NAME}_raw.fits") as copy:
        for hdu, other in zip(
            copy[1:], fits.open(folder / f"raw/{NAME}_raw.fits")[1:], strict=True
        ):
            assert (hdu.data is None) == (other.data is None)
            assert hdu.data is None or np.array_equal(hdu.data, other.data)


def test_a_status_states_what_later_steps_read_beside_the_flt(folder, made):
    status = json.loads((folder / f"original/{NAME}.json").read_text())
    names = {f"{NAME}_raw.fits", f"{NAME}_ima.fits"}
    paths = {name: folder / "original" / name for name in names}
    assert status["beside"] == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()
    }
    assert "beside" not in json.loads((folder / f"reprocessed/{NAME}.json").read_text())


def test_the_distortion_is_verified_before_a_visit_is_combined(folder, made, tmp_path, run):
    """AstroDrizzle took a damaged one: nothing is recorded of a cache outside of a campaign."""
    flt = folder / f"original/{NAME}_flt.fits"
    shutil.copytree(folder / "crds", tmp_path / "crds")
    cache = Cache(tmp_path / "crds", "hst")
    verify_distortion([flt], cache)
    damaged = cache.reference("sim0001ii_idc.fits")
    content = bytearray(damaged.read_bytes())
    content[-3000] ^= 1
    damaged.write_bytes(content)
    cache.reference("sim0001ii_pfl.fits").unlink()
    with pytest.raises(InputError, match=r"sim0001ii_idc\.fits: has SHA-1 .* the server states"):
        verify_distortion([flt, flt], Cache(tmp_path / "crds", "hst"))
    words = ("--cache", tmp_path / "crds", "--keep", NAME, "--output", tmp_path / "a_drz_sci.fits")
    assert "idc.fits: has SHA-1" in run("combine_visit", *words, flt, status=1)
    damaged.unlink()
    with pytest.raises(InputError, match=r"sim0001ii_idc\.fits: is not in the cache"):
        verify_distortion([flt], cache)
    fits.setval(shutil.copy(flt, tmp_path), "IDCTAB", value="N/A")
    verify_distortion([tmp_path / flt.name], cache)


def test_a_packed_raw_gives_the_same_working_copy(folder, tmp_path):
    raw, packed = folder / f"raw/{NAME}_raw.fits", tmp_path / f"{NAME}_raw.fits.gz"
    packed.write_bytes(gzip.compress(raw.read_bytes()))
    for source, name in ((raw, "plain"), (packed, "packed")):
        working_copy(source, tmp_path / name, {}, "hst_0001.pmap")
    assert (tmp_path / "packed").read_bytes() == (tmp_path / "plain").read_bytes()


def test_the_treated_exposure_tells_what_was_done(folder, made):
    header = fits.getheader(folder / f"reprocessed/{NAME}_flt.fits")
    assert (header["TREATMNT"], header["VERDICT"]) == ("mask", "chosen")
    assert header["EXPTIME"] == pytest.approx(1000)
    assert header["CRDS_CTX"] == "hst_0001.pmap"
    record = json.loads((folder / f"measures/{NAME}.json").read_text())
    assert abs(record["background"][1]["ratio"] - 1) < 0.02 < record["background"][0]["ratio"] - 1
    status = json.loads((folder / f"reprocessed/{NAME}.json").read_text())
    assert (status["accepted"], status["file"]) == (True, f"{NAME}_flt.fits")


def test_the_same_treatment_gives_the_same_bytes_but_for_the_date(folder, made, run):
    path = folder / f"reprocessed/{NAME}_flt.fits"
    first = path.read_bytes()
    run(
        "treat_reads", "--differences", f"reads/{NAME}.json", "--choice", f"chosen/{NAME}.json",
        *CACHED, "--record", f"measures/{NAME}.json", "--status",
        f"reprocessed/{NAME}.json", f"original/{NAME}.json",
    )  # fmt: skip
    with fits.open(path) as new, fits.open(io.BytesIO(first)) as old:
        differing = fits.FITSDiff(new, old, ignore_keywords=["DATE", "CHECKSUM"])
        assert differing.identical, differing.report()


def test_another_treatment_is_a_matter_of_the_choice(folder, made, run):
    run("choose_reads", "--reads", "8", "--treatment", "subtract", "--output", "chosen/other.json",
        f"reads/{NAME}.json")  # fmt: skip
    run(
        "treat_reads", "--differences", f"reads/{NAME}.json", "--choice", "chosen/other.json",
        *CACHED, "--record", "measures/other.json", "--status", "other/status.json",
        f"original/{NAME}.json",
    )  # fmt: skip
    header = fits.getheader(folder / f"other/{NAME}_flt.fits")
    assert (header["TREATMNT"], header["IMA2FLT"], header["NPOP"]) == ("subtract", 1, 1)
    assert header["EXPTIME"] == pytest.approx(1300.061)


def test_bad_reads_are_not_treated_with_a_reference_that_changed_since(folder, made, run):
    stated, dark = (folder / "references.json").read_text(), "sim0001ii_drk.fits"
    digest = sha1(folder / "crds/references/hst" / dark)
    (folder / "changed.json").write_text(stated.replace(digest, 40 * "0"))
    text = run(
        "treat_reads", "--differences", f"reads/{NAME}.json", "--choice", f"chosen/{NAME}.json",
        "--references", "changed.json", "--cache", "crds", "--record", "measures/changed.json",
        "--status", "changed/status.json", f"original/{NAME}.json", status=1,
    )  # fmt: skip
    assert dark in text
    assert "SHA-1" in text
    assert not (folder / "changed/status.json").exists()


def test_a_refused_exposure_passes_through_and_leaves_no_product(folder, run):
    raw = folder / "broken/isim01bbq_raw.fits"
    raw.parent.mkdir()
    raw.write_bytes((folder / f"raw/{NAME}_raw.fits").read_bytes()[:100_000])
    text = run("calibrate_original", *CRDS, "--exclude", "--status", "broken/original.json", raw)
    assert "truncated" in text
    run("read_differences", "--output", "broken/reads.json", "broken/original.json")
    run("choose_reads", "--output", "broken/chosen.json", "broken/reads.json")
    run(
        "treat_reads", "--differences", "broken/reads.json", "--choice", "broken/chosen.json",
        *CACHED, "--record", "broken/measures.json", "--status", "broken/treated.json",
        "broken/original.json",
    )  # fmt: skip
    for name in ("reads", "chosen", "measures", "treated"):
        record = json.loads((folder / f"broken/{name}.json").read_text())
        assert not record["accepted"]
        assert "truncated" in record["reason"]
    assert list((folder / "broken").glob("*_flt.fits")) == []


def test_a_packed_exposure_that_ends_early_is_refused_too(folder, run):
    raw = folder / "packed/isim01ccq_raw.fits.gz"
    raw.parent.mkdir()
    raw.write_bytes(gzip.compress((folder / f"raw/{NAME}_raw.fits").read_bytes())[:-1000])
    text = run("calibrate_original", *CRDS, "--exclude", "--status", "packed/original.json", raw)
    assert "gzip data are damaged or end early" in text
    assert not json.loads((folder / "packed/original.json").read_text())["accepted"]


def test_status_lists_the_treated_exposure_and_nothing_in_between(folder, made):
    names = [name for name, _ in summary._products(folder)]
    assert f"reprocessed/{NAME}_flt.fits" in names
    assert not [n for n in names if n.split("/")[0] in ("original", "reads", "chosen", "measures")]
    assert f"reprocessed/{NAME}.json" not in names


def test_a_changed_reference_is_refused(folder, run):
    path = folder / "crds/references/hst/sim0001ii_crr.fits"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + b"x")
    try:
        text = run("calibrate_original", *CRDS, "--exclude", "--status", "bad/x.json",
                   f"raw/{NAME}_raw.fits", status=1)  # fmt: skip
    finally:
        path.write_bytes(before)
    assert "has SHA-1" in text.splitlines()[-1]
    assert not (folder / "bad/x.json").exists()


def test_figures_and_item_file_are_made_of_it(folder, made, run):
    for version in ("original", "reprocessed"):
        record = {
            "accepted": True, "exposures": [NAME], "exptime": 1000.0, "weight_median": 1000.0,
            "weight_ratio": 1.0, "skymethod": "match", "blob_holes": 0, "empty_share": 0.0,
            "warnings": [],
        }  # fmt: skip
        (folder / f"{version}_drz.json").write_text(json.dumps(record))
        for part in ("sci", "wht"):
            fits.PrimaryHDU(np.ones((30, 30), np.float32)).writeto(
                folder / f"{version}_drz_{part}.fits"
            )
    # Of the second exposure there is nothing at all: the frame table refused it.
    _write_frames(folder, **{NAME: "yes", "isim01zzq": "no"})
    archived = [fits.PrimaryHDU(), fits.ImageHDU(np.ones((32, 32), np.float32), name="SCI")]
    archived[0].header["EXPTIME"] = 1400.1
    fits.HDUList(archived).writeto(folder / "isim01020_drz.fits")
    text = run("figures", NAME, "isim01zzq", "--frames", "frames.tsv", "--folder", ".",
               "--truth", "raw/truth", "--archive", "isim01020_drz.fits", "--figures", "figures",
               "--output", "item.json")  # fmt: skip
    assert "Warning" not in text
    item = read_item(folder)
    titles = [table["title"] for table in item["tables"]]
    assert titles == [
        "What was done to each exposure", "Why reads are bad", "Combined images in numbers",
        "Against the truth",
        "Please cite in publications",
    ]  # fmt: skip
    assert {figure["section"] for figure in item["figures"]} == {"Combined images", NAME}
    beside = [f["title"] for f in item["figures"] if f["section"] == "Combined images"]
    assert "Reprocessed visit beside the archive's DRZ" in beside
    assert {row["name"] for row in item["quantities"]} >= {f"{NAME} bad reads"}


def test_an_exposure_that_the_frame_table_refuses_is_not_combined(folder, made, run):
    _write_frames(folder, **{NAME: "no"})
    text = run("combine_visit", "--references", ".", "--frames", "frames.tsv", "--output",
               "none_drz_sci.fits", f"original/{NAME}.json", status=1)  # fmt: skip
    assert "there is no exposure to combine" in text


def _write_frames(folder, **accepted):
    rows = [{"exposure": name, "accepted": word} for name, word in accepted.items()]
    write_frames(folder / "frames.tsv", [dict.fromkeys(COLUMNS, "") | row for row in rows])


def test_an_exposure_without_sky_at_one_side_does_not_stop_the_report():
    """A source that fills the left region of a small subarray leaves no ratio to compare."""

    def story(name, ratio):
        sides = {"ratio": ratio, "ratio_error": 0.01}
        return SimpleNamespace(
            name=name, measures={"background": [sides, sides], "exptime": [9.0, 9.0]}
        )

    visits = {"reprocessed": {"weight_ratio": 1.0}}
    for stories, note in (([story("a", None), story("b", 1.0)], "b"), ([story("a", None)], "a")):
        assert _key_numbers(stories, visits)[0]["note"].startswith(f"{note}, the exposure with")


def test_a_fall_back_of_the_sky_matching_is_an_error(tmp_path, monkeypatch):
    def fall_back(*_):
        (tmp_path / "astrodrizzle.log").write_text(
            'x\nWARNING: Reverting sky computation to "localmin".\n'
        )

    monkeypatch.setattr(drizzle, "_copy", lambda path, _: path)
    monkeypatch.setattr(drizzle, "_check_together", lambda _: None)
    monkeypatch.setattr(drizzle, "_update_wcs", lambda *_: None)
    nothing = {"left_out": {}, "warnings": []}
    monkeypatch.setattr(drizzle, "_registered", lambda *_, **__: nothing)
    monkeypatch.setattr(drizzle, "_astrodrizzle", fall_back)
    with pytest.raises(DarkroomError, match=r"could not match the skies .* older than 1\.4"):
        drizzle.combine([tmp_path / "a_flt.fits"], tmp_path, tmp_path)
