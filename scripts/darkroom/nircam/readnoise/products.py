"""Read noise reference files and the richer product beside them."""

from __future__ import annotations

import numpy as np

from darkroom.nircam import products
from darkroom.nircam.readnoise.measure import MEANING


def reference_hdus(cds, facts, ramps, provenance):
    """Make the HDUs of a ReadnoiseModel.

    Parameters
    ----------
    cds : (ny, nx) float32 array
        Noise of the difference of two groups, DN, DMS frame.
    facts : darkroom.nircam.products.ReferenceMetadata
    ramps : RampSet
    provenance : darkroom.nircam.products.Provenance
    """
    primary = products.reference_primary("ReadnoiseModel", "READNOISE", facts, ramps, provenance)
    return [primary, products.image("SCI", cds, "DN")]


def details(cds, ramps, method, cards, tables, provenance, found=None, further=None):
    """Make the HDUs of the product beside a read noise.

    Parameters
    ----------
    cds : (ny, nx) float32 array
        Noise of the difference of two groups, DN.
    ramps : RampSet
    method : str
    cards : sequence of (keyword, value, comment)
    tables : dict
        ``{name: (rows, units)}``; empty ones are left out.
    provenance : darkroom.nircam.products.Provenance
    found : darkroom.nircam.readnoise.measure.ReadNoise, optional
        What method ``line`` gives beyond the CDS noise.
    further : dict, optional
        ``{name: (image, unit)}``; None is left out.
    """
    header = ramps.files[0].header
    common = (
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", ramps.readout.detector, "detector"),
        ("SUBARRAY", ramps.readout.subarray, "subarray"),
        ("READPATT", header.get("READPATT", ""), "readout pattern of the exposures"),
        ("NFRAMES", header.get("NFRAMES"), "frames averaged in a group"),
        ("METHOD", method, "how the read noise was measured"),
        ("NFILES", len(ramps.files), "exposures"),
        ("NRAMPS", len(ramps.ramps), "integrations"),
        ("DARKSUB", header.get("S_DARK", "NO") == "COMPLETE", "dark subtracted by the pipeline"),
    )
    primary = products.primary((*common, *cards))
    provenance.stamp(primary.header)
    images = {"CDS": (cds, "DN")}
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
    return [primary, *hdus, *made]
