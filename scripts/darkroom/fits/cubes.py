"""Images of a cube, each written as a frame of its own."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.structure import check_structure
from darkroom.fits.verify import unpacked
from darkroom.fits.write import save

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from darkroom.hints import StrPath


def different_planes(path: StrPath) -> list[int]:
    """Return the numbers of the images of a cube, from 1, without those equal to an earlier one.

    Raises
    ------
    InputError
        When the file cannot be read or holds no cube.
    """
    with _cube(path) as (_, _, images):
        return list(_distinct(images))


def write_plane(source: StrPath, number: int, destination: StrPath) -> None:
    """Write one image of a cube as a file of its own, with the cards of the cube.

    Parameters
    ----------
    source : path-like
        File whose first array has more than two axes.
    number : int
        Number of the image, from 1.
    destination : path-like
        File to write. The stored numbers are those of the cube; the card ``CUBPLANE`` holds
        `number`, and ``CUBEQUAL`` how many images of the cube equal others, if any do.

    Raises
    ------
    InputError
        When the cube cannot be read, or has fewer images.
    """
    with _cube(source) as (primary, header, images):
        if not 1 <= number <= len(images):
            raise InputError(source, f"has no image {number}, its cube has {len(images)}")
        single = fits.PrimaryHDU(
            images[number - 1].copy(), header.copy(strip=True), do_not_scale_image_data=True
        )
        single.header.extend(primary.copy(strip=True), unique=True)
        for keyword in ("BSCALE", "BZERO", "BLANK"):
            if keyword in header:
                single.header[keyword] = header[keyword]
        single.header["CUBPLANE"] = (number, f"image of a cube of {len(images)}")
        if repeated := len(images) - len(_distinct(images)):
            single.header["CUBEQUAL"] = (repeated, "images of the cube that equal others")
        save(destination, single, output_verify="silentfix")


def _distinct(images: np.ndarray) -> dict[int, str]:
    """Return ``{number: digest}`` of the images that equal no earlier one."""
    digests: dict[str, int] = {}
    for number, image in enumerate(images, 1):
        digests.setdefault(hashlib.sha256(image.tobytes()).hexdigest(), number)
    return {number: digest for digest, number in digests.items()}


@contextmanager
def _cube(path: StrPath) -> Iterator[tuple[fits.Header, fits.Header, Any]]:
    """Give the primary header, that of the cube, and its images as they are stored."""
    path = Path(path)
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_structure(plain, path)
        with fits.open(plain, memmap=True, do_not_scale_image_data=True) as hdus:
            hdu = next((one for one in hdus if one.is_image and len(one.shape) > 2), None)
            if hdu is None:
                raise InputError(path, "holds no cube")
            yield hdus[0].header, hdu.header, hdu.data.reshape(-1, *hdu.shape[-2:])
