"""A previous night of the same camera: changes are found, and only those."""

import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.ccd.previous import compare, sentences, table
from darkroom.ccd.simulate import exposures as simulator
from darkroom.errors import InputError

ROOT = Path(__file__).parents[3]
NIGHT = {
    "shape": [48, 64],
    "bias": {"count": 10},
    "darks": [{"count": 6, "exptime": 20.0}],
    "targets": [],
    "row_noise": 0.0,
}


def products_of(folder, settings):
    """Simulate a night, make its products, and return their paths."""
    folder.mkdir()
    frames = {}
    for item in simulator.plan(settings):
        simulator.deliver(settings, item.name, folder / item.file)
        frames.setdefault(item.role, []).append(str(folder / item.file))
    made = {name: folder / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    both = ["--bias", *frames["bias"], "--dark", *frames["dark"]]
    for name, files in (
        ("master_bias", frames["bias"]),
        ("read_noise", frames["bias"]),
        ("dark_rate", both),
    ):
        command = [sys.executable, ROOT / f"scripts/ccd/{name}.py", "--output", made[name], *files]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights") / "first"
    products_of(folder, NIGHT | {"seed": 1})
    return folder


def test_a_rate_and_a_noise_that_rose_are_said(first, tmp_path):
    changed = {"seed": 1, "level": 1061.5, "read_noise": 11.5, "dark_rate": 2.4}
    changes = compare(products_of(tmp_path / "now", NIGHT | changed), first)
    assert [one.quantity for one in changes] == ["bias level", "read noise", "dark rate"]
    found = sentences(changes)
    assert len(found) == 2
    assert "read noise changed since the previous night from 10.8" in found[0]
    assert "dark rate changed" in found[1]
    assert len(table(changes)["rows"]) == 3


def test_the_same_night_has_not_changed(first):
    now = {name: first / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    assert sentences(compare(now, first)) == []
    assert all(one.beyond == 0 for one in compare(now, first))


def test_a_folder_without_products_is_refused(first, tmp_path):
    now = {name: first / f"{name}.fits" for name in ("master_bias", "read_noise", "dark_rate")}
    with pytest.raises(InputError, match="no product of a previous night"):
        compare(now, tmp_path)
