"""A program compares what it reads with what is recorded of it, before a product gets its name."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.errors import InputError
from darkroom.integrity import digests
from darkroom.integrity.records import begin, load, place, read_record, recorded

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
START = """
import os, sys
from pathlib import Path
from darkroom.atomic import write_text
from darkroom.cli import ListFileParser, run
from darkroom.integrity import watch

def main():
    {work}

run(main)
"""


@pytest.fixture
def results(tmp_path):
    """Give a folder of results whose files are recorded, with one file in it."""
    folder = tmp_path / "results" / "c"
    begin(folder, "snakemake --config campaign=c", [(f"{folder}/(?P<item>[a-z]+)/a\\.txt$", False)])
    assert program(folder, "write_text('item/a.txt', 'whole')").returncode == 0
    return folder


def program(folder, work, *arguments):
    """Run a program of the workflow in a folder."""
    return subprocess.run(
        [sys.executable, "-c", START.format(work=work), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(SCRIPTS), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def flip(path, at=1):
    """Flip one bit of a file, keeping its date."""
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


COPY = "write_text('item/b.txt', Path('item/a.txt').read_text())"


def test_a_product_is_recorded_with_what_it_was_made_from(results):
    assert program(results, COPY).returncode == 0
    record = read_record(results / "item" / "b.txt")
    whole = hashlib.sha256(b"whole").hexdigest()
    assert (record.sha256, record.size) == (whole, 5)
    assert record.inputs == {"item/a.txt": (whole, "")}


def test_a_flipped_bit_ends_in_one_sentence_with_both_sums_and_the_command(results):
    flip(results / "item" / "a.txt")
    done = program(results, COPY)
    assert done.returncode == 1
    assert not (results / "item" / "b.txt").exists()
    (sentence,) = done.stderr.splitlines()
    now = digests.read_sha256(results / "item" / "a.txt")
    for part in ("item/a.txt", hashlib.sha256(b"whole").hexdigest(), now, "--forcerun"):
        assert part in sentence
    assert sentence.endswith(f"--forcerun {results}/item/a.txt")


def test_what_a_damaged_input_leads_to_is_not_what_is_reported(results):
    flip(results / "item" / "a.txt")
    done = program(results, "Path('item/a.txt').read_text(); raise ValueError('astray')")
    assert "it was damaged or replaced since" in done.stderr.splitlines()[-1]


def test_a_damaged_file_can_be_made_again(results):
    flip(results / "item" / "a.txt")
    work = "Path('item/a.txt').read_text(); write_text('item/a.txt', 'new')"
    assert program(results, work).returncode == 0
    assert program(results, COPY).returncode == 0


def test_a_file_that_changes_while_it_is_read_is_noticed(results):
    """The change reaches what was read after the sum was computed, and the file is put back."""
    work = (
        "watch.compare('item/a.txt'); os.utime('item/a.txt', (1, 1)); "
        "Path('item/a.txt').write_bytes(b'other'); write_text('item/b.txt', '')"
    )
    done = program(results, work)
    assert done.returncode == 1
    assert "has changed while it was being read" in done.stderr


def test_a_list_states_the_sums_of_files_outside_of_any_campaign(tmp_path):
    (tmp_path / "frame.txt").write_text("whole")
    right, wrong = hashlib.sha256(b"whole").hexdigest(), "0" * 64
    read = "parser = ListFileParser(); parser.add_argument('files', nargs='+'); "
    read += "[Path(f).read_text() for f in parser.parse_args().files]"
    for sha256, status in ((right, 0), (wrong, 1)):
        (tmp_path / "all.list").write_text(f"# sha256 {sha256}\nframe.txt\n")
        done = program(tmp_path, read, "@all.list")
        assert done.returncode == status, done.stderr
    assert "frame.txt: its SHA-256 is" in done.stderr
    assert program(tmp_path, read, "frame.txt").returncode == 0


def test_files_elsewhere_are_neither_recorded_nor_compared(tmp_path):
    assert program(tmp_path, "write_text('a.txt', 'whole')").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    flip(tmp_path / "a.txt")
    assert program(tmp_path, "write_text('b.txt', Path('a.txt').read_text())").returncode == 0


def test_a_damaged_record_is_named(results):
    flip(place(results, results / "item" / "a.txt"), 40)
    with pytest.raises(InputError, match=r"the record of .*a.txt .*it was damaged"):
        read_record(results / "item" / "a.txt")
    assert program(results, COPY).returncode == 1


def test_a_record_of_another_file_is_refused(results):
    ((path, record),) = recorded(results)
    assert path == results / "item" / "a.txt"
    with pytest.raises(InputError, match=r"is that of a\.txt"):
        load(record, results / "item" / "b.txt")


@pytest.mark.parametrize("order", [(0, 1, 2), (2,), (1, 2), (0, 2, 1, 0)])
def test_a_sum_in_passing_covers_the_whole_file_in_any_order(tmp_path, order):
    blocks = [bytes([number]) * 3000 for number in range(3)]
    path = tmp_path / "file"
    path.write_bytes(b"".join(blocks) + b"end")
    passing = digests.InPassing(path)
    for number in order:
        passing.update(3000 * number, blocks[number])
    assert passing.finish() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digests.known(path) == passing.finish()


def test_a_file_read_in_passing_is_compared_without_a_second_look(results):
    work = (
        "passing = watch.reading('item/a.txt'); passing.update(0, b'whole'); passing.finish(); "
        "write_text('item/b.txt', '')"
    )
    assert program(results, work).returncode == 0
    flip(results / "item" / "a.txt")
    done = program(results, work.replace("b'whole'", "Path('item/a.txt').read_bytes()"))
    assert "its record states" in done.stderr


def test_sums_are_computed_again_when_a_file_changes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = digests.sha256(path)
    path.write_bytes(b"two!")
    assert digests.sha256(path) == hashlib.sha256(b"two!").hexdigest() != first


def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(results):
    (results / "item/a.txt").unlink()
    os.mkfifo(results / "item/a.txt")
    done = program(results, COPY)
    assert done.returncode == 1
    assert "item/a.txt: is no regular file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_device_in_the_place_of_a_file_is_not_read(results):
    (results / "item/a.txt").unlink()
    (results / "item/a.txt").symlink_to("/dev/zero")
    done = program(results, COPY)
    assert (done.returncode, "is no regular file" in done.stderr) == (1, True)


def test_a_text_of_terabytes_is_told_and_not_read(results):
    os.truncate(results / "item/a.txt", 3 * 10**12)
    done = program(results, COPY)
    assert done.returncode == 1
    assert "item/a.txt: has 3000000000000 bytes, 1000000000 are allowed" in done.stderr


def test_a_file_that_has_grown_is_not_summed(results):
    """Its record states its size: no sum of terabytes is needed to see that it is another one."""
    work = "write_text('item/b.fits', 'whole')"
    assert program(results, work).returncode == 0
    os.truncate(results / "item/b.fits", 3 * 10**12)
    for read in ("open('item/b.fits', 'rb').read(5)", "watch.reading('item/b.fits').finish()"):
        done = program(results, f"{read}; write_text('item/c.txt', 'x')")
        assert done.returncode == 1
        assert "item/b.fits: it has 3000000000000 bytes, its record states 5" in done.stderr
        assert not (results / "item/c.txt").exists()
