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

MEDIANS = """
import contextlib, io
import numpy as np
from stsci.skypac.skystatistics import ImageStats
from darkroom.wfc3.visit.clipped import ClippedMedian, statistics

generator = np.random.default_rng(9)
cases = [generator.normal(1, 0.05, size) for size in (1, 2, 3, 10, 2001, 50_000, 50_001)]
cases += [case + (generator.random(case.size) < 0.05) * generator.exponential(9, case.size)
          for case in cases]
cases += [np.zeros(40), np.repeat([0.0, 1.0], 500), generator.integers(0, 4, 999),
          np.r_[np.full(2000, 7.0), 1e30], np.r_[cases[3], np.nan], np.r_[cases[3], np.inf],
          -cases[5].reshape(200, 250), np.float32(cases[6])[::3], np.zeros(0)]
compared = refused = 0
for case in cases:
    for nclip, lsig, usig in ((0, 3.0, 3.0), (1, 2.0, 3.0), (5, 4.0, 4.0), (9, 0.5, 1.5)):
        asked = {"nclip": nclip, "lsig": lsig, "usig": usig}
        try:
            with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
                expected = ImageStats(case, "npix,median", **asked)
        except ValueError:
            expected = None
        try:
            with np.errstate(invalid="ignore"):
                found = ClippedMedian(case, **asked)
        except ValueError:
            found = None
        assert (found is None) == (expected is None), (case, asked)
        if found is None:
            refused += 1
            continue
        compared += 1
        same = found.median == expected.median or np.isnan(found.median + expected.median)
        assert same and found.npix == expected.npix, (case, asked, found.__dict__)
        assert type(found.median) is type(expected.median)
assert compared > 60 and refused >= 8, (compared, refused)

given = statistics(ImageStats)
asked = {"lower": None, "upper": None, "nclip": 3, "lsig": 4.0, "usig": 4.0, "binwidth": 0.1}
assert type(given(cases[5], "npix,median", **asked)) is ClippedMedian
for fields, other in (("npix,mode", {}), ("npix,median", {"lower": 0.9}),
                      ("npix,median", {"upper": 1.0})):
    found = given(image=cases[5], fields=fields, **asked | other)
    assert type(found) is ImageStats, (fields, other)
"""


@pytest.mark.parametrize("code", [FILL, MEDIANS], ids=["polygons", "medians"])
def test_polygons_and_medians_are_those_of_skypac(repository, code):
    python = repository / ".venvs/hst/bin/python"
    if not python.exists():
        pytest.skip(".venvs/hst is not built: make setup-tests")
    subprocess.run([python, "-c", code], check=True, env={"PYTHONPATH": repository / "scripts"})


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
