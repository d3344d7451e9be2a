"""The MAST client against the loopback archive: what is found, what is brought, what is told."""

import logging
import os

import pytest

from darkroom.archive import mast, mast_client
from darkroom.archive.mast_client import Client
from darkroom.archive.receive import receive
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from loopback.catalogue import FIELDS, PRODUCTS, Catalogue, Observation, Product, association, darks
from loopback.mast import Mast

TOKEN = "5ec4e700000000000000000000000000"
RAW = "mast:HST/product/icqtbbbxq_raw.fits"
BB = {"mission": "hst", "obs_id": "icqtbb020"}
DARKS = {"mission": "jwst", "program": 1062, "exp_type": "NRC_DARK"}


@pytest.fixture
def server(queried_server, monkeypatch):
    """The loopback archive, without faults, token or anything asked so far."""
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    monkeypatch.setattr(mast_client, "sleep", lambda _: None)
    queried_server.reset()
    catalogue, products = queried_server.catalogue, dict(queried_server.catalogue.products)
    yield queried_server
    queried_server.catalogue = catalogue
    catalogue.products = products


@pytest.fixture
def archive(server):
    """Settings of the loopback archive: no second attempt, soon impatient."""
    return {"kind": "mast", "server": server.url, "timeout_s": 5, "retries": 0}


def find(archive, query):
    instrument = {"hst": "wfc3", "jwst": "nircam"}[query["mission"]]
    return mast.find(archive, {"item": {"instrument": instrument, "query": query}})


def raw(server, **changed):
    """The lock's row of one raw file."""
    values = {
        "item": "item",
        "role": "science",
        "exposure": "icqtbbbxq",
        "file": "icqtbbbxq_raw.fits",
        "uri": RAW,
        "size": len(server.catalogue.products[RAW].content),
    }
    return Exposure(**(values | changed))


# What is found


@pytest.mark.parametrize("name", ["icqtbb020", "ICQTBB020"])
def test_an_association_is_found_by_its_name_in_any_case(archive, name):
    found = find(archive, BB | {"obs_id": name})
    assert [e.exposure for e in found] == ["icqtbbbrq", "icqtbbbtq", "icqtbbbxq", "icqtbbc0q"]


def test_a_row_has_name_address_and_size(archive, server):
    found = find(archive, BB | {"exposures": ["ICQTBBBXQ"]})
    assert [(e.exposure, e.file, e.uri, e.size) for e in found] == [
        ("icqtbbbxq", "icqtbbbxq_raw.fits", RAW, len(server.catalogue.products[RAW].content))
    ]


def test_an_exposure_of_an_association_is_found_by_its_own_name(archive):
    """The catalogue does not list it; its visit's association does."""
    (found,) = find(archive, BB | {"obs_id": "ICQTBBBXQ"})
    assert (found.exposure, found.facts["association"]) == ("icqtbbbxq", "icqtbb020")


def test_an_association_that_is_misspelt_beside_a_right_one_is_told(archive):
    with pytest.raises(DarkroomError, match=r"MAST has no HST observation icqtbb0z0; an exposure"):
        find(archive, BB | {"obs_id": ["icqtbb020", "icqtbb0z0"]})


def test_the_calibration_level_chooses(archive):
    kinds = {"products": ["RAW", "FLT", "DRZ"], "calib_level": [2, 3]}
    names = [e.exposure for e in find(archive, BB | kinds)]
    assert len(names) == 5
    assert not [name for name in names if name.endswith("_raw")]


def test_files_that_not_everybody_gets_are_told_when_there_is_no_token(
    archive, server, monkeypatch, caplog
):
    monkeypatch.setattr(server.catalogue.products[RAW], "rights", "EXCLUSIVE_ACCESS")
    find(archive, BB)
    assert (
        "item item: 1 of 4 files are not public (EXCLUSIVE_ACCESS: icqtbbbxq_raw.fits); put your "
        "token into the environment variable MAST_API_TOKEN before they are fetched"
    ) in caplog.text
    caplog.clear()
    server.token = TOKEN
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    find(archive, BB)
    assert "not public" not in caplog.text


