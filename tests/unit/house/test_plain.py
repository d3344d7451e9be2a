"""Text from outside is seen as it is: nothing hidden, nothing that turns or begins a command."""

import sys
import unicodedata

import pytest

from darkroom.plain import plain_text, plain_value


@pytest.mark.parametrize(
    "letter",
    "\x1b\x9b\n\u00ad\u034f\u061c\u115f\u180e\u200b\u200f\u2028\u202e\u2066\u2800\u3164\ufeff"
    "\ufff9\ue000\udcff\U000e0041",
)
def test_what_cannot_be_seen_is_written_out(letter):
    assert plain_text(f"a{letter}b") == f"a{letter!r}b".replace("'", "")


def test_letters_of_all_languages_and_blanks_stay():
    text = "é中Ω é\u00a0\u202fא ½ 🔭 −10 °C"
    assert plain_text(text) == text
    assert plain_text("a\n\tb", keep="\n\t") == "a\n\tb"


def test_no_letter_of_unicode_is_hidden():
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(chr(number)) in hidden:
            assert chr(number) not in plain_text(chr(number))


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("=1+1", True), ("@SUM(A1)", True), ("+cmd|'/c calc'!A0", True), ("-2+3+cmd|x!A", True),
        ("-10.5", False), ("+5", False), ("-", False), ("F606W", False), ("--", False),
        ("a=b", False), ("", False),
    ],
)  # fmt: skip
def test_a_value_is_no_formula_of_a_spreadsheet(text, formula):
    once = plain_value({"a": [text]})["a"][0]
    assert once == (f"'{text}" if formula else text)
    assert plain_value(once) == once
