"""Frames held out, from which a candidate and the product in use are subtracted."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions, options
from darkroom.ccd.dq import DQ
from darkroom.ccd.gating.harms import HARMS
from darkroom.ccd.overscan.amplifiers import amplifiers
from darkroom.ccd.previous import require_same_camera
from darkroom.ccd.products import dark_rate as ratefile
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products import master as masterfile
from darkroom.ccd.products.amplifiers import for_amplifier
from darkroom.ccd.robust import finite_median, robust_std
from darkroom.ccd.stack.frames import opened
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.score import further_made_of
from darkroom.counterfactual.subtracted import SCORED, Consumer, Exchange, compare, compare_noise
from darkroom.errors import InputError, as_written
from darkroom.gates.harms import of_product

if TYPE_CHECKING:
    from darkroom.counterfactual.record import Comparison
    from darkroom.fits.describe import Frame
    from darkroom.hints import StrPath

HOT = "hot pixels"
_GIVE = "give the product of the previous night as it was made (ccd: previous)"
# Samples that say nothing of the file.
_NO_VALUE = DQ.NONFINITE | DQ.SATURATED | DQ.NO_ERROR


@dataclass(frozen=True)
class HeldOut:
    """Frames held out, and how each amplifier is read.

    Attributes
    ----------
    frames : sequence of Frame
    parts : sequence of argparse.Namespace
        The command line for each amplifier.
    made : dict
        Files of this night that were made without each frame: ``{"candidate": {name: path}}``, and
        ``bias`` of a read noise.
    version : str
        Of darkroom.
    harms : dict
        Smallest changes that matter, where they are not the usual ones, by key of the product.
    """

    frames: Sequence[Frame]
    parts: Sequence[argparse.Namespace]
    made: Mapping[str, Mapping[str, StrPath]]
    version: str
    harms: Mapping[str, float]

    @property
    def unit(self) -> str:
        """Unit of frames and products."""
        return products.unit(self.parts[0].gain_e_per_adu)

    def harm(self, key: str, scale: float = 1.0) -> float:
        """Return the smallest change of the product that matters, that of its gates."""
        return of_product(HARMS, self.parts[0].product)[key].size(self.harms, scale)

    @property
    def versions(self) -> list[StrPath]:
        """The new products, each once."""
        return list(dict.fromkeys(self.made["candidate"].values()))

    @property
    def current(self) -> StrPath:
        """The product in use."""
        return self.parts[0].current

    def of(self, frame: Frame, what: str = "candidate") -> StrPath:
        """Return the file that was made without a frame."""
        return self.made[what][frame.path.name.partition(".")[0]]

    def images(self) -> Iterator[np.ndarray]:
        """Read the frames one by one, corrected as for the products."""
        for frame in self.frames:
            found = []
            for part in self.parts:
                with opened([frame.path], part.gain_e_per_adu, options.readout(part)) as stack:
                    found.append(stack.read(slice(None))[0])
            yield side_by_side(found)

    def require_shape(self, images: Mapping[StrPath, np.ndarray]) -> None:
        """Refuse files of another shape than the frames."""
        shape = next(self.images()).shape
        for path, one in images.items():
            products.same_shape(one, shape, path, self.frames[0].path)

    def require_unit(self, path: StrPath) -> None:
        """Refuse a file in another unit than the frames."""
        unit = str(products.read_image(path, "SCI", 1, 0)[1].get("BUNIT", self.unit)).strip()
        if unit.casefold() != self.unit.casefold():
            raise InputError(
                path, f"its unit (BUNIT) is {unit}, that of the frames {self.unit}", _GIVE
            )

    def exchanges(self, images: Mapping[StrPath, np.ndarray]) -> Iterator[Exchange]:
        """Yield each frame with the images of both files."""
        for frame, image in zip(self.frames, self.images(), strict=True):
            yield Exchange(image, images[self.of(frame)], images[self.current])


def held_out(
    arguments: argparse.Namespace,
    made: Mapping[str, Mapping[str, StrPath]],
    version: str,
    harms: Mapping[str, float],
) -> HeldOut:
    """Return the frames of the command line.

    Raises
    ------
    InputError
        When the files are of different cameras.
    """
    paths = arguments.frames
    for candidate in arguments.candidate:
        require_same_camera(arguments.current, candidate)
    parts = [for_amplifier(arguments, k) for k in range(max(1, len(amplifiers(paths[0]))))]
    role = "dark" if arguments.product == "dark_rate" else "bias"
    frames = [options.load(part, **{role: paths})[0] for part in parts]
    return HeldOut(frames[0], parts, made, version, harms)


def master_bias(given: HeldOut) -> Comparison:
    """Compare a master bias with the one in use, by subtracting each from bias frames."""
    files, images = {}, {}
    for path in (*given.versions, given.current):
        with as_written(path, "no master bias", _GIVE):
            given.require_unit(path)
            files[path] = [masterfile.read(path, number)[0] for number in range(len(given.parts))]
            images[path] = side_by_side([_usable(one.image, one.dq) for one in files[path]])
    given.require_shape(images)
    first = files[given.versions[0]]
    error = side_by_side([one.error for one in first])
    noise = side_by_side([one.error * np.sqrt(one.count) for one in first])
    consumer = Consumer(
        "subtraction of the bias",
        given.version,
        given.unit,
        given.harm("level", finite_median(noise)),
    )
    classes = classes_of(error.shape, outputs=len(given.parts))
    made = compare(given.exchanges(images), classes, consumer)
    count = side_by_side([one.count for one in first])
    return _with_further(made, error, count - 1, int(finite_median(count)))


def dark_rate(given: HeldOut) -> Comparison:
    """Compare a dark rate with the one in use: bias + rate x time is subtracted from darks.

    Hot pixels are left out of the score: a file that holds the dark current of its own night would
    be called better for them alone. What happens to them is told.
    """
    one, files, images = given.frames[0], {}, {}
    for path in (*given.versions, given.current):
        with as_written(path, "no dark rate", _GIVE):
            files[path] = [ratefile.read(path, number) for number in range(len(given.parts))]
            images[path] = _dark(one, files[path])
    path = given.versions[0]
    given.require_shape(images)
    residual = next(given.images()) - _dark(one, files[given.of(one)])
    consumer = Consumer(
        "subtraction of bias + rate x time", given.version, given.unit,
        given.harm("level", robust_std(residual)),
    )  # fmt: skip
    nsigma = given.parts[0].hot_nsigma
    hot = np.logical_or.reduce([_hot(rates, nsigma) for rates in files.values()])
    classes = classes_of(residual.shape, outputs=len(given.parts))
    classes = {name: np.where(hot, 0, weights) for name, weights in classes.items()}
    classes[SCORED] = classes[SCORED] > 0
    apart = (HOT,) if hot.any() else ()
    classes |= dict.fromkeys(apart, hot)
    frames = (
        Exchange(image, _dark(frame, files[given.of(frame)]), _dark(frame, files[given.current]))
        for frame, image in zip(given.frames, given.images(), strict=True)
    )
    made = compare(frames, classes, consumer, apart, _temperatures(given, files[given.current]))
    error = side_by_side([_scaled_error(one, rates) for rates in files[path]])
    darks = sum(products.read_image(path, "SCI", k, 0)[1]["NDARKS"]
                for k in products.versions(path, "SCI", 0))  # fmt: skip
    freedom = side_by_side([products.read_image(path, "DOF", 1, number)[0]
                            for number in range(len(given.parts))])  # fmt: skip
    return _with_further(made, error, freedom, int(darks))


def read_noise(given: HeldOut) -> Comparison:
    """Compare a read noise with the one in use by how likely each makes bias frames."""
    parts = range(len(given.parts))
    noises = {}
    for path in (*given.versions, given.current):
        with as_written(path, "no read noise", _GIVE):
            noises[path] = side_by_side([_noise(path, number) for number in parts])
    given.require_shape(noises)
    biases = {
        path: [masterfile.read(path, number)[0] for number in parts]
        for path in dict.fromkeys(given.made["bias"].values())
    }

    def exchanges() -> Iterator[Exchange]:
        """Yield what the bias leaves of each frame, scaled to the noise of one, and the noises."""
        for frame, image in zip(given.frames, given.images(), strict=True):
            files = biases[given.of(frame, "bias")]
            # A frame minus a mean of N others has (N + 1) / N times the variance of a frame.
            count = side_by_side([one.count for one in files])
            found = image - side_by_side([_usable(one.image, one.dq) for one in files])
            # The level of a frame is no read noise; each amplifier has its own.
            for part in np.split(found, len(given.parts), axis=1):
                part -= finite_median(part)
            found *= np.sqrt(count / (count + 1.0))
            yield Exchange(found, noises[given.of(frame)], noises[given.current])

    # Declared as a change of ln variance.
    usual = finite_median(noises[given.current])
    harm = math.expm1(given.harm("noise") / 2) * usual
    consumer = Consumer("noise of a bias frame", given.version, given.unit, harm)
    classes = classes_of(noises[given.current].shape, outputs=len(given.parts))
    return compare_noise(exchanges(), classes, consumer)


def side_by_side(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the images of amplifiers in one row; smaller ones are filled up with NaN."""
    rows, columns = (max(one.shape[axis] for one in images) for axis in (0, 1))
    filled = [
        np.pad(one.astype(float), ((0, rows - one.shape[0]), (0, columns - one.shape[1])),
               constant_values=np.nan)
        for one in images
    ]  # fmt: skip
    return np.concatenate(filled, axis=1)


