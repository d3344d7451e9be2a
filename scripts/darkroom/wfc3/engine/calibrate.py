"""Calibration of an exposure from RAW to IMA and FLT, by the chosen engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.atomic import private_folder
from darkroom.errors import DarkroomError
from darkroom.wfc3.engine import calwf3, compare, products
from darkroom.wfc3.engine import engine as builtin
from darkroom.wfc3.files.mask import SCOPES
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from darkroom.hints import StrPath

ENGINES = ("builtin", "calwf3", "both")


def calibrate(
    raw: StrPath,
    references: StrPath,
    folder: StrPath,
    *,
    engine: str = Wfc3Settings.engine,
    masked: Iterable[int] = (),
    scope: str | None = None,
    reason: str = "",
    threads: int = 1,
    warn: Callable[[str], object] | None = None,
) -> tuple[Path, Path]:
    """Calibrate a RAW and write its IMA and FLT.

    Parameters
    ----------
    raw : path-like
        RAW file (``.gz`` too).
    references : path-like
        Folder of the reference files that the RAW names.
    folder : path-like
        Folder of the products; made when missing.
    engine : {"builtin", "calwf3", "both"}
        "both" runs the two, requires that all pixels agree, and writes the builtin's products.
    masked : iterable of int
        EXTVERs of reads to leave out.
    scope : {"all", "calwf3"}, optional
        Pixels in which masked reads are left out; the builtin engine's default is "all". To mask
        reads with another engine, "calwf3" must be given, since calwf3 can do nothing else.
    reason : str
        Why reads are masked; recorded in HISTORY.
    threads : int
        Threads of the builtin engine.
    warn : callable, optional
        Called with each warning about the references, a sentence.

    Returns
    -------
    (IMA, FLT) : tuple of pathlib.Path

    Raises
    ------
    DarkroomError
        When the products would not be complete and correct.
    """
    masked = tuple(masked)
    scope = _scope(engine, scope, masked)
    paths = products.product_paths(raw, folder)
    settings = {
        "engine": engine, "mask_reads": list(masked), "mask_scope": scope,
        "mask_reason": reason,
    }  # fmt: skip
    provenance = {"made_by": "calibrate_wfc3", "settings": settings}
    with private_folder(folder, f"{paths[1].stem}.made") as private:
        if engine != "builtin":
            (private / "calwf3").mkdir()
            made = calwf3.run(raw, references, private / "calwf3", masked)
        if engine != "calwf3":
            own = private / paths[0].name, private / paths[1].name
            warnings = _builtin(raw, references, own, masked, scope, threads, provenance)
            if engine == "both":
                for mine, other in zip(own, made, strict=True):
                    compare.require_equal(mine, other)
            made = own
        else:
            for path in made:
                calwf3.make_legal(path)
            used = sorted(path for _, path in calwf3.located_references(raw, references))
            calwf3.finish_flt(made[1], raw, masked, {**provenance, "inputs": [raw, *used]})
            warnings = builtin.reference_warnings(raw, references)
        products.place(made, paths)
    _tell(warnings, warn)
    return paths


def _tell(warnings, warn):
    for text in warnings if warn else ():
        warn(text)


def _scope(name, scope, masked):
    """Return the scope to use; refuse one that the engine does not support."""
    if name not in ENGINES:
        raise DarkroomError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    if scope not in (None, *SCOPES):
        raise DarkroomError(f"mask scope {scope!r} is not one of {', '.join(SCOPES)}")
    if name == "builtin":
        return scope or "all"
    if scope == "all" or (scope is None and masked):
        raise DarkroomError(
            f"engine {name} cannot leave masked reads out for every pixel (mask scope all)"
            "; use mask scope calwf3, or the builtin engine"
        )
    return "calwf3"


def _builtin(raw, references, paths, masked, scope, threads, provenance):
    """Run the builtin engine, write both its products; return its warnings."""
    ramp = builtin.load(raw, references, threads=threads)
    image = builtin.reduce(ramp, masked, scope=scope, events=True, threads=threads)
    inputs = [raw, *(reference.path for _, reference in sorted(ramp.references.items()))]
    signed = products.signature(image, inputs=inputs, **provenance)
    products.write_flt(paths[1], ramp, image, signed)
    products.write_ima(paths[0], ramp, image, signed)
    return ramp.warnings
