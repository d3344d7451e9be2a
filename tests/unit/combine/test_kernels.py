"""All compiled loops are made by `make setup`; numba is not asked once they are there."""

import os
import subprocess
import sys
from importlib.util import find_spec

from darkroom import kernels

QUIET = """
import sys
from darkroom import kernels
status = kernels.main()
print(status, "numba" in sys.modules)
"""


def test_every_kernel_that_a_program_asks_for_is_made(repository):
    library = repository / "scripts" / "darkroom"
    present = set()
    for path in library.rglob("*.py"):
        place = path.parent if path.name == "__init__.py" else path.with_suffix("")
        if place.name.endswith("kernel"):
            present.add(".".join(place.relative_to(library.parent).parts))
    named = {name for name, *_ in kernels.kernels()}
    assert named == present
    assert all(find_spec(name) for name in named)
    kinds = {kind for _, *several in kernels.kernels() for kind in several}
    assert kinds == {"float32", "float64"}


def test_what_is_compiled_already_is_not_loaded(repository, tmp_path):
    def run():
        command = [sys.executable, "-c", QUIET]
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            command, cwd=repository / "scripts", env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout.splitlines()[-1]

    state = "import sys; from darkroom import kernels; sys.stdout.write(kernels._state())"
    command = [sys.executable, "-c", state]
    found = subprocess.run(command, cwd=repository / "scripts", capture_output=True, check=True)
    (tmp_path / "all.txt").write_bytes(found.stdout)
    assert run() == "0 False"


def test_a_kernel_that_cannot_be_compiled_is_named():
    fault = kernels.make(("darkroom.no.kernel",))
    assert fault.startswith("darkroom.no.kernel: ModuleNotFoundError: ")