def _nearest(frame: Frame, rates: Sequence[ratefile.Rate]) -> ratefile.Rate:
    """Return the temperature group nearest to a frame."""
    if frame.temperature is None or any(rate.temperature is None for rate in rates):
        return rates[0]
    return min(rates, key=lambda rate: abs(frame.temperature - rate.temperature))


def _dark(frame: Frame, parts: Sequence[Sequence[ratefile.Rate]]) -> np.ndarray:
    chosen = [_nearest(frame, rates) for rates in parts]
    return side_by_side(
        [_usable(one.bias + frame.exptime * one.rate, one.dq) for one in chosen]
    )  # fmt: skip


def _scaled_error(frame: Frame, rates: Sequence[ratefile.Rate]) -> np.ndarray:
    one, time = _nearest(frame, rates), frame.exptime
    variance = one.bias_error**2.0 + time**2 * one.error**2.0 + 2 * time * one.covariance
    return np.sqrt(np.maximum(variance, 0))


def _temperatures(given: HeldOut, parts: Sequence[Sequence[ratefile.Rate]]) -> list[str]:
    """Return a sentence where the file in use was made at another temperature."""
    tolerance = given.parts[0].temperature_tolerance_c
    for frame in given.frames:
        made_at, taken_at = _nearest(frame, parts[0]).temperature, frame.temperature
        known = None not in (made_at, taken_at)
        if known and abs(made_at - taken_at) > tolerance:
            return [
                f"The dark rate in use was measured at {made_at:.2f} °C, {frame.name} was taken at "
                f"{taken_at:.2f} °C: part of what is found is the temperature's."
            ]
    return []


def _hot(parts: Sequence[Sequence[ratefile.Rate]], nsigma: float) -> np.ndarray:
    found = []
    for rates in parts:
        rate = ratefile.best(rates).rate
        found.append(rate > finite_median(rate) + nsigma * robust_std(rate))
    return side_by_side(found) > 0


def _noise(path: StrPath, number: int) -> np.ndarray:
    noise = products.read_image(path, "CORR", 1, number)[0]
    return _usable(noise, products.read_image(path, "DQ", 1, number)[0])


def _usable(image: np.ndarray, dq: np.ndarray) -> np.ndarray:
    return np.where((dq & _NO_VALUE) > 0, np.nan, image.astype(float))


def _with_further(
    made: Comparison, error: np.ndarray, freedom: np.ndarray, made_of: int
) -> Comparison:
    """Say how many more frames would make a worse file as good, by its own ERR."""
    dof = finite_median(freedom)
    if made.score is None or not dof > 0:
        return made
    # ERR of few frames scatters: its median is below its mean.
    variance = finite_median(error**2.0) * dof / float(distributions.chi2_median(dof))
    return replace(made, further=further_made_of(variance, made.score, made_of))
