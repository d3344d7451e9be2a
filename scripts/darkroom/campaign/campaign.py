"""A campaign: one YAML file that says which exposures to use and what to make of them.

Only the standard library, PyYAML and jsonschema are used: the workflow reads campaigns each time
it is planned, on every node.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkroom.campaign.names import name_fault
from darkroom.campaign.schema import check, nearest, with_defaults
from darkroom.errors import DarkroomError, InputError
from darkroom.plain import plain_text
from darkroom.provenance import settings_digest
from darkroom.reading import bounded_text

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Where exposures lie and how they are transferred does not change a product.
_UNTRACKED_ARCHIVE_KEYS = (
    *("folder", "copy", "cloud", "timeout_s", "retries", "parallel", "confirm"),
)
# Keys of an item that determine which exposures it has and what the lock says of them.
_SELECTION_KEYS = ("instrument", "frames", "query", "simulate", "recover", "cards")


@dataclass(frozen=True)
class Campaign:
    """A validated campaign, defaults filled in.

    Parameters
    ----------
    name : str
        Stem of the file's name; names the lock and the folder of results.
    path : pathlib.Path
        The YAML file.
    settings : dict
        Content of the file.
    """

    name: str
    path: Path
    settings: dict[str, Any]

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Work items: ``{name: settings}``."""
        items: dict[str, dict[str, Any]] = self.settings["items"]
        return items

    @property
    def archive(self) -> dict[str, Any]:
        """Settings of the archive; ``kind`` is ``local``, ``mast`` or ``simulated``."""
        archive: dict[str, Any] = self.settings["archive"]
        return archive

    @property
    def tracked_archive(self) -> dict[str, Any]:
        """The archive's settings without those that cannot change a product."""
        return {k: v for k, v in self.archive.items() if k not in _UNTRACKED_ARCHIVE_KEYS}

    def selection(self, item: str) -> dict[str, Any]:
        """Return the settings of an item that determine which exposures it has."""
        return {k: v for k, v in self.items[item].items() if k in _SELECTION_KEYS}

    def query_digest(self) -> str:
        """Return a digest of all settings that the lock depends on."""
        query: dict[str, Any] = {"archive": self.tracked_archive}
        query["items"] = {item: self.selection(item) for item in self.items}
        return settings_digest(query)

    @property
    def lock_path(self) -> Path:
        """Path of the lock: ``locks/`` beside ``campaigns/``, else beside the campaign."""
        folder = self.path.parent
        if folder.name == "campaigns":
            return folder.parent / "locks" / f"{self.name}.tsv"
        return folder / f"{self.name}.lock.tsv"

    @property
    def pins_path(self) -> Path:
        """Path of the pins: beside the lock."""
        return self.lock_path.with_name(f"{self.name}.pins.tsv")


# A campaign comes from other people, too: what a few lines of it can grow to is bounded.
_MOST_BYTES = 2_000_000
_MOST_DEPTH = 40
_MOST_NODES = 150_000
_LARGEST_INT = 1 << 64

