"""The description that a cache keeps of its server: read, or told in a sentence why not."""

import ast

import pytest

from darkroom.crds import description
from darkroom.crds.description import Description, FileRecord
from darkroom.errors import DarkroomError, InputError


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "invalid syntax"),
        (b"[1,", r"'\[' was never closed"),
        (b"f(1)", "malformed node or string"),
        (b"{{}: 1}", "unhashable type: 'dict'"),
        (bytes(300), "null bytes"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b"(" * 5000, "too many nested parentheses"),
        (b"-" * 20_000 + b"1", ""),
        (b"{}", "it is no description of a CRDS server"),
        (b"{'observatory': 3}", "it is no description of a CRDS server"),
    ],
)
def test_a_description_that_cannot_be_read_is_a_sentence(tmp_path, content, cause):
    path = tmp_path / "server_config"
    path.write_bytes(content)
    said = rf"server_config: cannot be read \(.*{cause}.*\); remove it and run again$"
    with pytest.raises(InputError, match=said) as caught:
        Description.read(path)
    assert "\n" not in str(caught.value)


def test_one_that_is_missing_is_to_be_filled_and_a_folder_is_none(tmp_path):
    with pytest.raises(InputError, match="no such file; fill the cache: run crds_context"):
        Description.read(tmp_path / "server_config")
    (tmp_path / "server_config").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        Description.read(tmp_path / "server_config")


@pytest.mark.parametrize(
    ("error", "cause"),
    [(ValueError("first\nsecond"), "first"), (MemoryError(), "MemoryError")],
)
def test_the_cause_is_one_line_or_the_kind_of_error(tmp_path, monkeypatch, error, cause):
    def fail(_):
        raise error

    (tmp_path / "server_config").write_text("{}")
    monkeypatch.setattr(ast, "literal_eval", fail)
    with pytest.raises(InputError, match=rf"cannot be read \({cause}\);"):
        Description.read(tmp_path / "server_config")


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ({"jwst": "https://x"}, "https://x"),
        ({"unchecked": {"jwst": "http://x"}}, "http://x"),
        ({"jwst": "ftp://x"}, None),
        ({"jwst": 3}, None),
        ({"hst": "https://x"}, None),
        ("https://x", None),
        (None, None),
    ],
)
def test_the_folder_of_a_file_is_an_address_or_none(place, folder):
    stated = {"observatory": "jwst", "mapping_url": place, "reference_url": None}
    assert Description(stated).folder_of("jwst_0001.pmap") == folder
    stated = {"observatory": "jwst", "reference_url": place, "mapping_url": None}
    assert Description(stated).folder_of("jwst_a_0001.fits") == folder


def test_a_name_that_no_file_can_have_is_cut_in_the_message():
    with pytest.raises(DarkroomError, match=f"^CRDS: '{'/' * 80}' is not allowed as a file name$"):
        FileRecord("/" * 300, 1, "0" * 40)


@pytest.mark.parametrize(
    ("name", "size", "known"),
    [
        ("jwst_0001.pmap", description._LARGEST_MAPPING, True),
        ("jwst_0001.pmap", description._LARGEST_MAPPING + 1, False),
        ("jwst_a_0001.fits", description._LARGEST_MAPPING + 1, True),
        ("jwst_a_0001.fits", 10**15 - 1, True),
        ("jwst_a_0001.fits", 10**15, False),
    ],
)
def test_a_size_that_no_file_has_is_none(name, size, known):
    files = {name: {"size": str(size), "sha1sum": "AB" * 20}}
    found = Description({"observatory": "jwst", "download_metadata": files}).record(name)
    assert found == (FileRecord(name, size, "ab" * 20) if known else None)
