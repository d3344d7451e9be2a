"""A setting is declared once: schema, tables, options and defaults follow from there."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom import documents
from darkroom.campaign.settings import (
    REQUIRED,
    add_options,
    command_options,
    declared,
    defaults,
    option_names,
    other_default,
    read_options,
    section,
    setting,
)
from darkroom.errors import DarkroomError
from darkroom.pipelines import PIPELINES, pipeline_class

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A group below a key."""

    size: int = setting(3, "Size of the box.", unit="pixels", minimum=1)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of settings."""

    clip: str = setting("mad", "Rejection.", choices=("mad", "none"))
    limit: float = setting(5.0, "Limit.", unit="sigma", above=0)
    gain: float | None = setting(None, "Gain.", unit="e-/ADU", absent="none")
    kgain: float | str = setting(8.7, "Gain or file.")
    flag: bool = setting(False, "Whether.")
    cards: list[str] = setting([], "Cards.", unit="cards", absent="none")
    pixel: list[int] | None = setting(None, "Pixel.", unit="Y X", minimum=0, length=2)
    shown: bool = setting(True, "The workflow alone asks.", option=False)
    box: Inner = section(Inner)


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_options(parser, Group)
    return read_options(parser.parse_args(words), Group)


def test_a_program_has_the_declared_defaults():
    assert parsed() == Group()


def test_options_of_a_command_are_read_back_as_the_settings_they_were_made_of():
    values = dataclasses.asdict(
        Group(
            clip="none", limit=2.5, gain=1.5, kgain="k gain.fits", flag=True,
            cards=["T1", "T 2"], pixel=[100, 3],
        )
    )  # fmt: skip
    command = command_options(values, Group)
    assert "--cards T1 --cards 'T 2' --pixel 100 3" in command
    import shlex

    assert dataclasses.asdict(parsed(*shlex.split(command))) == values


def test_none_and_what_is_off_are_left_out():
    assert command_options(defaults(Group), Group) == "--clip mad --limit 5.0 --kgain 8.7"
    assert command_options({"limit": 4}, Group, ("limit",)) == "--limit 4"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--limit", "0"), "--limit 0: a number above 0 is needed"),
        (("--pixel", "3", "-1"), "--pixel -1: a number of at least 0 is needed"),
    ],
)
def test_a_number_out_of_its_bounds_is_named(words, told):
    with pytest.raises(DarkroomError, match=told):
        parsed(*words)


def test_help_says_unit_and_default():
    parser = argparse.ArgumentParser()
    add_options(parser, Group)
    text = parser.format_help()
    assert "limit [sigma] (default: 5)" in " ".join(text.split())
    assert "gain [e-/ADU] (default: none)" in " ".join(text.split())


def test_a_child_may_have_another_default():
    @dataclass(frozen=True, kw_only=True)
    class Child(Group):
        """A group with another default."""

        limit: float = other_default(Group, "limit", 3.0)

    assert Child().limit == 3.0
    assert declared(Child)["limit"].unit == "sigma"


def test_defaults_are_new_objects_each_time():
    defaults(Group)["cards"].append("T1")
    assert defaults(Group)["cards"] == []
    assert defaults(Group)["box"] == {"size": 3}


def test_schema_and_tables_are_those_of_the_declarations():
    """After an edit of a declaration: make settings."""
    assert (ROOT / documents.SCHEMA).read_text(encoding="utf-8") == documents.schema_text()
    page = (ROOT / documents.PAGE).read_text(encoding="utf-8")
    assert page == documents.page_text(page)


def test_every_group_has_its_table():
    page = (ROOT / documents.PAGE).read_text(encoding="utf-8")
    assert {
        name for name in documents.tables() if f"<!-- settings: {name} -->" not in page
    } == set()


@pytest.mark.parametrize("field", ["default", "about", "unit", "choices", "minimum"])
def test_an_edit_of_a_declaration_changes_what_is_made_of_it(field):
    """A default, a word or a bound that differs in one place alone turns the test above red."""
    one = declared(Group)["limit" if field != "choices" else "clip"]
    edited = {"default": 4.0, "about": "Other.", "unit": "ADU", "choices": ("mad",), "minimum": 1}
    changed = dataclasses.replace(one, **{field: edited[field]})
    assert documents.setting_schema(changed) != documents.setting_schema(one)


def test_a_required_setting_has_no_default():
    @dataclass(frozen=True, kw_only=True)
    class Needy:
        """A group."""

        title: str = setting(REQUIRED, "Heading.")

    schema = documents.group_schema(Needy)
    assert schema["required"] == ["title"]
    assert "default" not in schema["properties"]["title"]


def every_setting():
    """Return ``{name: default}`` of every option of an instrument's programs."""
    found = {}
    for instrument in PIPELINES:
        groups = documents._nested(instrument, pipeline_class(instrument).settings_group)
        for group in groups.values():
            for name in option_names(group):
                default = declared(group)[name].default
                if isinstance(default, int | float | str) and not isinstance(default, bool):
                    found.setdefault(instrument, {}).setdefault(name, []).append(default)
    return found


def defaults_of(function):
    """Return ``(name, default)`` of every parameter of a function that has a literal default."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    first = len(positional) - len(given.defaults)
    pairs = [
        *zip(positional[first:], given.defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    return [(name.arg, node.value) for name, node in pairs if isinstance(node, ast.Constant)]


def test_no_function_states_the_default_of_a_setting_again():
    """A function that needs a setting takes it, or its declared default, by name."""
    again = []
    for instrument, settings in every_setting().items():
        for path in (ROOT / "scripts/darkroom" / instrument).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    again += [
                        f"{path.name}: {node.name}({name})"
                        for name, default in defaults_of(node)
                        if default in settings.get(name, ())
                    ]
    assert again == []


def test_programs_have_the_options_of_the_rules():
    """Options and keys have the same names: each name of a pipeline's programs is declared."""
    for instrument in PIPELINES:
        pipeline = pipeline_class(instrument)
        known = set(declared(pipeline.settings_group))
        for names in pipeline.programs.values():
            assert set(names) <= known


def test_the_schema_is_valid():
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(json.loads(documents.schema_text()))
