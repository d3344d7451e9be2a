"""Held-out exposures through the JWST pipeline, with the candidate and with the current file."""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy.io import fits

from darkroom.counterfactual.held_out import of_versions
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.record import Comparison
from darkroom.errors import InputError
from darkroom.gates.harms import of_product
from darkroom.nircam.counterfactual import darks, readnoise, superbias
from darkroom.nircam.counterfactual.closure import Ramp, closure
from darkroom.nircam.counterfactual.consumer import (
    Corrected,
    Fitted,
    correct,
    fit,
    identical,
    jumps_of,
    prepare,
    subtract_dark,
)
from darkroom.nircam.counterfactual.deck import (
    source_slopes,
    white_ramps,
    with_sources,
)
from darkroom.nircam.counterfactual.results import Pair
from darkroom.nircam.counterfactual.stack import (
    DeckExposure,
    parts,
    read_groups,
    stacks,
    write_stack,
)
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.gating.harms import HARMS
from darkroom.nircam.spectrum.written import whole_fit

if TYPE_CHECKING:
    from darkroom.hints import StrPath

log = logging.getLogger(__name__)

#: Products whose effect on sources is that on the same darks without.
_DARKS_ALONE = ("dark", "mask")
#: Differences of white ramps from which the rate of false jumps is known.
WHITE_DIFFERENCES = 3_000_000
_SEED = 19
# Robust standard deviations of the rate from which a pixel is hot.
_HOT = 5.0


@dataclass(frozen=True)
class Task:
    """A comparison to make.

    Attributes
    ----------
    product : str
        ``superbias``, ``readnoise``, ``dark`` or ``mask``.
    candidates : dict
        New file of each exposure, by its name: it was made without it.
    current : path-like
        The file in use.
    slopes : (float, float)
        Smallest and largest slope of injected sources, DN/s.
    made_of : int
        Exposures of which a candidate was made; 0: not known.
    version : str
        Of jwst.
    harms : dict
        Smallest changes that matter, where they are not the usual ones, by key of the product.
    spectrum : path-like or None
        Read noise: noise spectrum of the detector, by which the scatter of rates is predicted.
    """

    product: str
    candidates: Mapping[str, StrPath]
    current: StrPath
    slopes: tuple[float, float]
    made_of: int
    version: str
    harms: Mapping[str, float] = field(default_factory=dict)
    spectrum: StrPath | None = None

    @property
    def versions(self) -> list[StrPath]:
        """The new files, each once."""
        return list(dict.fromkeys(self.candidates.values()))


@dataclass
class _Deck:
    """What is collected over exposures."""

    pairs: list[Pair]
    ramps: list[np.ndarray]
    exact: list[bool]
    model: Any = None
    readout: Readout | None = None
    good: np.ndarray | None = None
    reference: np.ndarray | None = None


@dataclass
class _Stack:
    """Exposures that go through the steps before jump as one.

    Attributes
    ----------
    members : list of DeckExposure
    raw : pathlib.Path
        File of their integrations.
    groups : list of (nints, ngroups, ny, nx) arrays
        Raw counts of each.
    ramps : stdatamodels RampModel
        Before a superbias is subtracted.
    corrected : Corrected or None
        What is the same for both files, once it was computed.
    """

    members: list[DeckExposure]
    raw: Path
    groups: list[np.ndarray]
    ramps: Any
    corrected: Corrected | None = None

    @property
    def counts(self) -> list[int]:
        """Integrations of each exposure."""
        return [len(groups) for groups in self.groups]


class _Made(NamedTuple):
    """What a stack becomes with a file: corrected ramps; group 0 and rates of each exposure."""

    model: Any
    first: list[np.ndarray]
    fitted: list[Fitted]


