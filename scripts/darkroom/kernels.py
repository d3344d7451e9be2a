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
    """Return the arguments of `darkroom.compiled.load_kernel` for each kernel of the library."""
    library = Path(__file__).parent
    names = {
        name
        for path in library.rglob("*.py")
        for name in _CALL.findall(path.read_text(encoding="utf-8"))
    }
    return [
        (name, *variant)
        for name in sorted(names)
        for variant in ([(kind,) for kind in _VARIANTS[name]] if name in _VARIANTS else [()])
    ]


def make(kernel: tuple[str, ...]) -> str:
    """Compile a kernel, or load what was compiled.

    Returns
    -------
    str
        Nothing, or why it cannot be.
    """
    import numpy as np

    from darkroom.compiled import load_kernel

    name, *variant = kernel
    try:
        load_kernel(name, *map(np.dtype, variant))
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
        place = library.joinpath(*name.split(".")[1:])
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        for path in files:
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
