"""Traps of the pipeline's surroundings: parameters of CRDS (T13), and CRDS itself (T14)."""

import json
import shutil
import subprocess
import sys

import pytest
from astropy.io import fits

from darkroom.crds.environment import offline_process
from darkroom.crds.references import write_references
from nircam_chain import CHAIN, Case
from nircam_jwst import CONTEXT, PYTHON, ROOT, deliver, need_jwst, program, small_cache

SETTINGS = {"detector": "NRCALONG", "subarray": "SUB160P", "nints": 1, "ngroups": 3}
# Which files of parameters the steps ask CRDS for.
ASKED = """
import json, os, sys
sys.path.insert(0, "scripts")
from darkroom.crds.environment import go_offline
go_offline(sys.argv[1], "jwst", sys.argv[2])
os.environ.update(json.loads(sys.argv[3]))
from jwst.refpix import RefPixStep
from jwst.saturation import SaturationStep
asked = []
for step in (RefPixStep, SaturationStep):
    kind = step.get_config_reftype()
    step._get_config_from_parameters = lambda *_, kind=kind: asked.append(kind) or {}
    step.get_config_from_reference({"meta.instrument.name": "NIRCAM"}, crds_observatory="jwst")
print("ASKED", json.dumps(asked))
"""


def asked(cache, **variables):
    """Return for which files of parameters two steps ask CRDS."""
    command = [PYTHON, "-c", ASKED, cache, CONTEXT, json.dumps(variables)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    line = next((x for x in done.stdout.splitlines() if x.startswith("ASKED ")), None)
    assert line, done.stderr[-2000:]
    return json.loads(line.removeprefix("ASKED "))


def test_the_users_own_environment_does_not_turn_parameters_of_crds_on(monkeypatch):
    """T13."""
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "false")
    found = offline_process("cache", "jwst", CONTEXT)
    assert found["STPIPE_DISABLE_CRDS_STEPPARS"] == "true"


@pytest.mark.heavy
def test_steps_ask_crds_for_no_parameters(tmp_path):
    """T13: they would ask for two files without the variable that darkroom sets."""
    need_jwst()
    assert asked(tmp_path) == []
    found = asked(tmp_path, STPIPE_DISABLE_CRDS_STEPPARS="false")
    assert found == ["pars-refpixstep", "pars-saturationstep"]


def test_the_engine_needs_neither_crds_nor_the_pipeline(tmp_path, monkeypatch):
    """T14: not even a folder of CRDS's."""
    case = Case(tmp_path / "case", SETTINGS)
    for name in ("crds", "jwst", "stcal", "stpipe"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "nowhere"))
    assert case.engine(CHAIN, {})


@pytest.mark.heavy
def test_the_pipelines_steps_need_the_name_of_the_context_alone(tmp_path):
    """T14: with a pinned context and given references, steps read no mappings of CRDS."""
    need_jwst()
    cache = small_cache(tmp_path / "crds", SETTINGS)
    raw, chosen = deliver(SETTINGS, tmp_path / "raw"), tmp_path / "best.json"
    kinds = ("mask", "saturation", "superbias")
    write_references(
        chosen, {kind: cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in kinds}
    )
    shutil.rmtree(tmp_path / "crds" / "mappings")
    output = tmp_path / "ramps.fits"
    done = program(
        "nircam/calibrate", raw, "--steps", "dq_init", "saturation", "--references", chosen,
        "--cache", tmp_path / "crds", "--context", CONTEXT, "--output", output,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    header = fits.getheader(output)
    assert header["CRDS_CTX"] == CONTEXT
    assert header["R_MASK"] == "crds://jwst_nircam_mask_0001.fits"
