"""WFC3 FLTs and visits: sizes that cards state as seen in 50 %, put into raw reads."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy.ndimage import shift

from darkroom.crds.cache import Cache, sha1
from darkroom.crds.description import FileRecord
from darkroom.crds.references import write_references
from darkroom.gates.gate import read_gates
from darkroom.wfc3.gating.gates import combined
from darkroom.wfc3.reference_kinds import KINDS
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate import references as simulated
from darkroom.wfc3.simulate.names import BORDER
from darkroom.wfc3.simulate.values import sample_times
from raw_injections import Case, Fault, Programs, assert_right, exposures, shares

#: Exposures of one field, each with another pointing.
SETTINGS = {
    "subarray": "SQ64SUB", "seed": 19, "stars": 3000, "galaxies": 0, "blobs": 0, "truth": False,
    "exposures": [{"dither": [0.13 * (7 * k % 120 - 60), 0.13 * (11 * k % 120 - 60)]}
                  for k in range(120)],
}  # fmt: skip
CONTEXT = "hst_0001.pmap"
#: e-/DN of the simulated detector; the interval that has more light.
GAIN, INTERVAL = 2.25, 4
NREADS = 16


@pytest.fixture
def run(monkeypatch):
    return Programs(monkeypatch)


@pytest.fixture
def references(request, tmp_path):
    """Return the options that name the references of exposures, those of `SETTINGS` if not told."""
    cache, found = Cache(tmp_path / "crds", "hst"), {}
    simulated.write_references(cache, CONTEXT, [getattr(request, "param", SETTINGS)], KINDS)
    for kind in KINDS:
        found[kind] = None
        if kind not in simulated.NOT_APPLICABLE:
            name = f"*_{simulated._SUFFIXES[kind]}.fits"
            path = next((tmp_path / "crds/references/hst").glob(name))
            found[kind] = FileRecord(path.name, path.stat().st_size, sha1(path))
    write_references(tmp_path / "references.json", found)
    return "--references", tmp_path / "references.json", "--cache", tmp_path / "crds"


def light(seconds, place=None):
    """Return light of the sky, e-/s, in some intervals of an exposure.

    Parameters
    ----------
    seconds : (NREADS,) array
        Seconds of it until each read, the last read first.
    place : (ny, nx) array, optional
        Its strength over the field without the border, which sees none.
    """

    def added(pixels, size, _rng):
        found = np.zeros(pixels.shape)
        inside = slice(BORDER, -BORDER)
        shown = 1.0 if place is None else place
        found[:, inside, inside] = size * seconds[:, None, None] / GAIN * shown
        return found

    return added


def calibrated(run, references, folder):
    """Return the function that makes the FLT of a raw file: ``{name: its record or status}``.

    Nothing is treated: what a treatment takes out of the reads is no fault of the FLT.
    """

    def made(path):
        name = path.name.partition("_")[0]
        files = {one: folder / one / f"{name}.json" for one in ("original", "flt")}
        files |= {one: folder / f"{one}.json" for one in ("reads", "choice", "record")}
        run("wfc3/calibrate_original", *references, "--context", CONTEXT,
            "--status", files["original"], path)  # fmt: skip
        run("wfc3/read_differences", "--output", files["reads"], files["original"])
        run("wfc3/choose_reads", "--reads", "", "--output", files["choice"], files["reads"])
        run("wfc3/treat_reads", "--differences", files["reads"], "--choice", files["choice"],
            *references, "--record", files["record"], "--status", files["flt"],
            files["original"])  # fmt: skip
        return files

    return made


@pytest.mark.heavy
def test_cards_of_an_flt(references, run, tmp_path):
    (tmp_path / "raw").mkdir()
    raws = exposures(wfc3, SETTINGS, tmp_path)
    # No file that a program has read is written again.
    folders = (tmp_path / f"made_{number}" for number in count())

    def gates(paths):
        folder = next(folders)
        judged, name = folder / "gates.json", paths[0].name.partition("_")[0]
        made = calibrated(run, references, folder)(paths[0])
        run("wfc3/gates", "--item", "a", "--product", f"{name}_flt", "--status", made["flt"],
            "--original", made["original"], "--record", made["record"],
            "--output", judged)  # fmt: skip
        found = read_gates(judged)[1]
        shutil.rmtree(folder)
        return found

    times = np.asarray(sample_times("SPARS100", NREADS, "SQ64SUB"), float)
    # The first interval is short, and not among those that are compared.
    one = np.clip(times - times[1 + INTERVAL], 0, times[2 + INTERVAL] - times[1 + INTERVAL])
    # A slow rise, of which the later half has more by the size; it does not widen differences of
    # successive intervals, from which the error is.
    rise = times**2 / times[-1]
    side = 64
    left = np.repeat((np.arange(side) < side // 2)[None], side, axis=0)
    faults = [
        Fault("one bad interval: sky of an interval", light(one[::-1]), everywhere=True,
              unit=INTERVAL),
        Fault("drift: sky of an interval", light(rise[::-1]), everywhere=True),
        Fault("background", light(0.9 * times[::-1], left * 1.0), everywhere=True),
    ]  # fmt: skip
    case = Case(raws, 1, gates, [[faults[0], faults[2]], [faults[1]]], extension="SCI")
    assert_right("FLT", shares(case, tmp_path / "raw"))


#: A visit of five exposures, some pixels beside each other, with stars enough to compare places.
VISIT = SETTINGS | {
    "subarray": "SQ128SUB",
    "exposures": [{"dither": [0.03 * (7 * k % 60 - 30), 0.03 * (11 * k % 60 - 30)]}
                  for k in range(60)],
}  # fmt: skip
MEMBERS = 5


def displaced(pixels, size, rng):
    """Return what is added to reads when their pointing is off by some pixels, in any direction.

    Of what the sky adds, that is: the zeroth read, the last one, has only reset levels.
    """
    turn = 2 * np.pi * rng.random()
    sky = pixels - pixels[-1:]
    return shift(sky, (0, size * np.sin(turn), size * np.cos(turn)), order=3, mode="nearest") - sky


@pytest.mark.heavy
@pytest.mark.parametrize("references", [VISIT], indirect=True)
def test_cards_of_a_visit(references, run, repository, tmp_path):
    """Light on one side of an exposure, and one that points elsewhere than it says.

    The image of every read is the same image: no reads are left out of these exposures.
    """
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")
    (tmp_path / "raw").mkdir()
    raws, known, folders = exposures(wfc3, VISIT, tmp_path), {}, count()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def flt(path):
        """Return the FLT of a raw file; that of a raw file without a fault is made once."""
        key = sha1(path)
        if key not in known:
            known[key] = calibrated(run, references, tmp_path / f"flt_{next(folders)}")(path)
        return known[key]

    def gates(paths):
        made, folder = [flt(path) for path in paths], tmp_path / f"visit_{next(folders)}"
        folder.mkdir()
        image, record = folder / "visit_drz_sci.fits", folder / "visit_drz.json"
        command = [python, repository / "scripts/wfc3/combine_visit.py", *references[2:],
                   "--output", image, "--report", record,
                   *(one["flt"] for one in made)]  # fmt: skip
        subprocess.run(list(map(str, command)), check=True, capture_output=True, env=environment)
        rows, numbers = [], {}
        for k, one in enumerate(made):
            said = json.loads(one["record"].read_text())["background"][-1]
            name = one["flt"].stem
            numbers[name] = k
            rows += [{"name": f"{name} background left/right", "value": said["ratio"],
                      "uncertainty": said["ratio_error"]},
                     {"name": f"{name} noise", "value": said["noise"],
                      "uncertainty": None}]  # fmt: skip
        quantities = folder / "quantities.json"
        quantities.write_text(json.dumps({"quantities": rows}))
        found = combined(record, quantities, None, {}, (image, image), record)
        shutil.rmtree(folder)
        # Exposures of two campaigns have other names.
        for name, k in numbers.items():
            found = [replace(one, name=one.name.replace(name, f"exposure {k}")) for one in found]
        return found

    times = np.asarray(sample_times("SPARS100", NREADS, "SQ128SUB"), float)
    side = 128
    left = np.repeat((np.arange(side) < side // 2)[None], side, axis=0) * 1.0
    faults = [
        Fault("background of exposure 0", light(0.9 * times[::-1], left), exposure=0),
        Fault("background of exposure 1", light(0.9 * times[::-1], 1 - left), exposure=1),
        Fault("shift of exposure 2", displaced, exposure=2),
    ]  # fmt: skip
    case = Case(raws, MEMBERS, gates, [faults], extension="SCI", each=4)
    found = shares(case, tmp_path / "raw")
    print(found)
    # One gate, in two exposures: light on the left, and on the right.
    sides = [found.pop(fault.gate) for fault in faults[:2]]
    assert_right("visit", found | {"background of an exposure": float(np.mean(sides))})
