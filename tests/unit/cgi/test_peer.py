"""The peers' estimators refuse what the peer refuses, in words."""

import numpy as np
import pytest

from cgi_stacks import EXPTIMES, GAINS, source_of, tiny_geometry
from darkroom.cgi.maps.peer import fit_peer
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.stacks.sources import JoinedSource, join_parts
from darkroom.errors import DarkroomError


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


def sources(geometry, pairs, n=3, **more):
    rng = np.random.default_rng(1)
    frames = rng.normal(5, 100, (len(pairs), n, *geometry.shape))
    return [
        source_of(geometry, gain, exptime, data, **more)
        for (gain, exptime), data in zip(pairs, frames, strict=True)
    ]


GRID = [(gain, exptime) for exptime in EXPTIMES for gain in GAINS]


@pytest.mark.parametrize("fit", [fit_peer, fit_pooled])
@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (GRID[:3], "3 stacks to fit .* at least 4"),
        ([(30.0, t) for t in (1.0, 2.0, 3.0, 4.0)], "all 4 stacks have the EM gain 30"),
        ([(g, 2.0) for g in (1.5, 3.0, 30.0, 500.0)], "all 4 stacks have the exposure time 2"),
        ([*GRID[:3], (0.5, 30.0)], "its EM gain is 0.5, it must be 1 or more"),
        ([*GRID[:3], (5.0, -2.0)], "its exposure time is negative"),
        ([*GRID[:5], GRID[4]], "2 stacks have the EM gain 1.5 and the exposure time 30 s"),
    ],
)
def test_stacks_that_three_maps_cannot_be_fitted_to_are_refused(geometry, fit, pairs, text):
    with pytest.raises(DarkroomError, match=text):
        fit(sources(geometry, pairs), geometry)


@pytest.mark.parametrize("fit", [fit_peer, fit_pooled])
def test_a_conversion_gain_that_is_not_positive_is_refused_not_skipped(geometry, fit):
    with pytest.raises(DarkroomError, match="KGAINPAR is 0 e-/DN, it must be positive"):
        fit(sources(geometry, GRID, kgain=0.0), geometry)


@pytest.mark.parametrize("fit", [fit_peer, fit_pooled])
def test_stacks_of_different_shape_are_refused(geometry, fit):
    found = sources(geometry, GRID)
    found[3].stack.shape = (41, 60)
    with pytest.raises(DarkroomError, match="frames of 41 x 60, those of the other stacks"):
        fit(found, geometry)


@pytest.mark.parametrize("fit", [fit_peer, fit_pooled])
def test_too_few_stacks_left_by_their_thresholds_are_refused(geometry, fit):
    with pytest.raises(DarkroomError, match=r"0 stacks to fit \(none\)"):
        fit(sources(geometry, GRID, threshold_dn=0.1), geometry)


def test_weighting_must_be_true_or_false(geometry):
    with pytest.raises(ValueError, match="weighting is 1, True or False is needed"):
        fit_peer(sources(geometry, GRID), geometry, weighting=1)
    with pytest.raises(ValueError, match="version 'mine' is none of frames"):
        fit_peer(sources(geometry, GRID), geometry, version="mine")


def test_one_frame_a_stack_is_refused_by_the_older_peer(geometry):
    with pytest.raises(DarkroomError, match="no pixel has more than one usable frame"):
        fit_peer(sources(geometry, GRID, n=1), geometry, version="peer-3.2")


def test_small_and_unequal_stacks_are_warned_of(geometry):
    found = sources(geometry, GRID)
    found[2].stack.members.append(found[2].stack.members[0])
    warnings = fit_peer(found, geometry).warnings
    assert (
        "12 of 12 stacks have fewer than the recommended 1176 frames (the smallest 3)" in warnings
    )
    assert "the stacks are unequal: from 3 to 4 frames" in warnings


def test_parts_of_one_stack_are_joined_and_a_frame_in_two_parts_is_refused(geometry):
    one, two = sources(geometry, [(30.0, 2.0), (30.0, 2.0)])
    with pytest.raises(DarkroomError, match="is there twice"):
        JoinedSource([one, two])
    one, two = sources(geometry, [(30.0, 2.0), (30.0, 2.0)])
    two.stack.members = [type(m)(f"x{m.name}", "", m.start, 30.0) for m in two.stack.members]
    (joined,) = join_parts([one, two])
    assert joined.stack.nframes == 6
    assert joined.patch(slice(0, 2), slice(0, 2)).count.min() == 6
