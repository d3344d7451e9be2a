"""Treatments of bad reads on simulated exposures whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.engine import engine
from darkroom.wfc3.engine.planes import Darks
from darkroom.wfc3.files.imsets import Imsets
from darkroom.wfc3.reads.background import background
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.reads.diagnose import measure
from darkroom.wfc3.reads.quality import ramp_quality
from darkroom.wfc3.reads.reprocess import reprocess
from darkroom.wfc3.reads.sky import sky_pixels
from darkroom.wfc3.reads.treat import flatten, subtract
from darkroom.wfc3.settings import Wfc3Settings
from wfc3_visits import REGIONS, Visit, cube_of

LIGHTS = ("start", "airglow", "trail", "nominal")


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Four exposures: scattered light, airglow, a trail, nothing."""
    folder = tmp_path_factory.mktemp("visit")
    lights = [{"light": light} for light in LIGHTS]
    return Visit(folder, exposures=lights, subarray="SQ128SUB", stars=600, airglow_scale=0.15)


@pytest.fixture(scope="module")
def cases(visit):
    """Ramp, differences, sky pixels, choice and truth by light."""
    found = {}
    for number, light in enumerate(LIGHTS):
        ramp = visit.ramp(number)
        cube = cube_of(ramp)
        sky = measure(cube)
        found[light] = ramp, sky, sky_pixels(cube), choose(sky), visit.truth(number)
    return found


def offsets(image, truth, extra=0.0):
    """Image minus truth where no source and no flag is, and its robust scatter."""
    good = (image.dq == 0) & (truth["incident"] < 1.1)
    off = (image.sci - truth["incident"])[good] - extra
    return np.median(off), 1.4826 * np.median(np.abs(off - np.median(off))), good.sum()


def test_a_mask_makes_the_background_even_and_true(cases):
    ramp, _, pixels, choice, truth = cases["start"]
    before = background(engine.reduce(ramp), pixels, *REGIONS)
    image = engine.reduce(ramp, choice.reads)
    after = background(image, pixels, *REGIONS)
    assert before.ratio > 1.05
    assert abs(after.ratio - 1) < 0.01
    middle, sigma, count = offsets(image, truth)
    assert abs(middle) < 4 * 1.2533 * sigma / np.sqrt(count) + 0.002


def test_flagged_pixels_are_free_of_scattered_light_with_scope_all_alone(cases):
    ramp, _, _, choice, truth = cases["start"]
    for scope, free in (("all", True), ("calwf3", False)):
        image = engine.reduce(ramp, choice.reads, scope=scope)
        hot = np.zeros(image.dq.shape, bool)
        hot[:, :40] = ((image.dq & (16 | 32)) == 16)[:, :40]
        off = np.median((image.sci - truth["incident"])[hot])
        assert (abs(off) < 0.03) == free


def test_flatten_loses_no_exposure_time_and_leaves_the_mean_sky(cases):
    ramp, sky, _, _, truth = cases["airglow"]
    level = sky.full.median
    flat, mean = flatten(ramp, level)
    steps = np.diff(truth["times"])
    true_mean = (truth["fading"] * steps).sum() / steps.sum()
    assert mean == pytest.approx(0.9 + true_mean, abs=0.01)
    image = engine.reduce(flat)
    clean = image.dq == 0
    assert np.median(image.time[clean]) == pytest.approx(truth["times"][-1], abs=0.2)
    middle, sigma, count = offsets(image, truth, true_mean)
    assert abs(middle) < 4 * 1.2533 * sigma / np.sqrt(count) + 0.004


def test_flattened_noise_is_that_of_the_light_that_was_there(cases):
    ramp, sky, _, _, truth = cases["airglow"]
    image = engine.reduce(flatten(ramp, sky.full.median)[0])
    _, sigma, _ = offsets(image, truth)
    good = (image.dq == 0) & (truth["incident"] < 1.1)
    assert sigma == pytest.approx(np.median(image.err[good]), rel=0.12)
    # Unflattened, most ramps are cut into pieces by what CRCORR takes for cosmic rays.
    _, bent, _ = offsets(engine.reduce(ramp), truth)
    assert sigma < bent


def test_flatten_changes_nothing_in_the_last_read(cases):
    ramp, sky, _, _, _ = cases["airglow"]
    flat, _ = flatten(ramp, sky.full.median)
    assert flat.sci[-1] == pytest.approx(ramp.sci[-1], abs=2e-5)
    assert flat.sci is not ramp.sci


def test_flatten_needs_the_sky_of_every_interval(cases):
    ramp, sky, _, _, _ = cases["airglow"]
    level = sky.full.median.copy()
    level[3] = np.nan
    with pytest.raises(DarkroomError, match="14 of 15 are known"):
        flatten(ramp, level)


def subtracted(visit, ramp, reads):
    reference = ramp.references["DARKFILE"]
    with Imsets(reference.path) as imsets:
        darks = Darks(reference, imsets, ramp.primary, ramp.shape)

        def dark(k):
            planes = darks.at(float(ramp.exptimes[k]))
            return planes.sci, planes.err

        return subtract(ramp, reads, dark, engine.reduce(ramp, events=True))


