"""Pins, to the byte: what is written, what is refused, and which differ."""

import hashlib
import re

import pytest

from darkroom.campaign import pins as module
from darkroom.campaign.pins import FORMAT, Pins, conflicts, read_pins
from darkroom.errors import InputError

LOW, MIDDLE, HIGH = "0" * 64, "7" * 64, "f" * 64
TABLE = f"item\texposure\tsha256\na\tx\t{LOW}\na\ty\t{HIGH}\nb\tx\t{MIDDLE}\n"
SUMS = {("b", "x"): MIDDLE, ("a", "y"): HIGH, ("a", "x"): LOW}


@pytest.mark.parametrize("found", [LOW, HIGH])
def test_any_other_sum_is_refused_smaller_or_larger(found):
    pins = Pins("", {("a", "x"): MIDDLE})
    pins.check("a", "x", MIDDLE, "x.fits")
    pins.check("a", "y", found, "y.fits")
    with pytest.raises(InputError, match=f"is {found[:12]}…, pinned is 777777777777…"):
        pins.check("a", "x", found, "x.fits")


@pytest.mark.parametrize("maker", ["a", "z"])
def test_pins_of_a_simulator_before_or_after_in_the_alphabet_are_not_compared(maker):
    pins = Pins("m", {("a", "x"): MIDDLE})
    pins.check("a", "x", HIGH, "x.fits", maker)
    with pytest.raises(InputError):
        # Equal, though not the same string.
        pins.check("a", "x", HIGH, "x.fits", "".join(["m"]))
    assert conflicts(Pins(maker, {("a", "x"): LOW}), pins) == []


def test_conflicts_are_those_that_differ_either_way_sorted():
    one = Pins("ab", {("b", "x"): LOW, ("a", "y"): HIGH, ("a", "x"): MIDDLE, ("c", "x"): LOW})
    other = Pins("".join(["a", "b"]), SUMS)
    assert conflicts(one, other) == conflicts(other, one) == ["a/x", "b/x"]


def test_what_is_written_is_read_back(tmp_path):
    for maker, sums in (("", SUMS), ("abc", {})):
        Pins(maker, sums).write(tmp_path / "pins.tsv")
        found = read_pins(tmp_path / "pins.tsv")
        assert (found.maker, found.sums) == (maker, sums)
    assert read_pins(tmp_path / "none.tsv").sums == {}


def test_the_file_is_its_head_and_the_sorted_rows_to_the_byte(tmp_path):
    Pins("abc", SUMS).write(tmp_path / "pins.tsv")
    head, rows, table = _parts(tmp_path / "pins.tsv")
    assert head == f"# {FORMAT}\n# maker: abc\n"
    assert table == TABLE
    assert re.fullmatch(r"# rows: 3 sha256:[0-9a-f]{64}\n", rows)
    Pins("abc").write(tmp_path / "pins.tsv")
    assert _parts(tmp_path / "pins.tsv")[1].startswith("# rows: 0 sha256:")


def _parts(path):
    lines = path.read_text().splitlines(keepends=True)
    return "".join(lines[:2]), lines[2], "".join(lines[3:])


@pytest.mark.parametrize("kept", [1, 2])
def test_a_cut_file_is_told_by_its_numbers_of_rows(tmp_path, kept):
    path = tmp_path / "pins.tsv"
    Pins("abc", SUMS).write(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: 4 + kept]))
    with pytest.raises(InputError, match=rf"'rows: 3 sha256:[0-9a-f]+…', and has {kept} rows of"):
        read_pins(path)


@pytest.mark.parametrize(
    "row",
    [
        f"a\tx\t{LOW}\textra", "a\tx", f"\tx\t{LOW}", f"a\t\t{LOW}", f"a\tx\t{LOW[1:]}", "",
        f"a\tx\t{LOW}0", f"a\tx\t{LOW[1:]}G",
    ],
)  # fmt: skip
def test_a_damaged_row_is_named_whatever_the_head_states(tmp_path, row):
    path = tmp_path / "pins.tsv"
    table = f"item\texposure\tsha256\nz\tz\t{LOW}\n{row}\nb\tx\t{MIDDLE}\n"
    path.write_text(f"# {FORMAT}\n# maker: \n{module._rows_line('', table)}\n{table}")
    with pytest.raises(InputError, match="row 2"):
        read_pins(path)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "x", f"# {FORMAT}", f"# {FORMAT}\n# maker: ", f"# {FORMAT}\n# maker: \n# rows: 0",
        "# darkroom oins 1\n# maker: \nitem\texposure\tsha256\n",
        f"# {FORMAT}\n# meker: \n# rows: 0\nitem\texposure\tsha256\n",
        f"# {FORMAT}\n# maker: \n# rows: 0\nitem\texposure\tsha255\n",
        f"# {FORMAT}\n# maker: \n# rows: 0\nitem\texposure\tsha257\n",
        f"# {FORMAT}\n# maker: \n# rows: 0\nA\texposure\tsha256\n",
    ],
)  # fmt: skip
def test_what_is_no_pins_file_is_refused_as_such(tmp_path, text):
    (tmp_path / "pins.tsv").write_text(text)
    with pytest.raises(InputError, match="is not a pins file of this version"):
        read_pins(tmp_path / "pins.tsv")


def test_the_sum_of_a_known_file_is_the_one_that_is_pinned(tmp_path):
    total = hashlib.sha256(b"frame").hexdigest()
    Pins("", {("a", "x"): total}).write(tmp_path / "pins.tsv")
    read_pins(tmp_path / "pins.tsv").check("a", "x", total, "x.fits")


def _of_the_format_before(tmp_path, head="# darkroom pins 1"):
    path = tmp_path / "pins.tsv"
    path.write_text(f"{head}\n# maker: abc\n{TABLE}")
    return path


def test_pins_of_the_format_before_are_read_only_when_it_is_asked_for(tmp_path):
    path = _of_the_format_before(tmp_path)
    with pytest.raises(InputError, match="is of an earlier format"):
        read_pins(path)
    found = read_pins(path, old_format=True)
    assert (found.maker, found.sums) == ("abc", SUMS)
    # Who asks for it may also have the present one.
    Pins("abc", SUMS).write(path)
    assert read_pins(path, old_format=True).sums == SUMS


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("head", ["# darkroom pins 0", "# darkroom pins 9", "# a", "# z"])
def test_pins_of_a_format_that_is_not_known_are_refused(tmp_path, head, old_format):
    with pytest.raises(InputError, match="is not a pins file of this version"):
        read_pins(_of_the_format_before(tmp_path, head), old_format)


@pytest.mark.parametrize("head", ["# darkroom pins 0", "# zarkroom pins 9"])
def test_whole_pins_under_another_head_are_refused(tmp_path, head):
    path = tmp_path / "pins.tsv"
    Pins("abc", SUMS).write(path)
    path.write_text(path.read_text().replace(f"# {FORMAT}", head))
    with pytest.raises(InputError, match="is not a pins file of this version"):
        read_pins(path)
