"""An exposure with its bad reads treated: calibrated, and measured before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.plain import header_text
from darkroom.wfc3.engine import engine, exptime
from darkroom.wfc3.engine.planes import Darks, open_reference
from darkroom.wfc3.engine.ramp import Ramp, Reduced
from darkroom.wfc3.files.imsets import read_of
from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.background import background
from darkroom.wfc3.reads.quality import quality_cards, ramp_quality
from darkroom.wfc3.reads.treat import flatten, last_minus_first, subtract
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath


@dataclass
class Reprocessed:
    """A treated exposure.

    Parameters
    ----------
    ramp : Ramp
        The reads on which CRCORR was run; its headers describe the treatment.
    image : Reduced
        The final image.
    record : dict
        Measurements before and after the treatment, as JSON types.
    done : {"mask", "subtract", "flatten", "mask_and_flatten", "last_minus_first", "none"}
        The treatment applied.
    """

    ramp: Ramp
    image: Reduced
    record: dict[str, Any]
    done: str


def reprocess(
    raw: StrPath,
    references: StrPath,
    choice: dict[str, Any],
    sky: np.ndarray,
    pixels: np.ndarray,
    *,
    scope: str = Wfc3Settings.mask_scope,
    regions: tuple[Sequence[int], Sequence[int]],
    threads: int = 1,
) -> Reprocessed:
    """Calibrate an exposure with its bad reads treated.

    Parameters
    ----------
    raw : path-like
        RAW whose header names its references.
    references : path-like
        Their folder.
    choice : dict
        Record of the program ``choose_reads``: ``treatment`` and the fields of
        `darkroom.wfc3.reads.choose.Choice`.
    sky : (n-1,) array
        Sky in every interval, e-/s after flat-fielding.
    pixels : (ny, nx) bool array
        Sky pixels, border included.
    scope : {"all", "calwf3"}
        Pixels in which masked reads are left out.
    regions : pair of sequences of int
        Left and right region, see `darkroom.wfc3.reads.background.background`.
    threads : int
        Number of bands of rows worked on in parallel.

    Returns
    -------
    Reprocessed

    Raises
    ------
    DarkroomError
        When CRCORR is omitted and the treatment needs its fit, or reads are masked in the RAW
        already.
    """
    ramp = engine.load(raw, references, threads=threads)
    reads, done = tuple(choice["reads"]), _to_do(choice, ramp, raw)
    fitted = ramp.steps["CRCORR"] == "PERFORM"
    plain = engine.reduce(ramp, events=True, threads=threads)
    before = ramp_quality(ramp, plain, sky, pixels)
    if ramp.masked_in_file:
        raise DarkroomError(f"{raw}: EXTVER {ranges(ramp.masked_in_file)} is masked in the file")
    image, after = plain, before
    if done in ("flatten", "mask_and_flatten"):
        ramp, mean = flatten(ramp, sky, reads)
        image = engine.reduce(ramp, reads, scope=scope, events=True, threads=threads)
        after = ramp_quality(ramp, image, _sky_between(ramp, pixels, reads), pixels, reads)
        _add_sky_history(ramp, mean, sky)
    elif done == "mask":
        image = engine.reduce(ramp, reads, scope=scope, events=True, threads=threads)
        after = ramp_quality(ramp, image, sky, pixels, reads)
    elif done == "subtract" or (done == "last_minus_first" and reads):
        image = _subtracted(ramp, references, reads, plain)
    elif done == "last_minus_first":
        image = last_minus_first(ramp, plain)
    if done in ("subtract", "last_minus_first"):
        ramp.primary["CRCORR"] = "OMIT"
        ramp.steps["CRCORR"] = "OMIT"
    used = _exptime(ramp, image, done)
    _describe_treatment(ramp, choice, done, before, after)
    record = {
        "done": done,
        "reads": list(reads) if done != "none" else [],
        "exptime": [float(ramp.times[-1]), used],
        "background": [_as_json(background(i, pixels, *regions)) for i in (plain, image)],
        "quality": [_as_json(quality) for quality in (before, after)],
        "warnings": _warnings(after, choice, done, fitted=fitted),
    }
    return Reprocessed(ramp, image, record, done)


def _to_do(choice, ramp, raw):
    """Return the treatment of an exposure: none on a verdict that decides nothing."""
    treatment = choice["treatment"]
    asked = treatment == "last_minus_first"
    if not asked and choice["verdict"] not in ("chosen", "given"):
        return "none"
    if treatment in ("mask", "subtract", "mask_and_flatten") and not choice["reads"]:
        return "flatten" if treatment == "mask_and_flatten" and choice["findings"] else "none"
    if ramp.steps["CRCORR"] != "PERFORM" and treatment in ("mask", "flatten", "mask_and_flatten"):
        raise InputError(
            raw,
            f"CRCORR is OMIT, so no line is fitted, from which {treatment} could leave reads out",
            "set its treatment to subtract or last_minus_first",
        )
    return treatment


def _sky_between(ramp, pixels, reads):
    """Return the median of the sky pixels in every interval of a ramp, e-/s; NaN beside reads."""
    levels, before = [], np.float32(0)
    left_out = {read_of(extver, ramp.nsamp) for extver in reads}
    for k in range(1, ramp.nsamp):
        counts = engine.calibrated_read(ramp, k)[0][pixels] * np.float32(ramp.times[k])
        levels.append(float(np.median(counts - before) / (ramp.times[k] - ramp.times[k - 1])))
        if left_out & {k, k - 1}:
            levels[-1] = np.nan
        before = counts
    return np.array(levels)


def _subtracted(ramp, references, reads, plain):
    """Subtract reads, and correct the exposure times in the headers of the ramp."""
    found = open_reference(ramp.primary, "DARKFILE", references)
    if found is None:
        raise DarkroomError(f"{ramp.primary['ROOTNAME']}: names no DARKFILE, which subtract needs")
    with found[1] as imsets:
        darks = Darks(found[0], imsets, ramp.primary, ramp.shape)

        def dark(k: int) -> tuple[np.ndarray, np.ndarray]:
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
    """Return the exposure time used, s."""
    if done in ("mask", "mask_and_flatten"):
        return exptime.span(ramp.exptimes, image.masked).exptime
    subtracted = "NPOP" in ramp.primary
    return float(ramp.primary["EXPTIME"]) if subtracted else float(ramp.times[-1])


def _add_sky_history(ramp, mean, sky):
    """List the sky of every interval before it was flattened."""
    ramp.primary.add_history(
        f"sky flattened to its mean {mean:.5f} e-/s; before, in the intervals from EXTVER "
        f"{ramp.nsamp - 1} to 1:"
    )
    for first in range(0, sky.size, 8):
        levels = sky[first : first + 8]
        ramp.primary.add_history(" ".join(f"{level:.4f}" for level in levels))


def _describe_treatment(ramp, choice, done, before, after):
    """Write into the header what was found, what was done and how straight the ramp is."""
    primary = ramp.primary
    primary["TREATMNT"] = (done, "treatment of bad reads")
    primary["BADREADS"] = (ranges(choice["reads"]) or "none", "EXTVERs chosen as bad")
    primary["VERDICT"] = (choice["verdict"], "of the choice of bad reads")
    for card in quality_cards(after, before if done != "none" else None):
        primary[card[0]] = card[1:]
    primary.add_history(header_text(f"bad reads: {choice['words']}"))
    for extver, why in choice["findings"].items():
        primary.add_history(f"  EXTVER {extver}: {why}")


def _warnings(after, choice, done, *, fitted):
    # Where counts were subtracted no line was fitted, so its quality does not matter.
    line = fitted and done not in ("subtract", "last_minus_first")
    warnings = [after.warning] if after.warning and line else []
    if not fitted:
        warnings.append("CRCORR is OMIT in the RAW: cosmic rays are neither removed nor flagged")
    if choice["kind"] == "no data" or "drift" in choice["words"]:
        warnings.append(choice["words"])
    if done == "flatten" and choice["kind"] == "scattered light":
        warnings.append(
            "the sky does not vary uniformly over the field: flatten does not remove its gradient"
        )
    if choice["findings"] and done == "none" and choice["words"] not in warnings:
        warnings.append(choice["words"])
    return warnings


def _as_json(measures):
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