# libyaml's parser where PyYAML has it: with hundreds of items it saves 0.1 s in each fetch job.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):
    """YAML that refuses a key given twice, and leaves dates as the text they are written as."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own table, without dates)
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return a mapping; keys that are given twice, merged or no text are refused."""
        seen = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise DarkroomError(f"'<<' is not known here (line {line}); write the keys out")
            if key_node.tag != "tag:yaml.org,2002:str":
                raise DarkroomError(f"a key is no text (line {line}); put it into quotes")
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise DarkroomError(f"key {key!r} is given twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


def find_campaign(name: StrPath, base: StrPath) -> Path:
    """Return the path of a campaign given by name or by path.

    Parameters
    ----------
    name : path-like
        A name among ``config/campaigns``, or the path of a YAML file.
    base : path-like
        Folder of the workflow.

    Returns
    -------
    pathlib.Path
        The YAML file.

    Raises
    ------
    DarkroomError
        When there is no such campaign; the message lists the known ones.
    """
    folder = Path(base) / "config" / "campaigns"
    if str(name).endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise InputError(path, "no such campaign file")
        return path
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        raise DarkroomError(
            f"there is no campaign {str(name)!r}{nearest(str(name), known)}; known are: "
            f"{', '.join(known)}; or give the path of a YAML file"
        )
    return path


def load_campaign(path: StrPath, schema_path: StrPath) -> Campaign:
    """Read and validate a campaign.

    Parameters
    ----------
    path : path-like
        YAML file.
    schema_path : path-like
        JSON schema; its defaults are filled in.

    Returns
    -------
    Campaign
        The campaign, with every default filled in.

    Raises
    ------
    InputError
        The message names the file, the key, the fault, and the most similar key or the values
        allowed.
    """
    path = Path(path)
    if fault := name_fault(path.stem):
        raise InputError(
            path, f"its name {fault}, and it names the folder of results", "rename the file"
        )
    try:
        settings = _load(bounded_text(path, _MOST_BYTES))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not text in UTF-8 (byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        said = " ".join(str(getattr(error, "problem", error)).split())
        raise InputError(path, f"not valid YAML{where} ({said})") from None
    except (DarkroomError, ValueError) as error:
        raise InputError(path, str(error)) from None
    schema = json.loads(Path(schema_path).read_text(encoding="utf-8"))
    check(settings, schema, path)
    return Campaign(path.stem, path, with_defaults(settings, schema, schema))


def _load(text: str) -> Any:
    """Return what YAML says, after its depth and the growth by its aliases were bounded."""
    _check_growth(text)
    try:
        loaded = yaml.load(text, Loader=_StrictLoader)  # noqa: S506
    except ValueError as error:
        # Python refuses to read numbers of thousands of digits, and dates that do not exist.
        raise DarkroomError(f"holds a value that cannot be read ({str(error)[:80]})") from None
    _check_values(loaded)
    return loaded


def _check_values(loaded: Any) -> None:
    """Refuse what no setting can be: numbers beyond 64 bits, no numbers, text that is not seen."""
    queue = [("", loaded)]
    while queue:
        key, value = queue.pop()
        if isinstance(value, dict):
            queue += [(f"{key}.{name}".lstrip("."), part) for name, part in value.items()]
        elif isinstance(value, list):
            queue += [(key, part) for part in value]
        elif isinstance(value, str) and (odd := _odd_letter(value)):
            raise DarkroomError(
                f"key '{key}' holds the character {odd!a}, which nobody sees; remove it"
            )
        elif isinstance(value, float) and not math.isfinite(value):
            raise DarkroomError(f"key '{key}' is {value}, which is no number to count with")
        elif isinstance(value, int) and abs(value) >= _LARGEST_INT:
            raise DarkroomError(f"key '{key}' is a whole number of more than 64 bits")


def _odd_letter(text: str) -> str:
    """Return the first letter that cannot be seen; empty when all can."""
    if plain_text(text, len(text), keep="\n\t") == text:
        return ""
    return next(one for one in text if plain_text(one, keep="\n\t") != one)


def _check_growth(text: str) -> None:
    """Refuse text that nests deeply, or whose aliases repeat parts until it is large.

    The events of the parser come one after the other, so that neither depth nor aliases can hurt
    here; composing them would recurse, and copy each alias.
    """
    sizes: dict[str, int] = {}
    # Name and size of each open list or mapping, the whole document first.
    open_parts: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=_Loader):
        size = 0
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            open_parts.append((event.anchor, 1))
            if len(open_parts) > _MOST_DEPTH:
                line = event.start_mark.line + 1
                raise DarkroomError(f"nests deeper than {_MOST_DEPTH} levels (line {line})")
            continue
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            anchor, size = open_parts.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                line = event.start_mark.line + 1
                raise DarkroomError(f"'*{event.anchor}' contains itself (line {line})")
            anchor, size = None, sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        else:
            continue
        if anchor:
            sizes[anchor] = size
        name, total = open_parts[-1]
        open_parts[-1] = (name, total + size)
        if total + size > _MOST_NODES:
            line = event.start_mark.line + 1
            raise DarkroomError(f"grows to more than {_MOST_NODES} values (line {line})")


def open_campaign(name: StrPath, base: StrPath, folder: str | None = None) -> Campaign:
    """Find, read and validate a campaign.

    Parameters
    ----------
    name : path-like
        Name among ``config/campaigns``, or path of a YAML file.
    base : path-like
        Folder of the workflow.
    folder : str, optional
        Folder of a local archive, instead of the one that the campaign names.

    Returns
    -------
    Campaign
        The campaign, with every default filled in.

    Raises
    ------
    DarkroomError
        When there is no such campaign, or it is not valid.
    """
    schema = Path(base) / "config" / "schemas" / "campaign.schema.json"
    campaign = load_campaign(find_campaign(name, base), schema)
    if folder:
        campaign.archive["folder"] = str(folder)
    return campaign
