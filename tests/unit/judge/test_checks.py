"""Checks of exposures: what must be so, what must be alike, what is repeated, what stands out."""

import numpy as np
import pytest

from darkroom.judge.checks import Between, NoFaults, OneOf
from darkroom.judge.common import Alike, Copies, Distinct
from darkroom.judge.engine import judge
from darkroom.judge.judgement import (
    PASSED,
    REFUSED,
    WARNED,
    Subject,
    read_judgements,
    require_good,
    sentences,
    write_judgements,
)
from darkroom.judge.typical import Typical, mad_limit, median
from darkroom.judge.values import shown


def subjects(key, *values):
    return [Subject(f"e{i}", f"e{i}.fits", {key: value}) for i, value in enumerate(values)]


def verdicts(check, *values):
    """Verdict of each value, and the sentences of those that did not pass."""
    found = list(check.judge(subjects(check.key, *values)))
    return [each.verdict for each in found], [each.sentence for each in found if each.sentence]


def test_a_value_that_is_not_known_is_said_and_never_taken_for_consent():
    check = OneOf(
        key="EXP_TYPE", allowed=("NRC_DARK",), refused=("NRC_IMAGE",), unknown=WARNED,
        advice="leave it out", doubt="look at it",
    )  # fmt: skip
    found, said = verdicts(check, "nrc_dark ", "NRC_IMAGE", "NRC_WHAT", None)
    assert found == [PASSED, REFUSED, WARNED, WARNED]
    assert said == [
        "e1.fits: EXP_TYPE is NRC_IMAGE, NRC_DARK is needed; leave it out",
        "e2.fits: EXP_TYPE is NRC_WHAT, NRC_DARK is needed; look at it",
        "e3.fits: its header has no EXP_TYPE, NRC_DARK is needed; look at it",
    ]


def test_logical_cards_are_compared_as_fits_writes_them():
    check = OneOf(key="ISPC", allowed=(False, 0), missing=PASSED)
    assert verdicts(check, False, "F", 0, True, None)[0] == [PASSED] * 3 + [REFUSED, PASSED]


def test_a_range_says_both_numbers():
    check = Between(key="t", what="EXPTIME", low=1.0, unit="s", advice="look at it")
    found, said = verdicts(check, 0.0, 1.0, None)
    assert found == [REFUSED, PASSED, PASSED]
    assert said == ["e0.fits: EXPTIME is 0 s, it should be at least 1 s; look at it"]


def test_a_word_for_a_number_lies_in_no_range():
    found, said = verdicts(Between(key="t", what="CCD-TEMP", high=0.0, unit="C"), "cold", -10.0)
    assert found == [REFUSED, PASSED]
    assert said == ["e0.fits: CCD-TEMP is cold C, it should be at most 0 C"]


def test_faults_of_the_reader_are_listed_each():
    found, said = verdicts(NoFaults(key="faults"), ["a is b", "c is d"], [], None)
    assert found == [REFUSED, REFUSED, PASSED, PASSED]
    assert said == ["e0.fits: a is b", "e0.fits: c is d"]


def test_the_odd_one_out_is_named_with_both_values():
    found, said = verdicts(Alike(key="NFRAMES"), 1, 1, 8, 1, None)
    assert found == [PASSED, PASSED, REFUSED, PASSED, REFUSED]
    assert said[0] == "e2.fits: NFRAMES is 8, but 1 in 3 exposures (first: e0.fits)"
    assert said[1] == "e4.fits: NFRAMES is missing, but 1 in 3 exposures (first: e0.fits)"


def test_numbers_within_a_tolerance_are_alike():
    check = Alike(key="t", tolerance=1e-3, unit="s")
    assert verdicts(check, 10.0, 10.000001, 10.0004, 10.2)[0] == [PASSED] * 3 + [REFUSED]
    assert verdicts(Alike(key="t", relative=0.01), 100, 100.5, 102)[0] == [PASSED] * 2 + [REFUSED]


def test_exposures_are_compared_within_their_own_set():
    rows = [
        Subject(f"e{i}", f"e{i}.fits", {"gain": gain, "t": t})
        for i, (gain, t) in enumerate([(1, 5), (1, 5), (2, 9), (2, 9), (2, 5)])
    ]
    found = judge(rows, [Alike(key="t", within=("gain",))])
    assert [each.exposure for each in found if each.verdict == REFUSED] == ["e4"]


