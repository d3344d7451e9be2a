"""Exposures of one kind go through the steps before jump as one, and nothing changes by it."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.counterfactual.stack import (
    DeckExposure,
    read_groups,
    stacks,
    write_stack,
)
from nircam_compared import Compared
from nircam_jwst import CONTEXT, jwst


def exposure(folder, name, nints=2, references="a", **cards):
    rng = np.random.default_rng(len(name))
    data = rng.integers(0, 60_000, (nints, 3, 4, 5)).astype(np.uint16)
    header = fits.Header({"DETECTOR": "NRCA1", "NGROUPS": 3, "NINTS": nints, **cards})
    image = fits.ImageHDU(data, name="SCI")
    times = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])], name="INT_TIMES")
    path = folder / f"{name}_uncal.fits"
    fits.HDUList([fits.PrimaryHDU(header=header), image, times]).writeto(path)
    return DeckExposure(name, path, {"superbias": references})


def names(groups):
    return [[one.name for one in members] for members in groups]


def test_exposures_of_one_kind_are_together_as_far_as_there_is_room(tmp_path):
    given = [
        exposure(tmp_path, "one"), exposure(tmp_path, "two", nints=1),
        exposure(tmp_path, "three"), exposure(tmp_path, "pattern", READPATT="BRIGHT2"),
        exposure(tmp_path, "other", references="b"), exposure(tmp_path, "zeroth", ZEROFRAM=True),
        exposure(tmp_path, "zeroth2", ZEROFRAM=True),
    ]  # fmt: skip
    single = [["pattern"], ["other"], ["zeroth"], ["zeroth2"]]
    assert names(stacks(given)) == [["one", "two", "three"], *single]
    # 60 samples an integration.
    assert names(stacks(given, most=200)) == [["one", "two"], ["three"], *single]
    assert names(stacks(given, most=1)) == [["one"], ["two"], ["three"], *single]


def test_a_stack_holds_the_integrations_in_order(tmp_path):
    given = [exposure(tmp_path, "one"), exposure(tmp_path, "two", nints=1)]
    groups = read_groups(given)
    path = tmp_path / "stack.fits"
    write_stack(path, given[0], groups)
    with fits.open(path) as hdus:
        assert np.array_equal(hdus["SCI"].data, np.concatenate(groups))
        assert hdus["SCI"].data.dtype.kind == "u"
        assert (hdus[0].header["NINTS"], hdus[0].header["INTEND"]) == (3, 3)
        assert "INT_TIMES" not in hdus


@pytest.mark.heavy
def test_together_and_alone_are_the_same_to_the_bit_by_the_pipelines_own_steps(tmp_path):
    compared = Compared(
        tmp_path, exposures=2, cosmic_rays=5.0, readpatt="BRIGHT2", ngroups=5, hot_fraction=0.01
    )
    references = {kind: str(path) for kind, path in compared.current.items()}
    calls = [["stacked_and_alone", {
        "paths": list(map(str, compared.raw)), "references": references, "folder": str(tmp_path),
    }]]  # fmt: skip
    assert jwst(compared.cache.path, calls, CONTEXT) == [[None, []]]