def run(task: Task, exposures: Sequence[DeckExposure]) -> Comparison:
    """Compare two files on held-out exposures.

    `darkroom.crds.environment.go_offline` and
    `darkroom.nircam.counterfactual.consumer.load_steps` must have been called.

    Parameters
    ----------
    task : Task
    exposures : sequence of DeckExposure
        Darks.

    Raises
    ------
    InputError
        When a step does not work on an exposure, or the exposures have different shapes.
    """
    deck = _Deck([], [], [])
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # Pixels without a value in any exposure.
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
        copy = Path(scratch, "copy_of_current.fits")
        shutil.copyfile(task.current, copy)
        for version in task.versions:
            chosen = [one for one in exposures if task.candidates[one.name] == version]
            for members in stacks(chosen):
                _add(deck, task, members, copy, Path(scratch))
        harm = of_product(HARMS, task.product)["flags"].size(task.harms)
        found = _compared(deck, task, exposures[0])
        return replace(
            found, flags_harm=harm, notes=[*found.notes, *of_versions(len(task.versions))]
        )


def _add(deck, task, members, copy, scratch):
    """Add exposures of one kind; where a step fails, one by one, so that it says on which."""
    log.info("%s: with both files", ", ".join(one.name for one in members))
    try:
        pairs, ramps, exact = _through_both(deck, task, members, copy, scratch)
    except InputError:
        if len(members) == 1:
            raise
        for one in members:
            _add(deck, task, [one], copy, scratch)
        return
    deck.pairs += pairs
    deck.ramps += ramps
    deck.exact += exact


def _through_both(deck, task, members, copy, scratch):
    """Run exposures, and the same with sources, with both files and the copy."""
    stack = _stacked(members, read_groups(members), scratch / "darks_uncal.fits")
    for one in members:
        _describe(deck, one.path, stack.ramps, task)
    candidate = task.candidates[members[0].name]
    new, old, same = (_results(task, stack, one) for one in (candidate, task.current, copy))
    deck.model = old.model
    firsts = list(zip(new.first, old.first, strict=True))
    exact = [
        identical(*four)
        for four in zip(old.fitted, same.fitted, old.first, same.first, strict=True)
    ]
    ramps = parts(np.array(old.model.data), stack.counts)
    pairs = [
        Pair(member.name, first, (one, other))
        for member, first, one, other in zip(members, firsts, new.fitted, old.fitted, strict=True)
    ]
    if task.product in _DARKS_ALONE:
        return pairs, ramps, exact
    made = [
        _sources(deck, task, one, groups) for one, groups in zip(members, stack.groups, strict=True)
    ]
    stack = _stacked(members, [groups for groups, _ in made], scratch / "sources_uncal.fits")
    new, old = (_results(task, stack, one) for one in (candidate, task.current))
    # In the order in which exposures were given: each dark, then the same with sources.
    pairs = [
        one
        for dark, (_, slopes), *both in zip(pairs, made, new.fitted, old.fitted, strict=True)
        for one in (dark, Pair(f"{dark.name} with sources", dark.first, tuple(both), slopes))
    ]
    return pairs, ramps, exact


def _stacked(members, groups, raw):
    """Write exposures as one, and run the steps that come before both files."""
    write_stack(raw, members[0], groups)
    ramps = prepare(members[0].path, members[0].references, raw)
    return _Stack(list(members), raw, groups, ramps)


def _results(task, stack, file):
    """Return the corrected ramps of a stack, and the rates of each exposure, with a file."""
    path, references = stack.members[0].path, stack.members[0].references
    if task.product == "superbias":
        one = correct(path, stack.ramps, references, file)
    elif task.product == "mask":
        flagged = prepare(path, {**references, "mask": file}, stack.raw)
        one = correct(path, flagged, references, references["superbias"])
    else:
        if stack.corrected is None:
            stack.corrected = correct(path, stack.ramps, references, references["superbias"])
        one = stack.corrected
        one = one if task.product == "readnoise" else subtract_dark(path, one, file)
    readnoise = file if task.product == "readnoise" else references["readnoise"]
    paths = [member.path for member in stack.members]
    fitted = fit(paths, one, stack.counts, references, readnoise)
    return _Made(one.model, parts(one.first, stack.counts), fitted)


