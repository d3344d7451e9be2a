"""Where the files of a cache are, and what is wrong with each: by sizes, sums and names alone."""

import hashlib
import re
import uuid

import pytest

from darkroom.crds import cache as crds_cache
from darkroom.crds.cache import (
    Cache,
    difference,
    mapping_sha1,
    sha1,
    written_in_shared_folder,
)
from darkroom.crds.description import FileRecord
from darkroom.errors import DarkroomError, InputError

CONTENT = b"reference" * 300_000
SHA1 = hashlib.sha1(CONTENT).hexdigest()
NAME = "jwst_nircam_mask_0001.fits"
RECORD = FileRecord(NAME, len(CONTENT), SHA1)


class Stated:
    """A description of a server."""

    def __init__(self, **records):
        self.records, self.bad = records, set()

    def record(self, name):
        return self.records.get(name)

    def withdrawn(self, name):
        return name in self.bad


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Give a cache that holds one reference, and whose server's words can be changed."""
    cache = Cache(tmp_path / "crds", "jwst")
    path = cache.path / "references" / "jwst" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    cache.stated = Stated(**{NAME: RECORD})
    monkeypatch.setattr(Cache, "description", lambda self: self.stated)
    return cache


def mapping(cache, name, text, sha=None):
    path = cache.mapping(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f"    'sha1sum' : '{mapping_sha1(text) if sha is None else sha}',\n" if sha != "" else ""
    path.write_text("header = {\n" + line + "}\n" + text)
    return path


def test_paths_are_those_of_crds(tmp_path):
    cache = Cache(str(tmp_path), "hst")
    assert (cache.path, cache.observatory) == (tmp_path, "hst")
    assert cache.server_config == tmp_path / "config/hst/server_config"
    assert cache.layout_file == tmp_path / "config/hst/ref_cache_subdir_mode"
    assert cache.mapping("hst_0001.pmap") == tmp_path / "mappings/hst/hst_0001.pmap"
    assert cache.reference("a.fits") is None


def test_the_description_is_read_again_only_when_its_file_has_changed(tmp_path, monkeypatch):
    cache, reads = Cache(tmp_path, "jwst"), []
    monkeypatch.setattr(
        crds_cache.Description, "read", lambda path: reads.append(path) or len(reads)
    )
    # What is not there is asked for each time: who reads it says so.
    assert [cache.description(), cache.description()] == [1, 2]
    cache.server_config.parent.mkdir(parents=True)
    cache.server_config.write_text("{}")
    assert [cache.description(), cache.description()] == [3, 3]
    cache.server_config.write_text("{ }")
    assert [cache.description(), cache.description()] == [4, 4]
    same = cache.server_config.with_name("other")
    same.write_text("{x}")
    same.replace(cache.server_config)
    assert cache.description() == 5
    cache.server_config.unlink()
    assert [cache.description(), cache.description()] == [6, 7]


def test_a_reference_is_found_in_its_folder_or_in_that_of_an_instrument(cache):
    flat = cache.reference(NAME)
    assert flat == cache.path / "references/jwst" / NAME
    inner = flat.parent / "nircam" / NAME
    inner.parent.mkdir()
    inner.write_bytes(CONTENT)
    assert cache.reference(NAME) == flat
    flat.unlink()
    assert cache.reference(NAME) == inner
    assert cache.reference("other.fits") is None


def test_a_file_goes_over_the_one_that_is_there_or_where_the_layout_asks(cache):
    assert cache.place_for(NAME) == cache.reference(NAME)
    assert cache.place_for("jwst_0001.pmap") == cache.mapping("jwst_0001.pmap")
    folder, new = cache.path / "references/jwst", "jwst_niriss_mask_0002.fits"
    cache.layout_file.parent.mkdir(parents=True)
    for text in ("flat", "flat\n"):
        cache.layout_file.write_text(text)
        assert cache.place_for(new) == folder / new
    cache.layout_file.write_text("instrument")
    assert cache.place_for(new) == folder / "niriss" / new


@pytest.mark.parametrize(
    ("more", "layout"), [(5, "instrument"), (19, "instrument"), (20, "flat"), (21, "flat")]
)
def test_without_a_note_of_the_layout_a_full_folder_is_flat(cache, more, layout):
    for number in range(more):
        (cache.path / "references/jwst" / f"{number}.fits").touch()
    assert cache.layout() == layout


@pytest.mark.parametrize("content", [bytes(5), b"\xff\xfe", b"", b"Flat"])
@pytest.mark.parametrize(("more", "layout"), [(5, "instrument"), (20, "flat")])
def test_a_damaged_note_of_the_layout_is_none(cache, content, more, layout):
    for number in range(more):
        (cache.path / "references/jwst" / f"{number}.fits").touch()
    cache.layout_file.parent.mkdir(parents=True)
    cache.layout_file.write_bytes(content)
    assert cache.layout() == layout


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("hst_wfc3_ir_flat_0001.fits", "wfc3"),
        ("jwst_nircam_flat_0001.fits", "nircam"),
        ("t2c16200i_bpx.fits", "wfc3"),
        ("t2c16200j_bpx.fits", "acs"),
        ("t2c16200l_bpx.fits", "cos"),
        ("t2c16200n_bpx.fits", "nicmos"),
        ("t2c16200o_bpx.fits", "stis"),
        ("t2c16200u_bpx.fits", "wfpc2"),
        ("t2c16200y_bpx.fits", "fos"),
        ("t2c16200z_bpx.fits", "hrs"),
        ("t2c16200x_bpx.fits", "."),
        ("_bpx.fits", "."),
    ],
)
def test_the_folder_of_an_instrument_is_that_of_crds(tmp_path, name, folder):
    cache = Cache(tmp_path, "hst")
    cache.layout_file.parent.mkdir(parents=True)
    cache.layout_file.write_text("instrument")
    assert cache.place_for(name) == tmp_path / "references/hst" / folder / name


