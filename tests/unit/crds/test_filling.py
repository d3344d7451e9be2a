"""What a fill of a cache fetches, in which order, what it leaves alone, and what it says."""

import logging
import os
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from darkroom.crds import fill
from darkroom.crds.cache import Cache
from darkroom.crds.description import FileRecord
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.server import Server
from darkroom.errors import DarkroomError
from darkroom.integrity import records
from darkroom.integrity.watch import settle
from fork_tests import in_a_process
from loopback.crds import Crds, tiny_files

CONTEXT = "jwst_0001.pmap"
MASK, SUPERBIAS = "jwst_nircam_mask_0001.fits", "jwst_nircam_superbias_0001.fits"
RMAP = "jwst_nircam_mask_0001.rmap"
MAPPINGS = [CONTEXT, "jwst_nircam_0001.imap", RMAP, "jwst_nircam_superbias_0001.rmap"]
DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def running():
    """Give a running server of the smallest rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost")
        with Crds("jwst", tiny_files(), CONTEXT) as server:
            yield server


@pytest.fixture
def server(running, monkeypatch):
    """Give it without faults or anything asked so far, and clients that do not pause."""
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr("darkroom.transport.transfer.sleep", lambda _: None)
    stated = {name: dict(known) for name, known in running.stated.items()}
    yield running
    running.requests.clear()
    running.faults.clear()
    running.instead.clear()
    running.stated = stated


@pytest.fixture
def client(server):
    return Server(server.url, "jwst", 20)


@pytest.fixture
def cache(tmp_path):
    """Give an empty cache."""
    return Cache(tmp_path / "crds", "jwst")


@pytest.fixture
def filled(cache, client):
    """Give a cache with both references."""
    ensure_context(cache, client, CONTEXT, ["nircam"])
    ensure_references(cache, client, wanted(cache))
    return cache


def wanted(cache, *names):
    return [cache.record(name) for name in names or (SUPERBIAS, MASK)]


def files_asked(server):
    """Return the names of the files that were asked for, each as often as it was."""
    return [name for method, name, _ in server.requests if method == "GET"]


def test_the_mappings_come_in_their_order_and_the_references_in_that_of_their_names(
    server, client, cache
):
    assert ensure_context(cache, client, CONTEXT, ["nircam"]) == MAPPINGS
    assert files_asked(server) == MAPPINGS
    server.requests.clear()
    places = ensure_references(cache, client, wanted(cache) + wanted(cache, MASK))
    assert [record.name for record, _ in places] == [MASK, SUPERBIAS]
    assert [path.read_bytes() for _, path in places] == [
        server.files[MASK],
        server.files[SUPERBIAS],
    ]
    assert files_asked(server) == [MASK, SUPERBIAS]


def test_an_instrument_that_nobody_asks_for_is_not_fetched(client, cache):
    assert ensure_context(cache, client, CONTEXT, []) == [CONTEXT]


def test_only_what_is_missing_or_damaged_is_fetched(server, client, filled):
    filled.mapping(RMAP).write_text("damaged")
    filled.reference(MASK).write_bytes(b"damaged")
    server.requests.clear()
    assert ensure_context(filled, client, CONTEXT, ["nircam"]) == MAPPINGS
    ensure_references(filled, client, wanted(filled))
    assert files_asked(server) == [RMAP, MASK]
    server.requests.clear()
    ensure_context(filled, client, CONTEXT, ["nircam"])
    ensure_references(filled, client, wanted(filled))
    assert server.requests == []


def test_a_complete_cache_needs_no_server_and_another_is_told_what_it_lacks(filled):
    assert ensure_context(filled, None, CONTEXT, ["nircam"]) == MAPPINGS
    assert len(ensure_references(filled, None, wanted(filled))) == 2
    both = wanted(filled)
    filled.reference(MASK).unlink()
    filled.reference(SUPERBIAS).write_bytes(b"x")
    with pytest.raises(DarkroomError) as told:
        ensure_references(filled, None, both)
    assert str(told.value) == (
        f"CRDS cache {filled.path}: {MASK} is not in the cache; {SUPERBIAS} has 1 bytes, the "
        f"server states {both[0].size}, and no server may be asked"
    )
    filled.mapping(RMAP).unlink()
    with pytest.raises(DarkroomError) as told:
        ensure_context(filled, None, CONTEXT, ["nircam"])
    assert str(told.value) == (
        f"CRDS cache {filled.path}: {RMAP} is not in the cache, and no server may be asked"
    )


def test_a_description_from_before_the_context_is_fetched_anew(server, client, filled):
    """Its references would be of sizes and sums that nobody states."""
    known = server.stated.pop(CONTEXT)
    filled.server_config.unlink()
    with pytest.raises(DarkroomError, match="does not know the context"):
        ensure_context(filled, client, CONTEXT, ["nircam"])
    assert filled.description().record(CONTEXT) is None
    server.stated[CONTEXT] = known
    assert ensure_context(filled, client, CONTEXT, ["nircam"]) == MAPPINGS
    assert filled.description().record(CONTEXT).size == int(known["size"])


def test_without_a_server_an_old_description_is_enough(server, client, filled):
    server.stated.pop(CONTEXT)
    filled.server_config.unlink()
    with pytest.raises(DarkroomError, match="does not know the context"):
        ensure_context(filled, client, CONTEXT, ["nircam"])
    assert ensure_context(filled, None, CONTEXT, ["nircam"]) == MAPPINGS


def test_a_context_that_is_not_known_is_told_with_the_newest_there_is(server, client, cache):
    server.stated["jwst_0002.pmap"] = server.stated[CONTEXT]
    with pytest.raises(DarkroomError, match=r"jwst_0777\.pmap \(its newest is jwst_0002\.pmap\);"):
        ensure_context(cache, client, "jwst_0777.pmap", ["nircam"])
    server.stated.clear()
    with pytest.raises(DarkroomError, match=r"\(its newest is none at all\); check crds: context"):
        ensure_context(cache, client, "jwst_0777.pmap", ["nircam"])
    assert files_asked(server) == []


def test_mappings_that_their_server_contradicts_are_not_given(server, client, cache):
    """What came is what the server states, and is no mapping all the same."""
    content = server.files[RMAP]
    server.files[RMAP] = content.replace(b"selector", b"selectir")
    honest = Crds("jwst", server.files, CONTEXT)
    honest.server_close()
    server.stated = honest.stated
    try:
        with pytest.raises(DarkroomError) as told:
            ensure_context(cache, client, CONTEXT, ["nircam"])
    finally:
        server.files[RMAP] = content
    assert str(told.value) == (
        f"{RMAP} is damaged: its SHA-1 is not the one it states, though it is what {server.url} "
        "states"
    )


def test_a_layout_that_is_there_stays_and_another_is_noted_before_the_description(
    client, cache, monkeypatch
):
    written = []
    write = fill._write
    monkeypatch.setattr(
        fill, "_write", lambda path, text: written.append((path.name, text)) or write(path, text)
    )
    ensure_context(cache, client, CONTEXT, [])
    assert [name for name, _ in written] == [cache.layout_file.name, cache.server_config.name]
    assert cache.layout_file.read_text() == "instrument"
    cache.layout_file.write_text("flat")
    cache.server_config.unlink()
    ensure_context(cache, client, CONTEXT, [])
    assert cache.layout_file.read_text() == "flat"


def test_one_that_fails_stops_no_other_and_the_rest_is_tried_once(server, client, cache):
    ensure_context(cache, client, CONTEXT, ["nircam"])
    both = wanted(cache)
    for name in (MASK, SUPERBIAS):
        server.faults.add("cut", name)
    with pytest.raises(DarkroomError) as told:
        ensure_references(cache, client, both)
    assert files_asked(server).count(MASK) == 4
    assert files_asked(server).count(SUPERBIAS) == 1
    first, second = str(told.value).split("; fetching")
    assert first.startswith(f"fetching {MASK} from {server.url}: the connection broke off (4 atte")
    assert second.startswith(f" {SUPERBIAS} from {server.url}: the connection broke off (1 attempt")
    server.faults.clear()
    server.faults.add("missing", MASK)
    with pytest.raises(DarkroomError, match="HTTP 404"):
        ensure_references(cache, client, both)
    assert cache.fault(both[0]) is None


def test_a_file_that_was_replaced_since_it_was_chosen_is_told_and_the_others_come(
    server, client, cache
):
    ensure_context(cache, client, CONTEXT, ["nircam"])
    both = wanted(cache)
    server.stated[MASK] = {"size": "2880", "sha1sum": "1" * 40}
    with pytest.raises(DarkroomError, match=f"now states 2880 bytes and SHA-1 1{{40}} of {MASK}"):
        ensure_references(cache, client, both)
    assert files_asked(server)[-1] == SUPERBIAS
    assert cache.fault(both[0]) is None
    # One of which nothing is stated any more is asked for all the same: its sum is known.
    del server.stated[MASK]
    assert len(ensure_references(cache, client, both)) == 2


def test_a_server_that_states_no_address_of_files_is_told(server, client, cache):
    ensure_context(cache, client, CONTEXT, ["nircam"])
    one = wanted(cache, MASK)
    call = server.call

    def without(method, parameters):
        return call(method, parameters) | {"reference_url": {}}

    server.call = without
    try:
        with pytest.raises(DarkroomError, match=f"does not state the address of {MASK}"):
            ensure_references(cache, client, one)
    finally:
        del server.call


@pytest.mark.parametrize(("free", "fits"), [(0, True), (-1, False)])
def test_a_disk_is_big_enough_for_exactly_what_is_missing(client, filled, monkeypatch, free, fits):
    both = wanted(filled)
    filled.reference(MASK).unlink()
    needed = both[1].size
    disk = SimpleNamespace(free=needed + free)
    asked = []
    monkeypatch.setattr(fill.shutil, "disk_usage", lambda path: asked.append(path) or disk)
    if fits:
        ensure_references(filled, client, both)
    else:
        with pytest.raises(DarkroomError, match=f"{filled.path}: the missing references need"):
            ensure_references(filled, client, both)
    assert asked == [filled.path]


def test_what_does_not_fit_is_told_in_megabytes(cache, monkeypatch):
    monkeypatch.setattr(fill.shutil, "disk_usage", lambda _: SimpleNamespace(free=31e6))
    records_ = [FileRecord(f"{k}.fits", 27_249_990, "0" * 40) for k in range(2)]
    with pytest.raises(DarkroomError, match="need 54 MB, 31 MB are free"):
        fill._require_space(cache, records_)


def leave(cache, *, age_s):
    """Leave a temporary file of each kind; return their paths."""
    paths = [
        cache.path / folder / "jwst" / name
        for folder, name in (
            ("config", ".server_config.0.part"),
            ("mappings", ".x.rmap.0.part"),
            ("references", "nircam/.x.fits.0.part"),
        )
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    return paths


@pytest.mark.parametrize(
    ("alone", "age_s", "stay"),
    [
        (True, 0, False),
        (False, DAY_S + 60, False),
        (False, DAY_S - 60, True),
        # Of a host whose clock is ahead.
        (False, -2 * DAY_S, True),
    ],
)
def test_leftovers_go_when_they_can_be_nobodys(cache, alone, age_s, stay):
    paths = leave(cache, age_s=age_s)
    other = cache.path / "references/jwst/nircam/x.fits"
    other.touch()
    fill._remove_leftovers(cache, alone)
    assert [path.exists() for path in paths] == [stay] * 3
    assert other.exists()


def test_a_leftover_that_cannot_be_removed_is_told_and_in_nobodys_way(cache, caplog):
    caplog.set_level(logging.INFO)
    paths = leave(cache, age_s=0)
    paths[0].unlink()
    paths[0].mkdir()
    fill._remove_leftovers(cache, True)
    assert f"{paths[0]} cannot be removed (Is a directory)" in caplog.text
    assert [path.exists() for path in paths] == [True, False, False]


@pytest.mark.parametrize(("timeout_s", "patience_s"), [(5, 60), (600, 600)])
def test_another_that_fills_may_be_silent_as_long_as_one_answer_and_a_minute_at_least(
    server, cache, monkeypatch, timeout_s, patience_s
):
    """Its file may take as long as the server's limit, during which nothing may come."""
    known, filling = [], fill.filling

    @contextmanager
    def noting(path, patience_s):
        known.append((path, patience_s))
        with filling(path, patience_s) as holder:
            yield holder

    monkeypatch.setattr(fill, "filling", noting)
    ensure_context(cache, Server(server.url, "jwst", timeout_s), CONTEXT, [])
    assert known == [(cache.path / "config/jwst/.filling", patience_s)]


