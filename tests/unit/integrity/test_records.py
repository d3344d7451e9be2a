"""Records: where they lie, what damage of them is told, and which command makes a file again."""

import json
import os
from pathlib import Path

import pytest

from darkroom.errors import InputError
from darkroom.integrity import records
from darkroom.integrity.records import (
    Record,
    begin,
    forget_roots,
    head_of,
    is_private,
    load,
    output_of,
    place,
    read_record,
    read_sealed,
    recorded,
    remove_record,
    root_of,
    status_of,
    write_records,
    write_sealed,
)
from darkroom.integrity.seals import sealed

SHA = "ab" * 32
OUTPUTS = [
    (r"results/c/[a-z]+/[a-z_]+\.fits$", False),
    (r"results/c/[a-z]+/figures$", True),
    (r"results/c/raw/[a-z]+/[a-z0-9]+\.json$", False),
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Give a folder of results whose files are recorded, below the present folder."""
    monkeypatch.chdir(tmp_path)
    forget_roots()
    begin("results/c", "snakemake --config campaign=c", OUTPUTS)
    yield tmp_path / "results/c"
    forget_roots()


def made(root, name, **more):
    """Make a file and its record."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    write_records([(path, Record(SHA, 1, **more))])
    return path


def test_a_record_comes_back_as_it_was_written(root):
    inputs = {"a/b.fits": (SHA, "cd" * 32)}
    stated = Record(SHA, 5, "ef" * 32, "program", "run", inputs, "12" * 32)
    path = root / "item/a.fits"
    write_records([(path, stated)])
    assert read_record(path) == stated
    assert place(root, path) == root / ".records/item/a.fits.json"
    assert read_record(root / "item/b.fits") is None
    assert [p.name for p in place(root, path).parent.iterdir()] == ["a.fits.json"]


def test_what_a_killed_writer_of_a_record_left_is_replaced(root):
    left = place(root, root / "a.fits").with_name(".a.fits.json.part")
    left.write_text("half")
    made(root, "a.fits")
    assert not left.exists()
    assert [name.name for name, _ in recorded(root)] == ["a.fits"]


def test_a_file_without_a_folder_of_records_has_no_record(tmp_path):
    write_records([(tmp_path / "a", Record(SHA, 1))])
    remove_record(tmp_path / "a")
    assert root_of(tmp_path / "a") is None
    assert read_record(tmp_path / "a") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "inner", [".records/x", ".a.fits.part/.a.1.part.fits", ".visit.work/7/a.fits", "i/.b.part/c"]
)
def test_what_is_temporary_and_the_records_themselves_have_none(root, inner):
    assert root_of(root / inner) is None


@pytest.mark.parametrize("inner", ["a.fits", "a.part/b", ".hidden/b", "work/c", ".a.parts/b"])
def test_all_else_below_the_results_has_one(root, inner):
    assert root_of(root / inner) == root
    assert not is_private(Path(inner).parts[0])


def test_eight_levels_above_a_file_are_looked_at(root):
    assert root_of(root / "1/2/3/4/5/6/7/a") == root
    assert root_of(root / "1/2/3/4/5/6/7/8/a") is None


def test_records_of_another_campaign_are_found_at_its_own_folder(root, tmp_path):
    begin("results/d", "snakemake", OUTPUTS)
    assert root_of(root / "a") == root
    assert root_of(tmp_path / "results/d/a") == tmp_path / "results/d"


def test_folders_are_remembered_until_another_is_begun(root, tmp_path):
    assert root_of(tmp_path / "results/e/a") is None
    (tmp_path / "results/e/.records").mkdir(parents=True)
    assert root_of(tmp_path / "results/e/a") is None
    begin("results/d", "snakemake", OUTPUTS)
    assert root_of(tmp_path / "results/e/a") is not None
    (tmp_path / "results/f/.records").mkdir(parents=True)
    root_of(tmp_path / "results/f/a")
    forget_roots()
    assert records._roots == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "holds no JSON object"),
        ("{}", "states no digest"),
        (json.dumps(sealed({"a": 1}), indent=1), "is not as it was written"),
        (json.dumps(sealed({"a": 1}), sort_keys=True) + "\n", "is not as it was written"),
        (json.dumps(sealed({"a": 1})).replace("1", "2", 1), "states the digest"),
    ],
)
def test_a_damaged_sealed_file_is_told(tmp_path, text, fault):
    (tmp_path / "a.json").write_text(text)
    assert fault in read_sealed(tmp_path / "a.json")[1]


def test_a_sealed_file_that_is_whole_is_read(tmp_path):
    write_sealed(tmp_path / "deep/a.json", sealed({"b": 1, "a": [2]}))
    content, fault = read_sealed(tmp_path / "deep/a.json")
    assert (content["a"], content["b"], fault) == ([2], 1, "")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "b.json")
    (tmp_path / "c.json").mkdir()
    assert "cannot be read (" in read_sealed(tmp_path / "c.json")[1]
    (tmp_path / "d.json").write_bytes(b'{"a": "\xff"}')
    assert "cannot be read (" in read_sealed(tmp_path / "d.json")[1]


