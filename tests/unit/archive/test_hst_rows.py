"""Which exposures of HST are made of MAST's rows, by a client that answers from lists."""

import pytest

from darkroom.archive import mast_hst
from darkroom.campaign.lock_rows import NothingFound
from darkroom.errors import DarkroomError
from unit.archive.answers import Client, product

TOKEN = "MAST_API_TOKEN"
# Of the last day of all, where there is none in a query; a real client shows no warnings.
pytestmark = pytest.mark.filterwarnings("ignore:ERFA function")


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


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
