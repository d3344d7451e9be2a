"""Harms are declared once: a key that no gate has is refused, and every key is that of a gate."""

import argparse
import json
import re
from pathlib import Path

import pytest

from darkroom import documents
from darkroom.campaign.schema import check
from darkroom.errors import DarkroomError, InputError
from darkroom.gates.options import harms
from darkroom.nircam.gating.gates import SUPERBIAS
from darkroom.nircam.gating.harms import HARMS
from programs import SCRIPTS

ROOT = Path(__file__).resolve().parents[3]


def campaign(harm):
    schema = json.loads(documents.schema_text())["properties"]["judge"]
    check({"harm": harm}, schema, "campaign.yaml")


def test_a_campaign_may_set_every_declared_harm():
    campaign({name: 1.5 for one in documents.harms() for name in one.names})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("superbias.levl", "superbias.level"),
        ("superbais.level", "superbias.level"),
        ("master_bias.gradient", None),
        ("level", None),
        ("readnoise.parity", None),
        ("flt.intervall", "flt.interval"),
    ],
)
def test_a_misspelt_harm_is_refused_and_the_near_one_named(wrong, meant):
    with pytest.raises(InputError) as refused:
        campaign({wrong: 5.0})
    assert f"unknown key 'harm.{wrong}'" in str(refused.value)
    if meant:
        assert f"did you mean '{meant}'?" in str(refused.value)


@pytest.mark.parametrize("number", [0, -3, "10", None])
def test_a_harm_is_a_number_above_0(number):
    with pytest.raises(InputError, match="level"):
        campaign({"superbias.level": number})


def test_a_program_refuses_a_harm_that_its_product_does_not_have():
    given = argparse.Namespace(harm=["parity=2"])
    assert harms(given, HARMS, "superbias") == {"parity": 2.0}
    with pytest.raises(DarkroomError, match=r"readnoise has no gate 'parity'.*noise, written"):
        harms(given, HARMS, "readnoise")
    with pytest.raises(DarkroomError, match=r"did you mean 'parity'"):
        harms(argparse.Namespace(harm=["pariti=2"]), HARMS, "superbias")


def test_keys_are_declared_once_and_each_is_used_by_a_gate_or_a_comparison():
    names = [name for one in documents.harms() for name in one.names]
    assert len(set(names)) == len(names)
    for folder in (SCRIPTS / "darkroom").glob("*/gating"):
        sources = [*folder.glob("*.py"), *folder.parent.glob("counterfactual/*.py")]
        sources = [path for path in sources if path.name != "harms.py"]
        text = "".join(path.read_text(encoding="utf-8") for path in sources)
        instrument = folder.parent.name
        module = __import__(f"darkroom.{instrument}.gating.harms", fromlist=["HARMS"])
        for one in module.HARMS:
            assert re.search(rf'"{one.key}"', text), (instrument, one.key)


def test_statistics_have_the_declared_size():
    sizes = {one.family: one.harm for one in SUPERBIAS}
    assert (sizes["level"], sizes["parity"], sizes["slope"]) == (10.0, 1.0, 0.01)


def test_the_table_of_the_documentation_is_that_of_the_declarations():
    page = (ROOT / documents.JUDGING).read_text(encoding="utf-8")
    assert page == documents.judging_text(page)
    assert documents.harm_table() in page