def test_writers_of_one_list_have_names_of_their_own(tmp_path, monkeypatch):
    names = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: names.append(a.name) or real(a, b))
    write_sealed(tmp_path / "a.json", sealed({}), ".12")
    write_sealed(tmp_path / "a.json", sealed({}))
    assert names == [".a.json.12.part", ".a.json.part"]


def test_a_sealed_file_that_is_too_long_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_sealed(path, sealed({}))
    monkeypatch.setattr(records, "_LONGEST", path.stat().st_size)
    assert read_sealed(path)[1] == ""
    monkeypatch.setattr(records, "_LONGEST", path.stat().st_size - 1)
    assert read_sealed(path)[1] == "cannot be read (has 77 bytes, 76 are allowed)"


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OSError, match="no room"):
        write_sealed(tmp_path / "a.json", sealed({}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"file": "b.fits"}, "is that of b.fits"),
        ({"file": "A.fits"}, "is that of A.fits"),
        ({"inputs": []}, "lacks something"),
        ({"inputs": {"a": [SHA]}}, "lacks something"),
        ({"inputs": {"a": None}}, "lacks something"),
        *(({key: ...}, "lacks something")
          for key in ("file", "sha256", "size", "content", "made_by", "run", "inputs")),
    ],
)  # fmt: skip
def test_a_record_that_lacks_something_is_told_with_the_command(root, change, fault):
    path = made(root, "item/a.fits")
    content = json.loads(place(root, path).read_text()) | change
    write_sealed(place(root, path), sealed({k: v for k, v in content.items() if v is not ...}))
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert caught.value.path == str(place(root, path))
    assert f"the record of {path} {fault}" in str(caught.value)
    assert "it was damaged" in str(caught.value)
    command = "snakemake --config campaign=c --forcerun results/c/item/a.fits"
    assert f"to make it again, run: {command}" in str(caught.value)


def test_a_record_of_an_earlier_version_is_read(root):
    path = made(root, "item/a.fits")
    content = json.loads(place(root, path).read_text())
    del content["earlier"]
    write_sealed(place(root, path), sealed(content))
    assert load(place(root, path), path).earlier == ""


def test_a_damaged_file_that_no_rule_makes_has_another_advice(root):
    path = made(root, "other.txt")
    place(root, path).write_text("{")
    with pytest.raises(InputError, match="make it again, or bring back the file"):
        read_record(path)


def test_records_are_removed_with_all_of_a_folder(root):
    kept = made(root, "item/a.fits")
    inside = [made(root, f"item/figures/{name}") for name in ("a.png", "deep/b.png")]
    remove_record(root / "item/figures")
    assert [read_record(path) for path in inside] == [None, None]
    assert read_record(kept) is not None
    remove_record(kept)
    assert read_record(kept) is None
    remove_record(kept)


def test_the_head_is_written_when_it_changes(root):
    head = root / ".records/campaign.json"
    before = head.stat().st_ino
    begin("results/c", "snakemake --config campaign=c", OUTPUTS)
    assert head.stat().st_ino == before
    begin("results/c", "snakemake", OUTPUTS)
    assert head_of(root)["command"] == "snakemake"
    assert head_of(root)["results"] == "results/c"
    assert head_of(root)["outputs"] == [list(one) for one in OUTPUTS]
    for text in ("{", "[" * 100_000, head.read_text().replace("snakemake", "rm -rf")):
        head.write_text(text)
        assert head_of(root) == {}
        begin("results/c", "snakemake", OUTPUTS)
        assert head_of(root)["command"] == "snakemake"
    head.unlink()
    assert head_of(root) == {}


def test_all_records_are_listed_but_heads_lists_and_hidden_ones(root):
    names = ["a.fits", "item/b.fits", "item/deep/c.txt"]
    for name in names:
        made(root, name)
    write_sealed(root / ".records/.inputs/x.json", sealed({}))
    (root / ".records/item/.d.json").write_text("x")
    made(root, "item/campaign")
    found = {str(path.relative_to(root)): record for path, record in recorded(root)}
    assert sorted(found) == ["a.fits", "item/b.fits", "item/campaign", "item/deep/c.txt"]
    assert found["a.fits"] == place(root, root / "a.fits")


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("camera/master_bias.fits", "results/c/camera/master_bias.fits"),
        ("camera/figures/deep/a.png", "results/c/camera/figures"),
        ("camera/figures", "results/c/camera/figures"),
        ("camera/master_bias.fits/x", None),
        ("camera/master.txt", None),
        ("master_bias.fits", None),
    ],
)
def test_the_output_of_a_file(root, name, output):
    assert output_of(root, root / name) == output
    assert output_of(root, root / name, head_of(root)) == output
    assert output_of(root, root / name, {}) is None


