"""What is made of the answers of CRDS's own rules, which a stand-in of that library gives here.

The rules themselves, and the library, are in test_real.py and test_replaced.py.
"""

import gzip
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from astropy.io import fits

from darkroom.crds import environment
from darkroom.crds.bestrefs import best_references
from darkroom.crds.certify import certify as certified
from darkroom.crds.environment import go_offline, learn_keywords, offline_environment
from darkroom.crds.releases import old_context_warning
from darkroom.crds.replaced import Place, place_of
from darkroom.errors import DarkroomError, InputError

CONTEXT = "jwst_0001.pmap"
PARKEY = (
    ("META.INSTRUMENT.DETECTOR", "META.EXPOSURE.READPATT", "META.SUBARRAY.NAME"),
    ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME"),
)


class Rules:
    """Rules of one reference type, and of the instrument and context above them."""

    def __init__(self):
        self.parkey, self.observatory, self.instrument = PARKEY, "jwst", "nircam"
        self.change, self.keys = "added Match rule for", ("NRCA1", "ANY", "N/A")
        self.matches, self.asked = [], []

    def get_imap(self, instrument):
        self.asked.append(instrument)
        return self

    def get_rmap(self, kind):
        self.asked.append(kind)
        return self

    def insert_reference(self, path):
        self.asked.append(path)
        return "new rules"

    def difference(self, other):
        assert other == "new rules"
        return [("rmap", self.keys, "details", self.change), ("rmap", ("x",), "more")]

    def file_matches(self, name):
        self.asked.append(name)
        return self.matches


@pytest.fixture
def crds(monkeypatch):
    """Give a stand-in of CRDS's library: its rules, its answers, and what it was asked."""
    library, data_file = ModuleType("crds"), ModuleType("crds.data_file")
    library.rules, library.answers, library.asked = Rules(), {}, []

    def recommend(header, reftypes, context, observatory):
        library.asked.append((header, reftypes, context, observatory))
        answers = library.answers
        if isinstance(answers, BaseException):
            raise answers
        return answers(header) if callable(answers) else answers

    def mapping(context):
        library.rules.asked.append(context)
        return library.rules

    library.getrecommendations, library.get_cached_mapping = recommend, mapping
    data_file.get_header = lambda path, observatory: {
        "META.INSTRUMENT.NAME": "NIRCAM", "META.INSTRUMENT.DETECTOR": "NRCA1",
        "read": fits.getval(path, "INSTRUME"), "of": observatory,
    }  # fmt: skip
    library.data_file = data_file
    monkeypatch.setitem(sys.modules, "crds", library)
    monkeypatch.setitem(sys.modules, "crds.data_file", data_file)
    return library


