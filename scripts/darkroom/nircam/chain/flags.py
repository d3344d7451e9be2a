"""Names of the bits of PIXELDQ, and flags of reference files translated by their table DQ_DEF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from astropy.io import fits

#: Names of the bits, lowest first.
NAMES = (
    *("DO_NOT_USE", "SATURATED", "JUMP_DET", "DROPOUT", "OUTLIER", "PERSISTENCE", "AD_FLOOR"),
    *("CHARGELOSS", "RESERVED", "NON_SCIENCE", "DEAD", "HOT", "WARM", "LOW_QE", "RC", "TELEGRAPH"),
    *("NONLINEAR", "BAD_REF_PIXEL", "NO_FLAT_FIELD", "NO_GAIN_VALUE", "NO_LIN_CORR"),
    *("NO_SAT_CHECK", "UNRELIABLE_BIAS", "UNRELIABLE_DARK", "UNRELIABLE_SLOPE"),
    *("UNRELIABLE_FLAT", "OPEN", "ADJ_OPEN", "FLUX_ESTIMATED", "MSA_FAILED_OPEN"),
    *("OTHER_BAD_PIXEL", "REFERENCE_PIXEL"),
)
BITS = {name: np.uint32(1 << k) for k, name in enumerate(NAMES)}
DO_NOT_USE = BITS["DO_NOT_USE"]
NO_LIN_CORR, NO_SAT_CHECK = BITS["NO_LIN_CORR"], BITS["NO_SAT_CHECK"]
REFERENCE_PIXEL = BITS["REFERENCE_PIXEL"]


def translated(stored: np.ndarray, table: Any) -> np.ndarray:
    """Return flags in standard bits.

    Parameters
    ----------
    stored : array of int
        Flags as the file has them.
    table : record array or None
        DQ_DEF: VALUE of each bit of the file and its NAME. Without a table, or with an empty one,
        the bits are standard ones. Stored bits without a row, and unknown names, are dropped.

    Returns
    -------
    uint32 array
    """
    stored = np.asarray(stored).astype(np.uint32)
    if table is None or not len(table):
        return stored
    present = np.bitwise_or.reduce(stored, axis=None)
    flags = np.zeros(stored.shape, np.uint32)
    for row in table:
        bit, value = BITS.get(str(row["NAME"]).strip()), np.uint32(int(row["VALUE"]))
        if bit is not None and present & value:
            flags |= ((stored & value) != 0) * bit
    return flags


def flags_of(hdus: fits.HDUList, shape: tuple[int, ...]) -> np.ndarray:
    """Return the flags of a reference file, in standard bits; zeros without a plane DQ."""
    names = [hdu.name for hdu in hdus]
    if "DQ" not in names:
        return np.zeros(shape, np.uint32)
    return translated(hdus["DQ"].data, hdus["DQ_DEF"].data if "DQ_DEF" in names else None)
