"""A campaign that is wrong ends in one sentence that names the file, the key and the way out."""

import re
import shutil
import time
from pathlib import Path

import pytest

from darkroom.campaign.campaign import load_campaign, open_campaign
from darkroom.errors import DarkroomError

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "config" / "schemas" / "campaign.schema.json"
GOOD = """\
title: A test
archive: {kind: local, folder: frames}
items:
  camera:
    instrument: ccd
    frames: {bias: "bias_*.fits"}
"""


def load(tmp_path, text):
    path = tmp_path / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    return load_campaign(path, SCHEMA)


def test_defaults_are_filled_in_at_every_depth(tmp_path):
    campaign = load(tmp_path, GOOD)
    assert campaign.name == "trial"
    assert campaign.settings["on_bad_exposure"] == "stop"
    assert campaign.items["camera"]["ccd"]["nsigma"] == 5
    assert campaign.items["camera"]["recover"] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "titel:", r"trial.yaml: unknown key 'titel' \(did you mean 'title'\?\)"),
        ("frames: {", "frame: {", r"unknown key 'items.camera.frame' \(did you mean 'frames'\?\)"),
        ("kind: local", "kind: locl", r"'archive.kind' is 'locl' \(did you mean 'local'\?\); allo"),
        ("instrument: ccd", "instrument: 4", r"key 'items.camera.instrument' is 4"),
        (", folder: frames", "", r"key 'archive' lacks 'folder'"),
        ("title: A test", "title: 7", r"key 'title' is 7, it must be of type string"),
        ("title: A test\n", "", r"the file lacks 'title'"),
        ("camera:", "Camera 1:", r"names are 1 to 100 lower-case letters"),
        ("camera:", "report:", r"'report' is not allowed; .* folders of its own .* raw, report"),
        ("title: A test", "title: A test\ntitle: B", r"key 'title' is given twice \(line 2\)"),
        ("items:", "items: [", r"not valid YAML at line"),
        ("frames: {", "ccd: {nsigma: -1}\n    frames: {", r"items.camera.ccd.nsigma.*minimum of 0"),
        ("frames: {", "ccd: {nsigma: five}\n    frames: {", r"nsigma' is 'five', it must be of ty"),
        ("frames: {", "recover: [EXPTIME]\n    frames: {", r"form is CARD=OTHER\*SCALE"),
    ],
)
def test_each_fault_is_told_in_one_sentence(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(DarkroomError, match=message) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_a_day_stays_the_text_it_is_written_as(tmp_path):
    text = GOOD.replace("title: A test", "title: 2022-05-01")
    assert load(tmp_path, text).settings["title"] == "2022-05-01"


def test_an_unknown_campaign_names_the_nearest(tmp_path):
    with pytest.raises(DarkroomError, match=r"no campaign 'dmo' \(did you mean 'demo'\?\)"):
        open_campaign("dmo", ROOT)
    with pytest.raises(DarkroomError, match="no such campaign file"):
        open_campaign(str(tmp_path / "none.yaml"), ROOT)


def test_the_query_digest_follows_the_selection_and_nothing_else(tmp_path):
    first = load(tmp_path, GOOD)
    assert load(tmp_path, GOOD.replace("A test", "Other")).query_digest() == first.query_digest()
    moved = load(tmp_path, GOOD.replace("folder: frames", "folder: elsewhere"))
    assert moved.query_digest() == first.query_digest()
    other = load(tmp_path, GOOD.replace("bias_*", "zero_*"))
    assert other.query_digest() != first.query_digest()


def test_the_lock_lies_beside_the_campaigns_folder(tmp_path):
    assert load(tmp_path, GOOD).lock_path == tmp_path / "trial.lock.tsv"
    shipped = open_campaign("demo", ROOT)
    assert shipped.lock_path == ROOT / "config" / "locks" / "demo.tsv"
    assert shipped.pins_path == ROOT / "config" / "locks" / "demo.pins.tsv"


def test_every_shipped_campaign_is_valid():
    found = [open_campaign(p.stem, ROOT) for p in sorted((ROOT / "config/campaigns").glob("*.y*"))]
    assert {"demo", "sbig_st402", "asi178"} <= {campaign.name for campaign in found}


def test_every_key_is_explained_in_the_readme():
    import json

    readme = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    # Harms of gates have a table of their own: | product, product | `gate` |.
    judging = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w, ]+) \| `(\w+)` \|", judging, re.MULTILINE)
    harms = {f"{product}.{gate}" for names, gate in rows for product in names.split(", ")}

    def keys(schema):
        for name, sub in schema.get("properties", {}).items():
            if "description" in sub or "$ref" in sub:
                yield name
            yield from keys(sub)
        for sub in schema.get("$defs", {}).values():
            yield from keys(sub)

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    missing = sorted({name for name in keys(schema) if f"`{name}`" not in readme} - harms)
    assert not missing, f"config/README.md does not explain {missing}"


def test_a_campaign_may_be_a_file_anywhere(tmp_path):
    path = tmp_path / "mine.yaml"
    shutil.copy(ROOT / "config/campaigns/demo.yaml", path)
    assert open_campaign(str(path), ROOT).name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
            "grows to more than 150000 values",
        ),
        ("a: " + "[" * 100_000, "nests deeper than 40 levels"),
        ("a: " + "{a: " * 100_000, "nests deeper than 40 levels"),
        ("items: &a {x: *a}\n", r"'\*a' contains itself \(line 1\)"),
        ("a: " + "9" * 5000, "holds a value that cannot be read"),
        ("a: !!timestamp 2026-99-99\n", "holds a value that cannot be read"),
        ("1: 2\n", r"a key is no text \(line 1\); put it into quotes"),
        ("? [1, 2]\n: 3\n", "a key is no text"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", r"'<<' is not known here \(line 3\)"),
        ("a: !!python/object/apply:os.system ['id']\n", "not valid YAML at line 1"),
        ("#" + "x" * 3_000_000, "has 3000001 bytes, 2000000 are allowed"),
        ("".join(f"k{n}: 1\n" for n in range(100_000)), "grows to more than 150000 values"),
        ('title: "a\\e]0;x\\ab"\n', r"key 'title' holds the character '\\x1b', which nobody sees"),
        ('items: {a: {frames: ["x\\u202ey"]}}\n', r"'items.a.frames' holds .*'\\u202e'"),
        ('title: "a\\0b"\n', r"holds the character '\\x00'"),
    ],
    ids=range(15),
)
def test_what_a_campaign_of_somebody_else_can_grow_to_is_bounded(tmp_path, text, message):
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    begun = time.process_time()
    with pytest.raises(DarkroomError, match=message):
        open_campaign(path, ROOT)
    assert time.process_time() - begun < 10


def test_a_campaign_that_is_no_text_or_has_a_name_that_could_do_harm_is_refused(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_bytes(b"title: \xe9\xff\n")
    with pytest.raises(DarkroomError, match=r"is not text in UTF-8 \(byte 7\)"):
        open_campaign(path, ROOT)
    for name in ("a$(touch X).yaml", "my camp.yaml", "{item}.yaml"):
        (tmp_path / name).write_text("title: x\n")
        with pytest.raises(DarkroomError, match=r"its name holds .* rename the file"):
            open_campaign(tmp_path / name, ROOT)
