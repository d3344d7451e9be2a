"""Exposures of MAST's rows, and what is the archive's own, by a client that answers from lists."""

import pytest

from darkroom.archive import mast, mast_hst, mast_jwst, mast_tables
from darkroom.archive.mast_tables import (
    as_list,
    ask_products,
    first_five,
    make_exposure,
    query_text,
    warn_of_proprietary_files,
)
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError
from unit.archive.answers import Client, product

TOKEN = "MAST_API_TOKEN"
# Of the last day of all, where there is none in a query; a real client shows no warnings.
pytestmark = pytest.mark.filterwarnings("ignore:ERFA function")


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


def make(**row):
    return make_exposure("item", "dark", "a", product("a_raw.fits") | row, {"filter": 7})


def test_an_exposure_is_made_of_a_row():
    assert make() == Exposure(
        "item", "dark", "a", "a_raw.fits", "mast:a_raw.fits", 7, {"filter": "7"}
    )


@pytest.mark.parametrize(
    ("stated", "size"),
    [(0, 0), (1, 1), (8.0, 8), (10**14, 10**14), (None, None), (-1, None), (-1.0, None)],
)
def test_a_size_is_that_of_the_row_or_unknown(stated, size):
    found = make(size=stated).size
    assert found == size
    assert found is None or type(found) is int


@pytest.mark.parametrize(
    "stated", [-2, -3, 0.5, 10**14 + 1, 10**30, float("inf"), float("nan"), "7", "x" * 99, [7]]
)
def test_a_size_that_no_file_has_is_refused(stated):
    with pytest.raises(DarkroomError) as told:
        make(size=stated)
    shown = str(stated)[:40]
    assert str(told.value) == (
        f"item item: MAST states a size of {shown!a} bytes for a_raw.fits, which is none; lock the "
        "campaign again later"
    )


@pytest.mark.parametrize("name", ["a", "A.b_c+d-e.fits", "a" * 151])
def test_a_name_is_that_of_a_file(name):
    assert make(productFilename=name).file == name


@pytest.mark.parametrize(
    "name", ["", ".a", "-a", "_a", "a/b", "a b", "é", "a" * 152, "a\n", 7, None]
)
def test_a_name_that_no_file_may_have_is_refused(name):
    with pytest.raises(DarkroomError, match="is not allowed as a file name"):
        make(productFilename=name)
    with pytest.raises(DarkroomError, match="is not allowed as a file name"):
        make_exposure("item", "dark", name, product("a.fits"), {})


def test_each_file_is_there_once_and_the_first_row_of_it_counts():
    rows = [product("b.fits", "b"), product("a.fits", "first"), product("a.fits", "second")]
    client = Client(products=rows)
    assert [row["obs_id"] for row in ask_products(client, "item", [{"obsid": "1"}])] == [
        "first", "b",
    ]  # fmt: skip
    assert client.asked[-1] == ["1"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, ""), (1, "a"), (5, "a, b, c, d, e"), (6, "a, b, c, d, e and 1 more"),
     (8, "a, b, c, d, e and 3 more")],
)  # fmt: skip
def test_the_first_five_names_are_said(count, said):
    assert first_five("hgfedcba"[8 - count :]) == said


def test_settings_of_one_value_or_several_are_lists():
    assert [as_list(value) for value in ("ab", ["ab", "c"], ("ab",), 7)] == [
        ["ab"], ["ab", "c"], ["ab"], [7],
    ]  # fmt: skip
    query = {"obs_id": ["a", "b"], "program": 7, "none": 1}
    assert query_text(query, "program", "obs_id", "date_min") == "program: 7; obs_id: a, b"


def test_files_that_are_not_public_are_told_while_there_is_no_token(monkeypatch, caplog):
    rows = [product(f"{k}.fits", dataRights=rights) for k, rights in enumerate(
        ["PUBLIC", "EXCLUSIVE_ACCESS", "RESTRICTED", "EXCLUSIVE_ACCESS"]
    )]  # fmt: skip
    warn_of_proprietary_files("item", [product("x.fits"), rows[0]])
    assert caplog.messages == []
    warn_of_proprietary_files("item", rows)
    assert caplog.messages == [
        "item item: 3 of 4 files are not public (EXCLUSIVE_ACCESS, RESTRICTED: 1.fits, 2.fits, "
        "3.fits); put your token into the environment variable MAST_API_TOKEN before they are "
        "fetched"
    ]
    monkeypatch.setenv(TOKEN, "x")
    warn_of_proprietary_files("item", rows)
    assert len(caplog.messages) == 1


def test_each_item_is_asked_for_in_the_catalogue_of_its_mission(monkeypatch):
    monkeypatch.setattr(mast_hst, "find", lambda _, item, __: [("hst", item)])
    monkeypatch.setattr(mast_jwst, "find", lambda _, item, __: [("jwst", item)])
    monkeypatch.setattr("darkroom.archive.mast_client.Client", lambda _: None)
    items = {name: {"query": {"mission": name}} for name in ("jwst", "hst")}
    assert mast.find({}, items) == [("jwst", "jwst"), ("hst", "hst")]
    with pytest.raises(DarkroomError, match="item b lacks 'query', which says what to ask MAST fo"):
        mast.find({}, {"b": {}})


def test_an_attempt_may_take_its_time_and_the_longest_pause_before():
    row = Exposure("item", "dark", "a", "a.fits", "mast:a", 900_000_000, {})
    assert mast.longest_attempt_s(row, {"timeout_s": 60}) == 9000 + 120
    assert mast.longest_attempt_s(row, {"timeout_s": 10_000}) == 10_000 + 120
    row = Exposure("item", "dark", "a", "a.fits", "mast:a", None, {})
    assert mast.longest_attempt_s(row, {}) == 720


def test_files_of_one_archive_come_over_one_session(monkeypatch):
    """A program has one archive and one token; another one of either gets a session of its own."""
    made = []
    monkeypatch.setattr(mast, "Files", lambda archive: made.append(archive) or object())
    monkeypatch.setattr(mast, "_sessions", {})
    first = mast._files({"server": "http://a"})
    assert mast._files({"server": "http://a"}) is first
    assert mast._files({"server": "http://b"}) is not first
    monkeypatch.setenv(TOKEN, "x")
    mast._files({"server": "http://b"})
    assert len(made) == 3
    assert len(mast._sessions) == 1
    assert mast_tables.TOKEN_VARIABLE == TOKEN
