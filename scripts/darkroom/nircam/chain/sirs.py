"""SIRS kernels as the step refpix applies them, and the ASDF files that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import InputError
from darkroom.nircam.chain.follows import ADVICE
from darkroom.nircam.detector.readout import OUTPUTS

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.chain.parameters import Refpix

_NAMES = ("gamma", "zeta")  # left and right gains by frequency
_BLOCK = b"\xd3BLK"
_TO_SIGMA = 1.48


@dataclass(frozen=True)
class Kernels:
    """Gains by frequency of the two sides.

    Attributes
    ----------
    gains : tuple of (OUTPUTS, n + 1) complex128 arrays
        Of the left and of the right side, at frequencies 0 … 1 / (2 rows).
    """

    gains: tuple[np.ndarray, np.ndarray]

    def templates(self, left: np.ndarray, right: np.ndarray, chosen: Refpix) -> np.ndarray:
        """Return what is subtracted from the rows of each output.

        Parameters
        ----------
        left, right : (ny, BORDER) float64 arrays
            Reference pixels at the sides, DN.
        chosen : Refpix

        Returns
        -------
        (ny, OUTPUTS) float64 array
        """
        found = np.zeros((len(left), OUTPUTS))
        for values, gains in zip((left, right), self.gains, strict=True):
            count, mean = _row_means(values, chosen.sigreject)
            for output in range(OUTPUTS):
                kernel = _kernel(gains[output], chosen.halfwidth, chosen.gaussmooth)
                whole = np.convolve(np.ones(len(values)), kernel, "same")
                held = np.convolve(count / 4, kernel, "same")
                found[:, output] += np.convolve(mean, kernel, "same") * (whole / held)
        return found


def _row_means(values, reject):
    """Return the number of good pixels of each row, and the sum of them over 4."""
    middle = np.median(values)
    sigma = _TO_SIGMA * np.median(np.abs(values - middle))
    good = np.abs(values - middle) <= reject * sigma
    return good.sum(axis=1), np.sum(values * good, axis=1) / 4


def _kernel(gains, half, smooth):
    n = len(gains) - 1
    kernel = np.fft.fftshift(np.fft.irfft(gains))[n - half : n + half + 1]
    x = np.arange(-half, half + 1)
    gauss = np.exp(-(x**2) / (2 * smooth**2))
    return np.convolve(kernel, gauss / gauss.sum(), "same")


def detectors(path: StrPath) -> set[str]:
    """Return the detectors (lower case) for which a file has kernels."""
    return {
        str(name).lower()
        for name, node in _tree(path)[0].items()
        if isinstance(node, dict) and set(_NAMES) <= node.keys()
    }


def read_kernels(path: StrPath, detector: str) -> Kernels:
    """Read the kernels of a detector.

    Raises
    ------
    InputError
        When the file is not ASDF, or stores its arrays in a way that is not read here.
    """
    tree, content = _tree(path)
    blocks = _blocks(path, content)
    node = next((tree[name] for name in tree if str(name).lower() == detector.lower()), None)
    if node is None:
        raise InputError(path, f"holds no SIRS kernels of {detector}")
    left, right = (_array(path, node[name], blocks) for name in _NAMES)
    return Kernels((left, right))


def _tree(path: StrPath) -> tuple[dict[str, Any], bytes]:
    """Return the tree of an ASDF file and what follows it."""
    import yaml

    content = Path(path).read_bytes()
    end = re.search(rb"\r?\n\.\.\.\r?\n", content)
    if not content.startswith(b"#ASDF") or end is None:
        raise InputError(path, "cannot be read as SIRS kernels (not an ASDF file)")

    class Loader(yaml.SafeLoader):
        """Reads tagged values as what they are made of."""

    Loader.add_multi_constructor("", _untagged)
    try:
        tree = yaml.load(content[: end.end()], Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise InputError(path, f"cannot be read as SIRS kernels ({error})") from error
    return tree, content[end.end() :]


def _untagged(loader, _, node):
    import yaml

    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _blocks(path, content):
    """Return the binary blocks of an ASDF file, which must not be compressed."""
    blocks, place = [], content.find(_BLOCK)
    while place >= 0 and content[place : place + 4] == _BLOCK:
        size = int.from_bytes(content[place + 4 : place + 6], "big")
        header = content[place + 6 : place + 6 + size]
        if header[4:8].strip(b"\0"):
            raise InputError(path, "its arrays are compressed", ADVICE)
        allocated, used = (int.from_bytes(header[k : k + 8], "big") for k in (8, 16))
        begin = place + 6 + size
        blocks.append(content[begin : begin + used])
        place = begin + allocated
    return blocks


def _array(path, node, blocks):
    """Return an array of gains, (OUTPUTS, n + 1) complex128."""
    try:
        order = {"little": "<", "big": ">"}[node["byteorder"]]
        kind = np.dtype(order + {"complex128": "c16", "complex64": "c8"}[node["datatype"]])
        shape = tuple(int(size) for size in node["shape"])
        offset = int(node.get("offset", 0))
        if node.get("strides") or len(shape) != 2 or shape[0] != OUTPUTS:
            raise ValueError(shape)
        values = np.frombuffer(blocks[int(node["source"])], kind, int(np.prod(shape)), offset)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            path, "its arrays of gains are stored otherwise than expected", ADVICE
        ) from error
    return values.reshape(shape).astype(np.complex128)
