"""An exposure without its bad reads: calibrated, treated, measured before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.engine import engine, exptime
from darkroom.wfc3.engine.planes import Darks, open_reference
from darkroom.wfc3.engine.ramp import Ramp, Reduced
from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.background import background
from darkroom.wfc3.reads.quality import quality_cards, ramp_quality
from darkroom.wfc3.reads.treat import flatten, subtract
from darkroom.wfc3.settings import Wfc3Settings


@dataclass
class Reprocessed:
    """What came of an exposure.

    Parameters
    ----------
    ramp : Ramp
        As CRCORR got it, the treatment told in its headers.
    image : Reduced
    record : dict
        Measures before and after, JSON types.
    done : str
        "mask", "subtract", "flatten" or "none".
    """

    ramp: Ramp
    image: Reduced
    record: dict
    done: str


def reprocess(
    raw, references, choice, sky, pixels, *, scope=Wfc3Settings.mask_scope, regions, threads=1
):
    """Calibrate an exposure with its bad reads treated.

    Parameters
    ----------
    raw : path-like
        RAW that names its references.
    references : path-like
        Their folder.
    choice : dict
        Record of `choose_reads`: ``treatment``, ``reads``, ``findings`` …
    sky : (n-1,) array
        Sky of every interval, e-/s.
    pixels : (ny, nx) bool array
        Sky pixels, border included.
    scope : {"all", "calwf3"}
        Pixels that a mask holds for.
    regions : tuple
        Left and right region, see `darkroom.wfc3.reads.background.background`.
    threads : int

    Returns
    -------
    Reprocessed
    """
    ramp = engine.load(raw, references, threads=threads)
    if ramp.steps["CRCORR"] != "PERFORM":
        raise InputError(raw, "CRCORR is OMIT, but it is what tells how straight the ramp is")
    plain = engine.reduce(ramp, events=True, threads=threads)
    before = ramp_quality(ramp, plain, sky, pixels)
    reads, treatment = tuple(choice["reads"]), choice["treatment"]
    if ramp.masked_in_file:
        raise DarkroomError(f"{raw}: EXTVER {ranges(ramp.masked_in_file)} is masked in the file")
    done, image, after = "none", plain, before
    if treatment == "flatten" and choice["kind"] in ("airglow", "scattered light"):
        done = "flatten"
        ramp, mean = flatten(ramp, sky)
        image = engine.reduce(ramp, events=True, threads=threads)
        after = ramp_quality(ramp, image, _sky_between(ramp, pixels), pixels)
        _note(ramp, f"sky made constant at {mean:.5f} e-/s; it was, read by read from EXTVER "
                    f"{ramp.nsamp - 1} on:")  # fmt: skip
        for first in range(0, sky.size, 8):
            _note(ramp, " ".join(f"{level:.4f}" for level in sky[first : first + 8]))
    elif treatment == "mask" and reads:
        done = "mask"
        image = engine.reduce(ramp, reads, scope=scope, events=True, threads=threads)
        after = ramp_quality(ramp, image, sky, pixels, reads)
    elif treatment == "subtract" and reads:
        done = "subtract"
        image = _subtracted(ramp, references, reads, plain)
    used = _exptime(ramp, image, done)
    _sign(ramp, choice, done, before, after)
    record = {
        "done": done,
        "reads": list(reads) if done in ("mask", "subtract") else [],
        "exptime": [float(ramp.times[-1]), used],
        "background": [_plain(background(i, pixels, *regions)) for i in (plain, image)],
        "quality": [_plain(quality) for quality in (before, after)],
        "warnings": _warnings(after, choice, done),
    }
    return Reprocessed(ramp, image, record, done)


def _sky_between(ramp, pixels):
    """Return the median of the sky's pixels in every interval of a ramp, e-/s."""
    levels, before = [], np.float32(0)
    for k in range(1, ramp.nsamp):
        counts = engine.calibrated_read(ramp, k)[0][pixels] * np.float32(ramp.times[k])
        levels.append(float(np.median(counts - before) / (ramp.times[k] - ramp.times[k - 1])))
        before = counts
    return np.array(levels)


def _subtracted(ramp, references, reads, plain):
    """Take reads off, and correct the times in the ramp's headers."""
    found = open_reference(ramp.primary, "DARKFILE", references)
    if found is None:
        raise DarkroomError(f"{ramp.primary['ROOTNAME']}: names no DARKFILE, which is subtracted")
    with found[1] as imsets:
        darks = Darks(imsets, ramp.primary, ramp.shape)

        def dark(k):
            planes = darks.at(float(ramp.exptimes[k]))
            return planes.sci, planes.err

        result = subtract(ramp, reads, dark, plain)
    science = ramp.headers[-1]["SCI"]
    exptime.correct(
        ramp.primary, science, lambda k: ramp.headers[k]["SCI"], ramp.exptimes, result.reads,
        result.exptime,
    )  # fmt: skip
    ramp.primary["IMA2FLT"] = (1, "made from the last read, bad intervals subtracted")
    ramp.primary["NPOP"] = (len(result.reads), "number of reads subtracted")
    return result.image


def _exptime(ramp, image, done):
    if done == "mask":
        return exptime.span(ramp.exptimes, image.masked).exptime
    return float(ramp.primary["EXPTIME"]) if done == "subtract" else float(ramp.times[-1])


def _note(ramp, text):
    ramp.primary.add_history(text)


def _sign(ramp, choice, done, before, after):
    """Say in the header what was found, what was done and how straight the ramp is."""
    primary = ramp.primary
    primary["TREATMNT"] = (done, "treatment of bad reads")
    primary["BADREADS"] = (ranges(choice["reads"]) or "none", "EXTVERs chosen as bad")
    primary["VERDICT"] = (choice["verdict"], "of the choice of bad reads")
    for card in quality_cards(after, before if done != "none" else None):
        primary[card[0]] = card[1:]
    _note(ramp, f"bad reads: {choice['words']}")
    for extver, why in choice["findings"].items():
        _note(ramp, f"  EXTVER {extver}: {why}")


def _warnings(after, choice, done):
    # Where counts were subtracted no line was fitted.
    warnings = [after.warning] if after.warning and done != "subtract" else []
    if done == "flatten" and choice["kind"] == "scattered light":
        warnings.append(
            "the sky does not vary alike over the field: flatten leaves its gradient in"
        )
    if choice["findings"] and done == "none":
        warnings.append(choice["words"])
    return warnings


def _plain(measures):
    """Return a dataclass as JSON types, its properties included."""
    names = [n for n, v in vars(type(measures)).items() if isinstance(v, property)]
    values = asdict(measures) | {name: getattr(measures, name) for name in names}
    return {name: _number(value) for name, value in values.items()}


def _number(value):
    if isinstance(value, np.ndarray):
        return [_number(one) for one in value.tolist()]
    if isinstance(value, float | np.floating):
        return round(float(value), 7) if np.isfinite(value) else None
    return value
