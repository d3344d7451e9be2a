"""What determines calibrated ramps: the raw file, the steps, and the files that these use.

A recipe stands where a file of ramps would: programs that read ramps read it instead, and compute
what they need from the raw file (`darkroom.nircam.chain.ramp`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.nircam.chain.follows import FOLLOWS
from darkroom.nircam.chain.parameters import Steps, chosen_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.hints import StrPath

#: Ending of the name of a recipe.
SUFFIX = ".chain.json"


@dataclass(frozen=True)
class Used:
    """A file that is used.

    Attributes
    ----------
    path : str
    size : int
        Bytes.
    sha256 : str
        Of its content.
    name : str
        As the cards of the ramps have it.
    """

    path: str
    size: int
    sha256: str
    name: str


@dataclass(frozen=True)
class Recipe:
    """How ramps are computed.

    Attributes
    ----------
    raw : Used
        The raw exposure.
    steps : list of str
    parameters : dict
        ``{step: {parameter: value}}``.
    references : dict of Used
        By reference type; ``made`` is a superbias that is subtracted in place of that of CRDS.
    follows : dict
        Versions of the pipeline whose numbers the ramps have.
    complete : bool
        No packet of the raw exposure was lost: it need not be looked through again.
    """

    raw: Used
    steps: list[str]
    parameters: dict[str, dict[str, Any]]
    references: dict[str, Used]
    follows: dict[str, str] = field(default_factory=lambda: dict(FOLLOWS))
    complete: bool = False

    @property
    def chosen(self) -> Steps:
        """The steps with their parameters."""
        return chosen_steps(self.steps, self.parameters)

    def write(self, path: StrPath) -> None:
        """Write the recipe, atomically."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        write_text(path, text + "\n")


def read_recipe(path: StrPath) -> Recipe:
    """Read a recipe.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    try:
        content: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        used = {kind: Used(**one) for kind, one in content["references"].items()}
        given = {key: content[key] for key in ("steps", "parameters", "follows")}
        complete = bool(content.get("complete"))  # recipes of earlier versions do not say
        return Recipe(raw=Used(**content["raw"]), references=used, complete=complete, **given)
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            path, f"is a damaged list of steps ({error})", "remove it and run again"
        ) from error


def is_recipe(path: StrPath) -> bool:
    """Return whether a path is that of a recipe, not of a file of ramps."""
    return Path(path).name.endswith(SUFFIX)


def ramps_path(path: StrPath) -> Path:
    """Return the path that the ramps of a recipe have when they are written."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(SUFFIX) + ".fits")
