"""Lists of files on a command line: ``@names.list``, a file on each line."""

import sys

import pytest

from darkroom.cli import ListFileParser
from darkroom.errors import InputError
from darkroom.integrity.seen import forget, seen


@pytest.fixture
def parse():
    """Give a function that returns the files that a command line names."""
    parser = ListFileParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--more", nargs="*")
    yield lambda *words: parser.parse_args(words or None)
    forget()


def test_a_list_gives_its_lines_in_their_place_and_states_their_sums(tmp_path, parse, monkeypatch):
    path, other = tmp_path / "a.list", tmp_path / "b.list"
    path.write_text(
        f"# sha256 {'a' * 64}\n/x/one two.fits\n\n# a remark\n /x/é.fits \n"
        f"# sha256 {'b' * 64}\n# the sum of nothing\n/x/last.fits\n# sha256 {'c' * 63}\n/x/short\n",
        encoding="utf-8",
    )
    other.write_text("/x/more.fits\n")
    found = parse("first", f"@{path}", "--more", f"@{other}", "@" + str(other))
    assert found.files == ["first", "/x/one two.fits", "/x/é.fits", "/x/last.fits", "/x/short"]
    assert found.more == ["/x/more.fits", "/x/more.fits"]
    assert seen.expected == {"/x/one two.fits": ("a" * 64, "the list")}
    monkeypatch.setattr(sys, "argv", ["program", f"@{other}"])
    assert parse().files == ["/x/more.fits"]


def test_a_list_may_name_lists(tmp_path, parse):
    """Those of the items of a campaign."""
    inner, outer = tmp_path / "a.list", tmp_path / "all.list"
    inner.write_text("one.fits\n# a remark\ntwo.fits\n")
    outer.write_text(f"# sha256 {'a' * 64}\n@{inner}\nthree.fits\n")
    assert parse(f"@{outer}").files == ["one.fits", "two.fits", "three.fits"]
    assert seen.expected == {str(inner): ("a" * 64, "the list")}


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("@{}", "another list names it"),
        ("@/dev/zero", "that is no file"),
        ("@none.list", "that is no file"),
        ("@" + "x" * 300, "that is no file"),
    ],
)
def test_a_list_that_names_itself_or_no_file_is_refused(tmp_path, parse, named, fault):
    """It was read until Python gave up, a device without end."""
    path = tmp_path / "a.list"
    path.write_text(f"one.fits\n{named.format(path)}\n")
    with pytest.raises(InputError, match=rf"a\.list: names '@.*'; {fault}; name the files"):
        parse(f"@{path}")


def test_a_list_that_is_no_text_is_refused(tmp_path, parse):
    path = tmp_path / "a.list"
    path.write_bytes(b"one\xff\n")
    with pytest.raises(InputError, match=r"a\.list: is no list of files \('utf-8'.*make it again"):
        parse(f"@{path}")


def test_a_list_that_is_not_there_is_named(tmp_path, parse, capsys):
    with pytest.raises(SystemExit):
        parse(f"@{tmp_path}/a.list")
    assert f"No such file or directory: '{tmp_path}/a.list'" in capsys.readouterr().err