def test_facts_of_an_association_member(archive):
    """Its exposure time is not told: the catalogue's is that of the whole association."""
    (found,) = find(archive, BB | {"exposures": ["icqtbbbxq"]})
    told = {name: value for name, value in found.facts.items() if value}
    assert told == {
        "instrument": "WFC3",
        "detector": "IR",
        "filter": "F140W",
        "association": "icqtbb020",
    }


def test_several_kinds_of_product_have_names_of_their_own(archive):
    found = find(archive, BB | {"exposures": ["icqtbbbxq"], "products": ["RAW", "FLT"]})
    assert [e.exposure for e in found] == ["icqtbbbxq_flt", "icqtbbbxq_raw"]


def test_a_proposal_gives_all_its_exposures(archive):
    assert len(find(archive, {"mission": "hst", "proposal_id": 14037})) == 4


def test_calibration_exposures_have_their_role(archive, server):
    server.catalogue = Catalogue([association("iaaa01010", "1", ["iaaa01aaq"], nsamp=1)])
    next(iter(server.catalogue.observations.values())).target = "DARK"
    assert [e.role for e in find(archive, BB | {"obs_id": "iaaa01010"})] == ["dark"]


def test_raw_darks_are_found_where_only_calibrated_ones_are_listed(archive, server):
    """The catalogue of keywords lists ``_dark.fits``; CAOM knows the raw files."""
    found = find(archive, DARKS | {"detectors": ["NRCALONG"]})
    assert [e.file for e in found] == [
        f"jw01062001001_02101_{number:05d}_nrcalong_uncal.fits" for number in (1, 2, 3, 4)
    ]
    assert {e.role for e in found} == {"dark"}
    assert server.asked("Mast.Caom.Products") == 1


def test_raw_darks_that_are_listed_are_not_looked_up_again(archive, server):
    server.catalogue = Catalogue(darks("1062", 1, listed="uncal"))
    assert len(find(archive, DARKS)) == 10
    assert server.asked("Mast.Caom.Products") == 0


def test_facts_of_a_nircam_dark(archive):
    found = find(archive, DARKS | {"detectors": ["NRCB4"]})[0]
    told = {name: value for name, value in found.facts.items() if value}
    assert told == {
        "instrument": "NIRCAM",
        "detector": "NRCB4",
        "subarray": "FULL",
        "readpatt": "RAPID",
        "shape": "2048x2048",
        "exptime_s": "107.368",
        "date_obs": "2022-05-01T00:14:24",
    }


def test_both_days_of_a_range_are_included(archive):
    day = {"date_min": "2022-05-01", "date_max": "2022-05-01"}
    assert len(find(archive, DARKS | day)) == 40


def test_single_darks_can_be_chosen(archive):
    name = "jw01062001001_02101_00003_nrcb1"
    assert [e.exposure for e in find(archive, DARKS | {"exposures": [name.upper()]})] == [name]


def test_an_unknown_size_stays_unknown(archive, server):
    server.faults.add("no_size", "Mast.Caom.Products")
    assert {e.size for e in find(archive, BB)} == {None}


def test_a_running_query_is_waited_for(archive, server):
    server.faults.add("executing", "Mast.Caom.Filtered", times=3)
    assert len(find(archive, BB)) == 4


# Empty and incomplete answers


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            BB | {"obs_id": "icqtbb02"},
            r"item item: MAST has no HST observation with obs_id: icqtbb02; look for a misspelt",
        ),
        (BB | {"exposures": ["icqtbbbxx"]}, r"none with products: RAW; exposures: icqtbbbxx; it "),
        (
            BB | {"exposures": ["icqtbbbxq", "icqtbbbxx"]},
            r"MAST lists no RAW of icqtbbbxx; it has products of icqtbb020, icqtbbbrq",
        ),
        (BB | {"products": ["IMA"]}, r"9 products, but none with products: IMA; it has DRZ, FLT"),
        (BB | {"project": "HAP"}, r"none with products: RAW; project: HAP"),
        (
            DARKS | {"readpatt": ["DEEP8"]},
            r"no NIRCAM exposure with program: 1062; exp_type: NRC_DARK; readpatt: DEEP8; look",
        ),
        (DARKS | {"date_min": "2022-05-02"}, r"date_min: 2022-05-02; look for a misspelt value"),
        (DARKS | {"exposures": ["jw1"]}, r"MAST has nothing of jw1 with program: 1062"),
    ],
)
def test_what_is_not_there_is_told(archive, query, told):
    with pytest.raises(DarkroomError, match=told):
        find(archive, query)


