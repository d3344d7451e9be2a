"""A CRDS cache is believed file by file, and filled only where it must be."""

import ast
import base64
import gzip
import json
import os
import shutil
import tarfile
from dataclasses import replace

import pytest

from darkroom.crds.cache import Cache
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.references import needed_references, read_references, write_references
from darkroom.errors import DarkroomError, InputError
from nircam_jwst import CONTEXT, small_cache

NAME = "jwst_nircam_mask_0001.fits"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Give a small cache of one 64 × 64 detector."""
    folder = tmp_path_factory.mktemp("original")
    return small_cache(folder / "crds", {"detector": "NRCB1", "subarray": "SUB64P"})


@pytest.fixture
def cache(original, tmp_path):
    """Give a copy of the small cache."""
    shutil.copytree(original.path, tmp_path / "crds")
    return Cache(tmp_path / "crds", "jwst")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


def test_a_sound_reference_is_given_by_its_path(cache):
    facts = cache.record(NAME)
    assert cache.verified(facts) == cache.reference(NAME)


def test_references_are_found_in_a_folder_for_each_instrument_too(cache):
    path = cache.reference(NAME)
    moved = path.parent / "nircam" / NAME
    moved.parent.mkdir()
    path.rename(moved)
    assert cache.verified(cache.record(NAME)) == moved


def test_a_reference_found_good_is_read_again_when_it_changes(cache):
    record, path = cache.record(NAME), cache.reference(NAME)
    assert cache.verified(record) == path
    before = path.stat()
    flip_a_bit(path)
    # Its dates as they were: only the time of the change of its state tells.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match="has SHA-1"):
        cache.verified(record)


def test_a_flipped_bit_is_found(cache):
    flip_a_bit(cache.reference(NAME))
    with pytest.raises(InputError, match=r"mask_0001.fits: has SHA-1 \w+, the server states"):
        cache.verified(cache.record(NAME))


def test_a_cut_file_is_found(cache):
    path = cache.reference(NAME)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"has \d+ bytes, the server states"):
        cache.verified(cache.record(NAME))


def test_a_file_the_server_does_not_know_cannot_be_verified(cache):
    with pytest.raises(DarkroomError, match=r"states no size and SHA-1 of other\.fits"):
        cache.record("other.fits")


def test_an_empty_cache_says_so(tmp_path):
    with pytest.raises(InputError, match="server_config: no such file"):
        Cache(tmp_path, "jwst").record(NAME)


def test_the_packed_form_that_the_real_server_sends_is_read_too(cache):
    plain = cache.record(NAME)
    config = ast.literal_eval(cache.server_config.read_text())
    packed = gzip.compress(json.dumps(config["download_metadata"]).encode())
    config["download_metadata"] = {
        "crds_encoded": "1.0",
        "crds_payload": base64.b64encode(packed).decode(),
    }
    cache.server_config.write_text(repr(config))
    assert Cache(cache.path, "jwst").record(NAME) == plain


def test_mappings_state_their_own_sum_and_a_change_is_found(cache):
    names = ensure_context(cache, None, CONTEXT, ["nircam"])
    assert names[:2] == [CONTEXT, "jwst_nircam_0001.imap"]
    assert {"jwst_nircam_mask_0001.rmap", "jwst_nircam_superbias_0001.rmap"} <= set(names[2:])
    path = cache.mapping("jwst_nircam_mask_0001.rmap")
    path.write_text(path.read_text().replace("NRCB1", "NRCB2"))
    with pytest.raises(DarkroomError, match=r"mask_0001.rmap has SHA-1 .*no server may be asked"):
        ensure_context(cache, None, CONTEXT, ["nircam"])
    config = ast.literal_eval(cache.server_config.read_text())
    cache.server_config.write_text(repr(config | {"download_metadata": {}}))
    with pytest.raises(DarkroomError, match=r"mask_0001.rmap is damaged.*no server may be asked"):
        ensure_context(cache, None, CONTEXT, ["nircam"])


def test_the_sums_of_real_mappings_agree(reference_data, tmp_path):
    archive = next((reference_data / "crds").glob("*.tgz"))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    cache = Cache(tmp_path / "subset", "jwst")
    assert len(ensure_context(cache, None, "jwst_0541.pmap", ["nircam"])) == 23


def test_without_a_server_a_missing_file_is_told(cache):
    facts = cache.record(NAME)
    cache.reference(NAME).unlink()
    with pytest.raises(DarkroomError, match="is not in the cache, and no server may be asked"):
        ensure_references(cache, None, [facts])


def test_the_list_of_references_comes_back_as_it_was_written(cache, tmp_path):
    path = tmp_path / "references.json"
    references = {"mask": cache.record(NAME), "refpix": None}
    write_references(path, references)
    assert read_references(path) == references
    path.write_text("{}}")
    with pytest.raises(InputError, match="is a damaged list of references"):
        read_references(path)


def test_an_item_needs_each_reference_once(cache, tmp_path):
    facts = cache.record(NAME)
    lists = [tmp_path / f"{k}.json" for k in range(3)]
    write_references(lists[0], {"mask": facts})
    write_references(lists[1], {"mask": facts, "refpix": None})
    write_references(lists[2], {})
    needed = needed_references(lists)
    assert needed == {NAME: facts}
    write_references(tmp_path / "references.json", needed)
    assert read_references(tmp_path / "references.json") == needed
    lists[2].write_text("{}}")
    with pytest.raises(InputError, match=r"2\.json.*is a damaged list of references"):
        needed_references(lists)


def test_a_reference_that_was_replaced_between_two_choices_is_told(cache, tmp_path):
    facts = cache.record(NAME)
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    write_references(before, {"mask": facts})
    write_references(after, {"mask": replace(facts, size=facts.size + 1)})
    with pytest.raises(InputError, match=rf"after\.json.*other bytes of {NAME}.*before\.json"):
        needed_references([before, after])
