"""What a new file changes among CRDS's real rules: all pass certify, few are meant."""

import json
import subprocess
import tarfile

import pytest
from astropy.io import fits

from nircam_jwst import PYTHON, ROOT, need_jwst

OLD = "jwst_nircam_superbias_0026.fits"
CARDS = {
    "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "REFTYPE": "SUPERBIAS", "DETECTOR": "NRCA1",
    "READPATT": "ANY", "SUBARRAY": "GENERIC", "USEAFTER": "2022-01-01T00:00:00",
    "DATAMODL": "SuperBiasModel", "PEDIGREE": "GROUND", "AUTHOR": "x", "DESCRIP": "x",
}  # fmt: skip
#: The deck: exposures of NRCA1 of three subarrays, patterns and dates.
EXPOSURES = {
    "full_2022": ("FULL", "RAPID", "2022-06-01"),
    "full_bright": ("FULL", "BRIGHT2", "2022-06-02"),
    "sub160": ("SUB160", "RAPID", "2022-06-03"),
    "full_2018": ("FULL", "RAPID", "2018-01-01"),
}
#: The seven rows of the table: cards; change; replaced; shadowed; exposures that get it; gates
#: (replaces what was meant, shadows nothing newer, affects what was tested, serves today).
ROWS = {
    "same date": (
        {"USEAFTER": "2015-10-01T00:00:00"}, "replaced", [OLD], [], list(EXPOSURES),
        ["pass", "pass", "warn", "pass"],
    ),
    "later": (
        {}, "new date", [], [], ["full_2022", "full_bright", "sub160"],
        ["pass", "pass", "warn", "pass"],
    ),
    "before": (
        {"USEAFTER": "2010-01-01T00:00:00"}, "new date", [], [], [],
        ["fail", "pass", "fail", "warn"],
    ),
    "full": (
        {"SUBARRAY": "FULL"}, "new rule", [], [], ["full_2022", "full_bright"],
        ["fail", "pass", "warn", "pass"],
    ),
    "full before": (
        {"SUBARRAY": "FULL", "USEAFTER": "2010-01-01T00:00:00"}, "new rule", [], [OLD],
        ["full_2022", "full_bright", "full_2018"], ["fail", "fail", "warn", "pass"],
    ),
    "full rapid": (
        {"SUBARRAY": "FULL", "READPATT": "RAPID"}, "new rule", [], [], ["full_2022"],
        ["fail", "pass", "warn", "pass"],
    ),
    "sub160": (
        {"SUBARRAY": "SUB160"}, "new rule", [], [], ["sub160"], ["fail", "pass", "warn", "pass"],
    ),
}  # fmt: skip
INSERT = """
import json, sys
from darkroom.crds.environment import go_offline
from darkroom.delivery.insertion import gates
cache, observatory, context, cases = sys.argv[1:]
go_offline(cache, observatory, context)
from darkroom.delivery.rules import header_of, insert
found = []
for path, exposures, meant, cards in json.loads(cases):
    if cards:
        from astropy.io import fits
        hdu = fits.PrimaryHDU()
        hdu.header.update(cards)
        hdu.writeto(path, overwrite=True)
    one = insert(path, context, {name: header_of(file, observatory) for name, file in exposures})
    found.append({
        "change": one.change, "replaced": list(one.replaced), "shadowed": one.shadowed,
        "affected": one.affected, "criteria": one.criteria(), "difference": one.difference,
        "current": one.current(), "own": list(one.own),
        "gates": [[gate.name, gate.verdict, gate.sentence] for gate in gates(one, meant)],
    })
print("ANSWERS", json.dumps(found))
"""


def inserted(cache, observatory, context, cases):
    """Return what each insertion changes, all in one process."""
    done = subprocess.run(
        [PYTHON, "-c", INSERT, cache, observatory, context, json.dumps(cases)],
        env={"PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWERS ")), None)
    assert line, done.stderr[-3000:]
    return json.loads(line.removeprefix("ANSWERS "))


def exposure(folder, name, cards):
    """Write the header of an exposure; return its name and path."""
    path = folder / f"{name}.fits"
    hdu = fits.PrimaryHDU()
    hdu.header.update(cards)
    hdu.writeto(path)
    return name, str(path)