def test_a_detector_without_exposures_is_named(archive, server):
    first = list(server.catalogue.observations.values())
    server.catalogue = Catalogue([o for o in first if "nrca2" not in o.obs_id])
    with pytest.raises(DarkroomError, match=r"nothing of NRCA2 with .*; it has 4 exposures of NRC"):
        find(archive, DARKS | {"detectors": ["NRCA1", "NRCA2"]})


def test_darks_without_raw_files_are_named(archive, server):
    for observation in server.catalogue.observations.values():
        if "00002_nrcb3" in observation.obs_id:
            whole, observation.products = observation.products, observation.products[1:]
            try:
                with pytest.raises(DarkroomError, match=r"no file jw\d+_02101_00002_nrcb3_uncal"):
                    find(archive, DARKS)
            finally:
                observation.products = whole


def test_an_observation_without_products_is_told(archive, server):
    server.faults.add("no_rows", "Mast.Caom.Products")
    with pytest.raises(DarkroomError, match="knows the observation but lists no products of it"):
        find(archive, BB)


def test_an_answer_in_another_form_is_told(archive, server, monkeypatch):
    fields = {name: kind for name, kind in FIELDS[PRODUCTS].items() if name != "dataURI"}
    monkeypatch.setitem(FIELDS, PRODUCTS, fields)
    with pytest.raises(DarkroomError, match=r"products of item item: the answer lacks dataURI; "):
        find(archive, BB)


@pytest.mark.parametrize(
    "name", ["../x_raw.fits", "/x_raw.fits", "a b_raw.fits", ".fits", "x" * 300]
)
def test_a_name_that_no_file_may_have_is_refused(archive, server, name):
    product = Product(name, "HST", "x", "RAW", lambda: b"")
    server.catalogue = Catalogue([Observation("x", "HST", "WFC3/IR", "1", [product])])
    with pytest.raises(DarkroomError, match="not allowed as a file name"):
        find(archive, {"mission": "hst", "obs_id": "x"})


def test_an_item_without_query_is_told(archive):
    with pytest.raises(DarkroomError, match="item a lacks 'query'"):
        mast.find(archive, {"a": {"instrument": "wfc3"}})


# Faults of queries


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("unavailable", r"HTTP 503 \(1 attempt\); see whether the archive is up"),
        ("missing", r"it is not there \(HTTP 404\); look at archive\.server"),
        ("html", r"the answer is no JSON: 'Scheduled maintenance' \(1 attempt\)"),
        ("service_error", r"the archive says: the database is locked"),
    ],
)
@pytest.mark.parametrize(
    ("subject", "what"),
    [("Mast.Caom.Filtered", "the observations of"), ("Mast.Caom.Products", "the products of")],
)
def test_a_query_that_fails_is_told(archive, server, fault, told, subject, what):
    server.faults.add(fault, subject)
    with pytest.raises(DarkroomError, match=rf"asking {server.url} for {what} item item: {told}"):
        find(archive, BB)


def test_a_query_that_runs_for_ever_is_ended(archive, server):
    server.faults.add("executing", "Mast.Caom.Filtered")
    with pytest.raises(DarkroomError, match=r"not done within 0\.3 s"):
        find(archive | {"timeout_s": 0.3}, BB)


@pytest.mark.parametrize("fault", ["unavailable", "html"])
@pytest.mark.parametrize("subject", ["columnsconfig", "Mast.Caom.Filtered", "Mast.Caom.Products"])
def test_a_query_that_fails_once_is_asked_again(archive, server, fault, subject):
    from astroquery.mast.discovery_portal import PortalAPI

    PortalAPI._column_configs.clear()
    server.faults.add(fault, subject, times=1)
    assert len(find(archive | {"retries": 1}, BB)) == 4


@pytest.mark.parametrize("address", ["mast.stsci.edu", "ftp://x", "http://", "https://me:pw@x"])
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(DarkroomError, match=r"archive\.server is .*; it must be an address such"):
        Client({"server": address})


