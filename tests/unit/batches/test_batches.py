"""A batch of exposures is one job; each exposure has its own result, failure and rerun."""

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from damaged import damage
from darkroom.atomic import write_text
from darkroom.batches.making import make
from darkroom.batches.planning import Batches
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.status import acceptance, load_status, write_status
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity import records, seen
from darkroom.integrity.listing import incomplete_lists, lists_by_file
from darkroom.pipelines import pipelines
from fork_tests import in_a_process
from plans import a_plan

NAMES = [f"e{number}" for number in range(9)]
ITEMS = {"camera": {"instrument": "ccd"}}
FOLDER = Path("results/c/camera")
RAW = Path("results/c/raw/camera")


@pytest.fixture
def item(tmp_path, monkeypatch):
    """An item with nine exposures, each a JSON with a number."""
    monkeypatch.chdir(tmp_path)
    RAW.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (RAW / f"{name}.json").write_text(json.dumps(number))
    return FOLDER


def work(arguments):
    """Write the square of an exposure's number, or more of it; some exposures are bad."""
    with Path("made.txt").open("a") as stream:
        stream.write(f"{arguments.exposure.stem}\n")
    number = json.loads(arguments.exposure.read_text())
    if number == "bad":
        raise InputError(arguments.exposure, "is no number")
    if number == "killer":
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text("half of it")
        os.kill(os.getpid(), signal.SIGKILL)
    if number == "bug":
        raise KeyError("no such thing")
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(str(number**arguments.power))


