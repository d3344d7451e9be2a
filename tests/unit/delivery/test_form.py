"""The form is filled from results, in the signs that CRDS takes; what no file tells is a draft."""

import re

import pytest

from darkroom.delivery.form import (
    Facts,
    correctness,
    fill,
    missing,
    pedigree_fits,
    plain_text,
)

VERDICT = {
    "format": "darkroom verdict 1", "item": "nrca1", "product": "superbias",
    "verdict": "deliver", "decisive": "takes 44.6 ± 0.3 DN² from each pixel", "reason": "better",
    "next": "snakemake deliver", "versions": {"jwst": "3.0.0", "stcal": "1.20.0"},
    "change_level": "MODERATE",
    "gates": [
        {"name": "amplifier step", "verdict": "pass", "seen95": 6.1, "unit": "DN", "sentence": ""},
        {"name": "gradient", "verdict": "warn", "seen95": None, "unit": "DN", "sentence": "3 DN"},
    ],
    "score": {"name": "variance", "sentence": "It takes 44.6 ± 0.3 DN²", "exposures": 8},
    "counterfactual": [{}],
}  # fmt: skip
INSERTION = {
    "useafter_matches": "Yes", "replaced": ["jwst_nircam_superbias_0026.fits"],
    "affected": {
        "criteria": {
            "INSTRUMENT.DETECTOR": "NRCA1", "from": "2022-01-01 00:00:00", "until": "no end",
        }
    },
    "gates": [{"name": "affects what was tested", "verdict": "warn", "sentence": "also RAPID"}],
}  # fmt: skip
HEADER = {
    "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "REFTYPE": "SUPERBIAS", "DETECTOR": "NRCA1",
    "PEDIGREE": "INFLIGHT 2022-04-01 2022-04-02", "DESCRIP": "new", "USEAFTER": "2022-01-01",
    "HISTORY": ["setting method = aligned", "input a.fits sha256 0"],
}  # fmt: skip
DATES = ("2022-04-01T06:00:00", "2022-04-02T07:00:00")


def form(**changes):
    given = {
        "verdict": VERDICT, "insertion": INSERTION, "header": HEADER,
        "current": {"DESCRIP": "old", "USEAFTER": "2022-01-01"}, "certified": "... 0 errors",
        "settings": {"person": "A. Person"}, "dates": DATES,
    }  # fmt: skip
    return fill(Facts(**(given | changes)))


def test_the_form_is_filled_from_results():
    found = form()
    assert missing(found) == []
    expected = {
        "deliverer": "A. Person", "instrument": "NIRCAM", "file_type": "SUPERBIAS",
        "change_level": "MODERATE", "history_updated": "Yes", "pedigree_updated": "Yes",
        "keywords_checked": "Yes", "descrip_updated": "Yes", "useafter_updated": "No",
        "useafter_matches": "Yes", "compliance_verified": "Yes", "ingest_files": "No",
        "jwst_etc": "No", "calpipe_version": "jwst 3.0.0", "replacement_files": True,
        "old_reference_files": "jwst_nircam_superbias_0026.fits", "replacing_badfiles": "No",
        "modes_affected": "DETECTOR NRCA1, from 2022-01-01, without end",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert "gates 1 of 2 passed, amplifier step seen from 6.1 DN" in found["correctness_testing"]
    assert "also RAPID" in found["additional_considerations"]


def test_its_texts_hold_only_signs_that_crds_takes():
    for value in form().values():
        if isinstance(value, str):
            assert re.fullmatch(r"[A-Za-z0-9 ._/,=+-]*", value), value
    assert plain_text("12 ± 3 DN² (5 %): ok") == "12 +- 3 DN2, 5 percent ok"


def test_without_a_person_it_is_a_draft_and_without_certification_not_verified():
    found = form(settings={}, certified=None)
    assert missing(found) == ["deliverer"]
    assert found["compliance_verified"] == found["keywords_checked"] == "No"
    for number in ("1", "10", "100"):
        assert form(certified=f"{number} errors")["compliance_verified"] == "No"


def test_what_was_not_brought_up_to_date_is_said():
    old = {"DESCRIP": "old", "HISTORY": [], "PEDIGREE": "INFLIGHT 2021-01-01 2022-04-02"}
    found = form(header=HEADER | old)
    assert (found["descrip_updated"], found["history_updated"]) == ("No", "No")
    assert found["pedigree_updated"] == "No"
    assert form(current={})["descrip_updated"] == "N/A"


@pytest.mark.parametrize(
    ("pedigree", "fits"),
    [
        ("GROUND", True), ("", False), ("DUMMY", True), ("FLIGHT", False),
        ("INFLIGHT 01/04/2022 02/04/2022", True), ("INFLIGHT 2022-04-01 - 2022-04-02", True),
        ("INFLIGHT", False),
    ],
)  # fmt: skip
def test_a_pedigree_has_the_dates_of_the_exposures(pedigree, fits):
    assert pedigree_fits(pedigree, DATES) is fits


def test_an_override_is_written_into_the_form():
    found = form(
        override="the current file is gone", verdict=VERDICT | {"verdict": "do not deliver"}
    )
    assert "Delivered against the verdict, the current file is gone" in found["description"]
    assert "against the verdict do not deliver" in found["additional_considerations"]


def test_the_tests_are_told_in_one_sentence():
    text = correctness(VERDICT)
    assert "variance, it takes 44.6 ± 0.3 DN², in 8 held out" in text
    assert correctness({}) == "gates 0 of 0 passed"
