"""`make setup`: what it says when it cannot work, and that no kill leaves half an environment.

The installer is a stand-in that makes an environment of one file, slowly when it is told to; the
last test builds real ones from PyPI.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import venvs

ROOT = Path(__file__).resolve().parents[3]

# uv venv --quiet --python PYTHON FOLDER, and
# uv pip install … --python FOLDER/bin/python --requirement LOCK
UV = """#!/bin/sh
echo "$1" >> calls
for last; do :; done
if [ "$1" = venv ]; then
    [ -e "$last" ] && exit 2
    mkdir -p "$last/bin" "$last/lib/python3.11/site-packages"
    ln -s "$4" "$last/bin/python"
    "$4" -c 'import platform; print(platform.python_version())' > "$last/pyvenv.cfg"
else
    for word; do [ "$previous" = --python ] && folder=${word%/bin/python}; previous=$word; done
    [ -e slow ] && echo half > "$folder/package" && sleep 60
    cp "$last" "$folder/package"
fi
"""

OLD_PYTHON = """#!/bin/sh
case "$*" in
    --version) echo 'Python 3.9.2' ;;
    *version_info*) exit 1 ;;
esac
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path):
    """Give a checkout of nothing but two toolsets and a stand-in for uv."""
    for name in ("setup.sh", "venvs.py"):
        (tmp_path / "envs").mkdir(exist_ok=True)
        shutil.copy(ROOT / "envs" / name, tmp_path / "envs")
    (tmp_path / "envs/workflow.txt").write_text("first==1\n")
    (tmp_path / "envs/detector.txt").write_text("second==1\n")
    program(tmp_path / ".uv/bin/uv", UV)
    (tmp_path / ".uv/pins.txt").write_text(venvs.UV)
    return tmp_path


