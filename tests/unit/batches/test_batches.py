"""Exposures of an item are made many at a time; each has its own result, failure and rerun."""

import argparse
import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from darkroom.batches.making import Step, add_batch_options, make
from darkroom.batches.planning import Batch, Batches
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity import records
from darkroom.integrity.seen import forget
from plans import a_plan

NAMES = [f"e{number}" for number in range(9)]
ITEMS = {"camera": {"instrument": "ccd"}}


@pytest.fixture
def item(tmp_path, monkeypatch):
    """An item with nine exposures, each a JSON with a number."""
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for number, name in enumerate(NAMES):
        Path(f"raw/{name}.json").write_text(json.dumps(number))
    folder = Path("results/c/camera")
    folder.mkdir(parents=True)
    text = "".join(f"results/c/raw/camera/{name}.json\n" for name in NAMES)
    (folder / "statuses.list").write_text(text)
    return folder


def work(arguments):
    """Write the square of an exposure's number; some exposures are bad."""
    with Path("made.txt").open("a") as stream:
        stream.write(f"{arguments.exposure.stem}\n")
    number = json.loads(arguments.exposure.read_text())
    if number == "bad":
        raise InputError(arguments.exposure, "is no number")
    if number == "killer":
        arguments.status.write_text("half of it")
        os.kill(os.getpid(), signal.SIGKILL)
    if number == "bug":
        raise KeyError("no such thing")
    arguments.status.parent.mkdir(exist_ok=True)
    arguments.status.write_text(str(number**2))


STEP = Step(["exposure"], ["status"], [], work, lambda _: None)
#: The same where outputs have records, as those of most steps.
RECORDED = Step(["exposure"], [], ["status"], work, lambda _: None)


class Job:
    """The job of one exposure, as its rule runs it."""

    def __init__(self, size, *settings, step=STEP):
        self.step = step
        rows = [("camera", "bias", name, {}) for name in NAMES]
        self.batches = Batches(a_plan(Path(), ITEMS, rows), size)
        self.settings = settings or ("--a=1",)
        self.keeps = False

    def run(self, name):
        """Return what the job made; Snakemake removes its output first."""
        source, output = f"raw/{name}.json", f"results/c/camera/squares/{name}.json"
        Path(output).parent.mkdir(exist_ok=True)
        if not self.keeps:
            Path(output).unlink(missing_ok=True)
        batch = self.batches.step("camera", [source], [output], *self.settings)
        shell = ["bash", "-euo", "pipefail", "-c", f"{{ {batch.came}; }}"]
        if subprocess.run(shell, check=False, capture_output=True).returncode:
            parser = argparse.ArgumentParser()
            parser.add_argument("exposure", type=Path)
            parser.add_argument("--status", type=Path)
            add_batch_options(parser)
            words = [*batch.options.split(), "--status", output, source]
            make(self.step, parser.parse_args(words))
        return Path(output).read_text()


def made():
    """Return the exposures on which the program worked, in order."""
    path = Path("made.txt")
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


@pytest.mark.parametrize("size", [1, 7, 9, "auto"])
def test_each_exposure_is_made_once_whatever_the_batch(item, size):
    assert [Job(size).run(name) for name in NAMES] == [str(n**2) for n in range(9)]
    assert sorted(made()) == NAMES


@pytest.mark.parametrize(("size", "starts"), [(1, 9), (7, 2), (9, 1)])
def test_a_batch_has_as_many_as_it_may(item, size, starts):
    started = []
    job = Job(size)
    for name in NAMES:
        before = len(made())
        job.run(name)
        started.append(len(made()) > 0)
        assert before == 0
    assert sum(started) == starts


@pytest.mark.parametrize("content", [bytes(16), b"\xff\xfe" * 8, b""])
def test_a_key_that_a_power_cut_damaged_is_that_of_nothing(item, content):
    """The program beside the others makes it itself, and so does the command of its rule."""
    job = Job(9)
    job.run(NAMES[0])
    made()
    keys = sorted(Path("results").rglob("*.key"))
    assert len(keys) == 8
    for key in keys:
        key.write_bytes(content)
    assert [job.run(name) for name in NAMES[1:]] == [str(n**2) for n in range(1, 9)]
    assert sorted(made()) == NAMES[1:]