@pytest.fixture
def exposure(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(header=fits.Header({"INSTRUME": "NIRCAM"})).writeto(path)
    return path


def best(path, *kinds, optional=()):
    return best_references(path, kinds, CONTEXT, "jwst", optional)


# The best references


def test_the_names_of_the_chosen_files_are_given(crds, exposure):
    crds.answers = {"mask": "/cache/references/a_mask.fits", "dark": "a_dark.fits", "area": "x"}
    assert best(exposure, "mask", "dark") == {"mask": "a_mask.fits", "dark": "a_dark.fits"}
    ((header, kinds, context, observatory),) = crds.asked
    assert (kinds, context, observatory) == (["mask", "dark"], CONTEXT, "jwst")
    assert (header["read"], header["of"]) == ("NIRCAM", "jwst")


def test_a_compressed_exposure_is_unpacked_for_the_rules(crds, exposure):
    packed = exposure.with_name("a.fits.gz")
    packed.write_bytes(gzip.compress(exposure.read_bytes()))
    crds.answers = {"mask": "a_mask.fits"}
    assert best(packed, "mask") == {"mask": "a_mask.fits"}


@pytest.mark.parametrize("answer", ["NOT FOUND n/a", "NOT FOUND  N/A", "Not Found", "NOT FOUND "])
def test_a_kind_that_does_not_apply_is_said_to_be_none(crds, exposure, answer):
    crds.answers = {"mask": answer}
    assert best(exposure, "mask") == {"mask": "N/A"}


UNKNOWN_VALUE = (
    "NOT FOUND parameter='META.INSTRUMENT.FILTER' value='F999W' is not in ['F070W', 'F090W']"
)
REFUSALS = [
    (None, "CRDS gave no answer for its mask reference under jwst_0001.pmap"),
    ("NOT FOUND Unknown reference type 'mask'", "jwst_0001.pmap has no rules for the type mask"),
    (UNKNOWN_VALUE, "its FILTER = 'F999W' is none that jwst_0001.pmap has a mask for (known: F070W,"
     " F090W)"),
    ("NOT FOUND No match found.", "jwst_0001.pmap has no mask for DETECTOR = 'NRCA1'; READPATT = "
     "'UNDEFINED'; NAME = 'UNDEFINED'; DATE = 'UNDEFINED'; TIME = 'UNDEFINED' (No match found.)"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "says"), REFUSALS, ids=[says[:30] for _, says in REFUSALS])
def test_why_there_is_no_reference_is_told(crds, exposure, answer, says):
    crds.answers = {"mask": answer} if answer else {}
    with pytest.raises(InputError) as told:
        best(exposure, "mask")
    assert str(told.value).startswith(f"{exposure}: {says}")
    # One that need not be there does not apply; the others are looked up all the same.
    crds.answers = crds.answers | {"dark": "a_dark.fits"}
    assert best(exposure, "mask", "dark", optional=["mask"]) == {
        "mask": "N/A", "dark": "a_dark.fits",
    }  # fmt: skip


def test_rules_that_cannot_be_read_leave_the_reason_of_the_library(crds, exposure):
    crds.answers = {"mask": "NOT FOUND No match\n found."}
    crds.rules.get_rmap = None
    with pytest.raises(
        InputError, match=r"jwst_0001\.pmap has no mask for it \(No match found\.\)"
    ):
        best(exposure, "mask")
    assert crds.rules.asked == [CONTEXT, "nircam"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SystemExit(3), "CRDS ended (status 3) under jwst_0001.pmap; see the log above"),
        (KeyError("x\n y"), r"CRDS found no references under jwst_0001.pmap: 'x\n y'"),
        (ValueError(), "CRDS found no references under jwst_0001.pmap: ValueError"),
        (OSError("a server-less cache"), "CRDS found no references under jwst_0001.pmap: jwst_0001."
         "pmap has no rules in the cache for INSTRUME = 'NIRCAM'"),
        (DarkroomError("ours"), "ours"),
    ],
)  # fmt: skip
def test_a_failure_of_the_library_is_a_sentence(crds, exposure, error, says):
    crds.answers = error
    with pytest.raises(DarkroomError) as told:
        best(exposure, "mask")
    assert str(told.value).removeprefix(f"{exposure}: ") == says


def test_a_header_that_cannot_be_read_without_a_server_is_told(crds, exposure):
    def fails(path, observatory):
        raise OSError("no server-less mode")

    crds.data_file.get_header = fails
    with pytest.raises(DarkroomError, match="has no rules in the cache for INSTRUME = 'UNDEFINED'"):
        best(exposure, "mask")


# Which file a new one would replace


def new_file(folder, **cards):
    path = folder / "new.fits"
    cards = {
        "INSTRUME": "NIRCAM", "REFTYPE": "SUPERBIAS", "DETECTOR": "NRCA1", "READPATT": "RAPID",
        "SUBARRAY": "FULL", "USEAFTER": "2022-01-01T12:00:00",
    } | cards  # fmt: skip
    header = fits.Header({key: value for key, value in cards.items() if value is not None})
    fits.PrimaryHDU(header=header).writeto(path, overwrite=True)
    return path


RULE = "DETECTOR NRCA1, READPATT ANY, SUBARRAY GENERIC"


def test_a_file_of_the_same_rule_and_date_is_replaced(crds, tmp_path):
    crds.rules.change = "replaced 'old.fits' with 'new.fits'"
    path = new_file(tmp_path)
    assert place_of(path, CONTEXT) == Place(
        "old.fits", f"It would replace old.fits of {CONTEXT} ({RULE})."
    )
    assert crds.rules.asked == [CONTEXT, "nircam", "superbias", str(path)]