def test_a_record_is_what_the_server_states_and_a_bad_file_has_none(cache):
    assert cache.record(NAME) is RECORD
    with pytest.raises(DarkroomError, match=r"server_config states no size and SHA-1 of x.fits, s"):
        cache.record("x.fits")
    cache.stated.bad.add(NAME)
    with pytest.raises(DarkroomError, match=rf"^{NAME} was declared bad by the observatory"):
        cache.record(NAME)


def test_a_sound_reference_has_no_fault(cache):
    assert cache.fault(RECORD) is None
    assert cache.verified(RECORD) == cache.reference(NAME)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda b: b + b"x", f"has {len(CONTENT) + 1} bytes, the server states {len(CONTENT)}"),
        (lambda b: b[:-1], f"has {len(CONTENT) - 1} bytes, the server states {len(CONTENT)}"),
        (lambda b: b[:-1] + b"x", "has SHA-1 [0-9a-f]{40}, the server states " + SHA1),
        (lambda b: b"x" + b[1:], "has SHA-1 [0-9a-f]{40}, the server states " + SHA1),
        (None, "is not in the cache"),
    ],
)
def test_a_damaged_or_missing_reference_is_refused_by_name(cache, change, fault):
    path = cache.reference(NAME)
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(CONTENT))
        assert re.fullmatch(fault, difference(path, RECORD))
    assert re.fullmatch(fault, cache.fault(RECORD))
    with pytest.raises(InputError, match=fault) as caught:
        cache.verified(RECORD)
    assert caught.value.path == str(path if change else NAME)
    assert "the file is repaired" in str(caught.value)


@pytest.mark.parametrize("stated", ["0" * 40, "f" * 40])
def test_any_other_sum_is_a_difference_smaller_or_larger(cache, stated):
    record = FileRecord(NAME, len(CONTENT), stated)
    assert difference(cache.reference(NAME), record) == (
        f"has SHA-1 {SHA1}, the server states {stated}"
    )


