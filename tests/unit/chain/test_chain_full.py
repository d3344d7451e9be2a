"""Full frames: no bit differs from the pipeline, also by SIRS kernels and with lost packets."""

import pytest

from nircam_chain import CHAIN, Case, differing
from nircam_jwst import WITH_BORDER, jwst, need_jwst, small_cache

pytestmark = pytest.mark.heavy
LINE = ("dq_init", "superbias", "refpix")
SIRS = {"refpix": {"refpix_algorithm": "sirs"}}
NRCA2 = {"detector": "NRCA2", "readpatt": "SHALLOW4", "ngroups": 4, "noise_sampling": "row"}
CASES = {
    "NRCA1 clean": ({"detector": "NRCA1", "ngroups": 3}, False, CHAIN, {}, 128),
    "NRCB3 dirty": ({"detector": "NRCB3", "ngroups": 2, "nints": 2}, True, CHAIN, {}, 512),
    "NRCA2 dirty, averaged groups": (NRCA2, True, CHAIN, {}, 300),
    "NRCA2 SIRS": (NRCA2 | {"ngroups": 2, "nints": 2}, True, LINE, SIRS, 512),
}


@pytest.mark.parametrize("name", CASES)
def test_no_bit_of_a_full_frame_differs(tmp_path, name):
    need_jwst()
    settings, dirty, steps, parameters, rows = CASES[name]
    cache = small_cache(tmp_path / "crds", WITH_BORDER)
    case = Case(tmp_path / "case", settings, dirty)
    if parameters:
        kernel = case.references["sirskernel"] = str(tmp_path / "k.asdf")
        arguments = {"path": kernel, "detector": settings["detector"]}
        assert jwst(cache.path, [["write_sirs_kernel", arguments]]) == [[None, None]]
    ((problem, statuses),) = jwst(cache.path, [case.call(steps, parameters)])
    assert problem is None, statuses
    assert differing(case.engine(steps, parameters), case.saved(), rows) == (0, 0, 0)