def test_those_who_wait_are_told_what_is_fetched(server, client, cache, caplog):
    caplog.set_level(logging.INFO)
    server.faults.add("missing", SUPERBIAS)
    ensure_context(cache, client, CONTEXT, ["nircam"])
    with pytest.raises(DarkroomError):
        ensure_references(cache, client, wanted(cache))
    lock = (cache.path / "config/jwst/.filling").read_text()
    assert lock.endswith(f"process {os.getpid()} fetches {SUPERBIAS}\n")
    assert f"fetching {MASK} (0.0 MB)" in caplog.text


def test_sizes_are_logged_in_megabytes(cache, caplog):
    caplog.set_level(logging.INFO)
    session = fill._Session.__new__(fill._Session)
    session.cache, session.holder = cache, SimpleNamespace(heartbeat=lambda _: None)
    session.server = SimpleNamespace(fetch=lambda *_: None)
    session.description = SimpleNamespace(folder_of=lambda _: "http://x")
    session.fetch(FileRecord(MASK, 83_400_000, "0" * 40))
    assert f"fetching {MASK} (83.4 MB)" in caplog.text


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(client, cache):
    cache.path.mkdir()
    (cache.path / "config").write_text("in the way")
    with pytest.raises(DarkroomError) as told:
        ensure_context(cache, client, CONTEXT, ["nircam"])
    assert str(told.value) == (
        f"{cache.path / 'config/jwst'}: cannot be written (Not a directory); have the owner of the "
        "cache fill it, or give a folder of your own (crds: path)"
    )
    assert str(fill._not_writable(cache, OSError())).startswith(
        f"{cache.path}: cannot be written (Success)"
    )


@in_a_process
def test_what_a_campaign_uses_of_a_cache_within_its_results_is_recorded(
    server, client, tmp_path, monkeypatch
):
    """Also what another process fetched before that recorded nothing, as after a power cut."""
    results = tmp_path / "results"
    cache = Cache(results / "crds", "jwst")
    ensure_context(cache, client, CONTEXT, ["nircam"])
    ensure_references(cache, client, wanted(cache))
    monkeypatch.chdir(tmp_path)
    records.begin(results, "snakemake", [])
    ensure_context(cache, None, CONTEXT, ["nircam"])
    ensure_references(cache, None, wanted(cache))
    settle()
    used = [cache.layout_file, cache.server_config, *map(cache.mapping, MAPPINGS)]
    for path in (*used, cache.reference(MASK), cache.reference(SUPERBIAS)):
        assert records.place(results, path).exists(), path
