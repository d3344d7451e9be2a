"""The FLT of a treated exposure, made by the chosen engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.atomic import private_folder
from darkroom.errors import DarkroomError
from darkroom.fits.write import write
from darkroom.wfc3.engine import calwf3, compare, products
from darkroom.wfc3.engine import engine as builtin
from darkroom.wfc3.files.mask import clear_mask

if TYPE_CHECKING:
    from pathlib import Path

    from darkroom.hints import StrPath
    from darkroom.wfc3.reads.reprocess import Reprocessed

#: Cards that describe the treatment, see `darkroom.wfc3.reads.reprocess`.
CARDS = (
    "TREATMNT", "BADREADS", "VERDICT", "RAMPDEV", "RAMPSTEP", "RAMPCR", "RAMPGUP", "RAMPDEV0",
    "RAMPCR0", "RAMPGUP0",
)  # fmt: skip


def write_treated(
    made: Reprocessed, raw: StrPath, references: StrPath, flt: Path, engine: str
) -> None:
    """Write the FLT of a treated exposure.

    Parameters
    ----------
    made : darkroom.wfc3.reads.reprocess.Reprocessed
        The treated exposure.
    raw, references : path-like
        Working copy of the RAW and the folder of its references.
    flt : pathlib.Path
        The file; replaced when it exists.
    engine : {"builtin", "calwf3", "both"}
        "both": calwf3 is run with the same reads masked, and all pixels must agree.

    Raises
    ------
    DarkroomError
        When calwf3 does not support the treatment, is missing or fails, or its pixels differ.
    """
    masked = made.image.masked
    masks = made.done in ("mask", "mask_and_flatten")
    alone = made.done not in ("mask", "none")
    if engine != "builtin" and masks and made.image.scope != "calwf3":
        raise DarkroomError(
            f"engine {engine} cannot leave masked reads out for every pixel (mask_scope: all); use "
            "mask_scope: calwf3, or the builtin engine"
        )
    if engine == "calwf3" and alone:
        raise DarkroomError(f"engine calwf3 cannot {made.done} bad reads; use builtin or both")
    settings: dict[str, Any] = {"engine": engine, "treatment": made.done}
    settings["reads"] = made.record["reads"]
    settings["mask_scope"] = made.image.scope
    own_mask = builtin.own_mask(made.ramp)
    if engine == "builtin":
        clear_mask(made.image.dq, own_mask)
    inputs = [raw, *(r.path for _, r in sorted(made.ramp.references.items()))]
    provenance: dict[str, Any] = {"made_by": "treat_reads", "settings": settings, "inputs": inputs}
    signed = products.signature(made.image, **provenance)
    if engine == "builtin" or alone:
        products.write_flt(flt, made.ramp, made.image, signed)
        return
    with private_folder(flt.parent, f"{flt.stem}.calwf3") as private:
        _, other = calwf3.run(raw, references, private, masked)
        if engine == "both":
            own = private / "own" / flt.name
            products.write_flt(own, made.ramp, made.image, signed)
            compare.require_equal(own, other)
            clear_mask(made.image.dq, own_mask)
            products.write_flt(flt, made.ramp, made.image, signed)
            return
        calwf3.make_legal(other)
        calwf3.finish_flt(other, raw, masked, provenance, own_mask)
        _add_treatment(other, made.ramp.primary, flt)


def _add_treatment(path, primary, flt):
    """Write an FLT of calwf3 with the cards of the treatment."""
    with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
        for card in CARDS:
            if card in primary:
                hdus[0].header[card] = (primary[card], primary.comments[card])
        for line in primary.get("HISTORY", []):
            hdus[0].header.add_history(line)
        write(flt, hdus)
