"""corgidrp's own tests of darks, run with darkroom's functions behind corgidrp's interfaces.

The package installs them beside itself, as ``tests``; they are no part of darkroom.
"""

import re
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.parity, pytest.mark.heavy]

#: Tests of each file, and those that cannot pass, with the reason (docs/products-cgi.md has them).
FILES = {
    "test_mean_combine.py": set(),
    # The RECIPE of a science frame is not that of its dark: a dark of darkroom has its own.
    "test_build_synthesized_dark.py": {"test_recipe_propagated"},
    "test_badpixelmap.py": set(),
    "test_dark_sub.py": set(),
    "test_calibrate_darks_lsq.py": set(),
}


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory):
    if not (repository / ".venvs" / "peers-cgi").exists():
        pytest.skip("peers-cgi is not built: make setup-tests")
    (named,) = (repository / ".venvs/peers-cgi/lib").glob("python3*/site-packages/tests")
    copies = tmp_path_factory.mktemp("corgidrp")
    for name in FILES:
        shutil.copy(named / name, copies)
    return copies


@pytest.mark.parametrize("name", FILES)
def test_what_corgidrp_asks_of_its_darks_ours_do(folder, repository, name):
    toolsets = repository / ".venvs"
    (packages,) = (toolsets / "detector" / "lib").glob("python3*/site-packages")
    home = folder / "home"  # corgidrp writes its settings and database there
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [toolsets / "peers-cgi" / "bin" / "python", "-m", "pytest", "-q", "-rf", "--no-header",
         "-p", "corgidrp_stand_ins", "-p", "no:cacheprovider", name],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "DARKROOM_PACKAGES": str(packages),
             "PYTHONPATH": f"{repository / 'scripts'}:{repository / 'tests'}"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = set(re.findall(rf"^FAILED {name}::(\w+)", done.stdout, re.M))
    assert re.search(r"\d+ passed", done.stdout), done.stdout + done.stderr
    assert not re.search(r"\d+ error", done.stdout), done.stdout
    assert failed == FILES[name], done.stdout
