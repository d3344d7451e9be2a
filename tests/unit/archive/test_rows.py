"""Which exposures are made of MAST's rows, by a client that answers from lists."""

import pytest
from astropy.time import Time

from darkroom.archive import mast, mast_hst, mast_jwst, mast_tables
from darkroom.archive.mast_tables import (
    as_list,
    ask_products,
    first_five,
    make_exposure,
    query_text,
    warn_of_proprietary_files,
)
from darkroom.campaign.lock_rows import Exposure, NothingFound
from darkroom.errors import DarkroomError

TOKEN = "MAST_API_TOKEN"
# Of the last day of all, where there is none in a query; a real client shows no warnings.
pytestmark = pytest.mark.filterwarnings("ignore:ERFA function")


class Client:
    """A client whose catalogues answer from lists, and which keeps what it was asked."""

    def __init__(self, observations=(), products=(), keywords=()):
        self.answers = {"observations": observations, "products": products, "keywords": keywords}
        self.asked = []
        self.observations = self.keywords = self

    def query_criteria(self, **criteria):
        self.asked.append(criteria)
        rows = self.answers["observations"]
        wanted = criteria.get("obs_id")
        names = wanted if isinstance(wanted, list) else [wanted]
        return [
            row for row in rows
            if wanted is None or any(
                row["obs_id"] == name or (name[-1:] == "*" and row["obs_id"].startswith(name[:-1]))
                for name in names
            )
        ]  # fmt: skip

    def get_product_list(self, ids):
        self.asked.append(ids)
        return [
            row for row in self.answers["products"] if row.get("parent_obsid", row["obsID"]) in ids
        ]

    def service_request(self, service, params):
        self.asked.append((service, params))
        return self.answers["keywords"]

    def ask(self, query, what, columns):
        self.asked.append((what, tuple(columns)))
        return query()


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


def product(file, obs_id="", **more):
    row = {"obsID": "1", "obs_id": obs_id, "dataURI": f"mast:{file}", "productFilename": file}
    return row | {"productSubGroupDescription": "RAW", "size": 7} | more


# Exposures of rows


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


# HST

ASSOCIATION = {
    "obsid": "1",
    "obs_id": "icqtbb020",
    "instrument_name": "WFC3/IR",
    "filters": "F140W",
    "target_name": "M31",
    "t_exptime": 400.0,
}
ALONE = {
    "obsid": "2",
    "obs_id": "icqtbba1q",
    "instrument_name": "WFC3/UVIS",
    "filters": "F606W",
    "target_name": "DARK",
    "t_exptime": 900.5,
}
HST_ROWS = [
    product("icqtbbb1q_raw.fits", "icqtbbb1q", parent_obsid="1", obsID="11", project="CALWF3",
            calib_level=1),
    product("icqtbbb2q_raw.fits", "icqtbbb2q", parent_obsid="1", obsID="12", project="CALWF3",
            calib_level=1, filters="F105W"),
    product("icqtbbb1q_flt.fits", "icqtbbb1q", parent_obsid="1", obsID="11", project="CALWF3",
            calib_level=2, productSubGroupDescription="FLT"),
    product("icqtbb020_drz.fits", "icqtbb020", parent_obsid="1", obsID="1", project="HAP",
            calib_level=3, productSubGroupDescription="DRZ"),
    product("icqtbba1q_raw.fits", "icqtbba1q", obsID="2", project="CALWF3", calib_level=1),
]  # fmt: skip


def hst(client=None, **query):
    client = client or Client([ASSOCIATION, ALONE], HST_ROWS)
    return mast_hst.find(client, "item", {"query": {"mission": "hst", **query}})


def test_an_association_gives_its_members(caplog):
    first, second = hst(obs_id="ICQTBB020")
    assert (first.exposure, first.file, first.role) == (
        "icqtbbb1q",
        "icqtbbb1q_raw.fits",
        "science",
    )
    assert first.facts == {
        "instrument": "WFC3", "detector": "IR", "filter": "F140W", "exptime_s": "",
        "association": "icqtbb020",
    }  # fmt: skip
    assert second.facts["filter"] == "F105W"


