"""HDUs of superbias reference files and of the files of details beside them."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam import products
from darkroom.nircam.superbias.flags import MEANING, Flag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from astropy.io import fits

    from darkroom.nircam.products import Provenance, ReferenceMetadata
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.superbias.measure import Superbias
    from darkroom.nircam.superbias.phases import Phases


class Bit(IntFlag):
    """Bits of the DQ of a superbias reference file, defined in its DQ_DEF."""

    DO_NOT_USE = 1
    UNRELIABLE_BIAS = 2
    HOT = 4


#: Bits that method ``aligned`` can set, and their descriptions.
BITS: dict[IntFlag, str] = {
    Bit.DO_NOT_USE: "no usable bias",
    Bit.UNRELIABLE_BIAS: "bias uncertain: noisy, drifting or from too few samples",
    Bit.HOT: "dark current far above that of other pixels",
}
#: Bits that method ``reffiles`` can set, and their descriptions.
REFFILES_BITS: dict[IntFlag, str] = {
    Bit.DO_NOT_USE: "scatter above the threshold, or no value",
    Bit.UNRELIABLE_BIAS: "scatter above the threshold, or no value",
}


def reference_hdus(
    mean: np.ndarray,
    error: np.ndarray,
    dq: np.ndarray,
    metadata: ReferenceMetadata,
    ramps: RampSet,
    provenance: Provenance,
    bits: Mapping[IntFlag, str] = BITS,
) -> list:
    """Make the HDUs of a SuperBiasModel.

    Parameters
    ----------
    mean, error : (ny, nx) float32 arrays
        Superbias and its error, DN, DMS frame.
    dq : (ny, nx) int array
        Bits of `Bit`.
    metadata : darkroom.nircam.products.ReferenceMetadata
    ramps : RampSet
    provenance : darkroom.nircam.products.Provenance
    bits : dict
        Bits that can be set, and their descriptions.
    """
    primary = products.reference_primary("SuperBiasModel", "SUPERBIAS", metadata, ramps, provenance)
    return [
        primary,
        products.image("SCI", mean, "DN"),
        products.image("ERR", error, "DN"),
        products.image("DQ", dq.astype(np.uint32)),
        products.dq_table(bits),
    ]


def reffiles_dq(flagged: np.ndarray) -> np.ndarray:
    """Return the DQ of method ``reffiles``: bits of `Bit`, (ny, nx) int32.

    It includes UNRELIABLE_BIAS, which jwst_reffiles sets but loses when it writes its file.
    """
    return flagged * np.int32(Bit.DO_NOT_USE | Bit.UNRELIABLE_BIAS)


def aligned_dq(dq: np.ndarray) -> np.ndarray:
    """Convert the bits of `Flag` to those of the reference file, `Bit`; (ny, nx) int32."""
    pairs = (
        (Flag.DO_NOT_USE, Bit.DO_NOT_USE),
        (Flag.UNRELIABLE_BIAS, Bit.UNRELIABLE_BIAS),
        (Flag.HOT, Bit.HOT),
    )
    result = np.zeros(dq.shape, np.int32)
    for flag, bit in pairs:
        result[dq & flag > 0] |= bit
    return result


def reffiles_details(
    count: np.ndarray,
    threshold: float,
    ramps: RampSet,
    tables: Mapping[str, tuple[list, dict]],
    provenance: Provenance,
    difference: np.ndarray | None = None,
) -> list:
    """Make the HDUs of the details of a superbias of method ``reffiles``.

    The images of the reference file are not repeated: its ERR is the scatter of one read.

    Parameters
    ----------
    count : (ny, nx) int16 array
        Number of samples used.
    threshold : float
        Scatter above which a pixel is flagged, DN.
    ramps : RampSet
    tables : dict
        ``{name: (rows, units)}``; empty tables are left out.
    provenance : darkroom.nircam.products.Provenance
    difference : (ny, nx) array, optional
        New minus previous, DN.
    """
    cards = (
        *_common_cards(ramps, "reffiles"),
        ("NRAMPS", len(ramps.files), "samples: group 0 of each first integration"),
        ("THRESH", threshold, "[DN] ERR above it is flagged"),
    )
    primary = products.primary(cards)
    provenance.stamp(primary.header)
    hdus = [primary, products.image("COUNT", count)]
    if difference is not None:
        hdus.append(products.image("DIFF", difference, "DN"))
    return hdus + [products.table(name, *rest) for name, rest in tables.items() if rest[0]]


def aligned_details(
    found: Superbias,
    ramps: RampSet,
    classes: Classes,
    tables: Mapping[str, tuple[list, dict]],
    provenance: Provenance,
    difference: np.ndarray | None = None,
    units: Sequence[fits.BinTableHDU] = (),
    phases: Phases | None = None,
) -> list:
    """Make the HDUs of the details of an aligned superbias.

    Parameters
    ----------
    found : darkroom.nircam.superbias.measure.Superbias
    ramps : RampSet
    classes : Classes
    tables : dict
        ``{name: (rows, units)}`` of further tables; empty tables are left out.
    provenance : darkroom.nircam.products.Provenance
    difference : (ny, nx) array, optional
        New minus previous, DN.
    units : sequence of HDU
        Tables UNITS and CHANGE (`darkroom.nircam.superbias.units`).
    phases : Phases, optional
        Superbiases of the phases of a bias that depends on the integration.
    """
    cards = (
        *_common_cards(ramps, "aligned"),
        ("NRAMPS", len(ramps.ramps), "samples: integrations of all exposures"),
        ("LEVELERR", float(found.offsets.level_error.mean()), "[DN] error common to a class"),
        ("FLOORACT", found.floors["active"], "[DN] typical scatter, active pixels"),
        ("FLOORREF", found.floors["reference"], "[DN] typical scatter, reference pixels"),
        ("NOISYABV", found.noisy_above, "[DN] STD above it is NOISY, active pixels"),
    )
    if phases is not None:
        cards += (("PERIOD", phases.period, "integrations after which the bias repeats"),)
    primary = products.primary(cards)
    provenance.stamp(primary.header)
    images: dict[str, Any] = {
        "SCI": (found.mean, "DN"),
        "ERR": (found.error, "DN"),
        "STD": (found.std, "DN"),
        "MEDIAN": (found.median, "DN"),
        "COUNT": (found.count, ""),
        "NCLIP": (found.nclipped, ""),
        "TREND": (found.trend, "DN/d"),
        "TREND_T": (found.trend_t, ""),
        "SLOPE": (found.slope, "DN/s"),
        "DIFF": (difference, "DN"),
        "PHASE": (None if phases is None else phases.mean, "DN"),
        "PHASEERR": (None if phases is None else phases.error, "DN"),
        "DQ": (found.dq, ""),
    }
    hdus = [products.image(k, data, unit) for k, (data, unit) in images.items() if data is not None]
    every = {
        "LEVELS": (_levels(found, classes), {"level": "DN", "error": "DN"}),
        **tables,
        "OFFSETS": (
            _offsets(found, ramps, classes),
            {"mjd": "d", "offset": "DN", "error": "DN"},
        ),
    }
    made = [products.table(name, rows, units) for name, (rows, units) in every.items() if rows]
    return [primary, *hdus, products.dq_table(MEANING), *made, *units]


def _common_cards(ramps, method):
    layout = ramps.readout
    return (
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", layout.detector, "detector"),
        ("SUBARRAY", layout.subarray, "subarray"),
        ("READPATT", ramps.files[0].header.get("READPATT", ""), "readout pattern of the exposures"),
        ("METHOD", method, "how the superbias was made"),
        ("NFILES", len(ramps.files), "exposures"),
    )


def _levels(found, classes):
    """Return one row per class: its mean level and the standard error."""
    parts = zip(classes.names, found.offsets.level, found.offsets.level_error, strict=True)
    return [
        {"class": name, "level": float(level), "error": float(error)}
        for name, level, error in parts
    ]


def _offsets(found, ramps, classes):
    """Return one row per ramp and class: its offset and the error."""
    rows = []
    for ramp, ((file, integration), mjd) in enumerate(zip(ramps.ramps, ramps.mjd, strict=True)):
        for k in range(len(classes)):
            rows.append(
                {
                    "exposure": ramps.files[file].path.name,
                    "integration": integration + 1,
                    "mjd": float(mjd),
                    "amplifier": k // 2,
                    "parity": k % 2,
                    "offset": float(found.offsets.value[ramp, k]),
                    "error": float(found.offsets.error[ramp, k]),
                }
            )
    return rows
