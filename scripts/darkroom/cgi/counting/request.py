"""From the command line of photon_counted_dark.py to its product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.cgi.accepted import accepted_frames
from darkroom.cgi.counting.best import best_dark, found_share
from darkroom.cgi.counting.checks import compare_halves, measure_gain
from darkroom.cgi.counting.compare import compare_with_maps
from darkroom.cgi.counting.exact import CountModel
from darkroom.cgi.counting.frames import CountPlan, count_frames, image_geometry
from darkroom.cgi.counting.peer import peer_dark
from darkroom.cgi.counting.product import read_counters, write_counted_dark
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.gather import are_raw, described
from darkroom.cgi.request import geometry_files
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.judged import judge_frames
from darkroom.cgi.stacks.measured import Measured, attach, by_name
from darkroom.cgi.stacks.stacks import Member
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from darkroom.cgi.counting.frames import Counted
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings

# Deviations beyond this many errors are said, or refused.
_BEYOND = 5.0
# Excess charges whose completeness the header states [e-], and the significance of a hot pixel.
_SIZES, _SIGNIFICANT = (0.05, 0.1, 0.5), 5.0


@dataclass
class Given:
    """Frames that are counted.

    Attributes
    ----------
    frames : list of str
    sums : dict
        ``{path: sha256}``, where known.
    left_out : list of str
        Sentences about frames that are not used.
    warnings : list of str
    measured : dict
        What was measured of the frames when they were judged, by name.
    """

    frames: list[str]
    sums: dict[str, str]
    left_out: list[str]
    warnings: list[str]
    measured: dict[str, Measured]


def accepted(arguments: argparse.Namespace, judge: dict[str, Any]) -> tuple[Given, Geometry]:
    """Return the frames to count, judged, and their geometry.

    Raises
    ------
    InputError, DarkroomError
        When a frame is refused that no campaign judged, or there is none.
    """
    geometry = read_geometry(arguments.geometry)
    settings = judge | {"waive": tuple(arguments.waive), "photon_counted": True}
    found = accepted_frames(
        arguments.files, checksums=arguments.checksums, table=arguments.frames, settings=settings
    )
    if not found.frames:
        raise DarkroomError("no frame to count photons in: none was accepted")
    with open_frame(found.frames[0]) as frame:
        small = image_geometry(geometry)
        geometry = small if frame.pixels.shape == small.shape else geometry
    warnings: list[str] = []
    measured = found.measured
    if not found.judged:
        values, warnings = judge_frames(found.frames, geometry, EM_ELECTRON, settings, found.sums)
        measured = by_name(found.frames, values)
    left_out = [f"left out, as the checks refuse it: {name}" for name in found.refused]
    return Given(found.frames, found.sums, left_out, warnings, measured), geometry


def make_dark(
    arguments: argparse.Namespace,
    given: Given,
    geometry: Geometry,
    raw: Callable[[], Settings],
) -> list[str]:
    """Count photons and write the dark.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line.
    given : Given
    geometry : darkroom.cgi.geometry.Geometry
        Of the frames.
    raw : callable
        Returns how raw frames are prepared.

    Returns
    -------
    list of str
        Sentences about the result.
    """
    peer = arguments.method == "peer"
    if peer and arguments.subtract_fpn:
        raise DarkroomError("--subtract-fpn needs --method best: corgidrp subtracts no pattern")
    maps = None if arguments.maps is None else read_noise_maps(arguments.maps)
    if arguments.subtract_fpn and maps is None:
        raise DarkroomError("--subtract-fpn needs --maps, whose fixed pattern is subtracted")
    whole = read_geometry(arguments.geometry)
    planes = None if maps is None else _cut(maps, whole, geometry)
    plan = CountPlan(
        arguments.threshold, arguments.most_electrons, arguments.read_noise, peer, arguments.region
    )
    preparation = raw() if are_raw(given.frames) else None
    counted = count_frames(
        given.frames, geometry, plan, raw=preparation, sums=given.sums,
        pattern=np.nan_to_num(planes[0][0]) if planes and arguments.subtract_fpn else None,
        scratch=arguments.output.parent,
    )  # fmt: skip
    attach([counted.stack], given.measured)
    if arguments.add is not None:
        _add_earlier(counted, arguments)
    warnings = given.warnings + counted.warnings
    settings = {
        "method": arguments.method, "threshold": arguments.threshold, "region": arguments.region,
        "subtract_fpn": arguments.subtract_fpn, "geometry": geometry.name,
        "most_electrons": arguments.most_electrons, "waived": sorted(arguments.waive),
    }  # fmt: skip
    inputs = geometry_files(arguments.geometry)
    inputs += [path for path in (arguments.maps, arguments.add) if path is not None]
    if preparation is not None:
        settings |= described(preparation)
        inputs += preparation.calibration.files
    cards: dict[str, tuple[object, str]] = {
        "PCMETHOD": (arguments.method, "how electrons follow from counts"),
        "PCMEAN": (counted.mean, "[e-] mean of all samples over the EM gain"),
        "FPNSUB": (arguments.subtract_fpn, "was the fixed pattern subtracted first?"),
    }
    extra: dict[str, np.ndarray] = {}
    if peer:
        data, err, dq = peer_dark(counted.counters, counted.threshold, counted.gain)
        empty = int(((data == 0) & (err == 0) & (dq == 0)).sum())
        if empty:
            warnings.append(
                f"{empty} pixels without a count have the error 0, as corgidrp gives it"
            )
    else:
        section = None
        if planes is not None:
            area = geometry.section("image") if arguments.region == "image" else (slice(None),) * 2
            section = tuple(plane[(..., *area)] for plane in planes)
        data, err, dq = _best(counted, geometry, arguments.gain_tolerance, cards, extra, warnings,
                              section)  # fmt: skip
    write_counted_dark(
        arguments.output, counted, data, err, dq, cards=cards, planes=extra, inputs=inputs,
        settings=settings, notes=given.left_out + _named(counted.left_out), warnings=warnings,
    )  # fmt: skip
    known = dq == 0
    return [
        *given.left_out,
        *(f"warning: {sentence}" for sentence in warnings),
        f"{counted.stack.name}: {counted.stack.nframes} frames, threshold {counted.threshold:g} "
        f"e-, mean {float(np.mean(data[known])) if known.any() else np.nan:.4g} e- per frame",
    ]


def _named(left_out):
    if not left_out:
        return []
    return [f"left out, marked as bad (IS_BAD) in their headers: {', '.join(left_out)}"]


def _cut(maps, whole, geometry):
    """Return data and errors of noise maps for frames of a geometry."""
    if maps.data.shape[1:] == geometry.shape:
        return maps.data, maps.err
    if maps.data.shape[1:] == whole.shape:
        area = whole.section("image")
        return maps.data[(..., *area)], maps.err[(..., *area)]
    raise InputError(
        maps.path,
        f"maps of {maps.data.shape[1]} x {maps.data.shape[2]}, the frames are of "
        f"{geometry.shape[0]} x {geometry.shape[1]}",
        "name the right geometry with --geometry",
    )


def _best(counted, geometry, tolerance, cards, extra, warnings, planes):
    """Return data, error and flags, and fill in cards, planes and warnings."""
    counters, name = counted.counters, counted.stack.name
    model = CountModel(counted.threshold, counted.gain, counted.read_noise, geometry.em_stages)
    dark = best_dark(counters, model)
    normal = ~dark.hot & (counters.n > 0)
    gain = measure_gain(counters, normal, counted.threshold, counted.gain, counted.read_noise,
                        geometry.em_stages)  # fmt: skip
    off = abs(gain.gain - counted.gain)
    if off > max(_BEYOND * gain.error, tolerance * counted.gain):
        raise DarkroomError(
            f"{name}: the counts above one, two and four thresholds are those of an EM gain of "
            f"{gain.gain:.0f} +- {gain.error:.0f}, the headers say {counted.gain:g}: every "
            "electron's chance to be counted would be wrong; correct EMGAIN_M, or raise counting: "
            "gain_tolerance"
        )
    halves = compare_halves(counters, dark)
    if abs(halves.drift) > _BEYOND:
        warnings.append(
            f"the second half of the frames has another charge than the first, by "
            f"{halves.drift:+.1f} standard deviations"
        )
    pooled = counters.above[normal].sum() / max(int(counters.n[normal].sum()), 1)
    mean = float(model.invert(np.array(pooled)))
    error = np.sqrt(pooled * (1 - pooled) / max(int(counters.n[normal].sum()), 1))
    cards |= {
        "PCGAIN": (gain.gain, "EM gain that the counts show"),
        "PCGAINER": (gain.error, "its error"),
        "PCCHI2": (halves.mean, "mean chi-square of the halves (1: stable)"),
        "PCCHI2ER": (halves.error, "its error"),
        "PCDRIFT": (halves.drift, "second half - first half, in errors"),
        "PCLEVEL": (mean, "[e-] mean of normal pixels, of their pooled counts"),
        "PCLEVERR": (float(error / model.slope(np.array(mean))), "[e-] its error"),
        "PCHOT": (int(dark.hot.sum()), "pixels of significantly more counts"),
        "PCZERO": (int(((counters.above == 0) & (counters.n > 0)).sum()), "pixels without counts"),
    }
    frames = int(np.median(counters.n))
    for number, size in enumerate(_SIZES, start=1):
        share = found_share(
            model, frames, float(np.median(dark.shared)), size=size, significance=_SIGNIFICANT,
            least=0.0,
        )  # fmt: skip
        cards[f"PCFOUND{number}"] = (share, f"share found at {size:g} e- excess")
    extra |= {"UPPER": dark.upper, "SIGNIF": dark.significance, "CHI2": halves.chi2,
              "HOT": dark.hot.astype(np.uint8)}  # fmt: skip
    if planes is not None:
        found = compare_with_maps(counters, dark, model, *planes, counted.stack.exptime)
        cards |= {
            "PCSYNTH": (found.synthesized, "[e-] C + t D of the noise maps, same pixels"),
            "PCSYNERR": (found.error, "[e-] error of the difference"),
            "PCSYNPUL": (found.pull, "counted - synthesized, in errors"),
            "PCSYNMAX": (found.largest, "largest pull of a region"),
        }
        if abs(found.pull) > _BEYOND:
            warnings.append(
                f"{found.counted:.4g} e- were counted per pixel, the noise maps have "
                f"{found.synthesized:.4g} ({found.pull:+.1f} standard deviations apart)"
            )
    return dark.data, dark.err, dark.dq


def _add_earlier(counted: Counted, arguments: argparse.Namespace) -> None:
    """Add the counters of an earlier dark."""
    counters, frames, measured, header = read_counters(arguments.add)
    wanted = {
        "PCTHRESH": counted.threshold, "EMGAIN_C": counted.stack.commanded_gain,
        "EXPTIME": counted.stack.exptime, "KGAINPAR": counted.stack.kgain,
        "REGION": counted.region, "FPNSUB": arguments.subtract_fpn,
        "PCMETHOD": arguments.method,
    }  # fmt: skip
    for card, value in wanted.items():
        found = header.get(card)
        same = np.isclose(found, value) if isinstance(value, float) else found == value
        if not same:
            raise InputError(
                arguments.add, f"its {card} is {found!r}, that of the new frames {value!r}"
            )
    if counters.shape != counted.counters.shape:
        raise InputError(
            arguments.add, f"its counters are of {counters.shape}, not {counted.counters.shape}"
        )
    number = len(frames["FILE"])
    counted.mean = (number * float(header["PCMEAN"]) + counted.stack.nframes * counted.mean) / (
        number + counted.stack.nframes
    )
    counted.counters.merge(counters)
    counted.stack.members[:0] = [
        Member(str(name), str(digest), str(start), float(gain))
        for name, digest, start, gain in zip(
            *(frames[name] for name in ("FILE", "SHA256", "START", "EMGAIN")), strict=True
        )
    ]
    attach([counted.stack], measured)
    counted.stack.check()
