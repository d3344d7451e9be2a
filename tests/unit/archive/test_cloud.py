"""Exposures from the archive's public bucket, verified as those of the archive itself."""

import socket
import subprocess
import time
from types import SimpleNamespace

import pytest
import requests

from darkroom.archive import mast_server
from darkroom.archive.cloud import Cloud, raise_cloud_failure
from darkroom.archive.fetching import Fetching
from darkroom.archive.mast_files import Files
from darkroom.campaign.lock import require_lock
from darkroom.campaign.pins import Pins
from darkroom.errors import DarkroomError
from darkroom.transport import download, transfer
from loopback.campaigns import ROOT, locked
from loopback.catalogue import Catalogue, association
from loopback.mast import Mast

URI = "mast:HST/product/iaaa01aaq_raw.fits"
PATH = "/hst/public/iaaa/iaaa01aaq/iaaa01aaq_raw.fits"
SERVE = "from moto.server import main; import sys; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """Give the address of a bucket of an S3 server on this machine (moto)."""
    python = ROOT / ".venvs" / "checks" / "bin" / "python"
    if not python.exists() or not list(python.parents[1].glob("lib/python3*/site-packages/moto")):
        pytest.skip(".venvs/checks is not built: make setup-tests")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("w")
    process = subprocess.Popen([python, "-c", SERVE, str(port)], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/stpubdata"
    try:
        for _ in range(300):
            try:
                requests.put(address, timeout=5).raise_for_status()
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


def put(bucket, path, content, acl="public-read"):
    headers = {"x-amz-acl": acl, "Content-Type": "application/octet-stream"}
    requests.put(f"{bucket}{path}", content, headers=headers, timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def one_server():
    with Mast(Catalogue([association("iaaa01010", "1", ["iaaa01aaq"], nsamp=1)])) as server:
        yield server


@pytest.fixture
def server(one_server, bucket, monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    monkeypatch.setattr(mast_server, "SILENCE_S", 5)
    one_server.reset()
    one_server.paths = {URI: PATH}
    put(bucket, PATH, one_server.catalogue.products[URI].content)
    return one_server


@pytest.fixture
def fetch(server, bucket, tmp_path):
    """Fetch the exposure of a campaign that asks for the cloud's copy."""

    def call(pins=None, **archive):
        settings = {"copy": "cloud", "cloud": bucket, "timeout_s": 20, "retries": 1} | archive
        campaign = locked(tmp_path, server, [URI], **settings)
        lock = require_lock(campaign)
        raw = tmp_path / "results" / "trial" / "raw"
        return Fetching(campaign, lock, pins or Pins(), raw).one(lock.exposures[0]), raw

    return call


def test_a_file_comes_from_the_bucket_and_is_verified(server, fetch):
    content = server.catalogue.products[URI].content
    status, raw = fetch()
    assert status["accepted"]
    assert (raw / "visit" / status["file"]).read_bytes() == content
    assert server.asked(status["file"]) == 0
    assert server.asked("path_lookup") == 1


def test_where_files_come_from_changes_no_lock(server, tmp_path):
    campaigns = [locked(tmp_path, server, [URI], **more) for more in ({}, {"copy": "cloud"})]
    assert campaigns[0].query_digest() == campaigns[1].query_digest()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[:-2880], "bytes came, "),
        (lambda content: content + bytes(2880), "more bytes came than the"),
        (lambda content: b"<html>no</html>" + content[:0], "no FITS: 'no'"),
    ],
    ids=["short", "long", "html"],
)
def test_a_wrong_copy_is_not_taken(server, bucket, fetch, damage, said):
    put(bucket, PATH, damage(server.catalogue.products[URI].content))
    with pytest.raises(DarkroomError, match=said):
        fetch()


def test_other_bytes_of_the_same_size_are_refused_by_the_pin(server, bucket, fetch):
    content = bytearray(server.catalogue.products[URI].content)
    content[-1] ^= 1
    put(bucket, PATH, bytes(content))
    status, raw = fetch(Pins("", {("visit", "iaaa01aaq"): "0" * 64}))
    assert not status["accepted"]
    assert "its SHA-256 is" in status["reason"]
    assert not (raw / "visit" / status["file"]).exists()


def test_a_file_that_is_not_there_or_not_public_says_what_to_do(server, bucket, fetch):
    server.paths = {URI: "/hst/public/none.fits"}
    with pytest.raises(DarkroomError, match=r"not in the cloud \(HTTP 404\).*copy: archive"):
        fetch()
    put(bucket, "/private.fits", b"x", acl="private")
    server.paths = {URI: "/private.fits"}
    with pytest.raises(DarkroomError, match=r"not in the cloud \(HTTP 403\).*copy: archive"):
        fetch()


