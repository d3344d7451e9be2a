"""The mean of frames with bad-pixel maps, as in corgidrp's ``mean_combine``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.stacks.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    Images = list[np.ndarray] | np.ndarray


@dataclass(frozen=True)
class Combined:
    """Result of `mean_combine`, in the order of corgidrp's tuple.

    Attributes
    ----------
    image : (ny, nx) float64 array
        Mean of the good samples, or the root mean square of errors; 0 where there is none.
    bad : (ny, nx) int array
        1 where every frame is bad.
    count : (ny, nx) int array
        Number of good samples.
    enough : bool
        False when a pixel has good samples in fewer than half of the frames.
    """

    image: np.ndarray
    bad: np.ndarray
    count: np.ndarray
    enough: bool

    def __iter__(self) -> Iterator[np.ndarray | bool]:
        return iter((self.image, self.bad, self.count, self.enough))


def mean_combine(frames: Images, bad_maps: Images, err: bool = False) -> Combined:
    """Return the mean of frames, without samples that are marked as bad or not finite.

    Parameters
    ----------
    frames : list of (ny, nx) arrays, or (ny, nx) or (n, ny, nx) array
        Frames, in any unit.
    bad_maps : as `frames`, of integers
        0 for good samples, 1 for bad ones.
    err : bool
        True when the frames are errors that all frames share (systematic errors): the root mean
        square is returned. The mean of independent errors has an error that is smaller by the
        square root of the number of frames: use `independent_error`.

    Returns
    -------
    Combined

    Raises
    ------
    TypeError
        When the input is not a list of 2-D arrays of one shape with maps of 0 and 1.
    """
    frames, maps = _listed(frames, "frames"), _listed(bad_maps, "bad-pixel maps")
    _check(frames, maps)
    moments = Moments.zeros(frames[0].shape, with_err=err)
    for frame, bad in zip(frames, maps, strict=True):
        values = np.asarray(frame, np.float64)
        moments.add(values, values, bad)
    image = moments.rms_error() if err else moments.mean()
    count = moments.count.astype(int)
    enough = bool(count.min() >= len(frames) / 2)
    return Combined(image, (count == 0).astype(int), count, enough)


def independent_error(errors: Images, bad_maps: Images) -> np.ndarray:
    """Return the error of the mean of frames whose errors are independent.

    Parameters
    ----------
    errors, bad_maps
        Errors of the frames and their bad-pixel maps, as in `mean_combine`.

    Returns
    -------
    (ny, nx) float64 array
        sqrt(sum of squares) / n over the good samples; 0 where there is none.
    """
    combined = mean_combine(errors, bad_maps, err=True)
    return combined.image / np.sqrt(np.maximum(combined.count, 1))


def _listed(images, name):
    """Return a list of 2-D arrays; an array may be one frame or a stack of frames."""
    if isinstance(images, np.ndarray):
        return [images] if images.ndim == 2 else list(images)
    if not isinstance(images, list):
        msg = f"{name} must be a list or an array, not {type(images).__name__}"
        raise TypeError(msg)
    return images


def _check(frames, maps):
    if len(frames) != len(maps):
        msg = f"{len(frames)} frames and {len(maps)} bad-pixel maps: their numbers must agree"
        raise TypeError(msg)
    if not frames:
        msg = "no frame to combine: the list is empty"
        raise TypeError(msg)
    shape = np.shape(frames[0])
    for kind, images in (("frame", frames), ("bad-pixel map", maps)):
        for number, image in enumerate(images):
            if not isinstance(image, np.ndarray) or image.ndim != 2:
                msg = f"{kind} {number} is not a two-dimensional array"
                raise TypeError(msg)
            if image.shape != shape:
                msg = f"{kind} {number} has the shape {image.shape}, the first frame has {shape}"
                raise TypeError(msg)
    for number, image in enumerate(maps):
        if not np.issubdtype(image.dtype, np.integer):
            msg = f"bad-pixel map {number} holds {image.dtype}, integers are needed"
            raise TypeError(msg)
        if not np.isin(image, (0, 1)).all():
            msg = f"bad-pixel map {number} holds values other than 0 (good) and 1 (bad)"
            raise TypeError(msg)