def _describe(deck, path, ramps, task):
    """Keep which pixels are compared, and check that the exposures are alike."""
    header = fits.getheader(path)
    readout = Readout.from_header(header)
    if deck.readout is None:
        flags = np.array(ramps.pixeldq)
        bad = (flags & np.uint32(Pixel.DO_NOT_USE)) != 0
        if task.product == "mask":
            bad[:] = False  # those that either file flags are what is compared
        for file in (*task.versions, task.current):
            values = image(file, readout, "DQ") if task.product != "mask" else None
            if values is not None:
                bad |= (values.astype(np.uint32) & np.uint32(Pixel.DO_NOT_USE)) != 0
        deck.reference = (flags & np.uint32(Pixel.REFERENCE_PIXEL)) != 0
        deck.readout, deck.good = readout, ~bad & ~deck.reference
    elif (readout.shape, readout.subarray) != (deck.readout.shape, deck.readout.subarray):
        raise InputError(path, f"is of {readout.subarray}, others of {deck.readout.subarray}")


def _sources(deck, task, exposure, groups):
    """Return the counts of an exposure with sources, and the slopes (DN/s)."""
    name, path, references = exposure
    rng = np.random.default_rng([_SEED, zlib.crc32(name.encode())])
    header = fits.getheader(path)
    pattern = str(header["READPATT"])
    frames = sum(PATTERNS[pattern]) * groups.shape[1]
    frame_time = float(header["TFRAME"])
    slopes = source_slopes(deck.good, task.slopes, frames * frame_time, rng)
    bias = image(references["superbias"], deck.readout)
    coefficients = image(references["linearity"], deck.readout, "COEFFS")
    gain = image(references["gain"], deck.readout)
    usable = np.isfinite(gain) & (gain > 0) & np.isfinite(bias)
    slopes[~usable | ~np.isfinite(coefficients).all(axis=0)] = 0
    made = with_sources(groups, bias, coefficients, slopes, (frame_time, pattern), gain, rng)
    return made, slopes


def _compared(deck, task, exposure):
    """Return the comparison of what was collected."""
    name, path, references = exposure
    exact = all(deck.exact)
    if task.product in _DARKS_ALONE:
        return _compared_darks(deck, task, exact, references["gain"])
    hot = hot_pixels([pair for pair in deck.pairs if pair.slopes is None], deck.good)
    deck.good &= ~hot
    classes = _classes(deck)
    note = f"{int(hot.sum())} hot pixels are left out: their dark current is no error of a file."
    if task.product == "superbias":
        errors = tuple(
            np.mean([_or_nan(image(file, deck.readout, "ERR"), deck.readout) for file in files], 0)
            for files in (task.versions, [task.current])
        )
        found = superbias.compare(
            deck.pairs, classes, errors, task.made_of, exact, task.version, task.harms
        )
        return replace(found, notes=[*found.notes, note])
    nframes = int(fits.getheader(path)["NFRAMES"])
    stated = {
        file: image(file, deck.readout).astype(float) / np.sqrt(nframes)
        for file in (*task.versions, task.current)
    }
    darks = [pair for pair in deck.pairs if pair.slopes is None]
    maps = [stated[task.candidates[pair.name]] for pair in darks], stated[task.current]
    rng = np.random.default_rng([_SEED, zlib.crc32(name.encode()), 1])
    sigma = np.nan_to_num(maps[1] / np.sqrt(2))
    white = white_ramps(deck.ramps[0].shape[1:], sigma, WHITE_DIFFERENCES, rng)
    jumps = jumps_of(path, deck.model, white, references, task.current)[:, 1:, deck.good]
    rate = float(jumps.mean())
    expected = rate, float(np.sqrt(max(rate * jumps.size, 1)) / jumps.size)
    found = readnoise.compare(
        deck.pairs, deck.ramps, maps, classes, expected, exact, task.version, task.harms
    )
    rows, more = _closure(deck, task, classes, path, references["gain"])
    return replace(found, closures=[*found.closures, *rows], notes=[*found.notes, *more, note])