def test_what_is_chosen_now_and_later_is_asked_with_the_files_own_values(crds, tmp_path):
    place_of(new_file(tmp_path), CONTEXT)
    own = dict(zip(PARKEY[0], ("NRCA1", "RAPID", "FULL"), strict=True))
    own["META.INSTRUMENT.NAME"] = "NIRCAM"
    now = {"META.OBSERVATION.DATE": "2022-01-01", "META.OBSERVATION.TIME": "12:00:00"}
    later = {"META.OBSERVATION.DATE": "2099-01-01", "META.OBSERVATION.TIME": "00:00:00"}
    assert crds.asked == [
        (own | now, ["superbias"], CONTEXT, "jwst"),
        (own | later, ["superbias"], CONTEXT, "jwst"),
    ]
    crds.asked.clear()
    place_of(new_file(tmp_path, USEAFTER="2022-01-01", SUBARRAY=None), CONTEXT)
    assert crds.asked[0][0]["META.OBSERVATION.TIME"] == "00:00:00"
    assert crds.asked[0][0]["META.SUBARRAY.NAME"] == "N/A"


def test_a_file_for_every_exposure_type_is_that_of_science(crds, tmp_path):
    crds.rules.parkey = (("META.EXPOSURE.TYPE", "META.INSTRUMENT.DETECTOR"),)
    crds.rules.keys = ("N/A", "".join(["*"]))
    crds.rules.change = "added Useafter"
    path = new_file(tmp_path, TYPE="N/A")
    place = place_of(path, CONTEXT)
    assert {asked[0]["META.EXPOSURE.TYPE"] for asked in crds.asked} == {"NRC_IMAGE"}
    assert "(EXP_TYPE N/A, DETECTOR ANY)" in place.sentence
    crds.asked.clear()
    place_of(new_file(tmp_path, TYPE="NRC_DARK"), CONTEXT)
    assert {asked[0]["META.EXPOSURE.TYPE"] for asked in crds.asked} == {"NRC_DARK"}


def test_a_dark_of_hst_is_that_of_exposures_from_which_one_is_subtracted(crds, tmp_path):
    crds.rules.parkey, crds.rules.keys = (("DETECTOR", "CCDAMP"),), ("IR", "ABCD")
    crds.rules.observatory, crds.rules.instrument = "HST", "wfc3"
    crds.rules.change = "replaced 'old_drk.fits' with 'new.fits'"
    cards = {"REFTYPE": None, "FILETYPE": "DARK", "INSTRUME": "WFC3", "DETECTOR": "IR"}
    path = new_file(tmp_path, USEAFTER="Mar 04 2012 05:06:07", CCDAMP="ABCD", **cards)
    assert place_of(path, "hst_0001.pmap").replaces == "old_drk.fits"
    assert crds.rules.asked[1:3] == ["wfc3", "darkfile"]
    header, kinds, _, observatory = crds.asked[0]
    assert (kinds, observatory) == (["darkfile"], "HST")
    assert header == {
        "DETECTOR": "IR", "CCDAMP": "ABCD", "INSTRUME": "WFC3", "DATE-OBS": "2012-03-04",
        "TIME-OBS": "05:06:07", "DARKCORR": "PERFORM",
    }  # fmt: skip


def answer(now, later):
    return lambda header: {
        "superbias": later if header["META.OBSERVATION.DATE"] == "2099-01-01" else now
    }


NOW, LATER = "/cache/now.fits", "/cache/later.fits"
FROM = "From 2022-01-01T12:00:00 on it would be used instead of now.fits of jwst_0001.pmap"


@pytest.mark.parametrize(
    ("now", "later", "replaces", "sentence"),
    [
        (NOW, NOW, "now.fits", f"{FROM} ({RULE})."),
        (NOW, LATER, "now.fits", f"{FROM} ({RULE}), until later.fits of the same rule begins."),
        (NOW, "NOT FOUND x", "now.fits", f"{FROM} ({RULE})."),
        ("NOT FOUND x", LATER, "", "It would replace no file of jwst_0001.pmap: it would be used "
         "from 2022-01-01T12:00:00 on, until later.fits of the same rule begins, and what is there "
         f"stays ({RULE})."),
        ("", "", "", "It would replace no file of jwst_0001.pmap: it would be used from 2022-01-01T"
         f"12:00:00 on, and what is there stays ({RULE})."),
    ],
)  # fmt: skip
def test_a_new_date_of_a_rule_is_told_with_what_is_used_before_and_after(
    crds, tmp_path, now, later, replaces, sentence
):
    crds.rules.change = "added Useafter rule"
    crds.answers = answer(now, later)
    assert place_of(new_file(tmp_path), CONTEXT) == Place(replaces, sentence)


