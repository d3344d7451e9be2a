"""Lists of references: what is read is what was written, and anything else is told."""

import json

import pytest

from darkroom.crds.description import FileRecord
from darkroom.crds.references import (
    needed_references,
    read_references,
    read_table,
    write_references,
    write_table,
)
from darkroom.errors import InputError

MASK = FileRecord("jwst_nircam_mask_0001.fits", 2880, "1" * 40)
DARK = FileRecord("jwst_nircam_dark_0001.fits", 5760, "2" * 40)
HEAD = "# crds/jwst\n# context: jwst_0001.pmap\nname\tsize\tsha1\tsha256\n"


def test_what_was_chosen_is_read_again_and_nothing_of_the_context_is_in_it(tmp_path):
    path = tmp_path / "references.json"
    write_references(path, {"mask": MASK, "dark": DARK, "area": None})
    assert read_references(path) == {"area": None, "dark": DARK, "mask": MASK}
    assert list(json.loads(path.read_text())) == ["area", "dark", "mask"]
    text = path.read_text()
    assert text.endswith("\n")
    assert "pmap" not in text
    write_references(path, {"area": None, "mask": MASK, "dark": DARK})
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "null", '{"mask": 7}', '{"mask": [1]}', '{"mask": {"name": "a"}}',
        '{"mask": {"name": "../a", "size": 1, "sha1": ""}}',
        '{"mask": {"name": "a", "size": 1, "sha1": "", "more": 1}}',
    ],
)  # fmt: skip
def test_a_damaged_list_is_told(tmp_path, text):
    path = tmp_path / "references.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"references\.json: is a damaged list of references \("):
        read_references(path)


def test_a_list_that_is_no_text_or_not_there_is_told(tmp_path):
    path = tmp_path / "references.json"
    with pytest.raises(InputError, match=r"references\.json: no such file"):
        read_references(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is a damaged list of references"):
        read_references(path)


def test_each_reference_is_needed_once(tmp_path):
    paths = [tmp_path / f"{k}.json" for k in range(3)]
    write_references(paths[0], {"mask": MASK, "area": None})
    write_references(paths[1], {"mask": MASK, "dark": DARK})
    write_references(paths[2], {})
    assert needed_references(paths) == {MASK.name: MASK, DARK.name: DARK}


@pytest.mark.parametrize(
    "other", [FileRecord(MASK.name, 2881, MASK.sha1), FileRecord(MASK.name, 2880, "3" * 40)]
)
def test_a_file_that_was_replaced_between_two_exposures_is_told_with_both(tmp_path, other):
    paths = [tmp_path / f"{k}.json" for k in range(4)]
    for path, record in zip(paths, (DARK, MASK, MASK, other), strict=True):
        write_references(path, {"x": record})
    with pytest.raises(InputError) as told:
        needed_references(paths)
    assert str(told.value).startswith(
        f"{paths[3]}: states other bytes of {MASK.name} than {paths[1]} does"
    )


def test_a_table_is_read_for_the_pins(tmp_path):
    path = tmp_path / "jwst.tsv"
    write_table(path, "jwst", "jwst_0001.pmap", [(MASK, "a" * 64), (DARK, "b" * 64)])
    assert path.read_text() == (
        f"{HEAD}{MASK.name}\t2880\t{'1' * 40}\t{'a' * 64}\n"
        f"{DARK.name}\t5760\t{'2' * 40}\t{'b' * 64}\n"
    )
    assert read_table(path) == {
        ("crds/jwst", MASK.name): "a" * 64,
        ("crds/jwst", DARK.name): "b" * 64,
    }
    write_table(path, "hst", "hst_0001.pmap", [])
    assert read_table(path) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"# crds/jwst\n", b"# crds/jwst\n# context: x\nname\n", b"\xff\xfe",
        f"{HEAD}a\t1\t2\n".encode(), f"{HEAD}a\t1\t2\t3\t4\n".encode(), f"{HEAD}\n".encode(),
        HEAD.replace("sha256", "sum").encode(),
    ],
)  # fmt: skip
def test_a_damaged_table_pins_nothing(tmp_path, content):
    path = tmp_path / "jwst.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"jwst\.tsv: is a damaged table of references"):
        read_table(path)


def test_a_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"jwst\.tsv: no such file"):
        read_table(tmp_path / "jwst.tsv")
