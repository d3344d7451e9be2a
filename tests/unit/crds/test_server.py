"""The programs that fill a cache, as rules call them: tables, pins, proxies, secrets."""

import logging
import os

import pytest

from darkroom.campaign.pins import Pins
from darkroom.campaign.status import write_status
from darkroom.crds.cache import Cache
from darkroom.crds.environment import offline_process
from darkroom.crds.fill import ensure_context
from darkroom.crds.references import read_table, write_references
from darkroom.crds.server import Server
from darkroom.errors import DarkroomError, InputError
from darkroom.provenance import sha256
from loopback.crds import Crds
from nircam_jwst import CONTEXT, own_program, small_cache

KINDS = ["mask", "superbias"]
RMAP, MASK = "jwst_nircam_mask_0001.rmap", "jwst_nircam_mask_0001.fits"
SECRET = "hunter2-secret"


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Give a complete small cache."""
    folder = tmp_path_factory.mktemp("complete") / "crds"
    return small_cache(folder, {"detector": "NRCB1", "subarray": "SUB64P"})


@pytest.fixture
def server(complete, monkeypatch):
    """Give a running server of it."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with Crds.of_cache(complete) as running:
        yield running


def context(server, folder, **changes):
    place = {"--cache": folder / "cache", "--context": CONTEXT, "--server": server.url} | changes
    words = [word for pair in place.items() for word in pair]
    output = folder / "context.txt"
    return own_program("references/context", "--instruments", "nircam", *words, "--output", output)


def sync(server, folder, *more):
    cache = Cache(folder / "cache", "jwst")
    wanted = folder / "references.json"
    names = [f"jwst_nircam_{kind}_0001.fits" for kind in KINDS]
    write_references(wanted, {name: cache.record(name) for name in names})
    place = ["--cache", cache.path, "--context", CONTEXT, "--server", server.url]
    return own_program("references/sync", wanted, *place, *more, "--output", folder / "jwst.tsv")


def test_the_programs_fill_an_empty_cache_and_list_what_they_verified(server, tmp_path):
    server.faults.add("corrupt", RMAP, times=1)
    server.faults.add("cut", MASK, times=1)
    done = context(server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert RMAP in (tmp_path / "context.txt").read_text().splitlines()
    done = sync(server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [server.asked(name) for name in (RMAP, MASK)] == [2, 2]
    filled = Cache(tmp_path / "cache", "jwst")
    table = read_table(tmp_path / "jwst.tsv")
    assert table["crds/jwst", MASK] == sha256(filled.reference(MASK))
    assert len(table) == 2


def test_references_are_pinned_and_other_bytes_are_refused_even_if_the_server_agrees(
    server, tmp_path
):
    context(server, tmp_path)
    pins = tmp_path / "pins.tsv"
    assert sync(server, tmp_path, "--pins", pins).returncode == 0
    refused = tmp_path / "refused.json"
    write_status(refused, {"accepted": False, "file": "y.fits", "size": 0})
    done = own_program(
        "archive/pins", "--pins", pins, "--references", tmp_path / "jwst.tsv",
        "--output", tmp_path / "made.tsv", refused,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"crds/jwst\t{MASK}\t" in pins.read_text()
    assert sync(server, tmp_path, "--pins", pins).returncode == 0
    Pins(sums={("crds/jwst", MASK): "0" * 64}).write(pins)
    done = sync(server, tmp_path, "--pins", pins)
    assert done.returncode == 1
    assert f"{MASK}: its SHA-256 is" in done.stderr.splitlines()[-1]


def test_a_damaged_table_of_references_is_told(tmp_path):
    (tmp_path / "jwst.tsv").write_text("# crds/jwst\n# context: x\nname\n")
    with pytest.raises(InputError, match="is a damaged table of references"):
        read_table(tmp_path / "jwst.tsv")


def test_a_newer_context_of_the_observatory_is_told(server, tmp_path):
    server.context = "jwst_0002.pmap"
    done = context(server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the observatory uses jwst_0002.pmap at present" in done.stdout


def test_a_proxy_is_used_and_its_password_is_nowhere(server, tmp_path, monkeypatch):
    # The server plays the proxy: it is given the whole address, and minds its last part.
    proxy = server.url.replace("http://", f"http://user:{SECRET}@")
    monkeypatch.setenv("http_proxy", proxy)
    done = context(server, tmp_path, **{"--server": "http://crds.example.org"})
    assert done.returncode == 0, done.stderr
    assert server.asked("get_server_info") == 1
    assert SECRET not in done.stdout + done.stderr + everything_in(tmp_path)


def test_a_proxy_that_is_down_is_told_without_its_password(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:{SECRET}@127.0.0.1:9")
    monkeypatch.setattr("darkroom.transport.transfer.sleep", lambda _: None)
    client = Server("http://crds.example.org", "jwst", 5)
    with pytest.raises(DarkroomError, match="the proxy does not help") as caught:
        client.describe()
    assert SECRET not in str(caught.value)


def test_no_secret_is_in_a_log_at_any_level_nor_in_the_cache(
    server, tmp_path, monkeypatch, caplog, capfd
):
    monkeypatch.setenv("MAST_API_TOKEN", SECRET)
    monkeypatch.setenv("CRDS_PASSWORD", SECRET)
    caplog.set_level(logging.DEBUG)
    cache = Cache(tmp_path / "cache", "jwst")
    ensure_context(cache, Server(server.url, "jwst", 20), CONTEXT, ["nircam"])
    assert "GET" in caplog.text
    said = "".join(capfd.readouterr())
    assert SECRET not in caplog.text + said + everything_in(tmp_path) + str(server.requests)
    assert not server.cookies


def test_an_address_with_a_password_is_refused_and_not_repeated():
    with pytest.raises(DarkroomError, match="without a name or password") as caught:
        Server(f"https://me:{SECRET}@crds.example.org", "jwst", 5)
    assert SECRET not in str(caught.value)


def test_later_processes_get_no_secret_and_no_other_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MAST_API_TOKEN", SECRET)
    monkeypatch.setenv("CRDS_REFPATH", "/elsewhere")
    monkeypatch.setenv("CRDS_DOWNLOAD_PLUGIN", "wget")
    environment = offline_process(tmp_path, "jwst", CONTEXT)
    assert SECRET not in environment.values()
    assert "CRDS_REFPATH" not in environment
    assert "CRDS_DOWNLOAD_PLUGIN" not in environment
    assert environment["CRDS_READONLY_CACHE"] == "1"


def everything_in(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return "".join(path.read_bytes().decode("latin-1") for path in files)
