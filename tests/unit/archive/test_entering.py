"""Names on disk and values of headers enter a lock as text that can do no harm, or not at all."""

import os

import pytest

from darkroom.archive import local
from darkroom.archive.entering import cleaned
from darkroom.campaign.lock import Lock, read_lock
from darkroom.campaign.lock_rows import Exposure, check_exposures
from darkroom.ccd.simulate import exposures as ccd
from darkroom.errors import DarkroomError, InputError
from darkroom.plain import plain_text, plain_value

SMALL = {"shape": [16, 24], "bias": {"count": 1}, "darks": [], "targets": []}
ITEM = {"instrument": "ccd", "frames": {"bias": "*"}}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    path = tmp_path_factory.mktemp("frame") / "frame.fits"
    ccd.deliver(SMALL, ccd.plan(SMALL)[0].name, path)
    return path.read_bytes()


def put(folder, name, content):
    """Write a file whose name is these bytes."""
    (folder / os.fsdecode(name)).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("bias_é中.fits".encode(), "bias_e_.fits"),
        (b"bias .fits ", "bias_.fits_"),
        ("bias\xa0.fits".encode(), "bias_.fits"),
        (b"$(touch X).fits", "__touch_X_.fits"),
        (b"-x.fits", "_-x.fits"),
        (b"a*[.fits", "a__.fits"),
        (b"a\\b.fits", "a_b.fits"),
    ],
)
def test_a_file_of_any_name_is_locked_and_delivered_under_a_clean_one(tmp_path, frame, name, file):
    folder = tmp_path / "frames"
    folder.mkdir()
    put(folder, name, frame)
    (row,) = cleaned(local.find({"folder": str(folder)}, {"camera": ITEM}))
    assert row.file == file
    check_exposures([row])
    Lock(tmp_path / "x.tsv", {}, [row]).write()
    assert read_lock(tmp_path / "x.tsv").exposures == [row]
    local.deliver(row, tmp_path / "out.fits", {"folder": str(folder)}, {})
    assert (tmp_path / "out.fits").read_bytes() == frame


@pytest.mark.parametrize(
    "name", [b"bias_\xff.fits", b"bias\n.fits", "bias\u2028.fits".encode(), b"b\x1b[1m.fits"]
)
def test_a_file_whose_name_no_table_can_hold_is_named_in_a_sentence(tmp_path, frame, name):
    put(tmp_path, name, frame)
    with pytest.raises(DarkroomError, match=r"bytes that are not UTF-8; rename the file"):
        local.find({"folder": str(tmp_path)}, {"camera": ITEM})


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("/etc/*", "leads out of the folder"),
        ("../*", "leads out of the folder"),
        ("a/../../*", "leads out of the folder"),
        ("a**", "is none that can be looked for"),
        ("", "is none that can be looked for"),
        (".", "is none that can be looked for"),
        ("**", "no file in"),
        ("\0", "no file in"),
        ("x" * 5000, "is none that can be looked for"),
    ],
)
def test_a_pattern_that_is_none_is_a_sentence(tmp_path, pattern, fault):
    with pytest.raises(DarkroomError, match=fault) as caught:
        local.find({"folder": str(tmp_path)}, {"camera": ITEM | {"frames": {"bias": pattern}}})
    assert len(str(caught.value)) < 11_000


@pytest.mark.parametrize("folder", ["~nosuchuser/x", "$NOT_SET_HERE/x", "a\0b", "x" * 5000])
def test_a_folder_that_is_none_is_a_sentence(folder):
    with pytest.raises(DarkroomError, match=r"archive\.folder is .*; set it, or give the folder"):
        local.find({"folder": folder}, {"camera": ITEM})


def test_a_dollar_that_begins_no_variable_is_a_letter(tmp_path):
    (tmp_path / "$(x) `y`").mkdir()
    folder = {"folder": str(tmp_path / "$(x) `y`")}
    assert local.source_folder(folder) == tmp_path / "$(x) `y`"


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"shape": "24x3a", "nsamp": "9" * 40, "exptime_s": "inf"}, {}),
        ({"shape": "24x32", "exptime_s": "1e-3"}, {"shape": "24x32", "exptime_s": "1e-3"}),
        ({"filter": "F\x1b[31m140\nW\u2028"}, {"filter": r"F\x1b[31m140\nW\u2028"}),
        ({"detector": "IR\t"}, {"detector": r"IR\t"}),
        ({"filter": "F\u202eW041F"}, {"filter": r"F\u202eW041F"}),
        ({"filter": "=HYPERLINK(1)"}, {"filter": "'=HYPERLINK(1)"}),
        (
            {"filter": "@SUM(1)", "detector": "+cmd|'/c x'!A0"},
            {"filter": "'@SUM(1)", "detector": "'+cmd|'/c x'!A0"},
        ),
        ({"temperature_c": "-10.5", "filter": "+5"}, {"temperature_c": "-10.5", "filter": "+5"}),
    ],
)
def test_values_of_headers_are_plain_in_a_lock_or_unknown(tmp_path, facts, kept):
    row = Exposure("camera", "bias", "b", "b.fits", "local:b.fits", 2880, facts)
    (row,) = cleaned([row])
    assert row.facts == kept
    Lock(tmp_path / "x.tsv", {}, [row]).write()
    assert read_lock(tmp_path / "x.tsv").exposures == [row]


def test_a_value_of_30_000_characters_is_cut(tmp_path):
    (row,) = cleaned(
        [Exposure("c", "bias", "b", "b.fits", "local:b", None, {"filter": "x" * 30000})]
    )
    assert row.facts["filter"].endswith("… 29,850 more characters")
    assert len(row.facts["filter"]) < 200


def test_text_from_outside_is_plain():
    assert plain_text("a\x1b[1m\u202e\x9b\x00é中\n") == r"a\x1b[1m\u202e\x9b\x00é中\n"
    assert plain_text("a\nb", keep="\n") == "a\nb"
    assert plain_value({"a\x1b": ["\x07", 1.5, None]}) == {r"a\x1b": [r"\x07", 1.5, None]}


def test_a_message_commands_no_terminal():
    assert (
        str(InputError("a\x1b]0;x\x07.fits", "is\u2028bad")) == r"a\x1b]0;x\x07.fits: is\u2028bad"
    )
    assert str(DarkroomError("one\ntwo")) == "one\ntwo"


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        (None, None), (-1, None), (0, 0), (1, 1), (5760, 5760), (10**15 - 1, 10**15 - 1),
        (10**15, None), (10**30, None),
    ],
)  # fmt: skip
def test_a_size_that_no_file_has_is_unknown(size, kept):
    row = Exposure("camera", "bias", "a", "a.fits", "local:a.fits", size)
    assert cleaned([row]) == [Exposure("camera", "bias", "a", "a.fits", "local:a.fits", kept)]


def test_an_address_that_no_lock_can_hold_is_cut_in_the_message():
    row = Exposure("camera", "bias", "a", "a.fits", "local:/" + "y" * 400, None)
    with pytest.raises(DarkroomError, match=f"^item camera: the address '{row.uri[:200]}' "):
        cleaned([row])


def test_a_value_is_cut_after_150_characters():
    facts = {"filter": "x" * 400}
    (row,) = cleaned([Exposure("camera", "bias", "a", "a.fits", "local:a.fits", None, facts)])
    assert row.facts["filter"] == "x" * 150 + "… 250 more characters"