@pytest.mark.parametrize(
    ("now", "later", "matches", "end"),
    [
        (NOW, LATER, [], ". It would stand beside now.fits, which such exposures get now; a file "
         "made for the same values would replace that one."),
        ("", LATER, [[("x",), [("a", "NRCA1"), ("b", "*"), ("c", "N/A")]], [("y",), []]],
         f". It would stand beside later.fits ({RULE}), which such exposures get now; a file made "
         "for the same values would replace that one."),
        ("NOT FOUND x", "not found", [], "."),
    ],
)  # fmt: skip
def test_a_new_rule_is_told_with_the_file_that_such_exposures_get(
    crds, tmp_path, now, later, matches, end
):
    crds.rules.matches, crds.answers = matches, answer(now, later)
    place = place_of(new_file(tmp_path), CONTEXT)
    begin = f"It would replace no file of {CONTEXT}: there is no rule for {RULE}"
    assert place == Place("", begin + end)


@pytest.mark.parametrize(
    ("error", "cause"),
    [(KeyError("x"), "'x'"), (SystemExit(), "SystemExit"), (ValueError("a\n b"), "a b")],
)
def test_rules_that_do_not_take_a_file_are_told(crds, tmp_path, error, cause):
    def fails(_):
        raise error

    crds.rules.insert_reference = fails
    path = new_file(tmp_path)
    with pytest.raises(DarkroomError) as told:
        place_of(path, CONTEXT)
    assert str(told.value) == (
        f"{path}: the rules of {CONTEXT} for nircam superbias do not tell what it would replace "
        f"({cause})"
    )


# Contexts and versions


@pytest.mark.parametrize(
    ("context", "version", "words"),
    [
        ("jwst_1297.pmap", "1.16.0", "The pinned CRDS context jwst_1297.pmap is older than the "
         "pipeline, jwst 1.16.0: it was released with jwst_1298.pmap."),
        ("jwst_0077.pmap", "1.9.6", "it was released with jwst_1030.pmap."),
        ("jwst_1000.pmap", "2.0", "version 1.20, which is older, was released with jwst_1462.pmap"),
        ("jwst_1298.pmap", "1.16.0", ""),
        ("jwst_1299.pmap", "1.16", ""),
        ("jwst_0001.pmap", "1.8", ""),
        ("jwst_0001.pmap", "unknown", ""),
        ("xjwst_0001.pmap", "1.16", ""),
        ("jwst_0001.pmapx", "1.16", ""),
    ],
)  # fmt: skip
def test_a_context_older_than_its_pipeline_is_told(context, version, words):
    said = old_context_warning(context, version)
    assert words in said
    assert bool(said) == bool(words)


# Releases of the pipeline and the contexts they went out with: the table of builds in its README.
RELEASES = {
    "1.9.3": 1030, "1.9.4": 1041, "1.9.6": 1068, "1.10.0": 1075, "1.10.1": 1077, "1.11.0": 1094,
    "1.11.2": 1097, "1.11.4": 1107, "1.12.0": 1130, "1.12.1": 1132, "1.12.5": 1166, "1.13.0": 1179,
    "1.13.1": 1181, "1.13.4": 1210, "1.14.0": 1240, "1.14.1": 1240, "1.15.0": 1274, "1.15.1": 1293,
    "1.16.0": 1298, "1.16.1": 1303, "1.17.0": 1321, "1.17.1": 1321, "1.18.0": 1364, "1.18.1": 1364,
    "1.19.0": 1408, "1.19.2": 1408, "1.20.0": 1462, "1.20.2": 1464,
}  # fmt: skip


def test_no_release_is_warned_of_its_own_context_and_each_of_an_older_one():
    for tag, context in RELEASES.items():
        assert old_context_warning(f"jwst_{context:04}.pmap", tag) == ""
        minor = tag[: tag.rindex(".") + 1]
        oldest = min(number for other, number in RELEASES.items() if other.startswith(minor))
        said = old_context_warning(f"jwst_{oldest - 1:04}.pmap", tag)
        assert f"jwst {tag}: it was released with jwst_{oldest:04}.pmap" in said


# The environment of other programs


