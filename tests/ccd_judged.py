"""CCD frames of a folder as a campaign takes them: listed, received, judged, measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from darkroom.archive import local
from darkroom.archive.receive import receive
from darkroom.campaign.frames import frame_table
from darkroom.campaign.lock_rows import check_exposures
from darkroom.campaign.status import refusal
from darkroom.ccd.cells import bias_cell, cells, load
from darkroom.ccd.frame_pixels import pixel_values
from darkroom.ccd.judging import checks
from darkroom.ccd.rate.cell_stacks import open_cells
from darkroom.ccd.rate.dark_rate import check_times, dark_rate
from darkroom.ccd.received import read_header
from darkroom.ccd.stack.frames import opened
from darkroom.ccd.stack.read_noise import read_noise
from darkroom.combine import Clip
from darkroom.errors import InputError
from darkroom.fits.cards import Recover
from darkroom.judge.judgement import Subject

CLIP = Clip("mad", 5.0, 5)
PATTERNS = {"bias": ["b*.fits*"], "dark": ["d*.fits*"]}


def table(folder, raw, frames=None, judge=None, **settings):
    """Return the frame table of a folder's exposures, which are received into `raw`."""
    item = {"instrument": "ccd", "frames": frames or PATTERNS} | settings
    archive = {"kind": "local", "folder": str(folder)}
    rows = local.find(archive, {"a": item})
    check_exposures(rows)
    statuses = []
    for row in rows:
        path = Path(raw) / row.file

        def bring(temporary, row=row):
            local.deliver(row, temporary, archive, item)

        try:
            status = receive(row, path, bring, item, lambda _: None, read_header=read_header)
        except InputError as error:
            status = refusal(row, error)
        statuses.append(status | {"path": str(path)})
    return frame_table(statuses, checks(judge or {}))[0]


def refused(rows):
    """Return ``{exposure: reason}`` of the refused exposures."""
    return {row["exposure"]: row["reason"] for row in rows if row["accepted"] == "no"}


def warned(rows):
    """Return ``{exposure: warnings}`` of the exposures that are used with a warning."""
    return {row["exposure"]: row["warnings"] for row in rows if row["warnings"]}


def measure(rows, tolerance=0.2, **settings):
    """Return bias level, read noise and dark rates that the accepted frames give."""
    reading = {
        "recover": [Recover.parse(text) for text in settings.get("recover", ())],
        "cards": settings.get("cards"),
    }
    paths = {
        role: [row["file"] for row in rows if (row["role"], row["accepted"]) == (role, "yes")]
        for role in ("bias", "dark")
    }
    frames = load([*paths["bias"], *paths["dark"]], **reading)
    biases, darks = frames[: len(paths["bias"])], frames[len(paths["bias"]) :]
    with opened(bias_cell(biases).paths) as stack:
        noise = read_noise(stack, CLIP).pooled.std if len(biases) > 1 else np.nan
    found = cells(darks, biases, tolerance=tolerance)
    check_times(found)
    with open_cells(found, CLIP, saturation=65535.0) as stacks:
        made = dark_rate(stacks)
    return SimpleNamespace(
        bias=float(np.nanmedian(made.lines.bias)),
        noise=noise,
        rates=[float(np.nanmedian(rate)) for rate in made.lines.rate],
    )


def subject(name, image, role="bias", exptime=0.0, **values):
    """Return an exposure to be judged whose pixels are an array."""
    known = {"role": role, "exptime_s": exptime, "temperature_c": -10.0, "state": []}
    image = np.asarray(image, np.float32)
    rows = np.unique(np.linspace(0, len(image) - 1, min(len(image), 64)).astype(int))
    return Subject(name, f"{name}.fits", known | pixel_values(image[rows]) | values)
