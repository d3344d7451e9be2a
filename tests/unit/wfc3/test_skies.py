"""Skies of a visit's versions: what both have in common is measured once, and nothing changes."""

import subprocess

import numpy as np
import pytest

from darkroom.wfc3.visit.skies import Kept, digest

FILL = """
import numpy as np
from stsci.skypac import region
from darkroom.wfc3.visit.skies import fill

generator = np.random.default_rng(8)
shapes = 0
for _ in range(400):
    corners = generator.integers(-20, 75, (generator.integers(3, 9), 2))
    corners = [tuple(map(int, corner)) for corner in (*corners, corners[0])]
    polygon, expected = region.Polygon(True, corners), np.zeros((50, 60), bool)
    try:
        polygon.scan(expected)
    except Exception:
        continue
    shapes += 1
    found = fill(region.Polygon(True, corners), np.zeros((50, 60), bool))
    assert np.array_equal(found, expected), corners
assert shapes > 300, shapes
flat = region.Polygon(True, [(3, 3), (3, 9), (3, 5), (3, 3)])
assert not fill(flat, np.zeros((20, 20), bool)).any()
"""


def test_polygons_are_filled_as_skypac_fills_them(repository):
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")
    subprocess.run([python, "-c", FILL], check=True, env={"PYTHONPATH": repository / "scripts"})


def test_what_is_kept_is_told_apart_by_content(tmp_path):
    made = []

    def make():
        made.append(len(made))
        return made[-1], np.arange(3)

    kept, image = Kept(tmp_path), np.arange(12.0).reshape(3, 4)
    assert kept.get(("sky", image), make)[0] == 0
    number, array = Kept(tmp_path).get(("sky", image.copy()), make)
    assert (number, array.tolist()) == (0, [0, 1, 2])
    others = [("sky", image + 1), ("sky", image.reshape(4, 3)), ("sky", image.astype("f4")), ("s",)]
    assert [kept.get(parts, make)[0] for parts in others] == [1, 2, 3, 4]
    assert Kept().get(("sky", image), make)[0] == 5
    assert digest(None) != digest("None")