def start(folder, *toolsets, **environment):
    return subprocess.Popen(
        [shutil.which("sh"), "envs/setup.sh", *(toolsets or ("workflow", "detector"))],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def setup(folder, *toolsets, **environment):
    """Run the setup to its end; return its status and what it said."""
    run = start(folder, *toolsets, **environment)
    said, _ = run.communicate()
    return run.returncode, said


def calls(folder):
    path = folder / "calls"
    return path.read_text().split() if path.exists() else []


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def only(tmp_path, **programs):
    """Return a PATH with the few tools the setup needs and the given programs, no Python."""
    for tool in ("sh", "dirname", "cmp"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    for name, text in programs.items():
        program(tmp_path / "bin" / name, text)
    return str(tmp_path / "bin")


def test_it_builds_every_toolset_and_a_repeat_does_nothing(folder):
    assert setup(folder)[0] == 0
    assert (folder / ".venv/package").read_text() == "first==1\n"
    assert (folder / ".venvs/detector/package").read_text() == "second==1\n"
    done = calls(folder)
    assert setup(folder) == (0, "")
    assert calls(folder) == done == ["venv", "pip", "venv", "pip"]


def test_an_edited_lock_rebuilds_its_own_toolset_alone(folder):
    setup(folder)
    (folder / "envs/detector.txt").write_text("second==2\n")
    assert setup(folder)[0] == 0
    assert (folder / ".venvs/detector/package").read_text() == "second==2\n"
    assert calls(folder) == ["venv", "pip"] * 3


def test_an_environment_whose_python_is_gone_is_built_again(folder):
    setup(folder, "workflow")
    (folder / ".venv/bin/python").unlink()
    (folder / ".venv/bin/python").symlink_to("gone")
    assert setup(folder, "workflow")[0] == 0
    assert (folder / ".venv/bin/python").exists()


def test_an_environment_of_another_python_is_built_again_when_one_is_named(folder):
    setup(folder, "workflow")
    (folder / ".venv/bin/python").unlink()
    program(folder / ".venv/bin/python", "#!/bin/sh\necho Python 3.12.0\n")
    (folder / ".venv/pyvenv.cfg").write_text("version = 3.12.0\n")
    assert setup(folder, "workflow", PYTHON="") == (0, "")
    assert setup(folder, "workflow", PYTHON=sys.executable)[0] == 0
    assert calls(folder) == ["venv", "pip"] * 2


@pytest.mark.parametrize("everything", [True, False])
def test_a_killed_setup_is_repeated_and_no_half_environment_is_taken_for_a_whole(
    folder, everything
):
    (folder / "slow").touch()
    run = start(folder)
    until((folder / ".venv/package").exists)
    (folder / "slow").unlink()
    if everything:
        os.killpg(run.pid, signal.SIGKILL)
    else:
        # Only the setup dies; its installer goes on, and the repeat has to wait for it.
        run.kill()
        until(lambda: run.poll() is not None)
        again = start(folder)
        assert "waiting for it" in again.stdout.readline()
        os.killpg(run.pid, signal.SIGKILL)
        again.communicate()
        assert again.returncode == 0
    run.wait()
    run.stdout.close()
    assert setup(folder)[0] == 0
    assert (folder / ".venv/package").read_text() == "first==1\n"
    assert (folder / ".venvs/detector/package").read_text() == "second==1\n"


def test_two_at_once_build_each_environment_once(folder):
    runs = [start(folder), start(folder)]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert calls(folder) == ["venv", "pip"] * 2


def test_a_python_that_is_too_old_is_named_with_its_version(folder, tmp_path):
    status, said = setup(folder, PYTHON="", PATH=only(tmp_path, python3=OLD_PYTHON))
    assert status == 1
    assert said.startswith(
        "darkroom needs Python 3.11 or newer, and the python3 here is Python 3.9.2.\n"
    )
    assert "apt install python3 python3-venv" in said


def test_a_chosen_python_that_is_too_old_is_named(folder, tmp_path):
    path = only(tmp_path, old=OLD_PYTHON)
    status, said = setup(folder, PYTHON="old", PATH=path)
    assert status == 1
    assert "needs Python 3.11 or newer, and PYTHON=old is Python 3.9.2." in said


def test_no_python_at_all_is_said(folder, tmp_path):
    status, said = setup(folder, PYTHON="", PATH=only(tmp_path))
    assert status == 1
    assert "needs Python 3.11 or newer, and there is no python3 here." in said


def test_a_python_with_neither_pip_nor_venv_is_told_what_to_install(folder, tmp_path):
    shutil.rmtree(folder / ".uv")
    for module in ("pip", "venv"):
        (tmp_path / "hidden").mkdir(exist_ok=True)
        (tmp_path / "hidden" / f"{module}.py").write_text("raise SystemExit(1)\n")
    status, said = setup(folder, PYTHONPATH=str(tmp_path / "hidden"))
    assert status == 1
    assert "has neither pip nor a working venv module" in said
    assert "apt install python3-venv" in said


def test_pip_alone_builds_what_uv_could_not(folder):
    program(folder / ".uv/bin/uv", "#!/bin/sh\nexit 1\n")
    (folder / "envs/detector.txt").write_text("# nothing to install\n")
    status, said = setup(folder, "detector")
    assert status == 0, said
    assert "uv did not build it" in said
    subprocess.run([folder / ".venvs/detector/bin/python", "-c", ""], check=True)


@pytest.mark.heavy
def test_real_environments_survive_kills_at_any_time(tmp_path):
    """Needs PyPI (or uv's cache): killed after 1, 2, 4 … s until it gets to its end."""
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    allowed, status = 1, None
    while status != 0:
        run = start(tmp_path, "detector")
        try:
            said, _ = run.communicate(timeout=allowed)
            status = run.returncode
            assert status == 0, said
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            allowed *= 2
    code = "import numba, scipy, astropy.io.fits, matplotlib.pyplot, jinja2"
    subprocess.run([tmp_path / ".venvs/detector/bin/python", "-c", code], check=True)


def test_an_environment_finds_the_library_of_the_checkout_it_is_linked_into(folder, tmp_path):
    """Tests and Slurm jobs share environments by a link: the checkout is the folder of the link."""
    real = Path(sys.prefix)
    if not (real / "pins.txt").exists():
        pytest.skip("these tests do not run in an environment of make setup")
    (tmp_path / "elsewhere/scripts/darkroom").mkdir(parents=True)
    (tmp_path / "elsewhere/scripts/darkroom/__init__.py").write_text("")
    (tmp_path / "elsewhere/.venv").symlink_to(real)
    code = "import darkroom; print(darkroom.__file__)"
    for python, root in ((real, ROOT), (tmp_path / "elsewhere/.venv", tmp_path / "elsewhere")):
        done = subprocess.run(
            [python / "bin/python", "-c", code],
            cwd="/", capture_output=True, text=True, check=True, env={},
        )  # fmt: skip
        assert done.stdout.strip() == str(root / "scripts/darkroom/__init__.py")


def test_an_environment_that_does_not_find_the_library_is_built_again(folder):
    setup(folder)
    (path,) = folder.glob(".venvs/detector/lib/*/site-packages/darkroom.pth")
    assert "scripts" in path.read_text()
    path.unlink()
    setup(folder)
    assert path.exists()
    assert calls(folder) == ["venv", "pip"] * 3


def test_packages_are_compiled_but_not_their_own_tests(tmp_path):
    """Wherever the checkout lies: here below a folder of that name."""
    target = tmp_path / "tests" / "checkout" / ".venv"
    packages = target / "lib" / "python3.11" / "site-packages"
    for name in ("one.py", "two/inner.py", "two/tests/test_inner.py", "tests/test_one.py"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("x = 1\n")
    (packages / "two" / "template.py").write_text("{{ no Python }}")
    (target / "bin").mkdir()
    (target / "bin" / "python").symlink_to(sys.executable)
    venvs.compile_bytecode(target)
    compiled = {path.name.partition(".")[0] for path in packages.rglob("*.pyc")}
    assert compiled == {"one", "inner"}


def test_bytecode_of_the_same_files_is_shared_with_environments_there_before(tmp_path, monkeypatch):
    monkeypatch.setattr(venvs, "ROOT", tmp_path)
    before, target = tmp_path / ".venv", tmp_path / ".venvs" / "detector"
    there, here = (path / "lib" / "python3.11" / "site-packages" for path in (before, target))
    for packages in (there, here):
        (packages / "two").mkdir(parents=True)
        (packages / "other.py").write_text("x = 1\n")
        (packages.parents[2] / "bin").mkdir()
        (packages.parents[2] / "bin" / "python").symlink_to(sys.executable)
    for name in ("one.py", "two/inner.py"):
        (there / name).write_text("x = 1\n")
        (here / name).hardlink_to(there / name)
    venvs.compile_bytecode(before)
    code = {path.relative_to(there): path.stat().st_ino for path in there.rglob("*.pyc")}
    venvs.share_bytecode(target)
    shared = {path.relative_to(here): path.stat().st_ino for path in here.rglob("*.pyc")}
    assert {path.name.partition(".")[0] for path in shared} == {"one", "inner"}
    venvs.compile_bytecode(target)
    found = {path.relative_to(here): path.stat().st_ino for path in here.rglob("*.pyc")}
    assert found.keys() == code.keys()
    assert {path for path in code if found[path] == code[path]} == shared.keys()
    done = subprocess.run(
        [target / "bin" / "python", "-v", "-c", "import one; print(one.__file__)"],
        env={"PYTHONPATH": str(here)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(here / "one.py")
    assert f"code object from {str(here)!r}"[:-1] in done.stderr.replace('"', "'")
