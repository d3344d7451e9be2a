"""Delta flats: chosen by CRDS's rules, entered into the header, and divided by."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.crds.cache import Cache
from darkroom.errors import DarkroomError
from darkroom.simulate.crds_cache import Kind, write_cache
from darkroom.wfc3.dq import BLOB
from darkroom.wfc3.engine import engine
from darkroom.wfc3.engine.compare import differing_pixels
from darkroom.wfc3.engine.references import missing_delta_flat
from darkroom.wfc3.engine.working import verified_references
from darkroom.wfc3.reference_kinds import KINDS, OPTIONAL_KINDS
from darkroom.wfc3.simulate.references import PARKEYS
from nircam_jwst import PYTHON, ROOT, need_jwst
from wfc3_calwf3 import unpack
from wfc3_visits import Visit

#: Rules for delta flats: those of F140W, those of another filter, none at all, N/A.
CONTEXTS = {
    "hst_1241.pmap": "F140W", "hst_1242.pmap": "F160W", "hst_1243.pmap": "N/A",
    "hst_0729.pmap": None,
}  # fmt: skip
SUFFIXES = {
    "bpixtab": "bpx", "ccdtab": "ccd", "oscntab": "osc", "crrejtab": "crr", "darkfile": "drk",
    "nlinfile": "lin", "pfltfile": "pfl", "dfltfile": "dfl", "imphttab": "imp", "idctab": "idc",
}  # fmt: skip


@pytest.fixture(scope="module")
def case(reference_data):
    return reference_data / "cases/wfc3/dflat64"


@pytest.fixture(scope="module")
def cache(case, tmp_path_factory):
    """Give a cache of the case's references, with the rules of each of `CONTEXTS`."""
    folder = tmp_path_factory.mktemp("delta")
    unpack(case, folder / "case")
    cache = Cache(folder / "crds", "hst")
    shutil.copytree(folder / "case/iref", cache.path / "references/hst")
    for context, delta in CONTEXTS.items():
        values = {"DETECTOR": "IR", "CCDAMP": "ABCD", "SAMP_SEQ": "SPARS100", "SUBTYPE": "SQ64SUB"}
        kinds = []
        for name, suffix in SUFFIXES.items():
            if name == "dfltfile" and delta in (None, "N/A"):
                continue
            filter_name = delta if name == "dfltfile" else "F140W"
            row = tuple((values | {"FILTER": filter_name})[key] for key in PARKEYS[name])
            rows = {row: {"2009-01-01 00:00:00": f"syn_{suffix}.fits"}}
            kinds.append(Kind(name, PARKEYS[name], rows))
        none = ("dfltfile", "lfltfile") if delta == "N/A" else ()
        write_cache(cache, context, "wfc3", kinds, none, ("DATE-OBS", "TIME-OBS"))
    return cache


@pytest.fixture
def calibrated(case, cache, tmp_path):
    """Run bestrefs and calibrate_original as a job does; return the status and the FLT."""
    need_jwst()

    def run(named="iref$syn_dfl.fits", context="hst_1241.pmap", name="raw"):
        raw = unpack(case, tmp_path / name)
        fits.setval(raw, "DFLTFILE", value=named)
        place = ["--cache", cache.path, "--context", context]
        best, status = tmp_path / f"{name}.json", tmp_path / name / "original/status.json"
        program(
            PYTHON, "references/bestrefs", raw, "--observatory", "hst", *place, "--kinds", *KINDS,
            "--optional-kinds", *OPTIONAL_KINDS, "--output", best,
        )  # fmt: skip
        program(
            sys.executable, "wfc3/calibrate_original", raw, "--references", best, *place,
            "--status", status,
        )  # fmt: skip
        return json.loads(status.read_text()), status.with_name("ihxx01aaq_flt.fits")

    return run


