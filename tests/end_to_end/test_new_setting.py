"""A setting is added as CONTRIBUTING.md says: one declaration, and everything else follows."""

import json

import pytest

from end_to_end.conftest import Checkout
from end_to_end.documented import follow, make_settings, run, run_test

pytestmark = pytest.mark.end_to_end
SETTINGS = "scripts/darkroom/ccd/settings.py"
SCHEMA = "config/schemas/campaign.schema.json"
PAGE = "config/README.md"
HELD = "tests/unit/campaign/test_settings.py"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Give a checkout with the setting of the example, before `make settings`."""
    made = Checkout(tmp_path_factory.mktemp("setting") / "checkout")
    made.touched = follow(made, "Add a setting")
    return made


@pytest.fixture(scope="module")
def finished(checkout):
    """Give the checkout after `make settings`."""
    checkout.written = make_settings(checkout).split()
    return checkout


def ccd_schema(checkout):
    schema = json.loads((checkout.folder / SCHEMA).read_text(encoding="utf-8"))
    return schema["properties"]["items"]["additionalProperties"]["properties"]["ccd"]["properties"]


def test_the_declaration_and_its_use_are_all_that_is_written(checkout):
    assert checkout.touched == [SETTINGS, "scripts/ccd/master_bias.py"]


def test_the_test_is_red_until_the_documents_are_made_anew(checkout):
    text = run_test(checkout, HELD, status=1)
    assert "test_schema_and_tables_are_those_of_the_declarations" in text


def test_schema_and_table_have_it(finished):
    assert sorted(finished.written) == sorted([SCHEMA, PAGE])
    assert ccd_schema(finished)["min_bias_frames"] == {
        "type": "integer",
        "minimum": 2,
        "default": 2,
        "description": "Smallest number of bias frames of a master bias.",
    }
    row = "| `min_bias_frames` | frames | `2` | Smallest number of bias frames of a master bias |"
    assert row in (finished.folder / PAGE).read_text(encoding="utf-8")
    run_test(finished, HELD)


def test_the_program_has_the_option_and_obeys_it(finished):
    program = (".venvs/detector/bin/python", "scripts/ccd/master_bias.py")
    path = str(finished.folder / "scripts")
    text = " ".join(run(finished, *program, "--help", PYTHONPATH=path).split())
    told = "smallest number of bias frames of a master bias [frames] (default: 2)"
    assert "--min-bias-frames" in text
    assert told in text
    given = ("--output", "x.fits", "--min-bias-frames", "3", "a.fits", "b.fits")
    text = run(finished, *program, *given, status=1, PYTHONPATH=path)
    assert text.endswith("ERROR 2 bias frames, and min_bias_frames asks for 3\n")


@pytest.mark.parametrize(("ccd", "option"), [({}, 2), ({"min_bias_frames": 4}, 4)])
def test_the_rules_command_has_default_or_value(finished, ccd, option):
    simulate = {"shape": [48, 64], "bias": {"count": 5}}
    item = {"instrument": "ccd", "simulate": simulate, "ccd": ccd}
    choice = finished.campaign(items={"camera": item})
    if not (finished.folder / "small.lock.tsv").exists():
        finished.snakemake("lock", "--config", choice)
    text = finished.snakemake("-n", "-p", "--config", choice)
    (command,) = [line for line in text.splitlines() if "scripts/ccd/master_bias.py" in line]
    assert f"--min-bias-frames {option} " in command


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (SETTINGS, '2, "Smallest number', '3, "Smallest number'),
        (SCHEMA, '"description": "Smallest number', '"description": "Least number'),
        (PAGE, "| `min_bias_frames` | frames | `2` |", "| `min_bias_frames` | frames | `3` |"),
        (PAGE, "| `min_bias_frames` | frames | `2` | Smallest", "| `gone` | | | Smallest"),
    ],
)
def test_an_edit_in_one_place_alone_turns_the_test_red(finished, name, before, after):
    path = finished.folder / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    try:
        assert "test_schema_and_tables" in run_test(finished, HELD, status=1)
    finally:
        path.write_text(text, encoding="utf-8")
