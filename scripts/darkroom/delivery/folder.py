"""The folder of a delivery: the file, the form, the evidence, and the one command a person runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.atomic import flush, folder_written_atomically
from darkroom.delivery.form import missing

#: Exit status when a product is not to be delivered.
REFUSED = 3
FORM, DRAFT = "form.yaml", "form_draft.yaml"
# What Markdown would read as more than text.
_MARKS = re.compile(r"([\\`*_\[\]<>#|])")


@dataclass(frozen=True)
class Delivery:
    """What is put into the folder.

    Attributes
    ----------
    product : str
    file : pathlib.Path
        The reference file.
    verdict : pathlib.Path
        ``verdict_<product>.json``.
    evidence : dict
        Further files by the name that they get: certification, difference of the rules …
    form : dict or None
        The form; None where there is no CRDS.
    context : str
        CRDS context; empty where there is none.
    override : str
        Reason why it is delivered against the verdict; empty: it is not.
    validity : sequence of str
        What a series of epochs says of the day from which it should serve, and for how long.
    """

    product: str
    file: Path
    verdict: Path
    evidence: Mapping[str, Path]
    form: Mapping[str, Any] | None
    context: str
    override: str = ""
    validity: Sequence[str] = ()


def refusal(verdict: Mapping[str, Any], override: str = "") -> str:
    """Return why a product is not to be delivered, in one sentence; empty when it is.

    Parameters
    ----------
    verdict : dict
        Content of ``verdict_<product>.json``.
    override : str
        The campaign's reason to deliver it nevertheless.
    """
    if verdict.get("verdict") == "deliver" or override:
        return ""
    where = f"{verdict.get('item', '')}/{verdict.get('product', '')}".strip("/")
    reason = str(verdict.get("reason", "")).rstrip(".")
    advice = str(verdict.get("next", "")).rstrip(".")
    text = f"{where} is not delivered: {verdict.get('verdict', 'not judged')}"
    text += f", because {reason}" if reason else ""
    text += f" (next: {advice})" if advice else ""
    return f"{text}; deliver.override with a reason delivers it nevertheless"


def withdraw(folder: Path) -> bool:
    """Remove the folder of a former delivery; return whether there was one.

    The command in its README would send a file whose verdict is another one now.

    Parameters
    ----------
    folder : pathlib.Path
    """
    if not folder.exists():
        return False
    if folder.is_symlink():  # what it leads to is not ours
        folder.unlink()
    else:
        # README first: what a killed program leaves tells no command.
        (folder / "README.md").unlink(missing_ok=True)
        shutil.rmtree(folder)
    flush(folder.parent)
    return True


def write_folder(folder: Path, delivery: Delivery) -> str:
    """Write the folder of a delivery; return the name of the form, or an empty text.

    Parameters
    ----------
    folder : pathlib.Path
        Replaced as a whole.
    delivery : Delivery
    """
    name = ""
    with folder_written_atomically(folder) as temporary:
        place = Path(temporary)
        shutil.copyfile(delivery.file, place / delivery.file.name)
        shutil.copyfile(delivery.verdict, place / "verdict.json")
        for target, source in delivery.evidence.items():
            shutil.copyfile(source, place / target)
        if delivery.form is not None:
            name = DRAFT if missing(delivery.form) else FORM
            (place / name).write_text(form_text(delivery.form), encoding="utf-8")
        (place / "README.md").write_text(readme(delivery, name), encoding="utf-8")
    return name


def form_text(form: Mapping[str, Any]) -> str:
    """Return the form as YAML; a draft says at its top what is missing."""
    import yaml

    text = str(yaml.safe_dump(dict(form), sort_keys=False, allow_unicode=False, width=10_000))
    lacking = missing(form)
    head = f"# Draft: fill in {', '.join(lacking)}.\n" if lacking else ""
    return head + text


def command(delivery: Delivery, form: str) -> str:
    """Return the command by which a person delivers."""
    level = (delivery.form or {}).get("change_level", "SEVERE")
    return (
        f"python -m crds.submit --files {delivery.file.name} --redcat-parameters {form} "
        f"--change-level {level} --derive-from-context {delivery.context}"
    )


def readme(delivery: Delivery, form: str) -> str:
    """Return the text of README.md."""
    lines = [f"# Delivery of {delivery.file.name}", ""]
    if delivery.override:
        # In one line: it must not look like a command.
        reason = _MARKS.sub(r"\\\1", " ".join(delivery.override.split()))
        lines += [f"Delivered against the verdict: {reason}", ""]
    lines += ["Nothing was sent. These files were made ready:", ""]
    lines += [f"- `{delivery.file.name}`: the file"]
    lines += ["- `verdict.json`: how it was judged, every number"]
    told = {
        "certify.log": "what CRDS's certification said",
        "rules.diff": "the change of the rules",
        "insertion.json": "which files it replaces, and who gets it",
        "counterfactual.json": "what it changes, on exposures held out",
    }
    lines += [f"- `{name}`: {told.get(name, 'evidence')}" for name in delivery.evidence]
    if delivery.validity:
        lines += ["", *(f"{sentence}." for sentence in delivery.validity)]
    if not form:
        return "\n".join([*lines, "", "No CRDS holds files of this kind: copy the file.", ""])
    lines += ["", f"`{form}` is the form that CRDS asks for.", ""]
    if form == DRAFT:
        lines += [
            f"The form is a draft. Fill in {', '.join(missing(delivery.form or {}))} "
            "(deliver.person of the campaign is your name); then run here, with CRDS_SERVER_URL "
            "set:",
        ]
    else:
        lines += ["Read the form; then run here, with CRDS_SERVER_URL set:"]
    return "\n".join([*lines, "", f"    {command(delivery, form)}", ""])
