"""The simulator shows what goes wrong with real exposures; by default nothing does."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import center_of_mass

from darkroom.errors import DarkroomError
from darkroom.wfc3.dq import SATURATED
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate.ramp import make_reads
from darkroom.wfc3.simulate.sky import Sources
from darkroom.wfc3.simulate.values import complete
from wfc3_visits import SMALL, Visit


def reads_of(**one):
    settings = SMALL | {"exposures": [one], "nsamp": 8}
    full = complete(settings)
    return make_reads(full, wfc3.plan(settings)[0])


def header_of(folder, **one):
    wfc3.deliver(SMALL | {"exposures": [one], "nsamp": 8}, "isim01aaq", folder / "x.fits")
    with fits.open(folder / "x.fits") as hdus:
        downs = [hdus["SCI", extver].header["TDFTRANS"] for extver in range(8, 0, -1)]
        return hdus[0].header, downs


@pytest.mark.parametrize("kind", ["frozen", "zeros"])
def test_an_aborted_exposure_has_copies_or_zeros_after_its_last_read(kind):
    whole, _ = reads_of()
    reads, truth = reads_of(last_read=5, after_last=kind)
    assert np.array_equal(reads[:6], whole[:6])
    assert (reads[6:] == (whole[5] if kind == "frozen" else 0)).all()
    assert truth["last_read"] == 5


def test_a_lost_guide_star_moves_the_sources_by_the_drift(monkeypatch):
    one = Sources(*(np.array([value]) for value in (177.4, 22.398, 2e4, 0.0, 1.0, 0.0)))
    monkeypatch.setattr("darkroom.wfc3.simulate.ramp.sources_of", lambda _: one)
    reads, truth = reads_of(guiding_lost_s=300.0, drift=[1.0, 0.6])
    assert truth["pointing_errors"][[0, 3, -1]].tolist() == [[0, 0], [0, 0], [1.0, 0.6]]
    steps = np.diff(reads[:, 5:-5, 5:-5].astype(float), axis=0)
    places = [center_of_mass(np.clip(step - np.median(step), 100, None) - 100) for step in steps]
    # Of the last interval the sources are where they were in its middle.
    at = truth["pointing_errors"][-2:].mean(axis=0)
    moved = np.array(places[-1]) - places[1]
    assert moved == pytest.approx([-at[1] / 0.12118, -at[0] / 0.13543], abs=0.35)


def test_an_offset_is_in_the_pixels_and_in_no_header(tmp_path):
    _, straight = reads_of()
    _, off = reads_of(offset=[0.52, 0.0])
    assert off["x"] - straight["x"] == pytest.approx(-0.52 / 0.13543, abs=0.1)
    cards = [header_of(tmp_path / str(i), offset=[i, 0.0]) for i in (0.0, 0.5)]
    assert cards[0][0]["EXPFLAG"] == cards[1][0]["EXPFLAG"] == "NORMAL"
    assert cards[0][0].tostring() == cards[1][0].tostring()


def test_the_header_says_what_happened_or_what_it_is_told_to(tmp_path):
    normal, downs = header_of(tmp_path / "a")
    assert [normal[c] for c in ("EXPFLAG", "QUALITY", "FGSLOCK")] == ["NORMAL", "", "FINE"]
    assert downs == [0] * 8
    aborted, _ = header_of(tmp_path / "b", last_read=3)
    assert (aborted["EXPFLAG"], aborted["QUALITY"]) == ("INTERRUPTED", "")
    lost, downs = header_of(tmp_path / "c", guiding_lost_s=310.0)
    assert (lost["EXPFLAG"], lost["QUALITY"]) == ("EXCESSIVE DOWNTIME", "LOCKLOST")
    assert downs == [0, 0, 0, 0, 0, 1, 0, 0]
    told, _ = header_of(
        tmp_path / "d", guiding_lost_s=0.0, expflag="NORMAL", quality="", fgslock="GYROS"
    )
    assert [told[c] for c in ("EXPFLAG", "QUALITY", "FGSLOCK")] == ["NORMAL", "", "GYROS"]


def test_a_saturated_field_is_a_matter_of_the_stars(tmp_path):
    visit = Visit(tmp_path, exposures=[{}], stars=40000, star_rate=300.0, brightest=1e5)
    ramp = visit.ramp()
    y0, y1, x0, x1 = ramp.window
    share = ((ramp.dq[-1, y0:y1, x0:x1] & SATURATED) != 0).mean()
    assert 0.1 < share < 0.4


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"last_read": 16}, "last_read is 16; the reads are 0 to 15"),
        ({"after_last": "noise"}, "exposures: after_last is 'noise'"),
    ],
)
def test_a_wrong_fault_is_named(one, words):
    with pytest.raises(DarkroomError, match=words):
        complete(SMALL | {"exposures": [one]})
