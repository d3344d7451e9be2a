"""A visit of WFC3/IR into which one exposure of each bad kind is mixed: left out, or all named."""

import csv
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits

from darkroom.crds.cache import Cache
from darkroom.wfc3.reference_kinds import KINDS
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate import references as simulated
from end_to_end.conftest import Checkout

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
GOOD, BAD = 6, 16
SETTINGS = {
    "seed": 7, "subarray": "SQ64SUB", "nsamp": 8, "stars": 3000, "galaxies": 0, "blobs": 0,
    "exposures": [{"dither": [0.4 * (n % 3), 0.4 * (n // 3 % 3)]} for n in range(GOOD + BAD)],
}  # fmt: skip


def card(name, value):
    """Return a fault: one card of the primary header changed."""

    def make(path):
        fits.setval(path, name, value=value)

    return make


def off_by_four_pixels(path):
    """Make the guide stars lost: the field moves by four pixels, and no card says so."""
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            if hdu.name == "SCI":
                hdu.data[5:-5, 5:-5] = np.roll(hdu.data[5:-5, 5:-5], 4, axis=1)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-30_000])


def without_a_read(path):
    with fits.open(path) as hdus:
        kept = [h.copy() for h in hdus if not (h.name != "PRIMARY" and h.ver == 3)]
    fits.HDUList(kept).writeto(path, overwrite=True)


def elsewhere(path):
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            if hdu.name == "SCI":
                hdu.header["RA_APER"] += 0.5 / 3600


def grism(path):
    card("OBSTYPE", "SPECTROSCOPIC")(path)
    card("FILTER", "G141")(path)


def aborted(path):
    with fits.open(path, mode="update") as hdus:
        for extver in (1, 2):
            hdus["SCI", extver].data = hdus["SCI", 3].data.copy()


#: Each bad kind: what is done to a good exposure, and words of the reason; None: used, warned.
KIND = {
    "interrupted": (card("EXPFLAG", "INTERRUPTED"), "EXPFLAG is INTERRUPTED, NORMAL is needed"),
    "lost": (card("QUALITY", "LOCKLOST"), "QUALITY is 'LOCKLOST'"),
    "gyros": (card("FGSLOCK", "GYROS"), "FGSLOCK is GYROS, FINE is needed"),
    "grism": (grism, "OBSTYPE is SPECTROSCOPIC, IMAGING is needed"),
    "scan": (card("SCAN_TYP", "C"), "SCAN_TYP is C"),
    "moving": (card("MTFLAG", "T"), "MTFLAG is T"),
    "empty": (card("EXPTIME", 0.0), "EXPTIME is 0"),
    "clock": (card("EXPEND", 50000.0), "EXPEND 50000"),
    "dark": (card("IMAGETYP", "DARK"), "IMAGETYP is DARK, EXT is needed"),
    "uvis": (card("DETECTOR", "UVIS"), "DETECTOR is UVIS, IR is needed"),
    "filter": (card("FILTER", "F160W"), "FILTER is F160W, but F140W"),
    "truncated": (truncated, "the file ends"),
    "short": (without_a_read, "NSAMP is 8, but it holds 7 reads; EXTVER 3 missing"),
    "elsewhere": (elsewhere, "distance of the pointing"),
    "aborted": (aborted, None),
    # Found when the visit is combined.
    "moved": (off_by_four_pixels, None),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Give a folder of exposures, a CRDS cache, and ``{exposure: kind}`` of the bad ones."""
    folder = tmp_path_factory.mktemp("visit")
    cache = Cache(folder / "crds", "hst")
    simulated.write_references(cache, "hst_0001.pmap", [SETTINGS], KINDS)
    bad = {}
    planned = wfc3.plan(SETTINGS)
    for number, exposure in enumerate(planned):
        path = folder / "raws" / exposure.file
        wfc3.deliver(SETTINGS, exposure.name, path)
        if number >= GOOD:
            kind = list(KIND)[number - GOOD]
            KIND[kind][0](path)
            bad[path.name.removesuffix(".fits")] = kind
    first = folder / "raws" / planned[0].file
    shutil.copy(first, first.with_name("isim01zzq_raw.fits"))
    return folder, bad


def start(checkout, source, on_bad_exposure):
    """Lock a campaign of the folder; return the option that chooses it."""
    folder, _ = source
    choice = checkout.campaign(
        "visit",
        archive={"kind": "local", "folder": str(folder / "raws")},
        crds={"hst": {"context": "hst_0001.pmap", "server": None, "path": str(folder / "crds")}},
        items={"field": {"instrument": "wfc3", "frames": {"science": "*_raw.fits"}}},
        on_bad_exposure=on_bad_exposure,
    )
    checkout.snakemake("lock", "--config", choice)
    return choice


def test_bad_exposures_are_left_out_and_the_mosaic_is_right(tmp_path, source):
    checkout = Checkout(tmp_path / "checkout")
    choice = start(checkout, source, "exclude")
    checkout.snakemake("--config", choice)
    folder = checkout.folder / "results" / "visit" / "field"
    with (folder / "frames.tsv").open() as stream:
        rows = {row["exposure"]: row for row in csv.DictReader(stream, delimiter="\t")}
    bad = source[1] | {"isim01zzq_raw": "duplicate"}
    words = {kind: text for kind, (_, text) in KIND.items()}
    words["duplicate"] = "content is the same as isim01aaq_raw.fits"
    for name, row in rows.items():
        text = words.get(bad.get(name))
        assert (row["accepted"] == "yes") == (text is None), row
        assert text is None or text in row["reason"], row
    warned = [name for name, row in rows.items() if row["warnings"]]
    assert warned == [name for name, kind in bad.items() if kind == "aborted"]
    report = json.loads((folder / "reprocessed_drz.json").read_text())
    assert len(report["exposures"]) == GOOD + 1
    moved = next(name.removesuffix("_raw") for name, kind in bad.items() if kind == "moved")
    refused = {name for name, kind in bad.items() if words[kind]}
    assert set(report["left_out"]) == {*refused, moved}
    assert "its stars lie 4.0 pixels beside those of 7 other" in report["left_out"][moved]
    # The aborted exposure: its two last reads of a hundred seconds are left out.
    times = dict(zip(report["exposures"], report["exptimes"], strict=True))
    assert sorted(times.values())[0] == pytest.approx(400.061, abs=0.1)
    image, header = fits.getdata(folder / "reprocessed_drz_sci.fits", header=True)
    weight = fits.getdata(folder / "reprocessed_drz_wht.fits")
    assert np.median(image[weight > 0]) == pytest.approx(0.9, abs=0.03)
    assert header["FILLVAL"] == "none"


def test_all_bad_exposures_are_named_in_one_message(tmp_path, source):
    checkout = Checkout(tmp_path / "checkout")
    choice = start(checkout, source, "stop")
    text = checkout.snakemake("--config", choice, status=1)
    message = text[text.rindex("exposures are refused") :]
    for name, kind in source[1].items():
        assert (f"{name}.fits" in message) == (KIND[kind][1] is not None)
        assert (KIND[kind][1] or "") in message
