"""All compiled loops (kernels), made before any job needs them: ``python -m darkroom.kernels``.

`make setup` runs it, so that no job compiles. When all are there for this processor and this state
of their files, which is noted beside them, it ends within a tenth of a second; after an edit of a
kernel that kernel alone is made again, and the others are loaded.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from pathlib import Path

from darkroom.atomic import write_text

#: Kernels that are compiled for several types of values, and these.
_VARIANTS = {"darkroom.combine.kernel": ("float32", "float64")}
_CALL = re.compile(r"\bload_kernel\(\s*\"(darkroom[\w.]*)\"")


def kernels() -> list[tuple[str, ...]]:
    """Return the name of each kernel of the library, and its types of values if it has several.

    The one of most text is first: it takes longest, and others are compiled beside it.
    """
    library = Path(__file__).parent
    names = {
        name
        for path in library.rglob("*.py")
        for name in _CALL.findall(path.read_text(encoding="utf-8"))
    }
    sizes = {name: sum(path.stat().st_size for path in _files(name)) for name in names}
    return [
        (name, *_VARIANTS.get(name, ())) for name in sorted(names, key=lambda x: (-sizes[x], x))
    ]


def _files(kernel: str) -> list[Path]:
    """Return the files that belong to a kernel."""
    place = Path(__file__).parent.joinpath(*kernel.split(".")[1:])
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def make(kernel: tuple[str, ...]) -> str:
    """Compile a kernel for all its types of values, or load what was compiled.

    Functions that they share are compiled once.

    Returns
    -------
    str
        Nothing, or why it cannot be.
    """
    import numpy as np

    from darkroom.compiled import load_kernel

    name, *kinds = kernel
    variants = [(np.dtype(kind),) for kind in kinds] or [()]
    try:
        for variant in variants:
            load_kernel(name, *variant)
    # One that fails here fails in its own job, which says more.
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return ""


def _state() -> str:
    """Return a digest that changes when any kernel would have to be compiled."""
    library = Path(__file__).parent
    total = hashlib.sha256(f"{library.absolute()}\0{sys.version}\0{platform.machine()}\0".encode())
    # numba keeps code by processor: a folder may be shared by machines of several kinds.
    processor = Path("/proc/cpuinfo")
    if processor.is_file():
        lines = processor.read_text(encoding="utf-8", errors="replace").splitlines()
        total.update("\n".join(sorted({x for x in lines if x[:5] in ("flags", "model")})).encode())
    pins = Path(sys.prefix) / "pins.txt"
    total.update(pins.read_bytes() if pins.is_file() else b"")
    for name in sorted({kernel[0] for kernel in kernels()}):
        for path in _files(name):
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{total.hexdigest()}\n"


def main() -> int:
    """Compile all kernels, as many at a time as there are cores; return the exit status."""
    named, state = os.environ.get("NUMBA_CACHE_DIR"), _state()
    note = Path(named, "all.txt") if named else None
    if note and note.is_file() and note.read_text(encoding="utf-8") == state:
        return 0
    from concurrent.futures import ProcessPoolExecutor

    import numba  # noqa: F401  (once, for all workers)

    print("compiling the loops, once on this machine: 1 to 2 minutes", flush=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ProcessPoolExecutor(cores) as pool:
        faults = [fault for fault in pool.map(make, kernels()) if fault]
    for fault in faults:
        print(f"darkroom: {fault}", file=sys.stderr)
    if note and not faults:
        write_text(note, state)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
