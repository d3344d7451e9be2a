"""Compiled code is shared between jobs, but never made by two of them at once."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom import compiled
from darkroom.compiled import cache_lock
from darkroom.errors import DarkroomError
from darkroom.workflow import programs

CLIP_TWO_VALUES = """
import numpy
from darkroom.combine import Clip, clip_block
print(clip_block(numpy.ones((2, 3), "f4"), Clip("none")).mean)
"""


KERNEL_NAME = "darkroom.some.kernel"


def locked(folder, name=KERNEL_NAME):
    with (folder / f"{name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_cache_is_locked_inside_the_block_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    with cache_lock(KERNEL_NAME):
        assert locked(tmp_path / "cache")
        assert not locked(tmp_path / "cache", "darkroom.other.kernel")
    assert not locked(tmp_path / "cache")


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    beside = Path(compiled.__file__).parent / "__pycache__"
    with cache_lock(KERNEL_NAME) as folder:
        assert folder == beside
        assert locked(beside)


def test_a_user_who_can_write_nowhere_is_told_what_to_set(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "own"))
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "file" / "compiled.py"))
    message = r"cannot be kept in any of \S+/file/cache, .*: set NUMBA_CACHE_DIR to a folder"
    with pytest.raises(DarkroomError, match=message), cache_lock(KERNEL_NAME):
        pass


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", refuse)
    message = r"cannot be locked there \(No locks available\); set NUMBA_CACHE_DIR"
    with pytest.raises(DarkroomError, match=message), cache_lock(KERNEL_NAME):
        pass


@pytest.mark.parametrize("name", ["combine", "combine.clip", "combine.bias", "fits.tiles"])
def test_importing_compiles_and_loads_nothing(repository, name):
    code = f"import sys, darkroom.{name}; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository / "scripts")


@pytest.mark.heavy
def test_processes_that_start_together_share_one_compilation(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-c", CLIP_TWO_VALUES]
    jobs = [
        subprocess.Popen(command, cwd=repository / "scripts", stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [job.communicate()[0] for job in jobs] == ["[1. 1. 1.]\n"] * 3
    assert len(list(tmp_path.rglob("*.nbc"))) == 1


# A kernel that is a package: numba sees an edit of the file of the called function alone.
KERNEL = {
    "darkroom/sums/__init__.py": """
from numba import float64, njit
from darkroom.sums.shift import shifted

@njit([float64(float64)], cache=True)
def total(value):
    return shifted(value)

@njit([float64(float64)], cache=True)
def double(value):
    return 2.0 * shifted(value)

def plain(value):
    return shifted(value)

def compiled(number):
    return njit([number(number)], cache=True)(plain)
""",
    "darkroom/sums/shift.py": """
from numba import njit

@njit
def shifted(value):
    return value + 1.0
""",
}
CALL = """
import os, numba
os.environ["NUMBA_NUM_THREADS"] = "1"  # numba reads its settings anew at the next compilation
from darkroom.compiled import load_kernel
kernel = load_kernel("darkroom.sums")
found = [len(function.stats.cache_hits) for function in (kernel.total, kernel.double)]
print(kernel.total(1.0), kernel.double(1.0), sum(found))
"""


# One variant, an edit of the helper in the meantime, and another variant.
EDITED_MEANWHILE = """
from pathlib import Path
from numba import float32, float64
from darkroom.compiled import load_kernel
first = load_kernel("darkroom.sums", float32)(1.0)
import darkroom.sums.shift as helper
path = Path(helper.__file__)
path.write_text(path.read_text().replace("1.0", "5.0"))
print(first, load_kernel("darkroom.sums", float64)(1.0))
"""


class Library:
    """A copy of the library with a small kernel, and a cache of its own.

    Parameters
    ----------
    folder : Path
        Where the copy is made.
    cache : str
        Where compiled code can be kept: "named" (NUMBA_CACHE_DIR), "beside" the source, or the
        user's "own" folder, when the other two cannot be written.
    """

    def __init__(self, folder, cache, repository):
        source, self.scripts = repository / "scripts", folder / "scripts"
        for name in (
            "__init__.py",
            "atomic.py",
            "compiled.py",
            "errors.py",
            "naming.py",
            "plain.py",
        ):
            self.write(f"darkroom/{name}", (source / "darkroom" / name).read_text())
        for name, text in KERNEL.items():
            self.write(name, text)
        self.environment = {
            **os.environ, "PYTHONPATH": str(self.scripts), "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CACHE_HOME": str(folder / "own"),
        }  # fmt: skip
        self.environment.pop("NUMBA_CACHE_DIR", None)
        self.cache = folder / "named"
        if cache == "named":
            self.environment["NUMBA_CACHE_DIR"] = str(self.cache)
        elif cache == "beside":
            self.cache = self.scripts
        else:  # a file is in the way of both folders: that stops even a superuser
            self.cache.touch()
            self.environment["NUMBA_CACHE_DIR"] = str(self.cache)
            (self.scripts / "darkroom/__pycache__").touch()
            self.cache = folder / "own"

    def write(self, name, text):
        path = self.scripts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, old, new):
        """Edit the helper's module."""
        text = KERNEL["darkroom/sums/shift.py"]
        assert old in text
        self.write("darkroom/sums/shift.py", text.replace(old, new))

    def call(self, jobs=1, code=CALL):
        """Return, of processes that start together, the numbers they print.

        By default the results for 1, and for how many functions code was found in the cache.
        """
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=self.environment, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(jobs)
        ]  # fmt: skip
        return [tuple(map(float, job.communicate()[0].split())) for job in started]

    def code(self):
        """Return the files of compiled code and when each was written."""
        files = (path for path in self.cache.rglob("*.nb[ci]"))
        return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize("cache", ["named", "beside", "own"])