def test_a_repetition_names_its_pair_and_the_first_stays():
    check = Distinct(key="d", what="integration")
    found, said = verdicts(check, ["a", "b"], ["c"], ["b", "a"], ["x", "y", "x"], None, ["c"])
    assert found == [PASSED, PASSED, REFUSED, REFUSED, PASSED, REFUSED]
    assert said == [
        "e2.fits: integration 1 is the same as integration 2 of e0.fits (and 1 more alike)",
        "e3.fits: integration 3 is the same as integration 1",
        "e5.fits: its integration is the same as e1.fits",
    ]


def test_a_copy_is_known_by_a_part_of_its_pieces():
    """Empty pieces say nothing; pieces at other places are others."""
    check = Copies(key="pixels")
    values = ("a-b-c-d", "a-x-c-y", "-b--", "b-a-d-c", "a-p-q-r", "", None, ["s-t", "u-t"])
    found, said = verdicts(check, *values)
    assert [values[k] for k, verdict in enumerate(found) if verdict == REFUSED] == [
        "a-x-c-y", "-b--", ["s-t", "u-t"],
    ]  # fmt: skip
    assert "e1.fits: its pixels is the same as e0.fits" in said[0]
    assert "e7.fits: pixels 2 is the same as pixels 1" in said[2]


def test_a_family_of_values_is_refused():
    check = OneOf(key="EXP_TYPE", allowed=("NRC_DARK",), refused=("NRC_*",), unknown=WARNED)
    assert verdicts(check, "NRC_DARK", "nrc_led", "DARK")[0] == [PASSED, REFUSED, WARNED]


def test_a_level_that_stands_out_is_named():
    check = Typical(key="level", warn=5.0, refuse=50.0, unit="DN")
    rng = np.random.default_rng(5)
    values = list(100 + rng.normal(0, 1, 20))
    values[7], values[9] = 300.0, 130.0
    found, said = verdicts(check, *values)
    assert [i for i, verdict in enumerate(found) if verdict == REFUSED] == [7]
    assert [i for i, verdict in enumerate(found) if verdict == WARNED] == [9]
    assert said[0].startswith("e7.fits: its level is 300 DN, that of the 20 exposures 9")


def test_missing_values_are_not_judged():
    check = Typical(key="level", warn=1.0, refuse=2.0)
    assert verdicts(check, *[1.0] * 6, None, float("nan"), 99.0)[0] == [PASSED] * 6 + [REFUSED]
    assert verdicts(check, 1.0, None)[0] == []


@pytest.mark.parametrize("values", [(0, 99), (99, 0, 99, 0), (0, 0, 50, 50), (0, 20, 40, 60)])
def test_without_a_majority_nobody_is_taken_to_be_right(values):
    found, said = verdicts(Typical(key="slope", warn=1.0, refuse=5.0, unit="DN"), *values)
    assert found == [REFUSED] * len(values)
    assert all(text.endswith(": which of them is right cannot be told") for text in said)
    assert said[0].startswith(f"e0.fits: its slope is {values[0]} DN, that of as many others")
    found, said = verdicts(Alike(key="NFRAMES", advice="choose one"), *values)
    assert found == [REFUSED] * len(values)
    warned, _ = verdicts(Alike(key="NFRAMES", verdict=WARNED), *values)
    assert warned == [PASSED if value == values[0] else WARNED for value in values]
    other = next(value for value in values if value != values[0])
    assert said[0] == (
        f"e0.fits: NFRAMES is {values[0]}, but {other} in as many exposures (first: "
        f"e{values.index(other)}.fits): which of them is right cannot be told; choose one"
    )