@pytest.mark.parametrize(
    "path", [None, 7, "", "../x", "/a/../b", "/a?b", "http://x/y", "/a\n", "x" * 600]
)
def test_a_path_that_is_none_is_a_sentence(server, fetch, path):
    server.paths = {URI: path}
    with pytest.raises(DarkroomError, match="the archive names no path in the cloud for it"):
        fetch()


@pytest.mark.parametrize("fault", ["unavailable", "html", "no_http", "cut"])
def test_a_fault_of_the_archives_answer_is_a_sentence(server, fetch, fault):
    server.faults.add(fault, "path_lookup")
    with pytest.raises(DarkroomError, match=r"asking http://127\.0\.0\.1:\d+ for mast:HST"):
        fetch()


def test_a_transfer_that_broke_off_is_taken_up(server, bucket, tmp_path, monkeypatch):
    """A bucket gives each object a strong ETag and answers for a part of it."""
    content = bytes(range(256)) * 2000
    put(bucket, PATH, content)
    archive = {"server": server.url, "copy": "cloud", "cloud": bucket, "retries": 1}
    copied, broken = download.Download._copy, []

    def breaks_once(self, response, stream, expected):
        if not broken:
            broken.append(self)
            stream.write(response.raw.read(len(content) // 2))
            raise transfer.TransientError("the connection broke off")
        copied(self, response, stream, expected)

    monkeypatch.setattr(download.Download, "_copy", breaks_once)
    Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content
    assert broken[0].resumed == 1


@pytest.mark.parametrize(
    ("cloud", "safe"),
    [
        ("https://bucket.example/a/", True),
        ("http://localhost:1234", True),
        ("http://bucket.example", False),
        ("ftp://localhost", False),
        ("wss://localhost", False),
        ("wss://bucket.example", False),
        ("https:///a", False),
    ],
)
def test_which_addresses_are_safe(cloud, safe):
    # As YAML gives it: equal to a word of the program, and not the same object.
    archive = {"cloud": "".join([*cloud])}
    if safe:
        assert Cloud(archive, None).address == cloud.rstrip("/")
    else:
        with pytest.raises(DarkroomError, match="it must be an https address"):
            Cloud(archive, None)


@pytest.mark.parametrize(("length", "accepted"), [(500, True), (501, False)])
def test_a_path_has_500_characters_at_most(length, accepted):
    answer = SimpleNamespace(raise_for_status=lambda: None, json=lambda: {URI: {"path": path}})
    session = SimpleNamespace(get=lambda *_, **__: answer)
    server = SimpleNamespace(address="http://x", with_retries=lambda ask, _: ask())
    cloud, path = Cloud({"cloud": "https://bucket.example"}, server), "x" * length
    if accepted:
        assert cloud.url(session, URI) == f"https://bucket.example/{path}"
    else:
        with pytest.raises(DarkroomError, match="names no path in the cloud"):
            cloud.url(session, URI)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 411, 500])
def test_what_the_status_of_a_bucket_means(status):
    response = requests.Response()
    response.status_code, response.url, response.reason = status, "https://x/y", "because"
    with pytest.raises((DarkroomError, transfer.TransientError)) as caught:
        raise_cloud_failure(response)
    assert ("it is not in the cloud" in str(caught.value)) is (status in (401, 403, 404, 410))


@pytest.mark.parametrize("cloud", ["http://stpubdata.example", "ftp://x", "https://u:p@x", "x"])
def test_an_address_that_is_not_safe_is_refused(server, fetch, cloud):
    with pytest.raises(DarkroomError, match=r"archive\.cloud is .*; it must be an https address"):
        fetch(cloud=cloud)


def test_the_token_stays_with_the_archive(server, fetch, monkeypatch):
    """The bucket is another host than the archive's, and no host of the token."""
    server.token = "0123456789abcdef"
    monkeypatch.setenv("MAST_API_TOKEN", server.token)
    sent = []
    send = transfer.HTTPAdapter.send

    def watched(self, request, *more, **options):
        sent.append((request.url, request.headers.get("Cookie", "")))
        return send(self, request, *more, **options)

    monkeypatch.setattr(transfer.HTTPAdapter, "send", watched)
    status, _ = fetch()
    assert status["accepted"]
    assert [cookie for url, cookie in sent if "/stpubdata/" in url] == [""]
    assert any(server.token in cookie for url, cookie in sent if "/stpubdata/" not in url)