def test_subtraction_takes_a_trail_off_and_its_time(visit, cases):
    ramp, _, _, _, truth = cases["trail"]
    before = engine.reduce(ramp, scope="calwf3")
    made = subtracted(visit, ramp, truth["bad_reads"])
    assert made.exptime == pytest.approx(truth["times"][-1] - 100.0)
    assert made.reads == tuple(truth["bad_reads"])
    on = truth["trail"] & (made.image.dq == 0) & (truth["incident"] < 1.1)
    off = (made.image.sci - truth["incident"])[on]
    assert abs(np.median(off)) < 4 * 1.2533 * off.std() / np.sqrt(on.sum())
    assert (made.image.time == np.float32(made.exptime)).all()
    # CRCORR takes the trail for a cosmic ray where it is bright; its faint wings stay.
    assert np.median((before.sci - truth["incident"])[on]) > 0.005


def test_subtracted_errors_are_the_scatter(visit, cases):
    ramp, _, _, _, truth = cases["trail"]
    made = subtracted(visit, ramp, truth["bad_reads"])
    _, sigma, _ = offsets(made.image, truth)
    good = (made.image.dq == 0) & (truth["incident"] < 1.1)
    assert sigma == pytest.approx(np.median(made.image.err[good]), rel=0.06)


def test_subtraction_flags_the_cosmic_rays_it_leaves_in(visit, cases):
    ramp, _, _, _, truth = cases["trail"]
    made = subtracted(visit, ramp, truth["bad_reads"])
    # Where the trail made a step of its own a second one cannot be seen.
    hit = (truth["hits"] > 0) & (made.image.sci - truth["incident"] > 0.8) & ~truth["trail"]
    assert ((made.image.dq[hit] & (8192 | 32 | 16 | 4)) != 0).mean() > 0.97
    assert (made.image.dq & 1024 == 0).all()


def test_all_reads_cannot_be_subtracted(visit, cases):
    with pytest.raises(DarkroomError, match="all 15 reads after the zeroth"):
        subtracted(visit, cases["trail"][0], range(1, 16))


def test_a_straight_ramp_is_distinguished_from_a_bent_one(cases):
    ramp, sky, pixels, choice, _ = cases["start"]
    bent = ramp_quality(ramp, engine.reduce(ramp, events=True), sky.full.median, pixels)
    masked = engine.reduce(ramp, choice.reads, events=True)
    straight = ramp_quality(ramp, masked, sky.full.median, pixels, choice.reads)
    assert bent.departure > 1
    assert straight.departure < 0.1
    assert bent.warning.startswith("the sky's ramp departs from a line by")
    assert straight.warning == ""
    assert bent.cosmic_rays > 2 * straight.cosmic_rays


def test_reprocessing_records_in_header_and_record_what_was_done(visit, cases):
    _, sky, pixels, choice, _ = cases["start"]
    asked = {"treatment": "mask", "reads": choice.reads, "findings": choice.findings}
    asked |= {"verdict": choice.verdict, "words": choice.words, "kind": choice.kind}
    made = reprocess(
        visit.raw(0), visit.references, asked, sky.full.median, pixels, regions=REGIONS
    )
    assert made.done == "mask"
    assert made.record["exptime"] == pytest.approx([1400.113, 1000.0])
    header = made.ramp.primary
    assert (header["TREATMNT"], header["BADREADS"]) == ("mask", "11-15")
    assert header["RAMPDEV"] < 0.1 < header["RAMPDEV0"]
    assert any("EXTVER 14: left/right" in line for line in header["HISTORY"])


def test_exposure_time_taken_off_in_the_middle_is_recorded_with_the_value_before(visit, cases):
    _, sky, pixels, _, _ = cases["airglow"]
    asked = {"treatment": "subtract", "reads": (8,), "findings": {}, "kind": ""}
    asked |= {"verdict": "given", "words": ""}
    made = reprocess(
        visit.raw(1), visit.references, asked, sky.full.median, pixels, regions=REGIONS
    )
    header, science = made.ramp.primary, made.ramp.headers[-1]["SCI"]
    assert header["EXPTIME"] == science["SAMPTIME"] == made.record["exptime"][1]
    changes = [line for line in header["HISTORY"] if "from the reads used" in line]
    assert [line.split()[0] for line in changes] == ["EXPTIME", "SAMPTIME"]
    assert float(changes[0].split()[2]) == header["EXPTIME"]
    assert float(changes[0].split()[-1]) == pytest.approx(made.record["exptime"][0])


def test_a_ramp_without_crcorr_is_refused(visit, cases, tmp_path):
    _, sky, pixels, _, _ = cases["start"]
    raw = tmp_path / visit.raw(0).name
    raw.write_bytes(visit.raw(0).read_bytes())
    fits.setval(raw, "CRCORR", value="OMIT")
    asked = {"treatment": "mask", "reads": (1,), "verdict": "given", "kind": "", "findings": {}}
    with pytest.raises(InputError, match=r"CRCORR is OMIT.*last_minus_first"):
        reprocess(raw, visit.references, asked, sky.full.median, pixels, regions=REGIONS)