@pytest.mark.parametrize(
    ("name", "kind"), [("j8bt09jcq", "RAW"), ("ibxy01z8q", "IMA"), ("iccz11q4q", "IMA")]
)
def test_real_files_are_found_and_received(archive, reference_data, tmp_path, name, kind):
    (found,) = find(archive, {"mission": "hst", "obs_id": name, "products": [kind]})
    status = receive(
        found,
        tmp_path / found.file,
        lambda path: mast.deliver(found, path, archive, {}),
        {"instrument": "wfc3"},
        lambda _: None,
    )
    assert status["size"] == found.size


# The token


def test_proprietary_data_need_the_token(archive, server, tmp_path):
    server.exclusive = {"icqtbbbxq_raw.fits"}
    with pytest.raises(DarkroomError, match=r"refused \(HTTP 401\): .* variable MAST_API_TOKEN"):
        mast.deliver(raw(server), tmp_path / "x.fits", archive, {})


def test_the_token_opens_proprietary_data(archive, server, tmp_path, monkeypatch):
    server.exclusive, server.token = {"icqtbbbxq_raw.fits"}, TOKEN
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    mast.deliver(raw(server), tmp_path / "x.fits", archive, {})
    assert server.cookies == {f"mast_token={TOKEN}"}


def test_a_token_that_is_not_known_is_told(archive, server, monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    with pytest.raises(
        DarkroomError, match=r"does not accept the token in MAST_API_TOKEN"
    ) as raised:
        Client(archive)
    assert TOKEN not in str(raised.value)


def test_the_token_goes_to_no_other_host(archive, server, monkeypatch):
    server.token = TOKEN
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    with Mast(Catalogue([])) as other:
        Client(archive).observations._session.get(f"{other.url}/whoami")
        assert (len(other.requests), other.cookies) == (1, set())


def test_the_token_goes_to_no_host_that_the_archive_sends_us_to(
    archive, server, tmp_path, monkeypatch
):
    server.token = TOKEN
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    with Mast(server.catalogue) as other:
        server.moved_to = other.url
        mast.deliver(raw(server), tmp_path / "x.fits", archive, {})
        assert (other.asked("icqtbbbxq_raw.fits"), other.cookies) == (1, set())
    assert (tmp_path / "x.fits").read_bytes() == server.catalogue.products[RAW].content


def test_the_token_is_in_no_log(archive, server, tmp_path, monkeypatch, caplog, capfd):
    """With everything at DEBUG, where the client prints the headers of its requests."""
    server.exclusive, server.token = {"icqtbbbxq_raw.fits"}, TOKEN
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    loud = logging.getLogger("astroquery")
    monkeypatch.setattr(loud, "setLevel", lambda _: None)
    monkeypatch.setattr(loud, "level", logging.DEBUG)
    loud._cache.clear()
    caplog.set_level(logging.DEBUG)
    try:
        find(archive, BB)
        server.faults.add("cut", "*_raw.fits", times=1)
        mast.deliver(raw(server), tmp_path / "x.fits", archive | {"retries": 1}, {})
        for broken in ("unavailable", "missing", "html"):
            server.faults.add(broken, "*")
            with pytest.raises(DarkroomError):
                mast.deliver(raw(server), tmp_path / "x.fits", archive, {})
            server.faults.clear()
    finally:
        loud._cache.clear()
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "HTTP request" in printed, "the client did not talk, so this proves nothing"
    assert TOKEN not in printed


def test_the_token_goes_over_no_open_line(monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    with pytest.raises(DarkroomError, match="would be sent unencrypted; use an https") as raised:
        Client({"server": "http://mast.example.org"})
    assert TOKEN not in str(raised.value)


def test_what_cannot_be_a_token_is_not_sent(monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", f"{TOKEN}; evil=1")
    with pytest.raises(DarkroomError, match="contains characters that no MAST token has") as raised:
        Client({"server": "http://127.0.0.1:9"})
    assert TOKEN not in str(raised.value)


# The process


def test_the_environment_is_as_it_was(archive, monkeypatch):
    monkeypatch.setenv("ASTROPY_CONFIG_DIR", "/of/mine")
    Client(archive)
    assert os.environ["ASTROPY_CONFIG_DIR"] == "/of/mine"


def test_a_process_has_one_archive(archive):
    Client(archive)
    with pytest.raises(RuntimeError, match=r"pointed at http://127\.0\.0\.1:\d+ in this process"):
        Client(archive | {"server": "https://mast.stsci.edu"})
