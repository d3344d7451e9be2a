"""Products of an item are made in one run; each has its own options, result, failure and rerun."""

import argparse
import hashlib
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import darkroom.batches.making as making
import darkroom.batches.planning as planning
from darkroom.batches.making import make
from darkroom.batches.notes import key_of, note_of
from darkroom.batches.planning import Batches, Job
from darkroom.batches.step import Step, add_batch_options
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity import records, seen
from plans import a_plan

#: Products, and what they are made of: one name has a blank, one has two files and a long note.
INPUTS = {
    "bias": ["raw/a.json"],
    "rate": ["raw/a.json", "raw/b b.json"],
    "hot": ["raw/b b.json"],
    "mask": ["raw/d.json"],
}
RESULTS = {"bias": 2, "rate": 7, "hot": 5, "mask": 11}


@pytest.fixture
def item(tmp_path, monkeypatch):
    """Three numbers, each in a file."""
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for name, number in (("a", 2), ("b b", 5), ("d", 11)):
        Path(f"raw/{name}.json").write_text(json.dumps(number))
    Path("judge").mkdir()


def parse(words=None):
    """Read a command line; a list must be there."""
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    add_batch_options(parser)
    return parser.parse_args(words)


def work(arguments):
    """Write the sum of the numbers in some files."""
    with Path("made.txt").open("a") as stream:
        stream.write(f"{arguments.files[0].stem}{len(arguments.files)}\n")
    numbers = [json.loads(path.read_text()) for path in arguments.files]
    if "bad" in numbers:
        raise InputError(arguments.files[0], "is no number")
    arguments.output.write_text(json.dumps(sum(numbers)))
    arguments.text.write_text("sum")


STEP = Step([], [], ["output", "text"], work, lambda _: None, parse)


def outputs(product):
    return [f"judge/gates_{product}.json", f"judge/text_of_{product}.txt"]


def job(product, *more):
    files = INPUTS[product]
    given = ["--output", outputs(product)[0], "--text", outputs(product)[1], *more]
    options = [*given, "--", *files]
    return Job(files, outputs(product), shlex.join(options), ["code"])


def run(product, size="auto", job=job, step=STEP):
    """Return what the job of a product made, as its rule runs it; its outputs are removed first."""
    for path in outputs(product):
        Path(path).unlink(missing_ok=True)
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    batch = Batches(plan, size).together(product, INPUTS, job)
    shell = ["bash", "-euo", "pipefail", "-c", f"{{ {batch.came}; }}"]
    if subprocess.run(shell, check=False, capture_output=True).returncode:
        make(step, parse(shlex.split(f"{batch.options} {job(product).options}")))
    assert Path(outputs(product)[1]).read_text() == "sum"
    return json.loads(Path(outputs(product)[0]).read_text())


def made():
    """Return how often the program worked."""
    path = Path("made.txt")
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return len(found)


@pytest.mark.parametrize(
    ("size", "starts"), [(1, [1, 1, 1, 1]), (2, [2, 0, 2, 0]), (4, [4, 0, 0, 0])]
)
def test_each_product_is_made_once_whatever_the_batch(item, size, starts):
    counts = []
    for product, result in RESULTS.items():
        assert run(product, size) == result
        counts.append(made())
    assert counts == starts


@pytest.mark.parametrize(("elapsed_s", "count"), [(120, 4), (120.1, 1)])
def test_nobody_waits_for_others_longer_than_two_minutes(item, monkeypatch, elapsed_s, count):
    clock = iter([1000.0])
    monkeypatch.setattr(making, "monotonic", lambda: next(clock, 1000.0 + elapsed_s))
    assert run("bias") == 2
    assert made() == count


def test_no_more_are_taken_along_than_the_batch_holds(item):
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    options = Batches(plan, "auto").together("bias", INPUTS, job).options
    options = options.replace("--batch 20", "--batch 2")
    make(STEP, parse(shlex.split(f"{options} {job('bias').options}")))
    assert made() == 2
    assert Batches(plan, 3).together("bias", INPUTS, job).options.count("--along") == 2


def test_what_was_taken_along_is_recorded_before_it_has_its_name(item):
    records.begin(Path.cwd(), "snakemake", [])
    seen.forget()
    assert run("bias") == 2
    for product in ("rate", "hot", "mask"):
        for output in outputs(product):
            waiting = Path(note_of(output)).read_bytes()
            found = records.read_record(output)
            assert found.sha256 == hashlib.sha256(waiting).hexdigest()


def test_a_program_alone_makes_one_at_a_time_and_takes_nobody_along():
    given = parse(["--output", "a", "--text", "b", "c"])
    assert (given.workers, given.batch, given.names, given.along) == (1, 1, [], [])


def test_a_bad_product_takes_no_other_with_it(item, caplog):
    Path("raw/d.json").write_text('"bad"')
    assert run("bias") == 2
    assert [text for text in caplog.messages if "judge/gates_mask.json in a batch" in text]
    assert made() == 4
    assert [run("rate"), run("hot")] == [7, 5]
    assert made() == 0
    with pytest.raises(InputError, match="is no number"):
        run("mask")
    assert not Path("judge/gates_mask.json").exists()
    made()
    Path("raw/d.json").write_text("11")
    assert run("mask") == 11
    assert made() == 1


def test_one_without_its_files_waits_for_its_own_job(item, caplog):
    Path("raw/d.json").unlink()
    assert run("bias") == 2
    assert made() == 3
    assert caplog.messages == []
    Path("raw/d.json").write_text("12")
    assert run("mask") == 12