@pytest.mark.parametrize("odd", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_odd_one_of_few_is_named_wherever_it_stands(count, odd):
    if odd >= count:
        return
    values = [100.0 + k for k in range(count)]
    values[odd] = 300.0
    for check, verdict in (
        (Typical(key="level", warn=10.0, refuse=50.0), REFUSED),
        (Typical(key="level", warn=50.0), WARNED),
        (Typical(key="level", warn=0.1, refuse=0.5, relative=True), REFUSED),
        (Typical(key="level", warn=0.3, refuse=1.0, relative=True), REFUSED),
        (Alike(key="level", tolerance=50.0), REFUSED),
    ):
        found, said = verdicts(check, *values)
        assert [k for k, each in enumerate(found) if each == verdict] == [odd]
        assert len(said) == 1


def test_few_that_differ_by_what_their_errors_allow_are_alike():
    check = Typical(key="x", warn=1.0, refuse=2.0, error="dx")
    rows = [Subject(f"e{k}", f"e{k}.fits", {"x": 10.0 * k, "dx": 3.0}) for k in range(3)]
    assert [each.verdict for each in check.judge(rows)] == [PASSED] * 3
    rows[2] = Subject("e2", "e2.fits", {"x": 60.0, "dx": 3.0})
    assert [each.verdict for each in check.judge(rows)] == [PASSED, PASSED, REFUSED]


def test_a_deviation_worth_a_word_is_said_of_few_where_their_errors_are_known():
    rows = [Subject(f"e{k}", "", {"x": x, "dx": 0.1}) for k, x in enumerate((0, 0.1, 3, 80))]
    for error, warned in (("", []), ("dx", ["e2"])):
        found = list(Typical(key="x", warn=1.0, refuse=20.0, error=error).judge(rows))
        assert [each.exposure for each in found if each.verdict == REFUSED] == ["e3"]
        assert [each.exposure for each in found if each.verdict == WARNED] == warned
        assert len(found) == 4


@pytest.mark.parametrize("count", [6, 7, 10, 20, 60])
def test_good_exposures_stand_out_in_one_set_of_a_thousand(count):
    """Limits of the MAD alone: the deviation that matters is set to 0."""
    rng = np.random.default_rng(count)
    sets, alarms = 20_000, 0
    values = rng.normal(0, 1, (sets, count))
    off = np.abs(values - np.median(values, axis=1, keepdims=True))
    alarms = (off.max(axis=1) > mad_limit(count) * 1.4826 * np.median(off, axis=1)).sum()
    # Between two tabulated sizes the limit is interpolated, and odd sizes have the heavier tail.
    assert 4 <= alarms <= 60
    some = values[0]
    assert median(list(some)) == pytest.approx(np.median(some))


def test_what_was_refused_does_not_decide_what_is_usual():
    rows = [
        Subject(
            f"e{i}", f"e{i}.fits", {"kind": "flat" if i < 4 else "dark", "n": 8 if i < 4 else 1}
        )
        for i in range(6)
    ]
    found = judge(rows, [OneOf(key="kind", allowed=("dark",)), Alike(key="n")])
    refused = sentences(found, REFUSED)
    assert sorted(refused) == ["e0", "e1", "e2", "e3"]
    kept = judge(rows, [OneOf(key="kind", allowed=("dark",)), Alike(key="n")], keep=["e2"])
    assert sorted(sentences(kept, REFUSED)) == ["e0", "e1", "e3"]
    assert sentences(kept, WARNED)["e2"] == [
        "e2.fits: kind is flat, dark is needed (kept, as the campaign asks)"
    ]


def test_one_message_lists_all_that_cannot_be_used():
    found = judge(subjects("n", 1, 1, 1, 2, 3), [Alike(key="n", advice="leave it out")])
    with pytest.raises(Exception, match=r"2 exposures cannot be used for the superbias(.|\n)*e3"):
        require_good(found, "superbias")
    with pytest.raises(Exception, match=r"^e2: n is 2, but 1 in 2 exposures"):
        require_good(judge(subjects("n", 1, 1, 2), [Alike(key="n")]), "superbias")
    warned = judge(subjects("n", 1, 1, 2), [Alike(key="n", verdict=WARNED)])
    assert require_good(warned, "superbias") == [
        "e2.fits: n is 2, but 1 in 2 exposures (first: e0.fits)"
    ]


def test_the_table_is_read_back(tmp_path):
    found = judge(subjects("n", 1, 1, 2.5, None), [Alike(key="n")])
    write_judgements(tmp_path / "j.tsv", found)
    assert read_judgements(tmp_path / "j.tsv") == found
    (tmp_path / "j.tsv").write_text("a\tb\n")
    with pytest.raises(Exception, match="is no table of judgements"):
        read_judgements(tmp_path / "j.tsv")


def test_values_are_shown_as_a_person_writes_them():
    assert [shown(v) for v in (None, True, 8.0, (2048, 32), " A ")] == [
        "missing", "T", "8", "2048 × 32", "A",
    ]  # fmt: skip


def test_blank_values_are_missing_ones():
    """A card of blanks is as good as none, and is shown as such."""
    one = OneOf(key="kind", allowed=("DARK",), missing=WARNED)
    made = list(one.judge(subjects("kind", "DARK", " ", "")))
    assert [each.verdict for each in made] == [PASSED, WARNED, WARNED]
    assert "its header has no kind, DARK is needed" in made[1].sentence
    alike = list(Alike(key="kind").judge(subjects("kind", "DARK", "DARK", " ")))
    assert "kind is missing, but DARK in 2 exposures" in alike[2].sentence


def test_text_is_alike_whatever_its_case():
    made = list(Alike(key="detector").judge(subjects("detector", "NRCA1", "nrca1", "NRCA2")))
    assert [each.verdict for each in made] == [PASSED, PASSED, REFUSED]
    assert "but NRCA1 in 2 exposures" in made[2].sentence