def program(python, name, *words):
    done = subprocess.run(
        list(map(str, [python, ROOT / f"scripts/{name}.py", *words])),
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("named", ["iref$syn_dfl.fits", "N/A", "", "iref$another_dfl.fits"])
def test_whatever_the_raw_names_the_rules_delta_flat_is_used(calibrated, case, named):
    """Of the blobs' sky 0.925 would be left without it, and nothing would be said."""
    status, flt = calibrated(named)
    assert differing_pixels(flt, case / "plain/ihxx01aaq_flt.fits.gz") == {}
    header = fits.getheader(flt)
    assert header["DFLTFILE"] == "iref$syn_dfl.fits"
    assert header["LFLTFILE"] == "N/A"
    assert any(line.endswith("iref$syn_dfl.fits") for line in header["HISTORY"])
    assert status["warnings"] == []


@pytest.mark.parametrize("context", [name for name, delta in CONTEXTS.items() if delta != "F140W"])
def test_a_context_without_one_enters_na_and_warns_where_the_archive_had_one(calibrated, context):
    status, flt = calibrated(context=context)
    assert fits.getheader(flt)["DFLTFILE"] == "N/A"
    (warning,) = status["warnings"]
    assert warning == (
        "calibrated without the DFLTFILE that the archive used (iref$syn_dfl.fits): "
        f"{context} has none for the exposure; choose a newer CRDS context"
    )
    status, _ = calibrated("N/A", context, name="silent")
    assert status["warnings"] == []


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"DFLTFILE": "iref$syn_dfl.fits"}, False),
        ({"DFLTFILE": "N/A"}, True),
        ({"DFLTFILE": ""}, True),
        ({"DFLTFILE": None}, True),
        ({"DFLTFILE": "N/A", "FILTER": "F139M"}, False),
        ({"DFLTFILE": "N/A", "FLATCORR": "OMIT"}, False),
        ({"DFLTFILE": "N/A", "PFLTFILE": "iref$uc721143i_pfl.fits"}, False),
        ({"DFLTFILE": "N/A", "PFLTFILE": "iref$4ac19222i_pfl.fits"}, True),
        ({"DFLTFILE": "N/A", "PFLTFILE": "iref$49m19222i_pfl.fits"}, False),
    ],
    ids=str,
)
def test_by_hand_a_raw_without_a_delta_flat_is_told(case, tmp_path, cards, said):
    raw = unpack(case, tmp_path / "raw")
    with fits.open(raw, mode="update") as hdus:
        for card, value in cards.items():
            if value is None:
                del hdus[0].header[card]
            else:
                hdus[0].header[card] = value
    found = missing_delta_flat(raw)
    assert ("names no DFLTFILE, and is calibrated without a delta flat" in found) == said
    if set(cards) == {"DFLTFILE"}:
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/wfc3/calibrate.py", raw, "--references",
             raw.parent / "iref", "--output-dir", tmp_path / "out"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ("names no DFLTFILE" in done.stderr) == said


def test_a_list_made_before_there_were_delta_flats_is_made_again(cache):
    chosen = {kind: cache.record(f"syn_{SUFFIXES[kind]}.fits") for kind in SUFFIXES}
    found = verified_references({**chosen, "lfltfile": None}, cache)
    assert found["lfltfile"] is None
    assert found["dfltfile"].name == "syn_dfl.fits"
    del chosen["dfltfile"]
    with pytest.raises(DarkroomError, match=r"no dfltfile and no lfltfile was chosen .* again"):
        verified_references(chosen, cache)
    chosen |= {"dfltfile": None, "lfltfile": None, "ccdtab": None}
    with pytest.raises(DarkroomError, match="no ccdtab applies to the exposure"):
        verified_references(chosen, cache)


def test_the_simulated_delta_flat_gives_the_sky_under_blobs_back(tmp_path):
    visit = Visit(tmp_path, exposures=[{}], subarray="SQ128SUB", stars=0, galaxies=0)
    with fits.open(visit.references / visit.names["DFLTFILE"]) as delta:
        transmission = delta["SCI"].data[5:-5, 5:-5]
        assert delta[0].header["FILETYPE"] == "DELTA FLAT"
        deep = transmission < 0.93
        flagged = (delta["DQ"].data[5:-5, 5:-5] & BLOB) != 0
        assert transmission[flagged].max() < 1
        assert (transmission[~flagged] == 1).mean() > 0.3
    with fits.open(visit.references / visit.names["PFLTFILE"]) as flat:
        assert np.median(flat["SCI"].data[5:-5, 5:-5][deep]) == pytest.approx(1.0, abs=0.03)
    image, incident = engine.reduce(visit.ramp()), visit.truth()["incident"]
    under = deep & (image.dq == BLOB)
    assert under.sum() > 150
    off = image.sci[under] - incident[under]
    assert abs(np.median(off)) < 4 * 1.2533 * np.median(image.err[under]) / np.sqrt(under.sum())
