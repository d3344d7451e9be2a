"""The draft of a campaign: a folder's files, recognised by the instruments, as a commented YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_new_text
from darkroom.draft.items import DraftItem, sort_items
from darkroom.draft.scan import fits_files, read_all
from darkroom.draft.text import campaign_yaml, folder_line, table
from darkroom.errors import DarkroomError, InputError
from darkroom.pipelines import PIPELINES

if TYPE_CHECKING:
    from darkroom.draft.recognised import Recognised
    from darkroom.draft.scan import Headers
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Draft:
    """What a folder holds, and the campaign that would process it.

    Parameters
    ----------
    folder : pathlib.Path
        Absolute.
    items : list of DraftItem
    unread : list of InputError
        Files whose headers cannot be read.
    yaml : str
        The campaign; empty when nothing can be made.
    text : str
        The table for the terminal.
    """

    folder: Path
    items: list[DraftItem]
    unread: list[InputError]
    yaml: str
    text: str


def draft(folder: StrPath) -> Draft:
    """Read the headers of all FITS files of a folder, and draft a campaign.

    Raises
    ------
    DarkroomError
        When there is no such folder, no FITS file in it, or a ``$`` in its path.
    """
    place = Path(folder).expanduser().resolve()
    if "$" in str(place):
        raise DarkroomError(
            f"{place}: a campaign takes $ for the beginning of a variable; rename the folder, or "
            "move it"
        )
    paths = fits_files(place)
    files, unread = [], []
    for found in read_all(paths, place):
        if isinstance(found, InputError):
            unread.append(found)
        else:
            try:
                files.append(recognise(found))
            except InputError as error:
                unread.append(error)
    items = sort_items(files)
    lines = [table(items, unread, place)]
    made, common = [], {}
    for item in items:
        module = _drafting(item.instrument)
        if fault := module.fault(item):
            lines.append(f"{item.name}: nothing can be made, {fault}")
        else:
            made.append((item, module.settings(item)))
            for key, settings in module.common().items():
                common[key] = common.get(key, {}) | settings
    yaml = campaign_yaml(place, made, paths, common, unread) if made else ""
    return Draft(place, items, unread, yaml, "\n".join(lines))


def recognise(headers: Headers) -> Recognised:
    """Return what the first instrument that knows a file says of it.

    A file of an instrument of its own is recognised by its INSTRUME card; any other is a frame of
    a camera, which the one with ``ANY_CAMERA`` takes.
    """
    modules = [_drafting(name) for name in PIPELINES if find_spec(f"darkroom.{name}.drafting")]
    for module in sorted(modules, key=lambda module: module.ANY_CAMERA):
        if found := module.recognise(headers):
            return replace(found, damage=headers.damage)
    raise InputError(headers.path, "is of no instrument that is known here")


def _drafting(instrument: str) -> Any:
    return import_module(f"darkroom.{instrument}.drafting")


def write_draft(found: Draft, output: StrPath) -> bool:
    """Write the campaign, unless there is one for this folder; no file is ever replaced.

    Parameters
    ----------
    found : Draft
    output : path-like
        The YAML file.

    Returns
    -------
    bool
        Whether it was written; False when a campaign of this folder was there and is kept.

    Raises
    ------
    DarkroomError
        When nothing can be made of the folder, or `output` is something else.
    """
    path = Path(output)
    if not found.yaml:
        raise DarkroomError(f"{found.folder}: no product can be made of these files (above)")
    try:
        write_new_text(path, found.yaml)
    except FileExistsError:
        if folder_line(found.folder) in path.read_text(encoding="utf-8").splitlines():
            return False
        raise DarkroomError(
            f"{path} exists and is not of this folder; it is kept. Give the draft another name "
            "(--name NAME, or snakemake draft --config folder=… name=NAME)"
        ) from None
    return True


def default_name(folder: StrPath) -> str:
    """Return the name of the campaign of a folder: that of the folder, in plain letters."""
    name = Path(folder).expanduser().resolve().name
    return re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_-") or "frames"