def test_an_exposure_alone_has_the_facts_of_its_own_observation():
    (found,) = hst(obs_id=["icqtbba1q"])
    assert found.role == "dark"
    assert found.facts == {
        "instrument": "WFC3", "detector": "UVIS", "filter": "F606W", "exptime_s": "900.5",
        "association": "",
    }  # fmt: skip
    without = {key: ALONE[key] for key in ("obsid", "obs_id")}
    (found,) = hst(Client([without], HST_ROWS), obs_id="icqtbba1q")
    assert set(found.facts.values()) == {""}
    assert found.role == "science"


def test_facts_of_an_observation_are_taken_where_it_can_be_no_other():
    """A row may name a parent that the catalogue did not list."""
    rows = [product("icqtbba1q_raw.fits", "icqtbba1q", obsID="77")]
    one, two = Client([ALONE], rows), Client([ALONE, ASSOCIATION], rows)
    one.get_product_list = two.get_product_list = lambda _: rows
    (found,) = hst(one, obs_id="icqtbba1q")
    assert (found.role, found.facts["detector"]) == ("dark", "UVIS")
    (found,) = hst(two, proposal_id=1)
    assert (found.role, found.facts["detector"]) == ("science", "")


@pytest.mark.parametrize(
    ("target", "role"), [("BIAS", "bias"), ("DARK", "dark"), ("DARK-1", "science")]
)
def test_calibration_exposures_are_known_by_their_target(target, role):
    (found,) = hst(Client([ALONE | {"target_name": target}], HST_ROWS), obs_id="icqtbba1q")
    assert found.role == role


def test_an_observation_is_looked_for_in_both_cases_and_a_proposal_by_its_number():
    client = Client([ASSOCIATION, ALONE], HST_ROWS)
    assert len(hst(client, obs_id=["IcQtBB020", "icqtbba1q"], proposal_id=14037)) == 3
    assert client.asked[1] == {
        "obs_collection": "HST", "proposal_id": ["14037"],
        "obs_id": ["ICQTBB020", "ICQTBBA1Q", "icqtbb020", "icqtbba1q"],
    }  # fmt: skip
    client = Client([ASSOCIATION, ALONE], HST_ROWS)
    assert len(hst(client, proposal_id=14037)) == 3
    assert client.asked[1] == {"obs_collection": "HST", "proposal_id": ["14037"]}


def test_an_exposure_of_an_association_is_looked_for_in_those_of_its_visit():
    client = Client([ASSOCIATION], HST_ROWS)
    (found,) = hst(client, obs_id="ICQTBBB2Q")
    assert (found.exposure, found.facts["association"]) == ("icqtbbb2q", "icqtbb020")
    assert client.asked[3] == {"obs_collection": "HST", "obs_id": "icqtbb*"}
    # The names of associations say nothing of a visit in common.
    client = Client([ASSOCIATION], HST_ROWS)
    with pytest.raises(NothingFound, match="no HST observation with obs_id: icqtbb02; look for a"):
        hst(client, obs_id="icqtbb02")
    assert len(client.asked) == 2
    # What is chosen beside it is chosen all the same.
    assert len(hst(obs_id="icqtbbb2q", exposures=["icqtbbb1q", "icqtbbb2q"])) == 2


def test_of_several_names_one_that_is_not_there_is_told():
    with pytest.raises(
        DarkroomError, match="no HST observation icqtbbb1q; an exposure of an assoc"
    ):
        hst(obs_id=["icqtbb020", "icqtbbb1q"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"products": ["FLT"]}, ["icqtbbb1q"]),
        ({"products": ["RAW", "FLT"]}, ["icqtbbb1q_flt", "icqtbbb1q_raw", "icqtbbb2q_raw"]),
        ({"exposures": ["ICQTBBB2Q"]}, ["icqtbbb2q"]),
        (
            {"project": "".join(["CAL", "WF3"]), "products": ["RAW", "DRZ"]},
            ["icqtbbb1q_raw", "icqtbbb2q_raw"],
        ),
        ({"products": ["RAW", "DRZ"], "calib_level": [3]}, ["icqtbb020_drz"]),
    ],
)
def test_kinds_exposures_projects_and_levels_choose(query, names):
    assert [row.exposure for row in hst(obs_id="icqtbb020", **query)] == names


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"project": "HLA"}, r"lists 4 products, but none with products: RAW; project: HLA; it has "
         r"DRZ, FLT, RAW of icqtbb020, icqtbbb1q, icqtbbb2q$"),
        ({"calib_level": [4]}, "none with products: RAW; calib_level: 4; it has"),
        ({"exposures": ["icqtbbb9q"]}, "none with products: RAW; exposures: icqtbbb9q; it has"),
        ({"exposures": ["icqtbbb1q", "icqtbbb9q"], "products": ["RAW", "FLT"]},
         "MAST lists no RAW/FLT of icqtbbb9q; it has products of icqtbb020, icqtbbb1q, icqtbbb2q$"),
    ],
)  # fmt: skip
def test_what_is_not_among_the_products_is_told_with_what_is(query, said):
    with pytest.raises(DarkroomError, match=said):
        hst(obs_id="icqtbb020", **query)


