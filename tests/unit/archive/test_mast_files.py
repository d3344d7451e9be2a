"""Files from the loopback archive: what is asked, what is believed, what lies in the way."""

import shutil
from collections import namedtuple

import pytest

from darkroom.archive import mast
from darkroom.archive.mast_files import Files
from darkroom.archive.receive import receive
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError
from darkroom.transport import download, transfer
from loopback.catalogue import Catalogue, association
from loopback.mast import Mast
from loopback.matrix import RESTS

URI = "mast:HST/product/iaaa01aaq_raw.fits"
NAME = "iaaa01aaq_raw.fits"


@pytest.fixture(scope="module")
def one_server():
    with Mast(Catalogue([association("iaaa01010", "1", ["iaaa01aaq"])])) as server:
        yield server


@pytest.fixture
def server(one_server, monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    one_server.reset()
    return one_server


@pytest.fixture
def archive(server):
    return {"kind": "mast", "server": server.url, "timeout_s": 5, "retries": 1}


@pytest.fixture
def content(server):
    return server.catalogue.products[URI].content


def row(size):
    return Exposure("visit", "science", "iaaa01aaq", NAME, URI, size)


def received(archive, exposure, path, **options):
    """Receive an exposure as the workflow does."""
    return receive(
        exposure,
        path,
        lambda temporary: mast.deliver(exposure, temporary, archive, {}),
        {"instrument": "wfc3"},
        lambda _: None,
        **options,
    )


def test_a_file_comes_as_it_is(archive, content, tmp_path):
    Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content


def test_an_unknown_size_is_no_hindrance(archive, content, tmp_path):
    Files(archive).fetch(URI, tmp_path / "x.fits", None)
    assert (tmp_path / "x.fits").read_bytes() == content


def test_a_server_that_is_not_there_is_told(tmp_path):
    files = Files({"server": "http://127.0.0.1:9", "retries": 0})
    with pytest.raises(DarkroomError, match=r"no connection \(.*Connection refused.*\)"):
        files.fetch(URI, tmp_path / "x.fits", None)


def test_a_proxy_is_respected(archive, server, content, tmp_path, monkeypatch):
    """The loopback archive takes the proxy's part: it is asked for a host that is nowhere."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    files = Files(archive | {"server": "http://archive.invalid"})
    files.fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content


def test_another_size_than_the_locks_is_refused_before_the_body(archive, server, tmp_path):
    with pytest.raises(
        DarkroomError, match=r"more bytes came than the 2880 expected \(2 attempts\); lock the camp"
    ):
        Files(archive).fetch(URI, tmp_path / "x.fits", 2880)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(archive, content, tmp_path):
    with pytest.raises(DarkroomError, match=r"nowhere: cannot be written \(No such file"):
        Files(archive).fetch(URI, tmp_path / "nowhere" / "x.fits", None)


def test_a_full_disk_is_told_before_a_byte_comes(archive, content, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, download.RESERVE + 1000))
    with pytest.raises(
        DarkroomError, match=r"x\.fits has 0\.3 MB, and 100\.0 MB are free where it goes .*; make"
    ):
        Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert list(tmp_path.iterdir()) == []


# Taking up what broke off


def test_a_transfer_that_broke_off_is_taken_up(archive, server, content, tmp_path):
    server.versioned = True
    server.faults.add("cut", NAME, times=1)
    Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content
    assert server.parts == [len(content) // 2 - download.OVERLAP]


def test_without_a_version_every_attempt_begins_anew(archive, server, content, tmp_path):
    server.faults.add("cut", NAME, times=1)
    Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content
    assert server.parts == []


def test_a_file_that_changed_meanwhile_comes_whole(archive, server, content, tmp_path):
    """The ETag is another one: the server sends the whole of it (If-Range)."""
    server.versioned = True
    product = server.catalogue.products[URI]
    server.faults.add("cut", NAME, times=1)
    changed = content[:-2880] + bytes(2880)
    server.after_sending = lambda: setattr(product, "content", changed)
    try:
        Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
        assert (tmp_path / "x.fits").read_bytes() == changed
        assert len(server.parts) == 1
    finally:
        product.content = content


@pytest.mark.parametrize("case", RESTS, ids=lambda case: case.fault)
def test_a_rest_that_does_not_fit_is_thrown_away(archive, server, content, tmp_path, case, caplog):
    server.versioned = True
    server.faults.add("cut", NAME, times=1)
    server.faults.add(case.fault, NAME, times=2)
    Files(archive | {"retries": 3}).fetch(URI, tmp_path / "x.fits", len(content))
    assert (tmp_path / "x.fits").read_bytes() == content
    assert len(server.parts) == 1
    assert case.reads in caplog.text


@pytest.mark.parametrize(
    ("headers", "usable"),
    [
        ({"ETag": '"a1"'}, True),
        ({"ETag": 'W/"a1"'}, False),
        ({"ETag": 'W/"a1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, False),
        (
            {
                "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
                "Date": "Thu, 01 Jan 2026 00:01:00 GMT",
            },
            True,
        ),
        (
            {
                "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
                "Date": "Thu, 01 Jan 2026 00:00:59 GMT",
            },
            False,
        ),
        ({"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, False),
        ({}, False),
    ],
)
def test_only_a_strong_validator_tells_versions_apart(headers, usable):
    """RFC 9110, section 8.8."""
    assert bool(download._validator(headers)) == usable


# In the way


def test_a_link_in_the_way_is_replaced_and_what_it_leads_to_left_alone(archive, content, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / NAME
    path.symlink_to(precious)
    received(archive, row(len(content)), path)
    assert precious.read_bytes() == b"mine"
    assert not path.is_symlink()
    assert path.read_bytes() == content


def test_a_link_under_a_temporary_name_is_not_followed(archive, content, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (tmp_path / "x.fits").symlink_to(precious)
    Files(archive).fetch(URI, tmp_path / "x.fits", len(content))
    assert precious.read_bytes() == b"mine"


def test_a_link_to_the_right_bytes_is_not_taken_for_ours(archive, server, content, tmp_path):
    """What it leads to may change without a word."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(content)
    (tmp_path / NAME).symlink_to(elsewhere)
    digest = received(archive, row(len(content)), tmp_path / "raw" / NAME)["sha256"]
    received(archive, row(len(content)), tmp_path / NAME, known=digest)
    assert server.asked(NAME) == 2


def test_a_folder_in_the_way_is_told(archive, server, content, tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(DarkroomError, match=r"raw\.fits is a folder, and the file should go there"):
        received(archive, row(len(content)), tmp_path / NAME)
    assert server.asked(NAME) == 0


# A second look


def test_confirm_brings_a_file_twice(archive, server, content, tmp_path):
    received(archive, row(len(content)), tmp_path / NAME, confirm=True)
    assert server.asked(NAME) == 2


def test_a_file_that_is_never_twice_the_same_is_no_refused_exposure(
    archive, server, content, tmp_path
):
    """Nothing is known of it; only what the archive surely has can be refused."""
    product = server.catalogue.products[URI]
    versions = iter(range(1, 9))

    def changing(uri):
        product.content = content[:-1] + bytes([next(versions)])
        return product

    server.catalogue.product = changing
    try:
        with pytest.raises(DarkroomError, match=r"came 4 times, and no two copies were alike"):
            received(archive, row(len(content)), tmp_path / NAME, confirm=True)
    finally:
        del server.catalogue.product
        product.content = content
    assert list(tmp_path.iterdir()) == []


def test_damage_on_the_way_over_a_good_copy_needs_no_pin(archive, server, content, tmp_path):
    received(archive, row(len(content)), tmp_path / NAME)
    server.faults.add("padded_wrong", NAME, times=1)
    received(archive, row(len(content)), tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == content


def test_bytes_that_the_archive_replaced_come_twice_before_they_replace_a_copy(
    archive, server, content, tmp_path
):
    received(archive, row(len(content)), tmp_path / NAME)
    server.faults.add("padded_wrong", NAME)
    received(archive, row(len(content)), tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() != content
    assert server.asked(NAME) == 3


@pytest.mark.parametrize(
    ("copy", "cloud"), [({}, False), ({"copy": "archive"}, False), ({"copy": "cloud"}, True)]
)
def test_the_cloud_is_asked_when_the_campaign_says_so(archive, copy, cloud):
    # As YAML gives it: equal, and not the same object.
    copy = {key: "".join([*value]) for key, value in copy.items()}
    bucket = {"cloud": "https://bucket.example"}
    assert (Files(archive | bucket | copy).cloud is not None) is cloud
