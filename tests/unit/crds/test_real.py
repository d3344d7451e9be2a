"""CRDS's own rules, the real ones, choose what the observatory's archive chose."""

import json
import subprocess

import pytest
from astropy.io import fits

from darkroom.crds.cache import Cache
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.server import Server
from loopback.crds import Crds, real_mappings
from nircam_jwst import PYTHON, ROOT, need_jwst

CONTEXTS = {"hst": "hst_0729.pmap", "jwst": "jwst_0541.pmap"}
INSTRUMENTS = {"hst": "wfc3", "jwst": "nircam"}
#: What every exposure of WFC3/IR had in 2019.
COMMON = {
    "ccdtab": "t2c16200i_ccd.fits",
    "oscntab": "q911321mi_osc.fits",
    "crrejtab": "u6a1748ri_crr.fits",
    "nlinfile": "u1k1727mi_lin.fits",
    "idctab": "w3m18525i_idc.fits",
    "imphttab": "wbj1825ri_imp.fits",
    "mdriztab": "3562021pi_mdz.fits",
    # Types that these rules do not know yet.
    "dfltfile": "N/A",
    "lfltfile": "N/A",
}
WFC3 = {
    "bpixtab": "3562033gi_bpx.fits",
    "darkfile": "3562013bi_drk.fits",
    "pfltfile": "uc721145i_pfl.fits",
}
NIRCAM = {
    "superbias": "jwst_nircam_superbias_0026.fits",
    "readnoise": "jwst_nircam_readnoise_0025.fits",
    "mask": "jwst_nircam_mask_0033.fits",
    "saturation": "jwst_nircam_saturation_0064.fits",
    "linearity": "jwst_nircam_linearity_0056.fits",
    "dark": "jwst_nircam_dark_0040.fits",
    "refpix": "N/A",
    # A type that these rules do not know yet.
    "sirskernel": "N/A",
}
F160W = {
    "TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR", "FILTER": "F160W",
    "SAMP_SEQ": "SPARS100", "SUBTYPE": "FULLIMAG", "CCDAMP": "ABCD", "CCDGAIN": 2.5,
    "BINAXIS1": 1, "BINAXIS2": 1, "DATE-OBS": "2015-06-01", "TIME-OBS": "00:00:00",
    "FLATCORR": "PERFORM", "DARKCORR": "PERFORM", "APERTURE": "IR",
}  # fmt: skip
NRCA1 = {
    "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "CHANNEL": "SHORT",
    "FILTER": "F200W", "PUPIL": "CLEAR", "READPATT": "RAPID", "SUBARRAY": "FULL",
    "EXP_TYPE": "NRC_DARK", "NOUTPUTS": 4, "DATE-OBS": "2022-04-01", "TIME-OBS": "00:00:00.0",
    "DATAMODL": "Level1bModel",
}  # fmt: skip
CHOOSE = """
import json, sys
from darkroom.crds.bestrefs import best_references
from darkroom.crds.environment import go_offline
from darkroom.errors import DarkroomError
from darkroom.nircam.planning import OPTIONAL_KINDS as OF_NIRCAM
from darkroom.wfc3.reference_kinds import OPTIONAL_KINDS as OF_WFC3
cache, observatory, context, cases = sys.argv[1:]
go_offline(cache, observatory, context)
answers = []
for path, kinds in json.loads(cases):
    try:
        answers.append(best_references(path, kinds, context, observatory, OF_NIRCAM + OF_WFC3))
    except DarkroomError as error:
        answers.append(str(error))
print("ANSWERS", json.dumps(answers))
"""


@pytest.fixture(scope="module", params=["hst", "jwst"])
def filled(request, reference_data, tmp_path_factory):
    """Give a cache that was filled with the real mappings from a server, and this server."""
    need_jwst()
    observatory, cache = request.param, tmp_path_factory.mktemp("cache")
    cache = Cache(cache, observatory)
    files = real_mappings(reference_data, observatory)
    context = CONTEXTS[observatory]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost")
        with Crds(observatory, files, context) as server:
            client = Server(server.url, observatory, 60)
            ensure_context(cache, client, context, [INSTRUMENTS[observatory]])
            yield cache, client


def choose(cache, cases):
    """Choose references in one process without a server."""
    command = [PYTHON, "-c", CHOOSE, cache.path, cache.observatory, CONTEXTS[cache.observatory]]
    done = subprocess.run(
        [*map(str, command), json.dumps([(str(path), list(kinds)) for path, kinds in cases])],
        env={"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWERS ")), None)
    assert line, done.stderr[-3000:]
    return json.loads(line.removeprefix("ANSWERS "))


