"""Files made from declarations: the JSON schema of campaigns, tables of settings and of harms.

``make settings`` writes them; a test makes them again and compares. They are committed, so that
planning need not make them and a person can read them without running anything.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from darkroom.archive.settings import ArchiveSettings, HstQuery, JwstQuery
from darkroom.atomic import write_text
from darkroom.campaign.declared import CampaignSettings, FrameSettings, ItemSettings
from darkroom.campaign.names import OWN_FOLDERS
from darkroom.campaign.settings import REQUIRED, Setting, declared, in_words
from darkroom.counterfactual.settings import DeckSettings
from darkroom.crds.settings import ObservatorySettings
from darkroom.delivery.settings import DeliverSettings
from darkroom.gates.harms import Harm
from darkroom.gates.settings import JudgeSettings
from darkroom.pipelines import PIPELINES, pipeline_class, simulation_group
from darkroom.workflow.plan import Pipeline

SCHEMA = Path("config", "schemas", "campaign.schema.json")
PAGE = Path("config", "README.md")
JUDGING = Path("docs", "judging.md")
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
_BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
}
# Frames, rows, columns, reads of a simulator: more than any campaign has, less than any memory.
_MOST_SIMULATED = 100_000
_TABLE = re.compile(r"(<!-- settings: ([\w.<>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HARMS = re.compile(r"(<!-- harms -->\n).*?(<!-- end -->)", re.DOTALL)
_UNITS = {
    "str": "text", "int": "whole number", "float": "number", "bool": "true, false", "dict": "",
}  # fmt: skip


def group_schema(group: type) -> dict[str, Any]:
    """Return the JSON schema of a declared group of settings."""
    found = {
        "type": "object",
        "additionalProperties": False,
        "description": (group.__doc__ or "").strip().splitlines()[0],
    }
    settings = declared(group).values()
    if needed := [one.name for one in settings if one.default is REQUIRED]:
        found["required"] = needed
    return found | {"properties": {one.name: setting_schema(one) for one in settings}}


def setting_schema(one: Setting) -> dict[str, Any]:
    """Return the JSON schema of one setting."""
    if one.group and not one.is_list:
        found = group_schema(one.group)
        if one.may_be_none:
            found["type"] = ["object", "null"]
        return found | ({"default": {}} if one.filled else {})
    found = _value_schema(one)
    if one.filled and one.default is not REQUIRED:
        found["default"] = one.default
    return found | {"description": _described(one)}


def _value_schema(one: Setting) -> dict[str, Any]:
    """Return the schema of the value alone: type, bounds, choices."""
    if one.group:
        element: dict[str, Any] = group_schema(one.group)
    elif one.choices:
        element = {"enum": list(one.choices)}
    else:
        kinds = [_TYPES[kind] for kind in one.element.split(" | ")]
        element = {"type": kinds if len(kinds) > 1 else kinds[0]}
        element |= {
            keyword: getattr(one, name)
            for name, keyword in _BOUNDS.items()
            if getattr(one, name) is not None
        }
    if one.is_list:
        found: dict[str, Any] = {"type": "array", "items": element}
        if one.length:
            found |= {"minItems": one.length, "maxItems": one.length}
    else:
        found = element
    if one.may_be_none and "type" in found:
        kinds = found["type"] if isinstance(found["type"], list) else [found["type"]]
        found["type"] = [*kinds, "null"]
    if "anyOf" in one.schema or "oneOf" in one.schema:
        found = {}
    return found | dict(one.schema)


def _described(one: Setting) -> str:
    """Return the sentence of a setting with its unit, and with a default the schema lacks."""
    # A description without a full stop becomes part of the message about a wrong value.
    words = one.about.rstrip(".")
    if one.unit and not one.choices and one.unit not in words:
        words += f" [{one.unit}]"
    if one.absent:
        words += f" (default: {one.absent})"
    elif not one.filled and one.default not in (REQUIRED, "", [], {}):
        words += f" (default: {in_words(one.default)})"
    return words + "." * one.about.endswith(".")


def campaign_schema() -> dict[str, Any]:
    """Return the JSON schema of campaigns."""
    schema = group_schema(CampaignSettings)
    top = schema["properties"]
    archive = group_schema(ArchiveSettings)
    archive["allOf"] = [
        _when("kind", "local", {"required": ["folder"]}),
        _when("kind", "simulated", {"required": ["seed"]}),
    ]
    top["archive"] = archive
    top["items"] |= {
        "minProperties": 1,
        "propertyNames": {
            "pattern": f"^(?!({'|'.join(OWN_FOLDERS)})$)[a-z0-9][a-z0-9_-]{{0,99}}$",
            "description": "names are 1 to 100 lower-case letters, digits, _ and -; a campaign has "
            f"folders of its own that are called {', '.join(OWN_FOLDERS)}",
        },
        "additionalProperties": _item_schema(),
    }
    top["judge"]["properties"]["harm"] |= _harm_schema()
    observatories = sorted({c.observatory for c in map(pipeline_class, PIPELINES) if c.observatory})
    top["crds"] |= {
        "additionalProperties": False,
        "properties": {name: group_schema(ObservatorySettings) for name in observatories},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "darkroom campaign",
        **schema,
    }


def harms() -> list[Harm]:
    """Return the harms that the gates of all instruments declare."""
    judging = [name for name in PIPELINES if pipeline_class(name).judged is not Pipeline.judged]
    modules = (import_module(f"darkroom.{name}.gating.harms") for name in judging)
    return [one for module in modules for one in module.HARMS]


def _harm_schema() -> dict[str, Any]:
    """Return the schema of the harms that a campaign may set: a key that no gate has is refused."""
    number = {"type": "number", "exclusiveMinimum": 0}
    return {
        "additionalProperties": False,
        "properties": {
            name: number | {"description": f"{one.about}{f' [{one.unit}]' if one.unit else ''}"}
            for one in harms()
            for name in one.names
        },
    }


def harm_table() -> str:
    """Return the table of harms in Markdown."""
    lines = [
        "| product | key | effect | usual harm | unit of the key | why | set by |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in harms():
        cells = (one.products, f"`{one.key}`", one.about, one.usual, one.unit or "–", one.reason,
                 one.by)  # fmt: skip
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def judging_text(page: str) -> str:
    """Return the text of ``docs/judging.md`` with its table of harms made again."""
    return _HARMS.sub(lambda found: found[1] + harm_table() + found[2], page)


def _item_schema() -> dict[str, Any]:
    item = group_schema(ItemSettings)
    properties = item["properties"]
    properties["instrument"]["enum"] = list(PIPELINES)
    properties["instrument"].pop("type")
    properties["frames"] = group_schema(FrameSettings) | {"minProperties": 1}
    properties["query"] = {
        "type": "object",
        "description": properties["query"]["description"],
        "required": ["mission"],
        "properties": {"mission": {"enum": ["hst", "jwst"]}},
        "allOf": [
            _when("mission", "hst", _hst_query()),
            _when("mission", "jwst", group_schema(JwstQuery)),
        ],
    }
    for name in PIPELINES:
        properties[name] = group_schema(pipeline_class(name).settings_group) | {"default": {}}
    item["allOf"] = [
        _when(
            "instrument",
            name,
            {"properties": {"simulate": _bounded(group_schema(simulation_group(name)))}},
        )
        for name in PIPELINES
    ]
    return item


def _bounded(schema: dict[str, Any], name: str = "") -> dict[str, Any]:
    """Return the schema of a simulator with a bound for every number of frames, rows, reads ….

    A campaign may come from somebody else, and a simulator makes whatever it asks for.
    """
    found = {
        key: {inner: _bounded(one, inner) for inner, one in part.items()}
        if key == "properties"
        else _bounded(part, name)
        if isinstance(part, dict)
        else part
        for key, part in schema.items()
    }
    if found.get("type") == "integer" and "maximum" not in found and name != "seed":
        found["maximum"] = _MOST_SIMULATED
    return found


def _hst_query() -> dict[str, Any]:
    return group_schema(HstQuery) | {
        "anyOf": [{"required": ["obs_id"]}, {"required": ["proposal_id"]}]
    }


def _when(key: str, value: str, then: dict[str, Any]) -> dict[str, Any]:
    """Return a condition: where a key has a value, another schema applies too."""
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def table(group: type) -> str:
    """Return the table of a group of settings in Markdown."""
    lines = ["| key | unit, values | default | meaning |", "|---|---|---|---|"]
    for one in declared(group).values():
        cells = (f"`{one.name}`", _values(one), _default_cell(one), _cell(one.about.rstrip(".")))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _values(one: Setting) -> str:
    if one.choices:
        return ", ".join(f"`{choice}`" for choice in one.choices)
    if one.group:
        names = ", ".join(f"`{name}`" for name in declared(one.group))
        return f"list of {names}" if one.is_list else "see below"
    return _cell(one.unit) or _UNITS.get(one.element, "text")


def _default_cell(one: Setting) -> str:
    if one.default is REQUIRED:
        return "–"
    if one.absent:
        return _cell(one.absent)
    if one.group or one.default in ("", [], {}):
        return ""
    return f"`{_cell(in_words(one.default))}`"


def _cell(text: str) -> str:
    return re.sub(r"<(\w+)>", r"`<\1>`", text).replace("|", "\\|")


def tables() -> dict[str, type]:
    """Return the groups of settings by the name of their table in ``config/README.md``."""
    found: dict[str, type] = {
        "campaign": CampaignSettings,
        "archive": ArchiveSettings,
        "item": ItemSettings,
        "query.hst": HstQuery,
        "query.jwst": JwstQuery,
        "crds": ObservatorySettings,
        "deck": DeckSettings,
        "deliver": DeliverSettings,
        "judge": JudgeSettings,
    }
    for name in PIPELINES:
        found |= _nested(name, pipeline_class(name).settings_group)
        found |= _nested(f"simulate.{name}", simulation_group(name))
    return found


def _nested(name: str, group: type) -> dict[str, type]:
    """Return a group by its name, if it has settings of its own, and the groups below it."""
    own = any(one.is_list or not one.group for one in declared(group).values())
    found = {name: group} if own else {}
    for key, one in declared(group).items():
        if one.group:
            found |= _nested(f"{name}.{key}", one.group)
    return found


def schema_text() -> str:
    """Return the text of the schema file."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def page_text(page: str) -> str:
    """Return the text of ``config/README.md`` with its tables made again.

    A group that has no table yet, as of a new instrument, gets a section at the end of the page.

    Raises
    ------
    KeyError
        When the page has a table of settings that are not declared.
    """
    known = tables()
    for name, group in known.items():
        if f"<!-- settings: {name} -->" not in page:
            page += _empty_section(name, group)
    return _TABLE.sub(lambda found: found[1] + table(known[found[2]]) + found[3], page)


def _empty_section(name: str, group: type) -> str:
    """Return a section of the page whose table is still to be filled in."""
    about = (group.__doc__ or "").strip().splitlines()[0]
    return f"\n## `{name}`\n\n{about}\n\n<!-- settings: {name} -->\n<!-- end -->\n"


def write_documents(base: Path) -> list[str]:
    """Write the files that differ from the declarations; return their names."""
    makers: dict[Path, Callable[[str], str]] = {
        SCHEMA: lambda _: schema_text(), PAGE: page_text, JUDGING: judging_text,
    }  # fmt: skip
    written = []
    for name, make in makers.items():
        path = base / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = make(before)
        if after != before:
            write_text(path, after)
            written.append(str(name))
    return written


if __name__ == "__main__":
    print(*write_documents(Path(sys.argv[1])) or ["schema and tables are up to date"], sep="\n")