def test_an_observation_without_products_is_told():
    with pytest.raises(NothingFound, match="knows the observation but lists no products of it"):
        hst(Client([ASSOCIATION]), obs_id="icqtbb020")


# JWST

NAME = "jw01062001001_02101_0000{}_nrc{}"
DARKS = {"mission": "jwst", "program": 1062, "exp_type": "NRC_DARK"}


def keyword(name, kind="dark", **more):
    row = {"filename": f"{name}_{kind}.fits", "dataURI": f"mast:{name}_{kind}.fits"}
    row |= {"fileSize": 9, "detector": name.rpartition("_")[2].upper()}
    return row | {"subarray": "FULL", "readpatt": "RAPID", "filter": "F070W"} | more


def jwst(client, **query):
    settings = {"instrument": "nircam", "query": DARKS | query}
    return mast_jwst.find(client, "item", settings)


FIRST, SECOND = NAME.format(1, "a1"), NAME.format(2, "b4")


def test_files_that_are_listed_are_taken_from_the_answer():
    facts = {
        "effexptm": 107.368,
        "subsize1": 2048,
        "subsize2": 64,
        "expstart": Time("2022-05-01").mjd,
    }
    client = Client(keywords=[keyword(SECOND, "uncal"), keyword(FIRST, "uncal", **facts)])
    first, second = jwst(client)
    assert (first.exposure, first.file, first.role) == (FIRST, f"{FIRST}_uncal.fits", "dark")
    assert (first.uri, first.size) == (f"mast:{FIRST}_uncal.fits", 9)
    assert first.facts == {
        "detector": "NRCA1", "subarray": "FULL", "readpatt": "RAPID", "filter": "F070W",
        "instrument": "NIRCAM", "exptime_s": "107.368", "shape": "64x2048",
        "date_obs": "2022-05-01T00:00:00",
    }  # fmt: skip
    assert set(second.facts) == {"detector", "subarray", "readpatt", "filter", "instrument"}
    assert [asked for asked in client.asked if isinstance(asked, dict)] == []
    assert client.asked[1][0] == "Mast.Jwst.Filtered.Nircam"


def filters(**query):
    client = Client(keywords=[keyword(FIRST, "uncal")])
    jwst(client, **query)
    (params,) = [one[1] for one in client.asked if one[0] == "Mast.Jwst.Filtered.Nircam"]
    assert params["columns"] == "*"
    return {one["paramName"]: one["values"] for one in params["filters"]}


def test_a_query_has_the_conditions_that_were_written():
    assert filters() == {"program": ["01062", "1062"], "exp_type": ["NRC_DARK"]}
    assert filters(program="12345")["program"] == ["12345"]
    lists = {"detectors": ["NRCA1"], "readpatt": ["RAPID"], "subarray": ["FULL"]}
    found = filters(**lists)
    assert (found["detector"], found["readpatt"], found["subarray"]) == (
        ["NRCA1"],
        ["RAPID"],
        ["FULL"],
    )


def test_days_are_whole_and_both_are_included():
    first, last = Time("2022-05-01").mjd, Time("2022-05-03").mjd
    (days,) = filters(date_min="2022-05-01", date_max="2022-05-03")["date_obs_mjd"]
    assert (days["min"], round(days["max"] - last, 6)) == (first, 0.999999)
    (days,) = filters(date_min="2022-05-01")["date_obs_mjd"]
    assert (days["min"], days["max"] > Time("2090-01-01").mjd) == (first, True)
    (days,) = filters(date_max="2022-05-03")["date_obs_mjd"]
    assert (days["min"], days["max"] > last) == (Time("2021-12-25").mjd, True)


