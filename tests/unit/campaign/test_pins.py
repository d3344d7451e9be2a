"""Pins from anybody: cut, edited or repeated rows are refused, and none can be switched off."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.campaign.lock import Lock, read_lock
from darkroom.campaign.lock_rows import Exposure, check_exposures
from darkroom.campaign.pins import Pins, disagreement, read_pins
from darkroom.errors import DarkroomError, InputError

ROOT = Path(__file__).resolve().parents[3]
SUMS = {("camera", name): digit * 64 for name, digit in zip("abc", "123", strict=True)}


@pytest.fixture
def pins(tmp_path):
    """Give a pins file of three exposures."""
    path = tmp_path / "c.pins.tsv"
    Pins("", SUMS).write(path)
    return path


def test_pins_are_read_as_they_were_written(pins):
    assert (read_pins(pins).sums, read_pins(pins).maker) == (SUMS, "")


def test_pins_cut_at_a_line_end_are_refused(pins):
    lines = pins.read_text().splitlines(keepends=True)
    for count in range(5, len(lines)):
        pins.write_text("".join(lines[:count]))
        with pytest.raises(InputError, match="it was cut or edited"):
            read_pins(pins)


def test_a_row_twice_is_refused(pins):
    pins.write_text(pins.read_text() + f"camera\ta\t{'4' * 64}\n")
    with pytest.raises(InputError, match="row 4 pins camera/a a second time"):
        read_pins(pins)


def test_any_flipped_bit_is_found(pins):
    whole, draws = pins.read_bytes(), random.Random(3)
    for _ in range(200):
        content = bytearray(whole)
        content[draws.randrange(len(whole))] ^= 1 << draws.randrange(8)
        pins.write_bytes(content)
        with pytest.raises(InputError):
            read_pins(pins)


def test_a_maker_does_not_switch_off_the_pins_of_real_exposures(pins):
    pins.write_text(pins.read_text().replace("# maker: ", "# maker: x"))
    with pytest.raises(InputError, match="it was cut or edited"):
        read_pins(pins)
    made = Pins("x", SUMS)
    with pytest.raises(InputError, match="are the pins of simulated exposures"):
        made.check("camera", "a", "9" * 64, "a.fits")


def test_the_program_of_pins_keeps_the_file_of_a_real_campaign(pins, tmp_path):
    Pins("x", SUMS).write(pins)
    before = pins.read_bytes()
    done = program("pins", "--pins", pins, "--output", tmp_path / "copy.tsv", "none.json")
    assert done.returncode == 1
    assert "are the pins of simulated exposures" in done.stderr
    assert pins.read_bytes() == before


def program(name, *arguments):
    """Run a program of the archive."""
    command = [sys.executable, ROOT / "scripts" / "archive" / f"{name}.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_pin_is_removed_as_the_message_says(pins):
    with pytest.raises(InputError) as raised:
        read_pins(pins).check("camera", "b", "9" * 64, "b.fits")
    command = raised.value.advice.partition("remove its pin: ")[2].split()
    assert program("edit_pins", *command[1:]).returncode == 0
    assert read_pins(pins).sums == {key: v for key, v in SUMS.items() if key != ("camera", "b")}


def test_pins_of_the_format_before_are_converted(pins):
    text = pins.read_text().splitlines(keepends=True)
    pins.write_text("".join(["# darkroom pins 1\n", text[1], *text[3:]]))
    with pytest.raises(InputError, match="is of an earlier format"):
        read_pins(pins)
    assert program("edit_pins", "--pins", pins).returncode == 0
    assert read_pins(pins).sums == SUMS


def test_a_damaged_copy_is_made_again(pins, tmp_path):
    copy = tmp_path / "pins.tsv"
    assert disagreement(pins, copy) == []
    copy.write_bytes(pins.read_bytes())
    assert disagreement(pins, copy) == []
    copy.write_text(pins.read_text()[:-1])
    assert disagreement(pins, copy) != []


def exposure(name, file, uri):
    return Exposure("camera", "dark", name, file, uri, None, {"shape": "2x2"})


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (("a", "same.fits", "mast:1"), ("b", "same.fits", "mast:2"), "are both file 'same.fits'"),
        (("a", "a.fits", "mast:1"), ("b", "b.fits", "mast:1"), "are both uri 'mast:1'"),
        (("a", "a.fits", "mast:1"), ("b", "a.json", "mast:2"), "would be taken for a status"),
    ],
)
def test_two_exposures_of_one_file_are_refused(one, two, said):
    with pytest.raises(DarkroomError, match=said):
        check_exposures([exposure(*one), exposure(*two)])


@pytest.mark.parametrize("value", ["1E400", "-1e999"])
def test_an_infinite_number_is_refused(tmp_path, value):
    row = exposure("a", "a.fits", "mast:1")
    row.facts["exptime_s"] = value
    Lock(tmp_path / "c.lock.tsv", {}, [row]).write()
    with pytest.raises(InputError, match="is no exptime_s"):
        read_lock(tmp_path / "c.lock.tsv")
