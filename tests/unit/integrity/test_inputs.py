"""Products of one program share the lists of what was read for them."""

import pytest

from darkroom.errors import InputError
from darkroom.integrity import inputs as listing
from darkroom.integrity import watch
from darkroom.integrity.recording import record
from darkroom.integrity.records import (
    FOLDER,
    LISTS,
    begin,
    read_record,
    write_sealed,
)
from darkroom.integrity.seals import sealed
from darkroom.integrity.seen import forget, seen
from darkroom.report.checking.files import RecordedFiles
from darkroom.report.checking.findings import Findings


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Give a function that makes one product of each of many files, in one process."""
    root = tmp_path / "results"
    begin(root, "snakemake", [(".*", False)])
    monkeypatch.setattr(seen, "on", True)
    forget()

    def batch(count):
        for number in range(count):
            path = root / "raw" / f"{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{number}")
            record(path)
        forget()
        (root / "made").mkdir(exist_ok=True)
        for number in range(count):
            watch.compare(root / "raw" / f"{number}")
            made = root / "made" / f"{number}"
            watch.settle(made)
            made.write_text(f"of {number}")
            record(made)
        return root

    yield batch
    forget()


def check(root):
    findings = Findings({"results": str(root), "outputs": [[".*", False]]})
    RecordedFiles(root, findings, 1).check(set(), None)
    return findings


def test_every_product_states_all_that_was_read_before_it(batch):
    root = batch(100)
    for number in (0, 31, 32, 63, 99):
        found = listing.all_inputs(root, read_record(root / "made" / f"{number}"))
        assert {*found} == {f"raw/{n}" for n in range(number + 1)}
    assert check(root).found == []


def test_records_take_room_as_there_are_products(batch):
    def size(root):
        return sum(path.stat().st_size for path in (root / FOLDER / "made").iterdir())

    one = size(batch(200))
    assert size(batch(600)) - one < 2.3 * one


def test_a_product_made_of_an_input_in_an_early_list_is_stale(batch):
    root = batch(100)
    (root / "raw" / "3").write_text("made anew")
    record(root / "raw" / "3")
    stale = {finding.path for finding in check(root).found if finding.kind == "stale"}
    assert stale == {str(root / "made" / f"{n}") for n in range(3, 100)}


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: text.replace("2", "3", 1)])
def test_a_damaged_list_is_found(batch, damage):
    root = batch(100)
    lists = sorted((root / FOLDER / LISTS).iterdir())
    assert len(lists) == 3
    for path in lists:
        text = path.read_text()
        path.write_text(damage(text))
        found = check(root).found
        assert {(finding.kind, finding.path) for finding in found} == {("damaged", str(path))}
        with pytest.raises(InputError, match="this list of inputs"):
            listing.read(root, path.stem)
        path.write_text(text)
    lists[0].rename(lists[0].with_name(f"{'0' * 64}.json"))
    assert check(root).status() == 3


def test_what_a_program_wrote_itself_is_not_among_its_inputs(batch):
    root = batch(2)
    watch.compare(root / "made" / "0")
    (root / "made" / "2").write_text("x")
    record(root / "made" / "2")
    found = listing.all_inputs(root, read_record(root / "made" / "2"))
    assert {*found} == {"raw/0", "raw/1"}


def test_an_input_that_is_replaced_is_listed_no_more(batch):
    root = batch(70)
    (root / "raw" / "5").write_text("replaced by this program")
    record(root / "raw" / "5")
    (root / "made" / "last").write_text("x")
    record(root / "made" / "last")
    found = listing.all_inputs(root, read_record(root / "made" / "last"))
    assert {*found} == {f"raw/{n}" for n in range(70) if n != 5}


def test_a_file_that_is_read_again_is_compared_again(batch):
    root = batch(3)
    (root / "raw" / "1").write_text("7")
    watch._note(str(root / "raw" / "1"))
    with pytest.raises(watch.DamagedInput, match="has changed while it was being read"):
        watch.settle(root / "made" / "x")
    forget()


def test_a_file_that_changed_and_is_not_read_again_is_noticed_at_the_end(batch):
    root = batch(3)
    (root / "raw" / "1").write_text("7")
    watch.settle(root / "made" / "x")
    with pytest.raises(watch.DamagedInput, match="has changed while it was being read"):
        watch.settle()


def test_a_list_holds_32_inputs_and_a_record_fewer(batch):
    root = batch(70)
    record = read_record(root / "made" / "69")
    lengths = [len(found) for _, found in listing.lists_of(root, record)]
    assert lengths == [6, 32, 32]


@pytest.mark.parametrize("digit", ["0", "f"])
def test_a_list_under_the_name_of_another_is_refused(batch, digit):
    root = batch(40)
    (path,) = (root / FOLDER / LISTS).iterdir()
    path.rename(path.with_name(f"{digit * 64}.json"))
    with pytest.raises(InputError, match="is another list"):
        listing.read(root, digit * 64)


@pytest.mark.parametrize(
    "inputs", [{}, {"inputs": []}, {"inputs": {"a": 5}}, {"inputs": {"a": [1]}}]
)
def test_a_list_that_lacks_something_is_refused(tmp_path, inputs):
    content = sealed(inputs | ({"earlier": ""} if inputs else {}))
    write_sealed(listing.place(tmp_path, content["digest"]), content)
    with pytest.raises(InputError, match="lacks something"):
        listing.read(tmp_path, content["digest"])
