"""The table of exposures: counted by role, time and temperature."""

from darkroom.report import exposures
from report_rows import ROWS, row


def test_exposures_are_counted_by_role_time_and_temperature():
    grid = exposures.count_grid(ROWS[:6])
    assert grid["columns"] == ["−5.2", "−4.8"]
    assert [(r["role"], r["exptime"], r["counts"], r["total"]) for r in grid["rows"]] == [
        ("bias", "0.04", [0, 2], 2), ("dark", "10", [1, 3], 4),
    ]  # fmt: skip


def test_many_temperatures_are_counted_in_wider_steps():
    rows = [row(i, temperature=str(20 + i / 10)) for i in range(60)]
    grid = exposures.count_grid(rows)
    assert grid["step"] == 1.0
    assert len(grid["columns"]) == 7
    assert sum(r["total"] for r in grid["rows"]) == 60


def test_exposures_without_temperature_are_counted_once():
    grid = exposures.count_grid([row(i, temperature="") for i in range(3)])
    assert grid["columns"] == []
    assert grid["rows"][0]["total"] == 3
    mixed = exposures.count_grid([row(1), row(2, temperature="")])
    assert mixed["columns"] == ["−4.8", "unknown"]


def test_no_exposure_time_gives_no_table():
    assert exposures.count_grid([row(1, exptime="")]) is None
    assert exposures.summarize([])["total"] == 0
