"""Provenance of a product: inputs, settings and versions, written into its header."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import darkroom
from darkroom.integrity.digests import sha256 as sha256
from darkroom.integrity.watch import content_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from astropy.io import fits

    from darkroom.hints import StrPath


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change when any setting changes.

    Parameters
    ----------
    settings : dict
        Names and values (JSON types) of everything that determines the result.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tool_versions(*packages: str) -> dict[str, str]:
    """Return ``{name: version}`` of Python and of those `packages` that are installed."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def stamp(
    header: fits.Header,
    *,
    made_by: str,
    inputs: Iterable[StrPath],
    settings: Mapping[str, Any],
    packages: Iterable[str] = ("numpy", "astropy", "numba"),
) -> None:
    """Write provenance into a primary header.

    Keywords: ``CREATOR`` (darkroom and its version), ``MADEBY`` (program), ``NINPUTS``,
    ``CFGHASH`` (digest of the settings). HISTORY lists every input with its SHA-256 (for
    darkroom's own products the SHA-256 of their content, which does not depend on the date of
    writing), every setting and the version of every tool. No date: `darkroom.fits.write` adds the
    only one.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Changed in place.
    made_by : str
        Name of the program, e.g. ``"master_bias"``.
    inputs : iterable of path-like
        Input files. Only their names are written: folders differ between machines.
    settings : dict
        Every number and choice that determined the result.
    packages : iterable of str
        Distributions whose versions matter.
    """
    # Imported here: campaigns are read without astropy.
    from darkroom.fits.content import content_sha256, is_product

    paths = [Path(item) for item in inputs]
    header["CREATOR"] = (f"darkroom {darkroom.__version__}", "software that made this file")
    header["MADEBY"] = (made_by, "program of darkroom")
    header["NINPUTS"] = (len(paths), "number of input files")
    header["CFGHASH"] = (settings_digest(settings), "digest of the settings in HISTORY")
    for name, value in sorted(settings.items()):
        header.add_history(f"setting {name} = {json.dumps(value, default=str)}")
    for item in paths:
        # FITS headers hold ASCII only.
        name = item.name.encode("ascii", "backslashreplace").decode()
        if is_product(item):
            content = content_of(item) or content_sha256(item)
            header.add_history(f"input {name} content sha256 {content}")
        else:
            header.add_history(f"input {name} sha256 {sha256(item)}")
    for name, version in tool_versions(*packages).items():
        header.add_history(f"version {name} {version}")