def test_sums_are_of_all_bytes(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    assert sha1(tmp_path / "a") == SHA1
    (tmp_path / "a").write_bytes(b"")
    assert sha1(str(tmp_path / "a")) == hashlib.sha1(b"").hexdigest()


def test_a_mapping_states_its_own_sum_which_leaves_out_its_own_line(cache):
    text = "selector = {}\n"
    mapping(cache, "jwst_0001.pmap", text, sha="0" * 40)
    assert cache.mapping_fault("jwst_0001.pmap") == (
        "is damaged: its SHA-1 is not the one it states"
    )
    whole = "header = {\n}\n" + text
    mapping(cache, "jwst_0001.pmap", text, sha=hashlib.sha1(whole.encode()).hexdigest())
    assert cache.mapping_fault("jwst_0001.pmap") is None
    mapping(cache, "jwst_0001.pmap", text, sha="")
    assert cache.mapping_fault("jwst_0001.pmap") == "states no SHA-1 of itself"
    assert cache.mapping_fault("jwst_0002.pmap") == "is not in the cache"


def test_a_mapping_must_also_be_what_the_server_states(cache):
    text = "selector = {}\n"
    whole = "header = {\n}\n" + text
    path = mapping(cache, "jwst_0001.pmap", text, sha=hashlib.sha1(whole.encode()).hexdigest())
    size = path.stat().st_size
    cache.stated.records["jwst_0001.pmap"] = FileRecord("jwst_0001.pmap", size, sha1(path))
    assert cache.mapping_fault("jwst_0001.pmap") is None
    cache.stated.records["jwst_0001.pmap"] = FileRecord("jwst_0001.pmap", size + 1, sha1(path))
    assert cache.mapping_fault("jwst_0001.pmap").startswith(f"has {size} bytes")


def test_bytes_that_are_no_text_are_a_damaged_mapping(cache):
    path = mapping(cache, "jwst_0001.pmap", "selector = {}\n")
    path.write_bytes(path.read_bytes() + b"\xff\xfe")
    assert cache.mapping_fault("jwst_0001.pmap").startswith("is damaged")


def test_the_mappings_of_instruments_come_context_first_and_one_that_is_not_there_is_left_out(
    cache,
):
    mapping(cache, "jwst_0001.pmap", """selector = {
        'NIRCAM': 'jwst_nircam_0001.imap', 'niriss': 'jwst_niriss_0001.imap', 'MIRI': 'N/A',
    }\n""")  # fmt: skip
    for name in ("nircam", "niriss"):
        mapping(cache, f"jwst_{name}_0001.imap", f"""selector = {{
            'MASK': 'jwst_{name}_mask_0001.rmap', 'DARK': 'N/A', 'FLAT': ('x',),
            'GAIN': 'jwst_{name}_gain_0001.rmap',
        }}\n""")  # fmt: skip
    nircam = ["jwst_nircam_0001.imap", "jwst_nircam_mask_0001.rmap", "jwst_nircam_gain_0001.rmap"]
    found = cache.closure("jwst_0001.pmap", ["nircam", "miri", "none", "NIRISS"])
    assert [next(found), *found] == [
        "jwst_0001.pmap", *nircam, *(name.replace("nircam", "niriss") for name in nircam)
    ]  # fmt: skip


def test_a_mapping_is_read_only_when_the_one_after_it_is_asked_for(cache):
    found = cache.closure("jwst_0001.pmap", ["nircam"])
    assert next(found) == "jwst_0001.pmap"
    mapping(cache, "jwst_0001.pmap", "selector = {'NIRCAM': 'jwst_nircam_0001.imap'}\n")
    assert next(found) == "jwst_nircam_0001.imap"


def test_a_file_in_a_shared_folder_has_a_name_of_its_own_until_it_is_complete(tmp_path):
    path = tmp_path / "mappings" / "jwst" / ("x" * 200 + ".pmap")
    other = path.with_name(".other.part")
    with written_in_shared_folder(path) as first, written_in_shared_folder(path) as second:
        other.touch()
        assert first != second
        for temporary in (first, second):
            assert temporary.parent == path.parent
            assert temporary.name.startswith("." + "x" * 100 + ".")
            assert uuid.UUID(temporary.name.split(".")[2])
            assert temporary.suffix == ".part"
            temporary.write_text(temporary.name)
        assert not path.exists()
    assert path.read_text() == first.name
    assert {one.name for one in path.parent.iterdir()} == {path.name, other.name}


def test_what_was_there_stays_when_the_new_one_fails(tmp_path):
    path = tmp_path / "a.fits"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), written_in_shared_folder(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.fits", "old")]
