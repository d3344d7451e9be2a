"""Clock, amplifiers, orientation and subarrays of NIRCam's detectors."""

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import DETECTORS, OUTPUTS, SIZE, Readout, flip
from darkroom.nircam.detector.subarrays import readout


def small(detector="NRCA1", rows=64):
    return Readout.full(detector, rows)


def test_the_full_frame_takes_the_published_frame_time():
    assert Readout.full("NRCA1").ticks == 1073677
    assert Readout.full("NRCA1").frame_time == pytest.approx(10.73677)


@pytest.mark.parametrize(
    ("detector", "subarray", "seconds"),
    [
        ("NRCB1", "SUB64P", 0.05016),
        ("NRCA1", "SUB160", 0.27864),
        ("NRCALONG", "SUB320", 1.06904),
        ("NRCB4", "SUB640", 4.18584),
        ("NRCBLONG", "SUB400P", 1.65624),
        ("NRCALONG", "SUBGRISM256", 1.34669),
    ],
)
def test_subarrays_take_their_published_frame_times(detector, subarray, seconds):
    assert readout(detector, subarray).frame_time == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize("detector", DETECTORS)
def test_turning_twice_gives_the_image_back(detector):
    image = np.arange(64 * SIZE).reshape(64, SIZE)
    there = small(detector).flip(image)
    assert not np.array_equal(there, image)
    np.testing.assert_array_equal(small(detector).flip(there), image)


def test_half_of_the_detectors_mirror_columns_and_the_others_rows():
    image = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(flip(image, -1, 2), [[2, 1, 0], [5, 4, 3]])
    np.testing.assert_array_equal(flip(image, 1, -2), [[3, 4, 5], [0, 1, 2]])


def test_a_transposed_orientation_is_refused():
    with pytest.raises(DarkroomError, match="FASTAXIS 2 and SLOWAXIS 1"):
        flip(np.zeros((2, 2)), 2, 1)


def test_the_clock_and_back_gives_every_pixel_back():
    for layout in (small(), readout("NRCA3", "SUB64P")):
        image = np.random.default_rng(1).normal(size=(2, *layout.shape)).astype("f4")
        stream = layout.to_clock(image, fill=np.nan)
        assert stream.shape == (2, layout.noutputs, layout.ticks)
        assert np.isfinite(stream).sum() == image.size
        np.testing.assert_array_equal(layout.from_clock(stream), image)


def test_amplifiers_0_and_2_read_to_the_right_and_1_and_3_to_the_left():
    columns = np.broadcast_to(np.arange(SIZE), (64, SIZE))
    first_row = small().to_clock(columns, fill=-1)[:, :513]
    assert [list(row[[0, 1, 511, 512]]) for row in first_row] == [
        [0, 1, 511, -1],
        [1023, 1022, 512, -1],
        [1024, 1025, 1535, -1],
        [2047, 2046, 1536, -1],
    ]


def test_the_second_row_is_read_524_ticks_after_the_first():
    rows = np.broadcast_to(np.arange(64)[:, None], (64, SIZE))
    stream = small().to_clock(rows, fill=-1)[0]
    assert list(np.flatnonzero(stream == 1)[[0, -1]]) == [524, 524 + 511]


def test_reference_pixels_are_a_border_of_four():
    mask = Readout.full("NRCA1").reference_pixels()
    assert not mask[4:2044, 4:2044].any()
    assert mask.sum() == SIZE**2 - 2040**2


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_subarray_is_cut_from_the_full_detector_where_its_header_says(detector):
    full, part = Readout.full(detector), readout(detector, "SUB160")
    in_dms = full.flip(full.reference_pixels())
    x, y = part.xstart - 1, part.ystart - 1
    cut = in_dms[y : y + part.ny, x : x + part.nx]
    np.testing.assert_array_equal(part.flip(part.reference_pixels()), cut)
    row, column = part.origin
    np.testing.assert_array_equal(
        part.reference_pixels(), full.reference_pixels()[row : row + 160, column : column + 160]
    )


def test_parity_follows_the_detector_column_also_in_a_subarray():
    part = readout("NRCALONG", "SUB64P")
    assert part.parity()[0, 0] == part.origin[1] % 2


def test_grism_stripes_have_no_top_reference_rows():
    mask = readout("NRCALONG", "SUBGRISM64").reference_pixels()
    assert mask[:4].all()
    assert not mask[4:, 4:-4].any()


def test_the_readout_of_a_header_is_that_of_its_name():
    for expected in (Readout.full("NRCB2"), readout("NRCALONG", "SUB160P")):
        header = {
            "DETECTOR": expected.detector,
            "SUBARRAY": expected.subarray,
            "SUBSTRT1": expected.xstart,
            "SUBSTRT2": expected.ystart,
            "SUBSIZE1": expected.nx,
            "SUBSIZE2": expected.ny,
        }
        assert Readout.from_header(header) == expected


def test_a_header_without_its_cards_is_refused_by_name():
    with pytest.raises(DarkroomError, match=r"lacks SUBARRAY, SUBSTRT1, SUBSTRT2"):
        Readout.from_header({"DETECTOR": "NRCA1", "SUBSIZE1": 1, "SUBSIZE2": 1})


def test_an_unknown_detector_or_subarray_is_refused_with_the_known_ones():
    with pytest.raises(DarkroomError, match=r"no NIRCam detector 'NRCA5'; there are NRCA1"):
        Readout.full("NRCA5")
    with pytest.raises(DarkroomError, match=r"NRCA1 has no subarray 'SUB64P'.*SUB640"):
        readout("NRCA1", "SUB64P")


def test_four_outputs_need_the_full_width():
    with pytest.raises(DarkroomError, match="4 outputs need all 2048 columns, not 160"):
        Readout("NRCA1", "SUB160", -1, 2, 1, 1, 160, 160, OUTPUTS)
