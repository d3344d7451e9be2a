"""Where a product comes from, written into it."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

import darkroom

_BLOCK = 1 << 20


def sha256(path):
    """Return the SHA-256 of a file's bytes as a hexadecimal string."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def settings_digest(settings):
    """Return 16 hexadecimal digits that change when any setting changes.

    Parameters
    ----------
    settings : dict
        Names and values (JSON types) of everything that shapes the result.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tool_versions(*packages):
    """Return ``{name: version}`` of Python and the installed ones among `packages`."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def stamp(header, *, made_by, inputs, settings, packages=("numpy", "astropy", "numba")):
    """Write provenance into a primary header.

    Keywords: ``CREATOR`` (darkroom and its version), ``MADEBY`` (program), ``NINPUTS``,
    ``CFGHASH`` (digest of the settings). HISTORY lists every input with its SHA-256 (of our own
    products that of their content, so that the date of one is not carried into the next), every
    setting and the version of every tool. No date: `darkroom.fits.write` adds the only one.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Changed in place.
    made_by : str
        Name of the program, e.g. ``"master_bias"``.
    inputs : iterable of path-like
        Files that went in. Only their names are written: folders differ between machines.
    settings : dict
        Every number and choice that shaped the result.
    packages : iterable of str
        Distributions whose versions matter.
    """
    # Here, since campaigns are read without astropy.
    from darkroom.fits.content import content_sha256, is_product

    inputs = [Path(item) for item in inputs]
    header["CREATOR"] = (f"darkroom {darkroom.__version__}", "software that made this file")
    header["MADEBY"] = (made_by, "program of darkroom")
    header["NINPUTS"] = (len(inputs), "number of input files")
    header["CFGHASH"] = (settings_digest(settings), "digest of the settings in HISTORY")
    for name, value in sorted(settings.items()):
        header.add_history(f"setting {name} = {json.dumps(value, default=str)}")
    for item in inputs:
        # FITS headers hold ASCII alone.
        name = item.name.encode("ascii", "backslashreplace").decode()
        if is_product(item):
            header.add_history(f"input {name} content sha256 {content_sha256(item)}")
        else:
            header.add_history(f"input {name} sha256 {sha256(item)}")
    for name, version in tool_versions(*packages).items():
        header.add_history(f"version {name} {version}")
