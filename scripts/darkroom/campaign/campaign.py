"""A campaign: one YAML file that says which exposures to use and what to make of them.

Only the standard library, PyYAML and jsonschema are used: the workflow reads campaigns each time
it is planned, on every node.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkroom.campaign.schema import check, nearest, with_defaults
from darkroom.errors import DarkroomError, InputError
from darkroom.provenance import settings_digest

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Where exposures lie and how they are transferred does not change a product.
_UNTRACKED_ARCHIVE_KEYS = ("folder", "timeout_s", "retries", "parallel", "confirm")
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


# libyaml's parser where PyYAML has it: with hundreds of items it saves 0.1 s in each fetch job.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):
    """YAML that refuses a key given twice, and leaves dates as the text they are written as."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own table, without dates)
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                line = key_node.start_mark.line + 1
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
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InputError(
            path, f"not valid YAML{where} ({getattr(error, 'problem', error)})"
        ) from None
    except DarkroomError as error:
        raise InputError(path, str(error)) from None
    schema = json.loads(Path(schema_path).read_text(encoding="utf-8"))
    check(settings, schema, path)
    return Campaign(path.stem, path, with_defaults(settings, schema, schema))


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
