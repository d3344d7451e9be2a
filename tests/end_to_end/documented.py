"""The examples of CONTRIBUTING.md, followed to the letter in a checkout."""

import re
import subprocess

import yaml

from end_to_end.conftest import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([\w./]+\.(?:py|smk|yaml))`")


def section(title):
    """Return the text under a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def follow(checkout, title):
    """Write the files of a section and apply its edits; return the names of what was touched.

    A block of code belongs to the last file that the paragraph before it names.
    """
    touched, end = [], 0
    text = section(title)
    for block in _BLOCK.finditer(text):
        before, end = text[end : block.start()], block.end()
        language, content = block.groups()
        if language == "diff":
            apply(checkout, content)
            touched += re.findall(r"^\+\+\+ b/(.+)$", content, re.MULTILINE)
        elif language in ("python", "yaml"):
            name = _NAMED.findall(before.strip().split("\n\n")[-1])[0]
            path = checkout.folder / name
            assert not path.exists(), f"{name} would be overwritten"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            touched.append(name)
    assert touched, f"CONTRIBUTING.md has no example under {title!r}"
    return touched


def apply(checkout, difference):
    """Apply an edit as printed."""
    done = subprocess.run(
        ["git", "apply", "-"],
        input=difference,
        cwd=checkout.folder,
        env=checkout.environment() | {"GIT_CEILING_DIRECTORIES": str(checkout.folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"an edit of CONTRIBUTING.md no longer fits: {done.stderr}"


def run(checkout, *command, status=0, **variables):
    """Run a program in a checkout; return what it printed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=checkout.folder,
        env=checkout.environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == status, f"status {done.returncode}, not {status}:\n{text}"
    return text


def make_settings(checkout):
    """Do what `make settings` does."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "PYTHONPATH=scripts $(RUN) darkroom.documents ." in makefile
    python = checkout.folder / ".venv" / "bin" / "python"
    return run(checkout, python, "-m", "darkroom.documents", ".", PYTHONPATH="scripts")


def run_test(checkout, name, status=0):
    """Run a file of tests of the checkout; return what it printed."""
    python = checkout.folder / ".venv" / "bin" / "python"
    return run(
        checkout, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", name, status=status
    )


def example_campaign(title):
    """Return the campaign of a section."""
    blocks = [text for language, text in _BLOCK.findall(section(title)) if language == "yaml"]
    return yaml.safe_load(blocks[0])