def test_a_flattened_ramp_is_measured_anew(visit, cases):
    _, sky, pixels, _, _ = cases["airglow"]
    asked = {
        "treatment": "flatten",
        "reads": (),
        "findings": {14: "level"},
        "words": "",
        "kind": "airglow",
        "verdict": "chosen",
    }
    made = reprocess(
        visit.raw(1), visit.references, asked, sky.full.median, pixels, regions=REGIONS
    )
    before, after = (quality["departure"] for quality in made.record["quality"])
    assert made.done == "flatten"
    assert 0 < after < 0.05 < 1 < before


def as_record(choice):
    return {**vars(choice)}


def test_last_minus_first_has_the_pixels_of_crcorr_omit(visit, cases):
    ramp, sky, pixels, _, _ = cases["nominal"]
    omitted = engine.reduce(replace(ramp, steps=ramp.steps | {"CRCORR": "OMIT"}))
    asked = as_record(choose(sky, Wfc3Settings(treatment="last_minus_first")))
    made = reprocess(
        visit.raw(3), visit.references, asked, sky.full.median, pixels, regions=REGIONS
    )
    assert made.done == "last_minus_first"
    for name in ("sci", "err", "samp", "time"):
        assert np.array_equal(getattr(made.image, name), getattr(omitted, name))
    assert np.array_equal(made.image.dq & ~np.int16(8192), omitted.dq & ~np.int16(8192))
    hit = (visit.truth(3)["hits"] > 0).mean()
    assert ((made.image.dq & 8192) != 0).mean() == pytest.approx(hit, rel=0.3)
    assert made.ramp.primary["CRCORR"] == "OMIT"


def test_a_raw_with_crcorr_omit_is_made_by_last_minus_first(visit, cases, tmp_path):
    _, sky, pixels, choice, _ = cases["start"]
    raw = tmp_path / visit.raw(0).name
    raw.write_bytes(visit.raw(0).read_bytes())
    fits.setval(raw, "CRCORR", value="OMIT")
    for treatment, reads in (("last_minus_first", ()), ("subtract", choice.reads)):
        asked = as_record(choice) | {"treatment": treatment, "reads": reads}
        made = reprocess(raw, visit.references, asked, sky.full.median, pixels, regions=REGIONS)
        assert made.done == treatment
        assert any("CRCORR is OMIT" in warning for warning in made.record["warnings"])
    assert abs(made.record["background"][1]["ratio"] - 1) < 0.02


def test_nothing_is_done_on_a_verdict_that_decides_nothing(visit, cases):
    _, sky, pixels, choice, _ = cases["airglow"]
    for treatment in ("flatten", "mask", "subtract", "mask_and_flatten"):
        asked = as_record(choice) | {"verdict": "undecidable", "treatment": treatment}
        made = reprocess(
            visit.raw(1), visit.references, asked, sky.full.median, pixels, regions=REGIONS
        )
        assert made.done == "none"


def test_mask_and_flatten_leave_the_true_sky_with_limb_and_airglow_at_once(cases):
    """Airglow is added to the reads of an exposure with light of the limb at its start."""
    ramp, _, pixels, _, truth = cases["start"]
    steps = np.diff(ramp.times.astype(float))
    glow = np.where(np.arange(15) >= 8, 0.15 * (np.arange(15) - 7), 0.0)
    added = np.concatenate([[0.0], np.cumsum(glow * steps)])
    sci = ramp.sci.copy()
    y0, y1, x0, x1 = ramp.window
    response = ramp.flat.sci[y0:y1, x0:x1] / ramp.amplifiers.mean_gain
    for k in range(1, ramp.nsamp):
        sci[k, y0:y1, x0:x1] += response * np.float32(added[k] / ramp.times[k])
    both = replace(ramp, sci=sci)
    cube = cube_of(both)
    sky = measure(cube)
    choice = choose(sky)
    assert (choice.treatment, choice.reads) == ("mask_and_flatten", (11, 12, 13, 14, 15))
    flat, mean = flatten(both, sky.full.median, choice.reads)
    image = engine.reduce(flat, choice.reads, events=True)
    kept = slice(5, None)
    true_mean = (glow * steps)[kept].sum() / steps[kept].sum()
    assert mean == pytest.approx(0.9 + true_mean, abs=0.02)
    middle, sigma, count = offsets(image, truth, true_mean)
    assert abs(middle) < 4 * 1.2533 * sigma / np.sqrt(count) + 0.005
    after = background(image, pixels, *REGIONS)
    assert abs(after.ratio - 1) < 0.015
    # CRCORR alone takes the bend of the ramps for cosmic rays.
    quality = ramp_quality(both, engine.reduce(both, choice.reads, events=True), sky.full.median,
                           pixels, choice.reads)  # fmt: skip
    assert quality.departure > 0.5