@pytest.fixture(scope="module")
def rules(reference_data, tmp_path_factory):
    """Give a folder with the real mappings."""
    need_jwst()
    folder = tmp_path_factory.mktemp("rules")
    with tarfile.open(next((reference_data / "crds").glob("*.tgz"))) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def jwst(rules):
    """Give the seven insertions of the table, and more."""
    deck = []
    for name, (subarray, pattern, date) in EXPOSURES.items():
        cards = {
            "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "READPATT": pattern,
            "SUBARRAY": subarray, "EXP_TYPE": "NRC_DARK", "DATE-OBS": date,
            "TIME-OBS": "00:00:00.0", "DATAMODL": "Level1bModel",
        }  # fmt: skip
        deck.append(exposure(rules, name, cards))
    # All under one name, each written over the one before: CRDS keeps headers by path.
    path = str(rules / "Superbias.fits")
    cases = [(path, deck, "", CARDS | row[0]) for row in ROWS.values()]
    cases += [
        (path, deck, "none", CARDS | {"SUBARRAY": "FULL"}),
        (path, deck, "none", CARDS | {"USEAFTER": "2015-10-01T00:00:00"}),
        (path, deck, OLD.replace("0026", "0027"), CARDS | {"USEAFTER": "2015-10-01T00:00:00"}),
        (path, deck, "", CARDS | {"REFTYPE": "READNOISE", "DATAMODL": "ReadnoiseModel"}),
    ]
    names = [*ROWS, "full, meant", "same date, none meant", "another meant", "read noise"]
    found = inserted(rules / "subset", "jwst", "jwst_0541.pmap", cases)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("row", list(ROWS))
def test_the_table_of_insertions_is_reproduced(jwst, row):
    _, change, replaced, shadowed, affected, verdicts = ROWS[row]
    found = jwst[row]
    assert found["current"] == OLD
    assert (found["change"], found["replaced"], found["shadowed"]) == (change, replaced, shadowed)
    assert found["affected"] == affected
    assert [verdict for _, verdict, _ in found["gates"]] == verdicts, found["gates"]


@pytest.mark.parametrize(
    ("row", "number", "verdict", "words"),
    [
        ("before", 0, "fail", f"{OLD} stays in use for all its exposures"),
        ("before", 3, "warn", f"until 2015-10-01 00:00:00: then {OLD} begins"),
        ("full", 0, "fail", f"{OLD} stays in use beside it for SUBARRAY OTHER, SUB160"),
        ("full before", 1, "fail", f"{OLD} (from 2015-10-01 00:00:00)"),
        ("full rapid", 0, "fail", "READPATT BRIGHT2, OTHER"),
        ("full, meant", 0, "pass", "It replaces no file, as was meant"),
        ("same date, none meant", 0, "fail", f"It replaces {OLD}, and no file was to be replaced"),
        ("another meant", 0, "fail", f"It replaces {OLD}; meant was jwst_nircam_superbias_0027"),
        ("read noise", 0, "pass", "takes over from jwst_nircam_readnoise_0025.fits on 2022-01-01"),
    ],
)
def test_the_gates_say_what_is_not_as_meant(jwst, row, number, verdict, words):
    _, found, sentence = jwst[row]["gates"][number]
    assert found == verdict
    assert words in sentence


def test_the_difference_of_the_rules_is_one_line(jwst):
    lines = jwst["same date"]["difference"].splitlines()[2:]
    changed = [line for line in lines if line[0] in "+-"]
    assert [line.strip("+- ") for line in changed] == [
        f"'2015-10-01 00:00:00' : '{name}'," for name in (OLD, "superbias.fits")
    ]


def test_a_dark_of_hst_serves_until_the_next_date(rules):
    cards = {
        "TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR", "SAMP_SEQ": "SPARS100",
        "SUBTYPE": "FULLIMAG", "CCDAMP": "ABCD", "CCDGAIN": 2.5, "BINAXIS1": 1, "BINAXIS2": 1,
    }  # fmt: skip
    deck = [
        exposure(rules, f"hst_{date}", cards | {"DATE-OBS": date, "TIME-OBS": "00:00:00"})
        for date in ("2015-01-01", "2016-02-01", "2017-06-01")
    ]
    new = cards | {"FILETYPE": "DARK", "USEAFTER": "Jan 01 2016 00:00:00", "DESCRIP": "x"}
    path = str(rules / "new_drk.fits")
    (found,) = inserted(rules / "subset", "hst", "hst_0729.pmap", [(path, deck, "", new)])
    assert found["change"] == "new date"
    # BINAXIS does not apply to the infrared channel: the file's 1 must not enter the rule.
    assert found["own"] == ["IR", "ABCD", "N/A", "N/A", "2.5", "SPARS100", "FULLIMAG"]
    assert found["affected"] == ["hst_2016-02-01"]
    verdicts = {name: verdict for name, verdict, _ in found["gates"]}
    assert verdicts["serves exposures of today"] == "warn"
    assert "2016-01-01 00:00:00" < found["criteria"]["until"] < "2017-01-01 00:00:00"
