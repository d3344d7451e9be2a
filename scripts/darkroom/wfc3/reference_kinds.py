"""The reference files that the calibration of a WFC3/IR exposure needs."""

from __future__ import annotations

#: Reference types of the pipeline, as CRDS calls them: header keywords in lower case.
KINDS = (
    "bpixtab", "ccdtab", "oscntab", "crrejtab", "darkfile", "nlinfile", "pfltfile", "dfltfile",
    "lfltfile", "imphttab", "idctab",
)  # fmt: skip
#: Types that a dark needs, to be calibrated as far as its dark current is in it; and the dark in
#: use, with which a new one is compared.
DARK_KINDS = ("bpixtab", "ccdtab", "oscntab", "nlinfile", "darkfile")
#: Types that tell where a pixel lies on the sky; the infrared channel has the first alone.
DISTORTION_KINDS = ("idctab", "npolfile", "d2imfile")
#: Types for which the rules may have no file. Delta flats came in October 2020: older contexts have
#: no rules for them, their pixel-to-pixel flats hold the blobs. No low-order flat is in use.
OPTIONAL_KINDS = ("dfltfile", "lfltfile")
#: Types that every exposure needs. Without another one the rules may do when the exposure's header
#: omits its step; the calibration says so when it does not.
ALWAYS_NEEDED = ("ccdtab", "oscntab", "idctab")
