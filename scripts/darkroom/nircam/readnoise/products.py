"""HDUs of read noise reference files and of the files of details beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam import products
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.readnoise.measure import MEANING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from astropy.io import fits

    from darkroom.nircam.products import Provenance, ReferenceMetadata
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.readnoise.measure import ReadNoise


def reference_hdus(
    cds: np.ndarray, metadata: ReferenceMetadata, ramps: RampSet, provenance: Provenance
) -> list:
    """Make the HDUs of a ReadnoiseModel.

    Parameters
    ----------
    cds : (ny, nx) float32 array
        CDS noise (of the difference of two frames), DN, DMS frame.
    metadata : darkroom.nircam.products.ReferenceMetadata
    ramps : RampSet
    provenance : darkroom.nircam.products.Provenance
    """
    primary = products.reference_primary("ReadnoiseModel", "READNOISE", metadata, ramps, provenance)
    nframes = frames_per_group(ramps)
    if nframes > 1:
        primary.header.add_history(
            f"SCI is the CDS noise of single frames. The groups it was measured in are means of "
            f"{nframes} frames: the noise of their differences was multiplied by sqrt({nframes})."
        )
    return [primary, products.image("SCI", cds, "DN")]


def details(
    cds: np.ndarray,
    ramps: RampSet,
    method: str,
    cards: Iterable[tuple[str, Any, str]],
    tables: Mapping[str, tuple[list, dict]],
    provenance: Provenance,
    found: ReadNoise | None = None,
    further: Mapping[str, tuple[np.ndarray, str]] | None = None,
    units: Sequence[fits.BinTableHDU] = (),
) -> list:
    """Make the HDUs of the details of a read noise.

    Parameters
    ----------
    cds : (ny, nx) float32 array
        CDS noise (of the difference of two frames), DN.
    ramps : RampSet
    method : str
        ``"line"``, ``"stack"`` or ``"ramp"``.
    cards : sequence of (keyword, value, comment)
        Further cards of the primary header.
    tables : dict
        ``{name: (rows, units)}``; empty tables are left out.
    provenance : darkroom.nircam.products.Provenance
    found : darkroom.nircam.readnoise.measure.ReadNoise, optional
        Results of method ``line``.
    further : dict, optional
        Further images, ``{name: (image, unit)}``.
    units : sequence of HDU
        Tables UNITS and CHANGE (`darkroom.nircam.readnoise.units`).
    """
    header = ramps.files[0].header
    common = (
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", ramps.readout.detector, "detector"),
        ("SUBARRAY", ramps.readout.subarray, "subarray"),
        ("SUBSTRT1", ramps.readout.xstart, "first pixel along axis 1"),
        ("SUBSTRT2", ramps.readout.ystart, "first pixel along axis 2"),
        ("READPATT", header.get("READPATT", ""), "readout pattern of the exposures"),
        ("NFRAMES", frames_per_group(ramps), "frames averaged in a group"),
        ("METHOD", method, "how the read noise was measured"),
        ("NFILES", len(ramps.files), "exposures"),
        ("NRAMPS", len(ramps.ramps), "integrations"),
        ("DARKSUB", header.get("S_DARK", "NO") == "COMPLETE", "dark subtracted by the pipeline"),
    )
    primary = products.primary((*common, *cards))
    provenance.stamp(primary.header)
    images: dict[str, Any] = {"CDS": (cds, "DN")}
    if found is not None:
        images |= {
            "SINGLE": (found.single, "DN"),
            "ERR": (found.error, "DN"),
            "NU": (found.nu, ""),
            "PAIR": (found.pair, "DN"),
            "NJUMPS": (found.njumps.astype(np.int16), ""),
            "TELEGRAPH": (found.telegraph, "DN"),
            "DQ": (found.dq, ""),
        }
    images |= further or {}
    hdus = [products.image(k, data, unit) for k, (data, unit) in images.items() if data is not None]
    if found is not None:
        hdus.append(products.dq_table(MEANING))
    made = [products.table(name, rows, units) for name, (rows, units) in tables.items() if rows]
    return [primary, *hdus, *made, *units]