@pytest.mark.parametrize(
    ("status", "file"),
    [("a1.json", "a1.fits"), ("a1.json", "a1_raw.fits.gz"), ("z9.json", "another name.FIT")],
)
def test_an_exposure_is_made_by_the_rule_of_its_status(root, status, file):
    folder = root / "raw/item"
    folder.mkdir(parents=True)
    for name in ("b2", "y8"):
        (folder / f"{name}.json").write_text(json.dumps({"file": f"{name}.fits"}))
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[1]")
    (folder / status).write_text(json.dumps({"file": file}))
    (folder / file).write_text("x")
    assert status_of(folder / file) == folder / status
    assert output_of(root, folder / file) == f"results/c/raw/item/{status}"
    assert status_of(folder / "none.fits") is None
    assert status_of(root / "nowhere" / "none.fits") is None


def test_the_statuses_of_a_folder_are_read_once_for_all_its_files(tmp_path, monkeypatch):
    for number in range(50):
        (tmp_path / f"exposure_{number}.json").write_text(f'{{"file": "f{number}.fits"}}')
    read, text = [], records._text
    monkeypatch.setattr(records, "_text", lambda path: read.append(path) or text(path))
    for number in range(50):
        found = status_of(tmp_path / f"f{number}.fits")
        assert found == tmp_path / f"exposure_{number}.json"
    # Each twice: with all of the folder, and when it is found.
    assert len(read) <= 2 * 50 + 2 * 50
    (tmp_path / "exposure_7.json").write_text('{"file": "another.fits"}')
    assert status_of(tmp_path / "f7.fits") is None


@pytest.mark.parametrize("file", ["a1.fits", "a1_raw.fits", "a1_b_raw.fits"])
def test_a_status_of_the_name_of_its_exposure_is_found_without_a_look_at_others(
    tmp_path, monkeypatch, file
):
    monkeypatch.setattr(records, "_statuses", None)
    status = tmp_path / f"{file.removesuffix('.fits').removesuffix('_raw')}.json"
    status.write_text(json.dumps({"file": file}))
    assert status_of(tmp_path / file) == status


@pytest.mark.parametrize("file", ["a1_flt.fits", "a1_ima.fits", "a1_raw.fits", "another.fits"])
def test_what_was_made_with_the_file_of_a_status_is_of_the_same_status(tmp_path, file):
    named = {"file": "a1_flt.fits", "beside": {f"a1_{one}.fits": "" for one in ("ima", "raw")}}
    (tmp_path / "a1.json").write_text(json.dumps(named))
    found = None if file == "another.fits" else tmp_path / "a1.json"
    assert status_of(tmp_path / file) == found


@pytest.mark.parametrize("named", ["0.fits", "z.fits"])
def test_a_status_beside_a_file_that_names_another_is_not_that_of_the_file(tmp_path, named):
    for name in ("a1.json", "a1_raw.json"):
        (tmp_path / name).write_text(json.dumps({"file": named}))
    assert status_of(tmp_path / "a1_raw.fits") is None
    assert status_of(tmp_path / named) == tmp_path / "a1.json"


def test_a_status_that_names_another_file_now_is_not_that_of_the_first(root):
    folder = root / "raw/item"
    folder.mkdir(parents=True)
    status = folder / "z9.json"
    status.write_text(json.dumps({"file": "one.FIT"}))
    state = folder.stat()
    assert status_of(folder / "one.FIT") == status
    status.write_text(json.dumps({"file": "two.FIT"}))
    os.utime(folder, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert status_of(folder / "one.FIT") is None


def test_the_command_quotes_names():
    command = records.command_to_remake({"command": "snakemake -c1"}, ["a b", "$(x)"])
    assert command == "snakemake -c1 --forcerun 'a b' '$(x)'"
    assert records.command_to_remake({}, ["a"]) == "snakemake --forcerun a"


def test_references_are_fetched_again_by_the_table_of_the_campaign_at_work(root, tmp_path):
    assert "remove the table of the cache" in records.advice_to_fetch_again("jwst")
    root_of(root / "a")
    assert records.advice_to_fetch_again("jwst") == (
        "to fetch it again, run: snakemake --config campaign=c --forcerun results/c/crds/jwst.tsv"
    )
    root_of(tmp_path / "elsewhere/a")
    assert "--forcerun" in records.advice_to_fetch_again("jwst")
    (tmp_path / "results/d/.records").mkdir(parents=True)
    root_of(tmp_path / "results/d/a")
    assert "remove the table of the cache" in records.advice_to_fetch_again("jwst")


def test_the_records_of_a_folder_are_flushed_together(root, monkeypatch):
    """Each flush of a folder costs about as much as the rest of a record."""
    files = [root / f"figures/{number}.webp" for number in range(9)]
    flushed = []
    monkeypatch.setattr(records, "flush", flushed.append)
    write_records((path, Record(SHA, 1)) for path in files)
    folder = root / ".records/figures"
    assert sorted(path.name for path in folder.iterdir()) == [f"{n}.webp.json" for n in range(9)]
    # Every file before it has its name, the folder after all of them.
    assert len(flushed) == 10
    assert flushed[-1] == folder
    flushed.clear()
    records.remove_record(root / "figures")
    assert list(folder.iterdir()) == []
    assert flushed == [folder]