def test_a_package_is_compiled_once_and_again_after_an_edit_of_a_helper(
    cache, tmp_path, repository
):
    library = Library(tmp_path, cache, repository)
    assert library.call() == [(2, 4, 0)]
    first = library.code()
    assert len(first) == 4  # two functions: index and code of each
    assert library.call() == [(2, 4, 2)]
    assert library.code() == first
    library.edit("1.0", "5.0")  # as long as before
    assert library.call() == [(6, 12, 0)]
    assert len(library.code()) == 4  # what was compiled before the edit is gone
    assert not library.code().keys() & first.keys()


@pytest.mark.parametrize(
    ("suffix", "left"),
    [("nbi", "nothing"), ("nbc", "half"), ("nbc", "hole"), ("nbi", "zeros"), ("txt", "half")],
)
def test_code_that_a_power_cut_left_in_part_is_compiled_again(suffix, left, tmp_path, repository):
    library = Library(tmp_path, "named", repository)
    assert library.call() == [(2, 4, 0)]
    for path in library.cache.rglob(f"*.{suffix}"):
        whole = path.read_bytes()
        half = len(whole) // 2
        path.write_bytes(
            {
                "nothing": b"", "half": whole[:half], "zeros": bytes(len(whole)),
                "hole": whole[:half] + bytes(16) + whole[half + 16 :],
            }[left]
        )  # fmt: skip
    assert library.call() == [(2, 4, 0)]
    assert library.call() == [(2, 4, 2)]


def test_a_process_keeps_to_the_state_that_it_imported_and_the_next_one_does_not(
    tmp_path, repository
):
    library = Library(tmp_path, "named", repository)
    assert library.call(code=EDITED_MEANWHILE) == [(2, 2)]
    assert library.call(code=EDITED_MEANWHILE) == [(6, 6)]


def test_processes_that_start_together_compile_a_package_once(tmp_path, repository):
    library = Library(tmp_path, "named", repository)
    assert sorted(library.call(jobs=3)) == [(2, 4, 0), (2, 4, 2), (2, 4, 2)]


def test_checkouts_that_share_a_cache_keep_their_code(tmp_path, repository):
    first, second = (Library(tmp_path / name, "named", repository) for name in ("a", "b"))
    second.environment["NUMBA_CACHE_DIR"] = first.environment["NUMBA_CACHE_DIR"]
    second.edit("1.0", "5.0")
    assert first.call() + second.call() + first.call() == [(2, 4, 0), (6, 12, 0), (2, 4, 2)]


def kernels_loaded(repository):
    """Return pairs of a source file and the folder of a kernel that it loads."""
    scripts = repository / "scripts"
    return [
        (source, scripts.joinpath(*name.split(".")))
        for source in sorted(scripts.rglob("*.py"))
        for name in programs._KERNEL.findall(source.read_text())
    ]


def test_every_file_of_a_kernel_counts_among_what_a_program_uses(repository):
    packages = [pair for pair in kernels_loaded(repository) if pair[1].is_dir()]
    assert len({folder.name for _, folder in packages}) >= 2
    for source, folder in packages:
        assert set(folder.rglob("*.py")) <= programs._closure(source), source


def test_a_kernel_that_is_a_package_uses_nothing_of_the_library_but_itself(repository):
    """Its digest would not change with it."""
    for _, folder in kernels_loaded(repository):
        for path in folder.rglob("*.py") if folder.is_dir() else ():
            name = ".".join(folder.relative_to(repository / "scripts").parts)
            assert all(used.startswith(name) for used in programs._imports(path)), path


@pytest.mark.parametrize(
    ("mode", "group", "said"),
    [
        (0o777, None, "everybody can write to it"),
        (0o1777, None, "everybody can write to it"),
        (0o770, 12345, "the group 12345 can write to it"),
        (0o775, None, ""),
        (0o755, 12345, ""),
        (0o700, None, ""),
    ],
)
def test_a_cache_that_others_can_write_to_is_refused(tmp_path, monkeypatch, mode, group, said):
    """Compiled code is loaded as it lies there: whoever can write to the folder can run code."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    if group is not None:
        if os.geteuid():
            pytest.skip("only root can give a folder to another group")
        os.chown(folder, -1, group)
    if not said:
        with cache_lock(KERNEL_NAME) as found:
            assert found == folder
        return
    refused = pytest.raises(DarkroomError, match=rf"{said}, and .* is run; take .* \(chmod go-w")
    with refused, cache_lock(KERNEL_NAME):
        pass
