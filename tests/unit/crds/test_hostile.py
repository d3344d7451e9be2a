"""What a CRDS server says is data: it fills no memory, names no foreign file."""

import base64
import gzip
import json
import tracemalloc

import pytest

from darkroom.crds import description
from darkroom.crds.cache import Cache
from darkroom.crds.description import Description, FileRecord
from darkroom.crds.fill import ensure_context
from darkroom.crds.server import Server
from darkroom.errors import DarkroomError, InputError
from loopback.crds import Crds
from loopback.faults import Reply

SUM = "0" * 40


def packed(text):
    """Return a list of files as a server packs it."""
    payload = base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()
    return {"crds_encoded": "1.0", "crds_payload": payload}


def described(**changes):
    return Description({"observatory": "jwst", "download_metadata": {}} | changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"observatory": ["jwst"]}, "no description"),
        ({"bad_files_list": 7}, "withdrawn files is none"),
        ({"download_metadata": [1]}, "not a dictionary"),
        ({"download_metadata": packed(b"[" * 100_000)}, "cannot be unpacked"),
        ({"download_metadata": packed(b'{"a": ' + b"9" * 5000 + b"}")}, "limit"),
        ({"download_metadata": {"crds_payload": "H4sIAAAA"}}, "it ends early"),
        ({"download_metadata": {"crds_payload": 7}}, "cannot be unpacked"),
    ],
)
def test_a_description_that_is_none_is_told(changes, fault):
    with pytest.raises(ValueError, match=fault):
        described(**changes)


def test_a_list_of_files_that_unpacks_to_more_than_any_is_refused_before_it_fills_the_memory(
    monkeypatch,
):
    monkeypatch.setattr(description, "_LONGEST_LIST", 1_000_000)
    content = packed(bytes(20_000_000))
    assert len(content["crds_payload"]) < 50_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="longer than any"):
        described(download_metadata=content)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "1e9", "٣", None, [1], {"a": 1}, True])
def test_a_size_that_is_none_is_not_known(size):
    assert described(download_metadata={"a.fits": {"size": size, "sha1sum": SUM}}).record(
        "a.fits"
    ) is None  # fmt: skip


def test_a_mapping_of_a_terabyte_is_not_fetched():
    known = {"size": "1000000000000", "sha1sum": SUM}
    found = described(download_metadata={"jwst_1.rmap": known, "jwst_1.fits": known})
    assert found.record("jwst_1.rmap") is None
    assert found.record("jwst_1.fits") is not None


def test_withdrawn_files_may_be_anything_and_what_is_no_name_is_none():
    found = described(bad_files_list=[["a"], "b.fits", None, {}])
    assert found.withdrawn("b.fits")
    assert not found.withdrawn("a")


@pytest.mark.parametrize("name", ["jwst_.._x.fits", "..", "a..b", "x/../y", "x\ny.fits"])
def test_no_name_leads_to_another_folder(name, tmp_path):
    """The folder of a reference is a part of its name."""
    with pytest.raises(DarkroomError, match="is not allowed as a file name"):
        FileRecord(name, 1, SUM)


@pytest.mark.parametrize(
    "text",
    [
        "selector = [1, 2]\n", "selector = __import__('os').system('touch RAN')\n", "selector\n",
        "selector = {'A': \n", f"selector = {'[' * 5000}\n", "", "selector = {[]: 1}\n",
    ],
)  # fmt: skip
def test_a_mapping_that_is_none_ends_in_a_sentence_and_runs_nothing(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = Cache(tmp_path, "jwst")
    path = cache.mapping("jwst_0001.pmap")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match="is no mapping that can be read"):
        list(cache.closure("jwst_0001.pmap", ["nircam"]))
    assert not (tmp_path / "RAN").exists()


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Reply(302, b"", headers=(("Location", "file:///etc/passwd"),)), r"no connection \("),
        (Reply(302, b"", headers=(("Location", "http://[x"),)), "cannot be read"),
        (Reply(302, b"", headers=(("Location", "http://localhost/\xff"),)), "cannot be read"),
        (Reply(body=b'{"result": NaN}'), "no description"),
        (Reply(body=b'{"result": {"observatory": "jwst", "a": ' + b"[" * 50_000), "no JSON"),
        (Reply(body=json.dumps({"error": {"message": "\x1b[2J"}}).encode()), r"says: \\x1b"),
    ],
)
def test_an_answer_that_is_none_ends_in_a_sentence(reply, fault, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr("darkroom.transport.transfer.sleep", lambda _: None)
    with Crds("jwst", {}, "jwst_0001.pmap") as server:
        server.instead["get_server_info"] = reply
        client = Server(server.url, "jwst", 20)
        with pytest.raises(DarkroomError, match=fault):
            ensure_context(Cache(tmp_path, "jwst"), client, "jwst_0001.pmap", ["nircam"])
