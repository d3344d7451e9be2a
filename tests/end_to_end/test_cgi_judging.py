"""A campaign of coronagraph darks into which one exposure of each bad kind is mixed."""

import csv
import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.simulate import exposures as cgi

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
STACKS = [(1.5, 2), (500, 2), (30, 100), (500, 100)]
FRAMES = 7
SETTINGS = {
    "seed": 6,
    "geometry": "small",
    "stacks": [{"gain": gain, "exptime": time, "frames": FRAMES} for gain, time in STACKS],
}
CHOICE = "campaign=cgi.yaml"


def card(name, value, hdu=1):
    def change(hdus):
        hdus[hdu].header[name] = value

    return change


def pixels(change):
    def spoil(hdus):
        hdus[1].data = change(hdus[1].data).astype(np.float32)

    return spoil


# What is done to the last frame of a stack, and what is said of it.
BAD = {
    0: (card("ISPC", 1), "ISPC is 1"),
    1: (card("EXCAMT", -65.0), "EXCAMT is −65 °C"),
    2: (pixels(np.zeros_like), "all its sampled pixels are 0"),
    3: (pixels(lambda data: data + 12 * 500), "mean signal before the EM register is"),
}
# The last but one of a stack.
MORE = {
    0: (card("DESMEAR", True), "was desmeared"),
    1: (card("KGAINPAR", 7.9), "KGAINPAR is 7.9"),
    2: (lambda hdus: hdus[1].header.remove("EXPTIME"), "EXPTIME"),
}


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Write seven frames of each of four stacks; return their folder and what is wrong."""
    folder, wrong = tmp_path_factory.mktemp("frames"), {}
    for number, exposure in enumerate(cgi.plan(SETTINGS | {"frames": FRAMES})):
        stack, place = divmod(number, FRAMES)
        path = folder / exposure.file
        cgi.deliver(SETTINGS, exposure.name, path)
        change, text = {FRAMES - 1: BAD, FRAMES - 2: MORE}.get(place, {}).get(stack, (None, ""))
        if change:
            with fits.open(path, mode="update") as hdus:
                change(hdus)
            wrong[path.name] = text
    twin = folder / "cgi_twin_l2a.fits"
    twin.write_bytes((folder / cgi.plan(SETTINGS)[0].file).read_bytes())
    fits.setval(twin, "SCTSRT", value="2026-03-03T00:00:00", ext=1)
    wrong[twin.name] = "its content is the same as"
    torn = folder / "cgi_torn_l2a.fits"
    torn.write_bytes((folder / cgi.plan(SETTINGS)[1].file).read_bytes()[:60_000])
    wrong[torn.name] = ""
    return folder, wrong


def campaign(checkout, folder, **more):
    item = {"instrument": "cgi", "frames": {"dark": "*.fits"}, "cgi": {
        "geometry": "small", "traditional": [{"gain": 500, "exptime": 2}],
    } | more.pop("cgi", {})}  # fmt: skip
    archive = {"kind": "local", "folder": str(folder)}
    checkout.campaign("cgi", archive=archive, items={"excam": item}, **more)
    checkout.snakemake("lock", "--config", CHOICE)


@pytest.mark.parametrize("per_part", [200, 4])
def test_with_exclude_the_products_are_those_of_the_good_exposures(checkout, exposures, per_part):
    """Directly, and through statistics of parts."""
    folder, wrong = exposures
    campaign(checkout, folder, on_bad_exposure="exclude", cgi={"frames_per_part": per_part})
    products = ["noise_maps.fits", "item.json", "darks/traditional_g500_t2.fits"]
    checkout.snakemake(*(f"results/cgi/excam/{name}" for name in products), "--config", CHOICE)
    results = checkout.folder / "results/cgi/excam"
    with (results / "frames.tsv").open(newline="") as stream:
        rows = {
            row["file"].rpartition("/")[2]: row for row in csv.DictReader(stream, delimiter="\t")
        }
    assert {name for name, row in rows.items() if row["accepted"] == "no"} == set(wrong)
    for name, text in wrong.items():
        assert text in rows[name]["reason"]
    with fits.open(results / "noise_maps.fits") as hdus:
        assert set(read_table(hdus["FRAMES"])["FILE"]) == set(rows) - set(wrong)
        assert np.isfinite(hdus[1].data).all()
    with fits.open(results / "darks/traditional_g500_t2.fits") as hdus:
        assert hdus[1].header["DRPNFILE"] == FRAMES - 2
    statistics = list(results.glob("stacks/*/*.fits"))
    assert bool(statistics) is (per_part < len(rows))
    assert not any("refused" in text for text in json.loads((results / "item.json").read_text()))


def test_with_stop_one_message_names_all_bad_exposures(checkout, exposures):
    folder, wrong = exposures
    campaign(checkout, folder, on_bad_exposure="stop")
    told = checkout.snakemake("results/cgi/excam/noise_maps.fits", "--config", CHOICE, status=1)
    assert f"{len(wrong)} of {4 * FRAMES + 2} exposures are refused" in told
    for name, text in wrong.items():
        assert name in told
        assert text in told
