"""Which exposures of JWST are made of MAST's rows, by a client that answers from lists."""

import pytest
from astropy.time import Time

from darkroom.archive import mast_jwst
from darkroom.campaign.lock_rows import NothingFound
from darkroom.errors import DarkroomError
from unit.archive.answers import Client, product

TOKEN = "MAST_API_TOKEN"
# Of the last day of all, where there is none in a query; a real client shows no warnings.
pytestmark = pytest.mark.filterwarnings("ignore:ERFA function")


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


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