def header_only(folder, cards, **changes):
    """Write an exposure that is nothing but these cards."""
    path = folder / f"{len(list(folder.iterdir()))}.fits"
    hdu = fits.PrimaryHDU()
    hdu.header.update({k: v for k, v in (cards | changes).items() if v is not None})
    hdu.writeto(path)
    return path


def test_the_real_rules_choose_the_known_references_and_say_why_they_cannot(
    filled, reference_data, tmp_path
):
    cache, client = filled
    if cache.observatory == "hst":
        cases, expected = _wfc3_cases(reference_data, tmp_path)
    else:
        cases, expected = _nircam_cases(tmp_path)
    answers = choose(cache, cases)
    for answer, wanted in zip(answers, expected, strict=True):
        if isinstance(wanted, str):
            assert wanted in answer
        else:
            assert answer == wanted
    chosen = {n for a in answers if isinstance(a, dict) for n in a.values()} - {"N/A"}
    verified = ensure_references(cache, client, map(cache.record, chosen))
    assert {facts.name for facts, _ in verified} == chosen
    folder = cache.path / "references" / cache.observatory / INSTRUMENTS[cache.observatory]
    assert {path.parent for _, path in verified} == {folder}


def _wfc3(bpixtab, darkfile, pfltfile):
    return COMMON | {"bpixtab": bpixtab, "darkfile": darkfile, "pfltfile": pfltfile}


def _wfc3_cases(reference_data, folder):
    ima = reference_data / "real" / "wfc3_ima"
    kinds = COMMON | WFC3
    cases = [
        # Of these three the archive's own choice (hst_0855) is in the header: darks and
        # non-linearity are the same, the flats are newer ones.
        (ima / "iccz11q4q_ima.fits.gz", kinds),
        (ima / "ibxy01z8q_ima.fits.gz", kinds),
        (ima / "ibxy07p9q_ima.fits.gz", kinds),
        (header_only(folder, F160W), kinds),
        (header_only(folder, F160W, FILTER="F999X"), ["pfltfile"]),
        (header_only(folder, F160W, SAMP_SEQ="SPARS7"), ["darkfile"]),
        (header_only(folder, F160W), ["shadfile"]),
        (header_only(folder, F160W, INSTRUME="ACS"), ["darkfile"]),
    ]
    expected = [
        _wfc3("3562029ji_bpx.fits", "3562017ii_drk.fits", "uc72113ri_pfl.fits"),
        _wfc3("3562022mi_bpx.fits", "35620350i_drk.fits", "uc721140i_pfl.fits"),
        _wfc3("3562012oi_bpx.fits", "3562011ei_drk.fits", "uc721140i_pfl.fits"),
        COMMON | WFC3,
        "FILTER = 'F999X' is none that hst_0729.pmap has a pfltfile for (known: CLEAR, F093W",
        "SPARS7",
        "hst_0729.pmap has no rules for the type shadfile; choose a newer context",
        "hst_0729.pmap has no rules in the cache for INSTRUME = 'ACS'",
    ]
    return cases, expected


def _nircam_cases(folder):
    cases = [
        (header_only(folder, NRCA1), NIRCAM),
        (header_only(folder, NRCA1, DETECTOR="NRCC1"), ["superbias"]),
        (header_only(folder, NRCA1, SUBARRAY="SUB1"), ["dark"]),
        (header_only(folder, NRCA1, **{"DATE-OBS": "1999-01-01"}), ["mask"]),
        (header_only(folder, NRCA1, INSTRUME="NIRSPEC"), ["dark"]),
        (header_only(folder, NRCA1, INSTRUME=None), ["dark"]),
    ]
    expected = [
        NIRCAM,
        "DETECTOR = 'NRCC1' is none that jwst_0541.pmap has a superbias for (known: NRCA1",
        "jwst_0541.pmap has no dark for",
        "DATE = '1999-01-01'",
        "jwst_0541.pmap has no rules in the cache for INSTRUME = 'NIRSPEC'",
        "INSTRUME",
    ]
    return cases, expected


def test_the_archives_own_choice_is_in_the_headers_but_for_the_newer_flats(reference_data):
    darks = {
        path.name: fits.getval(path, "DARKFILE") + " " + fits.getval(path, "NLINFILE")
        for path in (reference_data / "real" / "wfc3_ima").glob("*.gz")
    }
    assert darks == {
        "iccz11q4q_ima.fits.gz": "iref$3562017ii_drk.fits iref$u1k1727mi_lin.fits",
        "ibxy01z8q_ima.fits.gz": "iref$35620350i_drk.fits iref$u1k1727mi_lin.fits",
        "ibxy07p9q_ima.fits.gz": "iref$3562011ei_drk.fits iref$u1k1727mi_lin.fits",
    }
