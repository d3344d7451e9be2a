"""Settings: each is declared once, and everything else that states it is made from that.

A group of settings is a frozen dataclass whose fields are made by `setting`: the annotation is the
type, and the call gives default, meaning, unit and allowed values. From the declaration come the
functions' defaults (the dataclass itself), the campaign's JSON schema and the tables of
``config/README.md`` (`darkroom.documents`), a program's options with their help
(`add_options`, `read_options`), and the options in a rule's command (`command_options`).

Standard library only: the workflow imports declarations each time it is planned.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from darkroom.errors import DarkroomError

#: Default of a setting that must be given.
REQUIRED: Any = dataclasses.MISSING
_PARSERS = {"str": str, "int": int, "float": float}
# Placeholders of values in help.
_WORDS = {"str": "TEXT", "int": "INT", "float": "NUMBER"}


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    Parameters
    ----------
    name : str
        Its key in a campaign; the option of a program is ``--`` and the name with dashes.
    kind : str
        Annotation of the field, e.g. ``"float | None"``, ``"list[str]"``.
    default : object
        Value where none is given; `REQUIRED` where one must be.
    about : str
        One sentence that says what it is.
    unit : str
        Unit, or what the value stands for, e.g. ``"ADU"``, ``"Y X"``.
    choices : tuple
        Allowed values, of a list those of its elements; empty: any.
    minimum, maximum : float or None
        Inclusive bounds.
    above, below : float or None
        Exclusive bounds.
    length : int or None
        Number of elements of a list.
    absent : str
        What happens without a value, where the default is None, an empty list or is not written
        into the campaign, e.g. ``"the exposures'"``.
    schema : dict
        Further keywords of its JSON schema.
    filled : bool
        False: the default is not filled into a campaign's settings, because these identify the
        query that a lock was made from; the code that needs the value applies the default.
    option : bool
        False: only the workflow itself uses the value; programs have no such option.
    group : type or None
        Declaration of the settings below it, or of each element of a list.
    """

    name: str
    kind: str
    default: Any
    about: str
    unit: str = ""
    choices: tuple = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    length: int | None = None
    absent: str = ""
    schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    filled: bool = True
    option: bool = True
    group: type | None = None

    @property
    def element(self) -> str:
        """Type of the value, or of each element of a list, e.g. ``float``."""
        found = re.fullmatch(r"(?:list|tuple)\[(\w+)(?:, \.\.\.)?\](?: \| None)?", self.kind)
        return found[1] if found else self.kind.removesuffix(" | None")

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return self.kind.startswith(("list[", "tuple["))

    @property
    def may_be_none(self) -> bool:
        """Whether None (null) is allowed."""
        return self.kind.endswith("| None")

    @property
    def flag(self) -> str:
        """The option of a program, e.g. ``--hot-nsigma``."""
        return f"--{self.name.replace('_', '-')}"


