"""Cases of what came after the first ones: batches, judging, epochs, darks and masks, counting."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from pathlib import Path

import numpy as np

from durability.cases import _exposures, _fetch, _locked, _manifest_fault, call
from durability.sweep import Case

COUNTED = {
    "seed": 7,
    "geometry": "small",
    "stacks": [{"gain": 5000, "exptime": 4, "frames": 4, "photon_counting": True}],
}


@contextlib.contextmanager
def _silence():
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        yield


# --------------------------------------------------------------------------------- batches


def _fetch_batch(folder):
    return _fetch(folder, len(_exposures()))


def _numbers(folder):
    (folder / "raw").mkdir()
    out = folder / "results/c/camera"
    out.mkdir(parents=True)
    names = [f"e{number}" for number in range(4)]
    for number, name in enumerate(names):
        (folder / f"raw/{name}.json").write_text(json.dumps(number))


def _square(arguments):
    from darkroom.atomic import write_text

    number = json.loads(arguments.exposure.read_text())
    write_text(arguments.output, str(number**2))


def _batch(folder):
    """Run the job of four exposures as its rule does."""
    import argparse

    from darkroom.batches.making import make
    from darkroom.batches.step import Step, add_batch_options

    step = Step(["exposure"], [], ["output"], _square, lambda _: None)
    out = folder / "results/c/camera"
    parser = argparse.ArgumentParser()
    parser.add_argument("exposure", type=Path)
    parser.add_argument("--output", type=Path)
    add_batch_options(parser)
    words = ["--names", "e0", "e1", "e2", "e3", "--made", out / "batches/squares/0001.list",
             "--batch-key", "k", "--workers", "2", "--output", out / "squares/e0.json",
             folder / "raw/e0.json"]  # fmt: skip
    make(step, parser.parse_args(list(map(str, words))))


# --------------------------------------------------------------------------------- judging


def _gates(folder):
    from darkroom.gates.gate import LEFT_OUT, MEAN, Gate, write_gates
    from darkroom.gates.statistic import Deviation

    place = folder / "results/c/camera/judge"
    place.mkdir(parents=True)
    for product in ("bias", "noise"):
        head = {"item": "camera", "instrument": "ccd", "product": product, "notes": [],
                "file": f"{product}.fits", "sha256": "0" * 64}  # fmt: skip
        found = Deviation(0.3, 0.2, 9.0, 4, "DN")
        rows = [Gate("level", "level", "sound", "equal", "mean", "DN", kind, found, 2.0, "because",
                     [0.1, 0.2, -0.1, 0.3, 0.0]) for kind in (MEAN, LEFT_OUT)]  # fmt: skip
        write_gates(place / f"gates_{product}.json", head, rows)


def _judge(folder):
    gates = sorted((folder / "results/c/camera/judge").glob("gates_*.json"))
    return call("judge/verdict", "--table", folder / "results/c/verdict.tsv", *gates)


# ---------------------------------------------------------------------------------- epochs


def _state(folder):
    from darkroom.epochs import state as states
    from darkroom.epochs.state_file import save

    rng = np.random.default_rng(1)
    level = np.full((8, 12), 9000, np.int32)
    classes = np.zeros(level.shape, np.uint8)
    form = states.Template(level, np.array([12.0]), classes, classes == 0, ("all",))
    for epoch in ("one", "two"):
        frame = np.rint(level + form.spread(rng.standard_normal(level.shape) * 12))
        unit = states.of_unit(form, f"{epoch} 1", frame, np.zeros(frame.shape, bool))
        made = states.merge(states.empty(form), unit)
        cards = {"DETECTOR": ("NRCA1", "detector")}
        save(folder / f"{epoch}.fits", made, cards, made_by="x", inputs=[])


def _add(folder):
    from darkroom.epochs.folder import add

    for epoch in ("one", "two"):
        add(folder / f"{epoch}.fits", folder / "series", epoch)


# ------------------------------------------------------------------------- darks, masks, counts


def _dark_ramps(folder):
    from nircam_darks import stripe, write_ramp

    rng = np.random.default_rng(3)
    readout = stripe(ny=16)
    (folder / "out").mkdir()
    (folder / "raw").mkdir()
    for number in range(3):
        steps = rng.normal(2, 5, (1, 5, 16, 2048)).astype(np.float32)
        path = folder / f"raw/jw0100100100{number}_02101_00001_nrca1_ramp.fits"
        write_ramp(path, np.cumsum(steps, axis=1), readout)


def _dark_words(folder):
    out = folder / "out"
    ramps = sorted((folder / "raw").glob("*.fits"))
    return ["--output", out / "dark.fits", "--details", out / "dark_details.fits", "--quantities",
            out / "dark.json", "--gain", "2", "--pedigree", "DUMMY", *ramps]  # fmt: skip


def _dark(folder):
    return call("nircam/dark", *_dark_words(folder))


def _before_mask(folder):
    _dark_ramps(folder)
    with _silence():
        _dark(folder)


def _mask(folder):
    out = folder / "out"
    words = ["--output", out / "mask.fits", "--details", out / "mask_details.fits", "--quantities",
             out / "mask.json", "--pedigree", "DUMMY"]  # fmt: skip
    return call("nircam/mask", *words, out / "dark_details.fits")


def _counted_frames(folder):
    from darkroom.cgi.simulate import exposures

    (folder / "out").mkdir()
    for one in exposures.plan(COUNTED):
        exposures.deliver(COUNTED, one.name, folder / "raw" / one.file)


def _counted(folder):
    frames = sorted((folder / "raw").iterdir())
    output = folder / "out/dark.fits"
    return call("cgi/photon_counted_dark", "--geometry", "small", "--output", output, *frames)


def _counted_dark(folder):
    _counted_frames(folder)
    with _silence():
        _counted(folder)


def _pixel_map(folder):
    return call("cgi/pixel_map", "--output", folder / "out/map.fits", folder / "out/dark.fits")


_RAW, _COUNT = "results/small/raw", len(_exposures())
CASES = [
    Case("archive/fetch, a batch (simulated)", _locked, _fetch_batch,
         records={f"{_RAW}/manifest.tsv": functools.partial(_manifest_fault, count=_COUNT)},
         results="results/small"),
    Case("a batch of exposures", _numbers, _batch, results="results/c"),
    Case("judge/verdict", _gates, _judge, results="results/c"),
    Case("epochs.add", _state, _add, results="series"),
    Case("nircam/dark", _dark_ramps, _dark),
    Case("nircam/mask", _before_mask, _mask),
    Case("cgi/photon_counted_dark", _counted_frames, _counted),
    Case("cgi/pixel_map", _counted_dark, _pixel_map),
]  # fmt: skip
