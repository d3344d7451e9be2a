"""Seals: every change of a sealed text is told, to the letter, quickly."""

import json
import random

import pytest

from darkroom.integrity import seals
from darkroom.integrity.seals import seal_fault, sealed, sealed_text, text_fault

CONTENTS = [
    {},
    {"a": 1},
    {"z": "é\u2028"},
    {"a": {"digest": "x", "y": [1.5, None, True]}, "e": "a,", "file": '"digest":"'},
]


def test_a_seal_tells_every_change():
    content = sealed({"b": 1, "a": "é"})
    assert seal_fault(content) == ""
    assert sealed(content) == content
    assert content["digest"] == sealed({"a": "é", "b": 1})["digest"]
    other = sealed({"b": 2, "a": "é"})["digest"]
    assert seal_fault(content | {"b": 2}) == (
        f"states the digest {content['digest'][:12]}… of its content, which has {other[:12]}…"
    )
    assert seal_fault(content | {"c": 0}).startswith("states the digest ")
    assert seal_fault({"a": 1}) == "states no digest of its content"
    for value in (None, [], "x", 1):
        assert seal_fault(value) == "holds no JSON object"


@pytest.mark.parametrize("content", CONTENTS)
def test_a_text_as_it_was_written_is_told_without_writing_it_again(content, monkeypatch):
    whole = sealed(content)
    text = sealed_text(whole)
    assert json.loads(text) == whole
    monkeypatch.setattr(seals, "sealed_text", None)
    assert text_fault(text, json.loads(text)) == ""


@pytest.mark.parametrize("content", CONTENTS)
def test_texts_of_earlier_versions_are_accepted_to_the_letter(content):
    whole = sealed(content)
    record = json.dumps(whole, sort_keys=True)
    status = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    for text in (record, status):
        assert text_fault(text, json.loads(text)) == ""
        assert text_fault(text + " ", whole) == "is not as it was written"
    turned = dict(sorted(whole.items(), reverse=True))
    for text in (json.dumps(turned), json.dumps(turned, indent=1, ensure_ascii=False) + "\n"):
        if content:
            assert text_fault(text, json.loads(text)) == "is not as it was written"


def test_a_text_of_another_content_is_told():
    text = sealed_text(sealed({"a": 1, "b": 2}))
    damaged = text.replace('"b":2', '"b":3')
    assert text_fault(damaged, json.loads(damaged)).startswith("states the digest")
    assert text_fault("[]", []) == "holds no JSON object"
    assert text_fault('{"digest":null}', {"digest": None}) == "states no digest of its content"
    # A member that was moved, or is there twice, is no member of what was sealed.
    digest = sealed({"a": {}})["digest"]
    for text in (f'{{"a":{{"digest":"{digest}"}}}}', f'{{"a":{{}},"digest":"{digest}"}} '):
        assert text_fault(text, json.loads(text))


@pytest.mark.parametrize("content", CONTENTS)
def test_every_flipped_bit_is_told(content):
    whole = sealed_text(sealed(content)).encode()
    every = [(at, bit) for at in range(len(whole)) for bit in range(8)]
    for at, bit in random.Random(1).sample(every, 300):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        try:
            text = damaged.decode()
            read = json.loads(text)
        except ValueError:
            continue
        assert text_fault(text, read)