def _closure(deck, task, classes, path, gain):
    """Return how far VAR_RNOISE is from the scatter of rates, where a spectrum predicts that."""
    fit = None if task.spectrum is None else whole_fit(task.spectrum, deck.readout)
    if fit is None:
        return [], []
    pattern, groups = str(fits.getheader(path)["READPATT"]), deck.ramps[0].shape[1]
    ramp = Ramp(pattern, groups, float(np.nanmedian(image(gain, deck.readout))))
    darks = [pair for pair in deck.pairs if pair.slopes is None]
    rows, sentence = closure(darks, classes, fit, deck.readout, ramp)
    return rows, [sentence]


def _compared_darks(deck, task, exact, gain):
    """Return the comparison of darks, or of masks: hot pixels are part of it."""
    classes = _classes(deck)
    # The harm is declared in e-/s, rates are in DN/s.
    rate = of_product(HARMS, task.product)["rate"].size(task.harms)
    harm = rate / float(np.nanmedian(image(gain, deck.readout)))
    if task.product == "mask":
        return darks.compare_masks(deck.pairs, classes, exact, task.version, harm)
    hot = hot_pixels(deck.pairs, deck.good)
    err = image(task.versions[0], deck.readout, "ERR")
    groups = deck.ramps[0].shape[1] if err is None else min(deck.ramps[0].shape[1], len(err))
    time = float(deck.model.meta.exposure.group_time) * max(groups - 1, 1)
    error = _or_nan(None if err is None else err[groups - 1], deck.readout) / time
    return darks.compare_darks(
        deck.pairs, classes | {darks.HOT: hot}, error, task.made_of, exact, task.version, harm
    )


def hot_pixels(darks: Sequence[Pair], good: np.ndarray) -> np.ndarray:
    """Return the pixels whose rate in darks is far from that of the others: (ny, nx) bool array.

    A file that holds the dark current of its own exposures would be called better for them alone.
    They are chosen by slopes, which a constant error of a superbias does not move.

    Parameters
    ----------
    darks : sequence of Pair
    good : (ny, nx) bool array
        Pixels that are compared.
    """
    rate = np.nanmean([np.nanmean(pair.fitted[1].rate, axis=0) for pair in darks], axis=0)
    level = np.nanmedian(rate[good])
    scatter = 1.4826 * np.nanmedian(np.abs(rate[good] - level))
    return good & ~(np.abs(rate - level) <= _HOT * scatter)


def _classes(deck):
    """Return the classes of pixels, in the frame of files; amplifiers numbered as everywhere."""
    readout = deck.readout
    turned = readout.flip(deck.reference)
    found = classes_of(readout.shape, turned, readout.noutputs)
    good = deck.good | deck.reference
    return {
        name: np.ascontiguousarray(readout.flip(one)) * good if one.dtype != bool
        else np.ascontiguousarray(readout.flip(one)) & good
        for name, one in found.items()
    }  # fmt: skip


def image(path: StrPath, readout: Readout, name: str = "SCI") -> np.ndarray | None:
    """Return an image of a reference file, cut to the pixels that an exposure reads.

    Parameters
    ----------
    path : path-like
    readout : Readout
        Of the exposure.
    name : str
        Extension; None is returned where the file has none of this name.

    Raises
    ------
    InputError
        When the file does not cover the exposure.
    """
    with fits.open(path, memmap=False) as hdus:
        if name not in hdus:
            return None
        values, header = hdus[name].data, hdus[0].header
    ny, nx = readout.shape
    row = readout.ystart - int(header.get("SUBSTRT2", 1))
    column = readout.xstart - int(header.get("SUBSTRT1", 1))
    inside = values[..., row : row + ny, column : column + nx] if min(row, column) >= 0 else values
    if min(row, column) < 0 or inside.shape[-2:] != (ny, nx):
        raise InputError(
            path, f"does not cover the {nx} × {ny} pixels of {readout.subarray}",
            "compare files of the same pixels",
        )  # fmt: skip
    return inside


def _or_nan(values: np.ndarray | None, readout: Readout) -> np.ndarray:
    return np.full(readout.shape, np.nan) if values is None else values.astype(float)