def test_those_after_one_without_its_files_are_made(item):
    Path("raw/b b.json").unlink()
    assert run("bias") == 2
    assert made() == 2
    assert run("mask") == 11
    assert made() == 0


def test_what_failed_half_way_leaves_no_key_and_no_draft(item):
    """Old outputs with an old key, of which one was replaced, would be taken for the new ones."""
    assert run("bias") == 2
    made()
    key = Path(key_of(note_of(outputs("mask")[0])))
    assert key.exists()
    Path("raw/d.json").write_text("12")

    def half(arguments):
        work(arguments)
        if "mask" in arguments.output.name:
            raise KeyError("half way")

    assert run("bias", step=replace(STEP, work=half)) == 2
    assert made() == 2
    assert not key.exists()
    assert not list(Path("judge").glob(".*.part.*"))
    assert run("mask") == 12


def test_what_a_killed_program_left_is_removed_by_the_next(item):
    left = [
        Path(f"judge/.{Path(path).stem}.made.part{Path(path).suffix}") for path in outputs("bias")
    ]
    for path in left:
        path.touch()
    assert run("bias", 1) == 2
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize(("own", "other"), [("low/001", "high/001"), ("high/001", "low/001")])
def test_products_of_one_name_in_two_folders_are_two(item, own, other):
    """Parts of stacks: each stack has a folder."""
    parts = {own: ["raw/a.json"], other: ["raw/d.json"]}

    def part(name):
        made = [f"stacks/{name}.json", f"stacks/{name}.txt"]
        options = shlex.join(["--output", made[0], "--text", made[1], "--", *parts[name]])
        return Job(parts[name], made, options, ["code"])

    for name in parts:
        Path(f"stacks/{name}").parent.mkdir(parents=True)
    plan = a_plan(Path(), {"camera": {"instrument": "cgi"}})
    batches = {name: Batches(plan, "auto").together(name, parts, part) for name in parts}
    make(STEP, parse(shlex.split(f"{batches[own].options} {part(own).options}")))
    assert made() == 2
    assert all(Path(f"stacks/{name}").parent.joinpath(".made/.claims").exists() for name in parts)
    came = ["bash", "-euo", "pipefail", "-c", batches[other].came]
    subprocess.run(came, check=True, capture_output=True)
    found = [json.loads(Path(f"stacks/{name}.json").read_text()) for name in parts]
    assert found == [2, 11]


def test_a_command_line_that_is_wrong_stops_no_other(item, caplog):
    """Even a list that is not there: it is read where that product is made."""

    def wrong(product):
        return job(product, *(["@missing.list"] if product == "hot" else []))

    assert run("bias", job=wrong) == 2
    assert [text for text in caplog.messages if "gates_hot" in text and "SystemExit" in text]
    assert run("rate", job=wrong) == 7
    assert made() == 3


def test_what_changed_since_is_made_again(item):
    run("bias")
    made()
    Path("raw/b b.json").write_text("6")
    assert [run("rate"), run("mask")] == [8, 11]
    # Not the mask, of which nothing has changed; hot was made anew beside rate.
    assert made() == 2
    assert run("hot") == 6
    assert made() == 0


@pytest.mark.parametrize("damage", [b"", b"0", b"\xff" * 64])
def test_a_key_that_is_damaged_is_that_of_nothing(item, damage):
    run("bias")
    made()
    Path(key_of(note_of(outputs("rate")[0]))).write_bytes(damage)
    assert run("rate", 2) == 7
    assert made() > 0


def test_what_came_is_taken_without_the_program(item):
    run("bias")
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    came = Batches(plan, "auto").together("rate", INPUTS, job).came
    subprocess.run(["bash", "-euo", "pipefail", "-c", came], check=True, capture_output=True)
    assert json.loads(Path(outputs("rate")[0]).read_text()) == 7


def test_another_program_or_other_options_make_it_again(item):
    run("bias")
    made()

    def edited(product):
        one = job(product)
        return Job(one.inputs, one.outputs, one.options, ["edited"])

    assert run("rate", job=edited) == 7
    assert made() > 0


def test_a_command_names_no_more_than_fit(item, monkeypatch):
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    one = len(shlex.quote(f"--along={job('rate').words} {job('rate').options}"))
    monkeypatch.setattr(planning, "_LONGEST", len(job("bias").words) + one)
    batch = Batches(plan, "auto").together("bias", INPUTS, job)
    assert batch.options.count("--along") == 1
    monkeypatch.setattr(planning, "_LONGEST", 10)
    assert Batches(plan, "auto").together("bias", INPUTS, job).came == "false"


def test_others_come_in_their_order_after_the_one_that_is_asked_for(item):
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    batches = Batches(plan, "auto")
    for names, expected in (
        (["bias", "rate", "hot"], ["hot", "bias"]),
        # One that is made in another way may take all of them along.
        (["bias", "hot"], ["bias", "hot"]),
    ):
        words = shlex.split(batches.together("rate", names, job).options)
        along = [word for word in words if word.startswith("--along=")]
        assert [word.partition("gates_")[2].partition(".")[0] for word in along] == expected


def test_a_product_alone_has_no_batch(item):
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    assert Batches(plan, "auto").together("bias", ["bias"], job).options == ""


def test_a_program_without_command_lines_of_its_own_says_so(item):
    plan = a_plan(Path(), {"camera": {"instrument": "ccd"}})
    batch = Batches(plan, "auto").together("bias", INPUTS, job)
    step = Step([], [], ["output", "text"], work, lambda _: None)
    with pytest.raises(DarkroomError, match="takes no others along"):
        make(step, parse(shlex.split(f"{batch.options} {job('bias').options}")))