def test_raw_files_that_are_not_listed_are_looked_up_in_the_other_catalogue(monkeypatch):
    monkeypatch.setattr(mast_jwst, "_NAMES_A_QUERY", 2)
    names = [NAME.format(k, "a1") for k in range(1, 6)]
    rows = [product(f"{name}_uncal.fits", name, obsID=name) for name in names[1:]]
    rows.append(product("readme.txt", names[1], obsID=names[1]))
    client = Client(
        [{"obsid": name, "obs_id": name} for name in names],
        rows,
        [keyword(name) for name in names] + [keyword(names[0], "uncal")],
    )
    found = jwst(client)
    assert [row.file for row in found] == [f"{name}_uncal.fits" for name in names]
    assert [row.size for row in found] == [9, 7, 7, 7, 7]
    asked = [one["obs_id"] for one in client.asked if isinstance(one, dict)]
    assert asked == [names[1:3], names[3:]]
    assert {one["obs_collection"] for one in client.asked if isinstance(one, dict)} == {"JWST"}


def test_a_file_without_an_address_is_looked_up_in_the_other_catalogue():
    row = keyword(FIRST, "uncal")
    del row["dataURI"]
    rows = [product(f"{FIRST}_uncal.fits", FIRST, obsID=FIRST)]
    (found,) = jwst(Client([{"obsid": FIRST, "obs_id": FIRST}], rows, [row]))
    assert (found.uri, found.size) == (f"mast:{FIRST}_uncal.fits", 7)


def test_several_kinds_of_file_have_names_of_their_own():
    client = Client(keywords=[keyword(FIRST), keyword(FIRST, "uncal"), keyword(FIRST, "rate")])
    found = jwst(client, products=["DARK", "UNCAL"])
    assert [row.exposure for row in found] == [f"{FIRST}_dark", f"{FIRST}_uncal"]
    (found,) = jwst(client, products=["RATE"])
    assert (found.exposure, found.file) == (FIRST, f"{FIRST}_rate.fits")


def test_other_exposures_than_darks_have_another_role():
    client = Client(keywords=[keyword(FIRST, "uncal")])
    (found,) = jwst(client, exp_type="NRC_IMAGE")
    assert found.role == "exposure"


def test_segments_are_exposures_and_other_files_are_none():
    segment = "jw01062001001_02101_00001-seg002_nrca1"
    names = [f"{segment}_uncal.fits", "jw01062_t001_nircam_i2d.fits", f"{FIRST}_uncal.fits.gz"]
    rows = [keyword(segment, "uncal") | {"filename": name} for name in names]
    assert [row.exposure for row in jwst(Client(keywords=rows))] == [segment]


def test_exposures_are_chosen_by_name_in_any_case():
    client = Client(keywords=[keyword(FIRST, "uncal"), keyword(SECOND, "uncal")])
    assert [row.exposure for row in jwst(client, exposures=[SECOND.upper()])] == [SECOND]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"detectors": ["NRCA1", "NRCA2"]}, "MAST has nothing of NRCA2 with program: 1062; exp_type"
         ": NRC_DARK; detectors: NRCA1, NRCA2; it has 2 exposures of NRCA1, NRCB4"),
        ({"exposures": [FIRST, "JW1"]}, "MAST has nothing of jw1 with program: 1062; exp_type: NRC_"
         "DARK; it has 2 exposures of NRCA1, NRCB4"),
    ],
)  # fmt: skip
def test_what_the_answer_lacks_is_told(query, said):
    client = Client(keywords=[keyword(FIRST, "uncal"), keyword(SECOND, "uncal")])
    with pytest.raises(DarkroomError) as told:
        jwst(client, **query)
    assert str(told.value) == f"item item: {said}"


def test_an_empty_answer_is_told_with_what_was_asked():
    with pytest.raises(
        NothingFound, match="no NIRCAM exposure with program: 1062; exp_type: NRC_D"
    ):
        jwst(Client())
    with pytest.raises(NothingFound, match="readpatt: RAPID; date_min: 2022-05-01; look for a mis"):
        jwst(Client(), readpatt=["RAPID"], date_min="2022-05-01")


def test_exposures_without_the_file_that_is_asked_for_are_told():
    client = Client(keywords=[keyword(FIRST), keyword(SECOND)])
    with pytest.raises(DarkroomError, match=f"lists no file {FIRST}_uncal.fits, {SECOND}_uncal.fi"):
        jwst(client)
    # Without observations the other catalogue is not asked for products of none.
    assert [one for one in client.asked if isinstance(one, list)] == []


# The archive


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
