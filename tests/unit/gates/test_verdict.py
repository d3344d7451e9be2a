"""The verdict on a product: from gates and the comparison, the same to the byte when made again."""

import json

import numpy as np
import pytest

from darkroom.gates.decide import decide
from darkroom.gates.gate import (
    Words,
    bad_exposure,
    counted,
    mean_against,
    read_gates,
    two_halves,
    write_gates,
)
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.verdict import judge, write_verdicts

WORDS = Words("level", "level", "DN", "active minus reference", 10.0, "levels matter")
HEAD = {"item": "a", "instrument": "i", "product": "superbias", "file": "f.fits", "sha256": "0"}


def made(folder, n=10, fault=0.0):
    values = np.random.default_rng(1).normal(0, 2, n)
    values[0] += fault
    path = folder / "judge" / "gates_superbias.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gates(path, HEAD, [bad_exposure(WORDS, values, [f"e{k}" for k in range(n)])])
    return path


@pytest.mark.parametrize(
    ("n", "fault", "score", "verdict"),
    [
        (10, 0.0, None, "cannot tell"),
        (10, 500.0, "better", "do not deliver"),
        (4, 0.0, "better", "insufficient"),
        (10, 0.0, "better", "deliver"),
        (10, 0.0, "worse", "do not deliver"),
        (10, 0.0, "cannot tell", "cannot tell"),
    ],
)
def test_gates_and_score_give_the_verdict(tmp_path, n, fault, score, verdict):
    path = made(tmp_path, n, fault)
    if score:
        value = {"value": 1.0, "verdict": score, "sentence": "12 DN² lower",
                 "further_exposures": 3}  # fmt: skip
        text = json.dumps({"copy_exact": True, "score": value, "change_level": "MODERATE"})
        path.with_name("counterfactual_superbias.json").write_text(text)
    (one,) = judge([path], JudgeSettings())
    assert one["verdict"] == verdict
    assert one["T"] == (0 if n < 6 else 1)


def test_a_copy_that_changes_something_is_never_delivered(tmp_path):
    path = made(tmp_path)
    text = json.dumps({"copy_exact": False, "score": None})
    path.with_name("counterfactual_superbias.json").write_text(text)
    assert judge([path], JudgeSettings())[0]["verdict"] == "do not deliver"


def test_verdicts_are_the_same_to_the_byte_and_hold_no_nan(tmp_path):
    path, seen = made(tmp_path), []
    for _ in range(2):
        write_verdicts(judge([path], JudgeSettings()), [path], tmp_path / "verdict.tsv")
        files = [*sorted(path.parent.glob("verdict*.json")), tmp_path / "verdict.tsv"]
        seen.append([file.read_bytes() for file in files])
    assert seen[0] == seen[1]
    assert not any(b"NaN" in text for text in seen[0])
    assert len(seen[0]) == 3


def test_gates_are_read_as_they_were_written(tmp_path):
    head, (gate,) = read_gates(made(tmp_path))
    assert head["product"] == "superbias"
    assert gate.nunits == 10
    assert gate.found.tests == 10


def test_what_a_series_of_epochs_says_of_the_validity_stands_in_the_verdict(tmp_path):
    path, trends = made(tmp_path), tmp_path / "trends.json"
    validity = {"useafter": 60000.5, "changed": True, "good_days": 400.0}
    trends.write_text(json.dumps({"products": {"superbias": {"validity": validity}}}))
    assert judge([path], JudgeSettings(), [trends])[0]["epochs"] == validity
    trends.write_text(json.dumps({"products": {"superbias": {"validity": None}}}))
    assert "epochs" not in judge([path], JudgeSettings(), [trends])[0]
    assert "epochs" not in judge([path], JudgeSettings())[0]


@pytest.mark.parametrize("seed", range(12))
def test_more_exposures_than_there_are_are_asked_for(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 40))
    values = rng.normal(0, 10 ** rng.uniform(-1, 3), n)
    names = [f"e{k}" for k in range(n)]
    gates = [bad_exposure(WORDS, values, names), bad_exposure(WORDS, values, names, whole=True),
             two_halves(WORDS, values, np.arange(float(n)))]  # fmt: skip
    for row in decide(gates, JudgeSettings(injections=20)):
        assert row["needs"] is None or row["needs"] > row["nunits"], row


@pytest.mark.parametrize(("d", "e"), [(np.nan, 1.0), (3.0, np.nan), (np.inf, 1.0), (3.0, np.inf)])
def test_what_could_not_be_measured_is_insufficient_and_no_fault(tmp_path, d, e):
    """A damaged table must not make a deviation of infinity, or one without an error."""
    values = np.random.default_rng(1).normal(0, 2, 10)
    against = mean_against(WORDS, values, 0.0, e if e != 1.0 else d, question="sound", name="m",
                           null="n")  # fmt: skip
    path = tmp_path / "judge" / "gates_superbias.json"
    path.parent.mkdir()
    write_gates(path, HEAD, [counted(WORDS, "c", "n", d, e), against])
    (one,) = judge([path], JudgeSettings())
    assert [gate["verdict"] for gate in one["gates"]] == ["insufficient", "insufficient"]
    assert one["verdict"] == "insufficient"
    assert one["T"] == 0