def setting(default: Any, about: str, **declared: Any) -> Any:
    """Declare a setting: the value of a dataclass field.

    Parameters
    ----------
    default : object
        Value where none is given, or `REQUIRED`.
    about : str
        One sentence: what it is.
    **declared
        Further parameters of `Setting`: unit, choices, bounds …
    """
    metadata = {"about": about, **declared}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: _copy(default), metadata=metadata)
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def other_default(group: type, name: str, default: Any) -> Any:
    """Declare a setting of a parent class again, with another default."""
    (field,) = (one for one in dataclasses.fields(group) if one.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


def section(group: type, about: str = "", **declared: Any) -> Any:
    """Declare a group of settings below a key, each with its default."""
    return dataclasses.field(
        default_factory=group, metadata={"about": about, "group": group, **declared}
    )


@cache
def declared(group: type) -> dict[str, Setting]:
    """Return the settings that a dataclass declares: ``{name: Setting}``.

    In their order; those of a parent class come last.
    """
    parents = [getattr(base, "__dataclass_fields__", {}) for base in group.__mro__[1:]]
    fields = sorted(dataclasses.fields(group), key=lambda one: any(one.name in p for p in parents))
    return {
        field.name: Setting(field.name, str(field.type), _default(field), **field.metadata)
        for field in fields
    }


def defaults(group: type) -> dict[str, Any]:
    """Return the defaults that a dataclass declares: ``{name: value}``, new objects each time."""
    found = {}
    for name, one in declared(group).items():
        if one.group and not one.is_list and dataclasses.is_dataclass(one.default):
            found[name] = defaults(one.group)
        elif one.default is not REQUIRED:
            found[name] = _copy(one.default)
    return found


def command_options(
    settings: Mapping[str, Any], group: type, names: Iterable[str] | None = None
) -> str:
    """Return settings as the options of a program that declares them by `add_options`.

    Parameters
    ----------
    settings : dict
        Values by name. None and empty lists are left out; true is the option alone, false nothing;
        a list of texts repeats the option, a list of numbers follows it.
    group : type
        The declaration.
    names : iterable of str, optional
        Which of them the program has; by default all that are options.
    """
    words = []
    for name in option_names(group) if names is None else names:
        flag, value = declared(group)[name].flag, settings[name]
        if value is True:
            words.append(flag)
        elif value is None or value is False:
            continue
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            for one in value:
                words += _option(flag, one)
        elif isinstance(value, str):
            words += _option(flag, value)
        else:
            values = value if isinstance(value, list) else [value]
            words += [flag, *(shlex.quote(str(one)) for one in values)]
    return " ".join(words)


def _option(flag: str, text: str) -> list[str]:
    """Return an option and its text as words for the shell.

    A text that a program would take for an option, or for the name of a list of arguments, stands
    in one word with the option.
    """
    if text.startswith(("-", "@")):
        return [f"{flag}={shlex.quote(text)}"]
    return [flag, shlex.quote(text)]


def option_names(group: type) -> tuple[str, ...]:
    """Return the names of the settings that are options of programs."""
    return tuple(name for name, one in declared(group).items() if one.option and not one.group)


def add_options(
    parser: argparse._ActionsContainer, group: type, names: Iterable[str] | None = None
) -> None:
    """Add settings to a program's command line, with defaults and help as declared.

    Parameters
    ----------
    parser : argparse.ArgumentParser or argument group
        Extended in place.
    group : type
        The declaration.
    names : iterable of str, optional
        Which of them; by default all that are options.
    """
    for name in option_names(group) if names is None else names:
        one = declared(group)[name]
        keywords: dict[str, Any] = {"help": _help(one), "dest": name}
        if one.kind == "bool":
            if one.default is True:
                raise ValueError(
                    f"{name}: an option that is true by default cannot be switched off"
                )
            parser.add_argument(one.flag, action="store_true", **keywords)
            continue
        keywords["type"] = _PARSERS.get(one.element, _number_or_text)
        if one.choices:
            keywords["choices"] = one.choices
        if one.is_list and one.length:
            keywords |= {"nargs": one.length, "default": one.default}
            keywords["metavar"] = tuple(one.unit.split()) if one.unit else None
        elif one.is_list:
            keywords |= {"action": "append", "default": _copy(one.default)}
        else:
            keywords["default"] = one.default
        if "metavar" not in keywords and not one.choices:
            keywords["metavar"] = _metavar(one)
        parser.add_argument(one.flag, **keywords)


def read_options(
    arguments: argparse.Namespace, group: type, names: Iterable[str] | None = None
) -> Any:
    """Return the settings that a command line gives, checked: an instance of `group`.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of a parser that `add_options` extended with the same `group` and `names`.
    group : type
        The declaration.
    names : iterable of str, optional
        Which settings the program has; the others keep their defaults.

    Raises
    ------
    DarkroomError
        For a number out of its bounds, naming the option.
    """
    names = option_names(group) if names is None else tuple(names)
    values = {}
    for name in names:
        one, value = declared(group)[name], getattr(arguments, name)
        if value is None and not one.may_be_none:
            raise DarkroomError(f"{one.flag} must be given")
        for number in value if isinstance(value, list | tuple) else [value]:
            check_bounds(one, number)
        values[name] = list(value) if isinstance(value, tuple) and one.is_list else value
    return group(**values)


def check_bounds(one: Setting, value: Any) -> None:
    """Raise `DarkroomError` when a number is out of a setting's bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    bounds = (
        (one.above, "above", lambda v, b: v > b),
        (one.minimum, "of at least", lambda v, b: v >= b),
        (one.below, "below", lambda v, b: v < b),
        (one.maximum, "of at most", lambda v, b: v <= b),
    )
    for bound, words, holds in bounds:
        if bound is not None and not holds(value, bound):
            raise DarkroomError(f"{one.flag} {value:g}: a number {words} {bound:g} is needed")


def in_words(value: Any) -> str:
    """Return a default as it is written in help and tables."""
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return str(value)


def _metavar(one: Setting) -> str:
    """Return the placeholder of the value in help: a unit that is one word, or the type."""
    if re.fullmatch(r"[A-Za-z]+|[A-Z=*]+", one.unit):
        return one.unit.upper()
    return "|".join(_WORDS[kind] for kind in one.element.split(" | "))


def _help(one: Setting) -> str:
    about = one.about.rstrip(".")
    # Help texts begin with a small letter, except with a name in capitals.
    about = about if about[1:2].isupper() else about[:1].lower() + about[1:]
    unit = f" [{one.unit}]" if one.unit and not one.length else ""
    value = one.absent or ("" if one.default in ("", None, []) else in_words(one.default))
    default = f" (default: {value})" if value and one.kind != "bool" else ""
    return f"{about}{unit}{default}".replace("%", "%%")


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(one) for name, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


def names_of(groups: Sequence[type]) -> list[str]:
    """Return the names of all settings of several groups, each once."""
    return list(dict.fromkeys(name for group in groups for name in declared(group)))