def test_outputs_of_a_batch_are_recorded_as_they_are(item, caplog):
    records.begin("results/c", "snakemake", [(".*", False)])
    forget()
    job = Job(9, step=RECORDED)
    assert [job.run(name) for name in NAMES] == [str(n**2) for n in range(9)]
    assert sorted(made()) == NAMES
    # What fails in a batch is made by its own job: only the log would tell.
    assert caplog.messages == []
    for name in NAMES[1:]:
        output = Path(f"results/c/camera/squares/{name}.json")
        found = records.read_record(output)
        assert found.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()
    assert [path.name for path in Path("results/c/camera/squares/.made").iterdir()] == [".claims"]


@pytest.mark.parametrize("fault", ["bad", "bug", "killer"])
def test_a_bad_exposure_takes_no_other_with_it(item, fault):
    Path("raw/e4.json").write_text(json.dumps(fault))
    job = Job(9)
    assert job.run("e0") == "0"
    made()
    for number in (1, 2, 3, 5, 6, 7, 8):
        assert job.run(f"e{number}") == str(number**2)
    assert made() == []
    if fault == "bad":
        with pytest.raises(InputError, match="is no number"):
            job.run("e4")
        assert not Path("results/c/camera/squares/e4.json").exists()
        # Once it is repaired, it alone is made.
        made()
        Path("raw/e4.json").write_text("4")
        assert job.run("e4") == "16"
        assert made() == ["e4"]


def test_what_changed_since_the_batch_is_made_again(item):
    job = Job(9)
    job.run("e0")
    made()
    Path("raw/e5.json").write_text("50")
    assert job.run("e5") == "2500"
    assert made() == ["e5"]
    # With other settings, or by another program, every note is out of date.
    other = Job(9, "--a=2")
    assert other.run("e6") == "36"
    assert "e6" in made()


def test_a_note_is_used_once(item):
    """Somebody who removes an output, because it is damaged, gets a new one."""
    job = Job(9)
    job.run("e0")
    assert job.run("e3") == "9"
    made()
    assert job.run("e3") == "9"
    assert made()[-1] == "e3"


@pytest.mark.parametrize("by", ["shell", "program"])
def test_a_job_killed_while_it_takes_its_note_is_done_again(item, by):
    """The output has its name and the note has not lost its own: both are the same file."""
    job = Job(9)
    job.run("e0")
    folder = Path("results/c/camera/squares")
    made()
    if by == "program":
        # Its own turn comes before the shell knows of the note, as while a batch is at work.
        job.batches.step = lambda *_: Batch("false", Batches.step(job.batches, *_).options)
        job.keeps = True
    os.link(folder / ".made/e3.json", folder / "e3.json")
    assert job.run("e3") == "9"
    assert made() == []
    assert (folder / "e3.json").stat().st_nlink == 1
    assert not list(folder.glob(".made/e3.*"))


def test_outputs_that_are_there_are_left_alone(item):
    """Their own jobs may not be planned: only Snakemake knows whether they are to be made again."""
    job = Job(9)
    for name in NAMES:
        job.run(name)
    made()
    other = Job(9, "--a=2")
    other.run("e2")
    assert made() == ["e2"]


def test_a_killed_batch_keeps_what_is_made(item):
    """The program dies with its own exposure, after the others were made."""
    Path("raw/e0.json").write_text('"killer"')
    process = os.fork()
    if process == 0:
        Job(9).run("e0")
        os._exit(0)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    assert sorted(made()) == NAMES
    assert [Job(9).run(name) for name in NAMES[1:]] == [str(n**2) for n in range(1, 9)]
    assert made() == []


@pytest.mark.parametrize("size", [1, 9])
def test_nothing_half_made_has_a_name(item, size):
    """Killed in the middle of an exposure: neither its output nor a note of it is there."""
    Path("raw/e1.json").write_text('"killer"')
    Job(9).run("e0")
    folder = Path("results/c/camera/squares")
    assert not (folder / "e1.json").exists()
    assert not (folder / ".made" / "e1.key").exists()
    # What was left of it goes when it is made, in a batch or alone.
    Path("raw/e1.json").write_text("1")
    assert list(folder.glob(".*.part.json"))
    assert Job(size).run("e1") == "1"
    assert not list(folder.glob(".*.part.json"))


@pytest.mark.parametrize("size", [0, -1, "many", 1.5, True, "²"])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(DarkroomError, match="the number of exposures"):
        Batches(a_plan(tmp_path, ITEMS), size)


def test_the_key_is_that_of_sha256sum(item):
    Job(9).run("e0")
    digest = hashlib.sha256(Path("raw/e1.json").read_bytes()).hexdigest()
    text = Path("results/c/camera/squares/.made/e1.key").read_text()
    assert text.endswith("  -\n")
    assert len(text) == 68
    assert digest not in text
