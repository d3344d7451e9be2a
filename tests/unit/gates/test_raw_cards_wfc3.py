"""WFC3 FLTs: sizes that cards state as seen in 50 %, put into raw reads of fresh exposures."""

import shutil
from itertools import count

import numpy as np
import pytest

from darkroom.crds.cache import Cache, sha1
from darkroom.crds.description import FileRecord
from darkroom.crds.references import write_references
from darkroom.gates.gate import read_gates
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
def references(tmp_path):
    """Return the options that name the references of the exposures."""
    cache, found = Cache(tmp_path / "crds", "hst"), {}
    simulated.write_references(cache, CONTEXT, [SETTINGS], KINDS)
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


@pytest.mark.heavy
def test_cards_of_an_flt(references, run, tmp_path):
    """Nothing is treated: what a treatment takes out of the reads is no fault of the FLT."""
    (tmp_path / "raw").mkdir()
    raws = exposures(wfc3, SETTINGS, tmp_path)
    # No file that a program has read is written again.
    folders = (tmp_path / f"made_{number}" for number in count())

    def gates(paths):
        made = next(folders)
        name = paths[0].name.partition("_")[0]
        original, flt = made / "original" / f"{name}.json", made / "flt" / f"{name}.json"
        reads, choice, record, judged = (
            made / f"{one}.json" for one in ("reads", "choice", "record", "gates")
        )
        run("wfc3/calibrate_original", *references, "--context", CONTEXT, "--status", original,
            paths[0])  # fmt: skip
        run("wfc3/read_differences", "--output", reads, original)
        run("wfc3/choose_reads", "--reads", "", "--output", choice, reads)
        run("wfc3/treat_reads", "--differences", reads, "--choice", choice, *references,
            "--record", record, "--status", flt, original)  # fmt: skip
        run("wfc3/gates", "--item", "a", "--product", f"{name}_flt", "--status", flt,
            "--original", original, "--record", record, "--output", judged)  # fmt: skip
        found = read_gates(judged)[1]
        shutil.rmtree(made)
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
