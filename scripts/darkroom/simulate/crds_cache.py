"""A small CRDS cache for simulated exposures: mappings, references and the server's description.

CRDS's own programs read it as they read a real one, so the rules that choose, verify and use
references are the same for simulated and real exposures.
"""

from __future__ import annotations

import pprint
from dataclasses import dataclass, field

from darkroom.atomic import write_text
from darkroom.crds.cache import mapping_sha1, sha1

_MADE = "2022-01-01 00:00:00"


@dataclass
class Kind:
    """References of one type.

    Parameters
    ----------
    name : str
        Type, e.g. ``superbias``.
    parkey : tuple of str
        What of an exposure chooses among them, e.g. ``META.INSTRUMENT.DETECTOR``.
    rows : dict
        ``{values of the parkey: {use-after: file name}}``.
    """

    name: str
    parkey: tuple
    rows: dict = field(default_factory=dict)


def write_cache(cache, context, instrument, kinds, not_applicable, matched_on):
    """Write mappings and the server's description around the references of a cache.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        Its references lie in it already.
    context : str
        Name of the ``.pmap``.
    instrument : str
        E.g. ``nircam``.
    kinds : list of Kind
        What it has.
    not_applicable : iterable of str
        Types that the rules say do not apply.
    matched_on : tuple of str
        The date and time of an exposure, which choose among use-after dates.
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
    # Last: with it the cache is complete.
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
    """Write a mapping that states its own SHA-1."""
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
