"""A small CRDS cache for simulated exposures: mappings and server configuration.

CRDS reads it like a real cache, so the workflow selects, verifies and uses references of simulated
exposures by the same rules as those of real ones.
"""

from __future__ import annotations

import pprint
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.crds.cache import mapping_sha1, sha1

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.crds.cache import Cache

_MADE = "2022-01-01 00:00:00"


@dataclass
class Kind:
    """The references of one type.

    Parameters
    ----------
    name : str
        Reference type, e.g. ``superbias``.
    parkey : tuple of str
        Exposure properties by which CRDS selects one, e.g. ``META.INSTRUMENT.DETECTOR``.
    rows : dict
        ``{values of the parkey: {use-after date: file name}}``.
    """

    name: str
    parkey: tuple[str, ...]
    rows: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)


def write_cache(
    cache: Cache,
    context: str,
    instrument: str,
    kinds: Sequence[Kind],
    not_applicable: Iterable[str],
    matched_on: tuple[str, str],
) -> None:
    """Write the mappings and the server configuration of a cache that holds its references.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        Cache whose references are already written.
    context : str
        Name of the context, ``*.pmap``.
    instrument : str
        Instrument in small letters, e.g. ``nircam``.
    kinds : sequence of Kind
        Reference types of the cache.
    not_applicable : iterable of str
        Types that do not apply (``N/A`` in the instrument mapping).
    matched_on : (str, str)
        Exposure properties for date and time, compared with the use-after dates.
    """
    observatory, number = cache.observatory, context.partition("_")[2].partition(".")[0]
    imap = f"{observatory}_{instrument}_{number}.imap"
    selected = {kind.upper(): "N/A" for kind in not_applicable}
    for kind in kinds:
        name = f"{observatory}_{instrument}_{kind.name}_{number}.rmap"
        selected[kind.name.upper()] = name
        header = _header(name, observatory, "REFERENCE", (kind.parkey, matched_on)) | {
            "classes": ("Match", "UseAfter"),
            "filekind": kind.name.upper(),
            "instrument": instrument.upper(),
        }
        _write(cache, name, header, _rows(kind.rows))
    header = _header(imap, observatory, "INSTRUMENT", ("REFTYPE",))
    _write(cache, imap, header | {"instrument": instrument.upper()}, _dict(selected))
    header = _header(context, observatory, "PIPELINE", (_INSTRUMENT[observatory],))
    _write(cache, context, header, _dict({instrument.upper(): imap}))
    config = cache.server_config.parent
    write_text(config / "ref_cache_subdir_mode", "flat")
    # Written last: it marks the cache as complete.
    write_text(cache.server_config, _server_config(cache, context))


_INSTRUMENT = {"jwst": "META.INSTRUMENT.NAME", "hst": "INSTRUME"}


def _header(name, observatory, mapping, parkey):
    return {
        "derived_from": "simulated by darkroom",
        "mapping": mapping,
        "name": name,
        "observatory": observatory.upper(),
        "parkey": parkey,
    }


def _dict(selected):
    lines = (f"    {key!r} : {value!r},\n" for key, value in sorted(selected.items()))
    return "{\n" + "".join(lines) + "}\n"


def _rows(rows):
    text = "Match({\n"
    for values, files in sorted(rows.items()):
        key = values[0] if len(values) == 1 else values
        text += f"    {key!r} : UseAfter({{\n"
        text += "".join(f"        {when!r} : {name!r},\n" for when, name in sorted(files.items()))
        text += "    }),\n"
    return text + "})\n"


def _write(cache, name, header, selector):
    """Write a mapping with its own SHA-1 in the header."""
    lines = [f"    {key!r} : {value!r},\n" for key, value in sorted(header.items())]
    body = f"\nselector = {selector}"
    total = mapping_sha1("header = {\n" + "".join(lines) + "}\n" + body)
    lines.append(f"    'sha1sum' : {total!r},\n")
    write_text(cache.mapping(name), "header = {\n" + "".join(lines) + "}\n" + body)


def _server_config(cache, context):
    facts = {
        path.name: {"size": str(path.stat().st_size), "sha1sum": sha1(path)}
        for kind in ("references", "mappings")
        for path in sorted((cache.path / kind / cache.observatory).iterdir())
    }
    config = {
        "observatory": cache.observatory,
        "latest_context": context,
        "operational_context": context,
        "edit_context": context,
        "bad_files_list": [],
        "force_remote_mode": False,
        "last_synced": _MADE,
        "mappings": [],
        "download_metadata": facts,
    }
    return pprint.pformat(config) + "\n"
