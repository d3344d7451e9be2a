"""HDUs that MASK reference files of both methods share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from darkroom import provenance
from darkroom.nircam import products
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.readout import SIZE

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.products import ReferenceMetadata


class Measured(Protocol):
    """What a reference header needs: the readout, its rows and columns, times in days."""

    readout: Readout
    mjd: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""


@dataclass(frozen=True)
class Origin:
    """Provenance of a mask: the files it is made of."""

    inputs: tuple[Path, ...]
    settings: dict[str, Any]

    def stamp(self, header: fits.Header) -> None:
        """Write it into a primary header."""
        provenance.stamp(header, made_by="mask", inputs=self.inputs, settings=self.settings)


def reference_primary(
    measured: Measured, metadata: ReferenceMetadata, origin: Origin
) -> fits.PrimaryHDU:
    """Return the primary HDU of a mask; that of full frames is GENERIC unless another is said.

    CRDS has GENERIC masks only, from which the pipeline cuts subarrays, and no key READPATT.
    """
    if metadata.subarray is None and measured.shape == (SIZE, SIZE):
        metadata = replace(metadata, subarray="GENERIC")
    primary = products.reference_primary(
        "MaskModel", "MASK", metadata, measured, origin  # type: ignore[arg-type]
    )  # fmt: skip
    primary.header.remove("READPATT")
    return primary


def used_flags(bits: np.ndarray) -> fits.BinTableHDU:
    """Return the table DQ_DEF of the flags that occur in a mask, (ny, nx) uint32."""
    used = {flag: str(flag.name) for flag in Pixel if (bits & flag).any()}
    return products.dq_table({flag: name.replace("_", " ").lower() for flag, name in used.items()})
