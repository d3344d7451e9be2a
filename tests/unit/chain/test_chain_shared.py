"""Several corrections of one exposure: what they share is read and computed once, bit for bit."""

import numpy as np

from darkroom.nircam.chain.bands import Chain
from darkroom.nircam.chain.exposure import RawExposure
from darkroom.nircam.chain.groups import Inputs
from darkroom.nircam.chain.memory import Memory
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.references import References
from nircam_chain import CHAIN, Case

GRISM8 = {"detector": "NRCBLONG", "subarray": "SUBGRISM64", "readpatt": "MEDIUM8"}
GRISM8 |= {"nints": 2, "ngroups": 4}
CORRECTIONS = (
    {"use_side_ref_pixels": False},
    {"side_smoothing_length": 25, "side_gain": 0.8},
    {"odd_even_columns": False},
)


def test_corrections_read_together_are_those_read_alone(tmp_path, monkeypatch):
    case = Case(tmp_path, GRISM8)
    raw, memory, references = RawExposure(case.raw), Memory(), References()
    inputs = Inputs(case.references, case.made)
    steps = [chosen_steps(CHAIN, {"refpix": given}) for given in CORRECTIONS]
    together = [Chain(raw, chosen, inputs, references, {}, memory) for chosen in steps]
    alone = [Chain(RawExposure(case.raw), chosen, inputs, References(), {}) for chosen in steps]
    nints, ngroups, ny, _ = raw.shape
    for i in range(nints):
        for g in range(ngroups):
            for chain in together:
                chain.levels(i, g)
    read, stored = [], RawExposure.stored

    def counted(self, integration, group, first, nrows):
        if self is raw:
            read.append(nrows)
        return stored(self, integration, group, first, nrows)

    monkeypatch.setattr(RawExposure, "stored", counted)
    for i in range(nints):
        for first in range(0, ny, 16):
            for g in range(ngroups):
                for one, other in zip(together, alone, strict=True):
                    found, wanted = (c.block(i, g, first, 16) for c in (one, other))
                    np.testing.assert_array_equal(found[0].view("u4"), wanted[0].view("u4"))
                    np.testing.assert_array_equal(found[1], wanted[1])
    # Groups are read once more for the flags of the group before, none once more for a correction.
    once = nints * ngroups * (ny // 16)
    assert len(read) <= 3 * once