def test_an_offline_process_has_the_cache_and_nothing_of_the_user(monkeypatch, tmp_path):
    for name in ("CRDS_MODE", "CRDS_PATH", "MAST_API_TOKEN"):
        monkeypatch.setenv(name, "mine")
    for name in ("A_LANGUAGE", "OWN_CRDS_"):
        monkeypatch.setenv(name, "mine")
    own = offline_environment(tmp_path / "x" / "..", "hst", "hst_0001.pmap")
    assert own == {
        "CRDS_PATH": str(tmp_path),
        "CRDS_SERVER_URL": "https://hst-serverless.stsci.edu",
        "CRDS_OBSERVATORY": "hst",
        "CRDS_CONTEXT": "hst_0001.pmap",
        "CRDS_READONLY_CACHE": "1",
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
        "CRDS_EXPLICIT_GARBAGE_COLLECTION": "0",
    }
    (tmp_path / "x").mkdir()
    before = dict(os.environ)
    try:
        go_offline(tmp_path, "hst", "hst_0001.pmap")
        after = dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert {name: value for name, value in after.items() if name.startswith("CRDS")} == {
        name: value for name, value in own.items() if name.startswith("CRDS")
    }
    assert "MAST_API_TOKEN" not in after
    others = {name for name in before if not name.startswith("CRDS")} - {"MAST_API_TOKEN"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}


def test_the_keywords_of_jwst_alone_are_learnt_ahead(monkeypatch):
    learnt = []
    schema = SimpleNamespace(dm_to_fits=learnt.append, fits_to_dm=learnt.append)
    jwst = ModuleType("crds.jwst")
    jwst.schema = schema
    monkeypatch.setitem(sys.modules, "crds", ModuleType("crds"))
    monkeypatch.setitem(sys.modules, "crds.jwst", jwst)
    for other in ("hst", "roman"):
        learn_keywords(other)
    assert learnt == []
    learn_keywords("".join(["j", "wst"]))
    assert learnt == ["META.TELESCOPE", "TELESCOP"]
    assert environment.TOKEN == "MAST_API_TOKEN"


# CRDS's own check


@pytest.mark.parametrize(
    ("errors", "said", "passed"),
    [
        (0, "INFO -  0 errors\n0 warnings", True),
        (1, "0 errors", False),
        (256, "0 errors", False),
        (SystemExit(2), "0 errors", False),
        (SystemExit(), "0 errors", True),
        (ValueError("odd"), "0 errors", False),
        ("killed", "0 errors", False),
        (0, "2 errors", False),
        (0, "10 errors", False),
        (0, "", False),
    ],
)
def test_a_file_has_passed_when_its_check_ended_well_and_says_so(
    monkeypatch, tmp_path, capfd, errors, said, passed
):
    class Script:
        def __init__(self, words):
            new = str(tmp_path / "new.fits")
            assert words == ["crds.certify", new, "--comparison-context", CONTEXT]
            self.path = new

        def __call__(self):
            scratch = os.environ["TMPDIR"]
            assert tempfile.gettempdir() == scratch and Path(scratch).is_dir()
            print(f"{self.path} {scratch}/crds.txt")
            os.write(2, f"{os.environ['CRDS_PATH']}/x\n".encode())
            print(said, file=sys.stderr)
            if errors == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if isinstance(errors, BaseException):
                raise errors
            return errors

    module = ModuleType("crds.certify")
    module.CertifyScript = Script
    monkeypatch.setitem(sys.modules, "crds", ModuleType("crds"))
    monkeypatch.setitem(sys.modules, "crds.certify", module)
    monkeypatch.setenv("CRDS_PATH", str(tmp_path.parent / "cache"))
    usual = tempfile.gettempdir(), dict(os.environ)
    print("before")
    found = certified(tmp_path / "new.fits", CONTEXT)
    print("after")
    assert found[1] is passed
    assert found[0].startswith("new.fits TMPDIR/crds.txt\nCRDS_PATH/x\n")
    assert said in found[0]
    assert str(tmp_path.parent) not in found[0]
    if isinstance(errors, ValueError):
        assert "ValueError: odd" in found[0]
    # Nothing has changed here, and what was said is in the text alone.
    assert (tempfile.gettempdir(), dict(os.environ)) == usual
    assert capfd.readouterr() == ("before\nafter\n", "")
