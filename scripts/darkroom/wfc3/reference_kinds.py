"""The reference files that the calibration of a WFC3/IR exposure needs."""

from __future__ import annotations

#: Reference types of the pipeline, as CRDS calls them: header keywords in lower case.
KINDS = (
    "bpixtab", "ccdtab", "oscntab", "crrejtab", "darkfile", "nlinfile", "pfltfile", "imphttab",
    "idctab",
)  # fmt: skip