def parse(words=None):
    """Read a command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("exposure", type=Path)
    parser.add_argument("--power", type=int, default=2)
    parser.add_argument("--output", type=Path)
    add_batch_options(parser)
    return parser.parse_args(words)


STEP = Step(["exposure"], [], ["output"], work, lambda _: None, parse)


class Job:
    """The jobs of a step on the batches of the item, as their rule runs them."""

    def __init__(self, size, *settings, step=STEP, own=None, workers=1):
        rows = [("camera", "bias", name, {}) for name in NAMES]
        self.batches = Batches(a_plan(Path(), ITEMS, rows), size)
        self.settings = settings or ("--a=1",)
        self.step, self.own, self.workers = step, own or {}, workers

    def run(self, batch="0001"):
        """Return what the job made of each exposure; Snakemake removes its output first."""
        made = Path(self.batches.lists("camera", "squares")[int(batch) - 1])
        made.parent.mkdir(parents=True, exist_ok=True)
        made.unlink(missing_ok=True)
        names = shlex.join(self.batches.names("camera", batch))
        words = self.batches.step(*self.settings, own=self.own)
        files = self.batches.files("camera", batch, "raw/camera/{}.json", output="squares/{}.json")
        words = f"{words} --workers {self.workers} --names {names} --made {made} {files}"
        sys.argv[1:] = shlex.split(words)
        make(self.step, parse(sys.argv[1:]))
        return [int(path.read_text()) for path in outputs(made)]


@pytest.fixture(autouse=True)
def command_line(monkeypatch):
    """Let a job set the words of its command line."""
    monkeypatch.setattr(sys, "argv", ["step.py"])


def outputs(path):
    """Return the files that a list names, once their sums are those that it states."""
    lines = path.read_text().splitlines()
    found = [Path(line) for line in lines[1::2]]
    sums = [hashlib.sha256(one.read_bytes()).hexdigest() for one in found]
    assert lines[::2] == [f"# sha256 {one}" for one in sums]
    return found


def made():
    """Return the exposures on which the program worked, in order."""
    path = Path("made.txt")
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 9), (7, [7, 2]), (9, [9]), ("auto", [9])])
def test_an_item_is_divided_once_in_the_order_of_its_lock(item, size, sizes):
    batches = Job(size).batches
    lists = batches.lists("camera", "raw")
    assert lists[0] == "results/c/camera/batches/raw/0001.list"
    parts = [batches.of("camera", Path(path).stem) for path in lists]
    assert [len(part) for part in parts] == sizes
    assert [row.exposure for part in parts for row in part] == NAMES
    assert all(isinstance(row, Exposure) for part in parts for row in part)
    assert batches.names("camera", "0001") == NAMES[: sizes[0]]
    for number, part in enumerate(parts):
        assert batches.lists_of("camera", "x", [part[0].exposure]) == [
            f"results/c/camera/batches/x/{number + 1:04d}.list"
        ]


@pytest.mark.parametrize(("size", "workers"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_four_exposures_of_a_batch_at_once_are_enough(item, size, workers):
    batches = Batches(a_plan(Path(), ITEMS, [("camera", "bias", name, {}) for name in NAMES]), size)
    assert batches.workers("camera", "0001") == workers
    with pytest.raises(DarkroomError, match=r"item camera has no batch '0010'"):
        batches.of("camera", "0010")


def test_what_is_made_of_a_group_arrives_in_batches_of_its_own(tmp_path):
    """Frames that are added to a stack change no list of another part."""
    facts = {"em_gain": "500", "exptime_s": "10"}
    rows = [("cam", "dark", f"d{n}", facts | {"em_gain": ("30", "500")[n % 2]}) for n in range(7)]
    items = {"cam": {"instrument": "cgi", "cgi": {"frames_per_part": 2}}}

    def divided(rows, size="auto"):
        plan = a_plan(tmp_path, items, rows)
        batches = Batches(plan, size, pipelines(plan))
        return {
            path.rpartition("/")[2]: batches.names("cam", Path(path).stem)
            for path in batches.lists("cam", "raw")
        }

    before = divided(rows[:6])
    assert before == {
        "g30_t10_001_0001.list": ["d0", "d2"],
        "g30_t10_002_0001.list": ["d4"],
        "g500_t10_001_0001.list": ["d1", "d3"],
        "g500_t10_002_0001.list": ["d5"],
    }
    after = divided(rows)
    assert {name for name in after if after[name] != before.get(name)} == {"g30_t10_002_0001.list"}
    # What has no place among them, as nothing is known of it, is there too.
    odd = divided([*rows, ("cam", "dark", "odd", {})])
    assert odd == after | {"0001.list": ["odd"]}
    # A group is larger than a batch by default only.
    assert len(divided(rows, 1)) == 7


def test_status_files_are_known_by_the_lists_of_their_batches(item):
    batches = Job(4).batches
    files = ["a.fits", "results/c/raw/camera/e0.json", "results/c/raw/camera/e8.json"]
    assert batches.tracked("camera", files) == [
        "a.fits",
        "results/c/camera/batches/raw/0001.list",
        "results/c/camera/batches/raw/0003.list",
    ]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 9, "auto"])
def test_each_exposure_is_made_once_whatever_the_batch(item, size, workers):
    job = Job(size, workers=workers)
    lists = job.batches.lists("camera", "squares")
    assert [n for path in lists for n in job.run(Path(path).stem)] == [n**2 for n in range(9)]
    assert sorted(made()) == NAMES


def test_outputs_of_a_batch_are_recorded_as_they_are(item):
    records.begin("results/c", "snakemake", [(".*", False)])
    seen.forget()

    def recorded(arguments):
        write_text(arguments.output, str(json.loads(arguments.exposure.read_text()) ** 2))

    Job(9, step=Step(["exposure"], [], ["output"], recorded, lambda _: None)).run()
    for name in NAMES:
        output = FOLDER / f"squares/{name}.json"
        found = records.read_record(output)
        assert found.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("fault", "words"),
    [("bad", "is no number"), ("bug", "KeyError"), ("killer", "ended with status")],
)
def test_a_bad_exposure_takes_no_other_with_it(item, fault, words):
    (RAW / "e4.json").write_text(json.dumps(fault))
    job = Job(9)
    with pytest.raises(DarkroomError, match=words):
        job.run()
    assert not (FOLDER / "batches/squares/0001.list").exists()
    assert set(made()) == set(NAMES)
    for number in (0, 1, 2, 3, 5, 6, 7, 8):
        assert (FOLDER / f"squares/e{number}.json").read_text() == str(number**2)
    # Once it is repaired, it alone is made.
    (RAW / "e4.json").write_text("4")
    assert job.run()[4] == 16
    assert made() == ["e4"]


def test_what_a_damaged_exposure_leads_to_is_no_bug_of_the_program(item):
    def careful(arguments):
        number = arguments.exposure.stem[1:]
        seen.expect(arguments.exposure, hashlib.sha256(number.encode()).hexdigest(), "its status")
        work(arguments)

    (RAW / "e4.json").write_text('"bug"')
    job = Job(9, step=Step(["exposure"], [], ["output"], careful, lambda _: None))
    with pytest.raises(DarkroomError, match=r"e4\.json: its SHA-256 is .* its status states"):
        job.run()


def test_several_that_fail_are_listed_with_their_causes(item):
    for name in ("e2", "e7"):
        (RAW / f"{name}.json").write_text('"bad"')
    with pytest.raises(DarkroomError, match="2 of 9 exposures failed, the others are made") as told:
        Job(9).run()
    assert [line.split(":")[0].strip() for line in str(told.value).splitlines()[1:]] == ["e2", "e7"]


def test_what_changed_is_made_again_and_nothing_else(item):
    job = Job(9)
    job.run()
    made()
    (RAW / "e5.json").write_text("50")
    assert job.run()[5] == 2500
    assert made() == ["e5"]
    # With other settings, or by another program, every note is out of date.
    Job(9, "--a=2").run()
    assert sorted(made()) == NAMES


def test_another_division_makes_nothing_again(item):
    Job(9).run()
    made()
    job = Job(4)
    assert [n for batch in ("0001", "0002", "0003") for n in job.run(batch)] == [
        n**2 for n in range(9)
    ]
    assert made() == []


@pytest.mark.parametrize("content", [bytes(16), b"\xff\xfe" * 8, b""])
def test_a_note_that_a_power_cut_damaged_is_that_of_nothing(item, content):
    Job(9).run()
    made()
    (FOLDER / "squares/.made/e2.key").write_bytes(content)
    assert Job(9).run() == [n**2 for n in range(9)]
    assert made() == ["e2"]


@pytest.mark.parametrize("damage", ["gone", "other bytes", "gone note"])
def test_an_output_that_is_damaged_is_made_again(item, damage):
    job = Job(9)
    job.run()
    made()
    path = FOLDER / "squares/e3.json"
    if damage == "gone note":
        path = FOLDER / "squares/.made/e3.key"
    if damage == "other bytes":
        path.write_text("10")
    else:
        path.unlink()
    assert job.run()[3] == 9
    assert made() == ["e3"]


@pytest.mark.parametrize("named", ["e6.fits", "e6_more.fits"])
def test_a_file_that_a_status_names_is_compared_too(item, named):
    def calibrated(arguments):
        arguments.output.parent.mkdir(exist_ok=True)
        name = arguments.exposure.stem
        sums = {}
        for frame in (f"{name}.fits", f"{name}_more.fits"):
            arguments.output.with_name(frame).write_bytes(name.encode())
            sums[frame] = hashlib.sha256(name.encode()).hexdigest()
        row = Exposure("camera", "bias", name, f"{name}.fits", "u", 2, {})
        beside = {"beside": {f"{name}_more.fits": sums[f"{name}_more.fits"]}}
        write_status(arguments.output, acceptance(row, 2, sums[row.file], {}, []) | beside)
        with Path("made.txt").open("a") as stream:
            stream.write(f"{name}\n")

    job = Job(9, step=Step(["exposure"], ["output"], [], calibrated, lambda _: None))
    job_run = lambda: [load_status(path) for path in _made_by(job)]  # noqa: E731
    assert len(job_run()) == 9
    made()
    (FOLDER / "squares" / named).write_bytes(b"e7")
    job_run()
    assert made() == ["e6"]
    (FOLDER / "squares" / named).unlink()
    job_run()
    assert made() == ["e6"]


def _made_by(job):
    with contextlib.suppress(ValueError):  # statuses are no numbers
        job.run()
    return outputs(FOLDER / "batches/squares/0001.list")


def test_options_of_single_exposures_are_theirs_alone(item):
    job = Job(9, own={"e3": "--power 3"})
    assert job.run() == [27 if n == 3 else n**2 for n in range(9)]
    made()
    other = Job(9, own={"e3": "--power 3", "e4": "--power 1"})
    assert other.run()[4] == 4
    assert made() == ["e4"]
    with pytest.raises(DarkroomError, match="no options of single exposures"):
        Job(9, own={"e3": "--power 5"}, step=Step(["exposure"], [], ["output"], work, print)).run()


def test_a_batch_that_was_killed_keeps_what_is_made(item):
    (RAW / "e4.json").write_text('"killer"')
    process = os.fork()
    if process == 0:
        from darkroom.batches import exposures

        # The program itself dies with the exposure, as by a power cut.
        exposures.run_tasks = lambda work, tasks, **_: (
            (name, work(name, None), None) for name in tasks
        )
        Job(9).run()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    assert made() == NAMES[:5]
    (RAW / "e4.json").write_text("4")
    assert Job(9).run() == [n**2 for n in range(9)]
    assert made() == NAMES[4:]


def test_a_list_that_names_a_file_that_is_gone_is_told(item):
    job = Job(4)
    for batch in ("0001", "0002", "0003"):
        job.run(batch)
    assert incomplete_lists("results/c") == []
    (FOLDER / "squares/e5.json").unlink()
    assert incomplete_lists("results/c") == ["results/c/camera/batches/squares/0002.list"]
    (FOLDER / "batches/squares/0001.list").write_bytes(b"\xff\x00")
    by_file = lists_by_file("results/c", "results/c")
    assert str(FOLDER / "squares/e0.json") not in by_file
    assert by_file[str(FOLDER / "squares/e8.json")] == "results/c/camera/batches/squares/0003.list"


def test_of_lists_that_name_a_file_the_last_is_meant(item):
    """No rule makes those of an earlier division any more: to ask for one is refused."""
    job = Job(4)
    for batch in ("0001", "0002", "0003"):
        job.run(batch)
        os.utime(FOLDER / f"batches/squares/{batch}.list", (1e9, 1e9))
    Job(9).run()
    by_file = lists_by_file("results/c", "results/c")
    assert set(by_file.values()) == {"results/c/camera/batches/squares/0001.list"}


def test_an_orphan_with_another_division_is_waited_for(item):
    """Else the note that it writes would speak of what the new run has made."""

    def slow(arguments):
        if arguments.exposure.stem == "e5":
            Path("begun").touch()
            while not Path("go").exists():
                time.sleep(0.01)
        work(arguments)

    step = Step(["exposure"], [], ["output"], slow, lambda _: None)
    orphan = forked(lambda: Job(9, "--a=1", step=step).run())
    while not Path("begun").exists():
        time.sleep(0.01)
    new = forked(lambda: Job(4, "--a=2").run("0002"))
    time.sleep(1)
    waits = os.waitpid(new, os.WNOHANG) == (0, 0)
    Path("go").touch()
    assert os.waitpid(orphan, 0)[1] == 0
    assert waits
    assert os.waitpid(new, 0)[1] == 0
    made()
    assert Job(4, "--a=2").run("0002") == [16, 25, 36, 49]
    assert made() == []


def forked(work):
    """Start a process that does some work, and end with it; return its number."""
    process = os.fork()
    if process:
        return process
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def test_an_input_that_is_replaced_meanwhile_is_not_what_an_output_was_made_from(item):
    """By a run that follows a killed one, of which this program was left."""

    def overtaken(arguments):
        work(arguments)
        if arguments.exposure.stem == "e5":
            (RAW / "e5.json").write_text("50")

    Job(9, step=Step(["exposure"], [], ["output"], overtaken, lambda _: None)).run()
    made()
    assert Job(9).run()[5] == 2500
    assert made() == ["e5"]


@in_a_process
def test_an_output_whose_record_is_damaged_or_gone_is_made_again(item):
    """Whoever reads it would be told to make it again, and be told so for ever."""
    records.begin("results/c", "snakemake", [(".*", False)])

    def recorded(arguments):
        with Path("made.txt").open("a") as stream:
            stream.write(f"{arguments.exposure.stem}\n")
        write_text(arguments.output, str(json.loads(arguments.exposure.read_text()) ** 2))

    step = Step(["exposure"], [], ["output"], recorded, lambda _: None)
    assert Job(9, step=step).run() == [n**2 for n in range(9)]
    made()
    Job(9, step=step).run()
    assert made() == []
    place = records.place(Path("results/c").absolute(), FOLDER / "squares/e3.json")
    damage(place)
    place.with_name("e6.json.json").unlink()
    Job(9, step=step).run()
    assert made() == ["e3", "e6"]
    assert records.read_record(FOLDER / "squares/e3.json").size == 1
    Job(9, step=step).run()
    assert made() == []


@pytest.mark.parametrize("line", ["x" * 300, "x" * 30_000, "a\0b"])
def test_a_line_that_no_file_can_have_is_a_file_that_is_gone(item, line):
    """A workflow of whose lists one is damaged is planned all the same."""
    Job(9).run()
    damaged = FOLDER / "batches/squares/0001.list"
    damaged.write_text(f"{damaged.read_text()}{line}\n")
    assert incomplete_lists(FOLDER.parent) == [str(damaged)]


@pytest.mark.parametrize("size", [0, -1, "many", 1.5, True, "²"])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(DarkroomError, match="the number of exposures"):
        Batches(a_plan(tmp_path, ITEMS), size)
