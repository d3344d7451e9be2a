"""What stands in a rule's shell command is quoted: names of files are other people's data."""

import re
from pathlib import Path

import pytest

RULES = sorted((Path(__file__).resolve().parents[3] / "rules").glob("*.smk"))
# The text of a shell block: its line, and all that are indented further.
_BLOCK = re.compile(r"^( +)shell:\n((?:\1    .*\n|\n)+)", re.MULTILINE)
# A placeholder; doubled braces are braces.
_PLACE = re.compile(r"(?<!\{)\{(?!\{)([^{}]*)\}")
# Parameters that are made as words for the shell (`quoted`, `command_options`, `input_options`).
WORDS = {
    *("against", "batch", "code", "files", "dark", "judge", "judged", "measured", "more", "name"),
    *(
        "part",
        "pins",
        "place",
        "previous",
        "batch.came",
        "batch.options",
        "products",
        "reference",
        "settings",
        "settings[2]",
        "simulated",
        "superbias",
    ),
}


def unquoted(text):
    """Return the placeholders of the shell commands in some rules that the shell could run."""
    found = []
    for _, block in _BLOCK.findall(text):
        for place in _PLACE.findall(block):
            name = place.removeprefix("params.")
            # Python between the braces makes words for the shell itself, see `quoted`.
            if place.startswith("shlex.quote("):
                continue
            if place == "threads" or (place != name and name in WORDS):
                continue
            if not place.endswith(":q"):
                found.append(place)
    return found


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_placeholder_of_a_command_is_quoted(path):
    text = path.read_text(encoding="utf-8")
    assert unquoted(text) == []
    # Snakemake's own names for the same things, which this test would not see.
    for _, block in _BLOCK.findall(text):
        assert "{snakemake" not in block
        assert not re.search(r"\bf[\"'].*(wildcards|input|output)", block)


def test_an_unquoted_placeholder_is_found():
    rule = (
        "    shell:\n        \"awk '{{print $1}}' {input} {output.a:q} {params.settings} \"\n"
        '        "{log} {params.folder} {wildcards.item}"\n\n\nrule next:\n'
    )
    assert unquoted(rule) == ["input", "log", "params.folder", "wildcards.item"]
    deeper = "".join(f"    {line}\n" for line in rule.splitlines())
    assert unquoted(deeper) == unquoted(rule)
